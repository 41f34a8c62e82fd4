"""Real NVP: its map is inverted exactly, its determinant is that of the Jacobian, and its density integrates to one."""

import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.errors import UserError
from tfgen.families.flow.coupling import CouplingModel, masks
from tfgen.metrics.score import HeldOut
from tfgen.models.realnvp import coupling_network
from tfgen.noise import Noise

POINT = {"point": tfgen.Field("point", (2,))}


def image(*shape):
    return {"image": tfgen.Field("image", shape)}


def moved(fields, couplings=4, squeezed=0, shapes=None):
    """A model whose weights are far from the identity."""
    keras.utils.set_random_seed(2)
    name, field = next(iter(fields.items()))
    shapes = shapes or [tuple(field.shape)] * couplings
    model = CouplingModel([coupling_network(name, s, 8, 1) for s in shapes], squeezed=squeezed, fields=fields)
    model.compile()
    random = np.random.default_rng(0)
    for network in model.networks.values():
        for variable in network.trainable_variables:
            variable.assign(0.25 * random.normal(size=variable.shape))
    model.centre.assign(np.full(model.centre.shape, 0.3))
    model.spread.assign(np.full(model.spread.shape, 1.7))
    return model


CASES = [
    pytest.param(POINT, {}, id="points"),
    pytest.param(image(2, 3, 1), {}, id="odd image", marks=pytest.mark.slow),
    pytest.param(image(2, 2, 3), {"squeezed": 2, "shapes": [(2, 2, 3)] * 2 + [(1, 1, 12)] * 2}, id="blocks"),
]


@pytest.mark.parametrize("fields,options", CASES)
def test_it_is_exact_both_ways_and_the_determinant_is_that_of_the_jacobian(fields, options):
    model = moved(fields, **options)
    step, size = model.inference(), math.prod(model.data_shape)
    x = tf.constant(np.random.default_rng(1).uniform(0.1, 0.9, (3, *model.data_shape)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_det = model.forward(x, step)
    jacobian = tf.reshape(tape.batch_jacobian(z, x), [3, size, size])
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian.numpy().astype(np.float64))[1], rtol=1e-3, atol=1e-3)
    assert np.abs(log_det).min() > 0.1, "the map is not the identity"
    np.testing.assert_allclose(model.inverse(z, step), x, atol=1e-4)
    np.testing.assert_allclose(model.decode_latents(z), x, atol=1e-4)
    normal = -0.5 * (np.square(z).sum(axis=1) + size * math.log(2 * math.pi))
    data = x.numpy()
    np.testing.assert_allclose(tfgen.metrics.log_likelihood(model, data), normal + log_det, rtol=1e-4)


def test_the_density_of_points_integrates_to_one():
    model = moved(POINT)
    made = model.sample(2000, seed=1)
    low, high = made.min(axis=0) - 3.0, made.max(axis=0) + 3.0
    axes = [np.linspace(a, b, 500, dtype=np.float32) for a, b in zip(low, high)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    batch = {"point": tf.constant(grid)}
    total = np.exp(model.log_likelihood(batch).numpy().astype(np.float64)).sum()
    np.testing.assert_allclose(total * np.prod([axis[1] - axis[0] for axis in axes]), 1.0, atol=0.01)


def test_the_density_of_one_gray_pixel_integrates_to_the_mass_within_its_range():
    model = moved(image(1, 1, 1))
    pixels = np.linspace(0, 1, 20_001, dtype=np.float32).reshape(-1, 1, 1, 1)
    density = np.exp(model.log_likelihood({"image": tf.constant(pixels)}).numpy().astype(np.float64))
    z = model.forward(tf.constant(pixels[[0, -1]]), model.inference())[0].numpy()[:, 0]
    mass = abs(math.erf(z[1] / math.sqrt(2)) - math.erf(z[0] / math.sqrt(2))) / 2
    np.testing.assert_allclose(np.trapezoid(density, pixels.ravel()), mass, rtol=1e-3)


def test_masks_alternate():
    np.testing.assert_array_equal(masks((2,), 2, 0), [[1, 0], [0, 1]])
    first, second = (mask[..., 0] for mask in masks((2, 2, 1), 2, 0))
    np.testing.assert_array_equal(first, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(second, 1 - first)
    blocks = masks((4, 4, 1), 0, 2)
    assert blocks[0].shape == (2, 2, 4) and np.array_equal(blocks[0] + blocks[1], np.ones((2, 2, 4)))
    assert blocks[0][0, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.slow
def test_it_learns_two_distant_modes():
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    points = random.normal(size=(2000, 2)).astype(np.float32) * 0.3
    points[::2, 0] += 6.0
    model = tfgen.build_model("realnvp", fields=POINT, couplings=4, width=16, learning_rate=1e-2)
    model.fit({"point": points}, batch_size=250, epochs=20, verbose=0)
    # the entropy of the mixture: that of a normal of sigma 0.3 twice, and log 2; one normal distribution has 2.7
    best = 2 * (0.5 * math.log(2 * math.pi * math.e) + math.log(0.3)) + math.log(2)
    nll = -tfgen.metrics.log_likelihood(model, points).mean()
    assert best - 0.1 < nll < best + 0.9
    np.testing.assert_allclose(model.centre, points.mean(axis=0), rtol=1e-3)
    z = model.encode(points[:5])["latent"]
    np.testing.assert_allclose(model.decode_latents(z), points[:5], atol=1e-3)


def test_images_are_dequantised_in_training_and_have_bits(photos):
    model = tfgen.build_model("realnvp", (8, 8, 1), couplings=4, width=4)
    logs = model.fit(photos(32, (8, 8, 1)), batch_size=8, epochs=2, verbose=0).history
    assert logs["nll"][-1] < logs["nll"][0]
    bits = tfgen.metrics.log_likelihood(model, tfgen.metrics.dequantize(photos(8, (8, 8, 1))))
    bits = tfgen.metrics.bits_per_dimension(bits, 64, None, dequantized=True)
    assert 6.0 < bits.mean() < 10.0, "noise of 256 values has 8 bits"


def test_the_density_of_images_is_scored_as_it_is_trained_at_dequantised_pixels(photos):
    model, data = moved(image(2, 2, 1)), np.uint8(255 * (photos(40, (2, 2, 1)) > 127))
    held_out = HeldOut(data, {"image": data}, {}, None, "test")
    scores = model.scores(held_out, types.SimpleNamespace(seed=3))[0]
    expected = -tfgen.metrics.log_likelihood(model, tfgen.metrics.dequantize(data, 3)).mean()
    assert scores["nll"].value == pytest.approx(expected, rel=1e-6)
    assert scores["bits_per_dimension"].value == pytest.approx(expected / (4 * math.log(2)) + 8)
    # training draws other noise for the same pixels
    trained = [float(model.density_terms(model.as_batch({"image": data}), s)["nll"]) for s in noises(model, 20)]
    assert abs(np.mean(trained) - expected) < 4 * np.std(trained)
    at_bytes = -tfgen.metrics.log_likelihood(model, data).mean()
    assert abs(np.mean(trained) - at_bytes) > 6 * np.std(trained)


def noises(model, count):
    return [model.inference_step(Noise(i, 0)) for i in range(count)]


def test_pixels_of_another_range_are_refused():
    couplings = [coupling_network("image", (2, 2, 1), 4, 1)] * 2
    with pytest.raises(UserError, match=r"the logit is one of pixels in \(0, 1\), got value_range=\(-1.0, 1.0\)"):
        CouplingModel(couplings, fields=image(2, 2, 1), value_range=(-1, 1))
