"""Autoregressive models: what depends on what, exact likelihoods that sum to one, and samples drawn in turn."""

import itertools
import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import likelihoods, samplers
from tfgen.errors import UserError
from tfgen.families.autoregressive.agnostic import OrderAgnosticModel
from tfgen.families.autoregressive.model import GatedModel, MaskedModel
from tfgen.metrics.score import HeldOut
from tfgen.networks.masked import masked_network
from tfgen.networks.pixelcnn import pixelcnn_network, reach
from tfgen.noise import Noise
from tfgen.training.step import Step

BINARY = likelihoods.bernoulli("static")
GRAY = likelihoods.discretized_logistic()
SMALL = {"made": {"units": [16, 12]}, "pixelcnn": {"width": 3, "blocks": 2, "head_width": 4, "first_half": 2}}


def of_network(kind, network, shape, likelihood, **options):
    model = kind(network, likelihood=likelihood, fields={"image": tfgen.Field("image", shape)}, **options)
    model.compile()
    return model


def tiny(name, shape, likelihood=BINARY, order="raster", dilations=(1,)):
    """A model on a reduced network, with weights large enough to tell outputs apart."""
    keras.utils.set_random_seed(1)
    if name == "made":
        model = of_network(
            MaskedModel, masked_network(shape, likelihood, (14, 9), "tanh"), shape, likelihood, order=order
        )
    else:
        network = pixelcnn_network(shape, likelihood, 3, 2, 5, 3, 4, dilations)
        model = of_network(GatedModel, network, shape, likelihood)
    random = np.random.default_rng(0)
    for variable in model.networks["density"].trainable_variables:
        variable.assign(random.normal(size=variable.shape) * 0.7)
    if name == "made":
        model.after_update(model.phases[0])
    return model


def all_binary(shape):
    bits = list(itertools.product([0, 255], repeat=math.prod(shape)))
    return np.array(bits, np.uint8).reshape(-1, *shape)


@pytest.mark.parametrize("name", ["made", "pixelcnn"])
@pytest.mark.parametrize("shape", [(3, 3, 1), (2, 2, 3), (1, 7, 1)])
def test_the_probabilities_of_all_binary_images_sum_to_one(name, shape):
    model = tiny(name, shape)
    log_px = tfgen.metrics.log_likelihood(model, all_binary(shape))
    assert log_px.dtype == np.float64 and log_px.std() > 0.1
    np.testing.assert_allclose(np.exp(log_px).sum(), 1.0, rtol=1e-5)


@pytest.mark.parametrize("name", ["made", "pixelcnn"])
def test_an_image_of_gray_pixels_has_probabilities_that_sum_to_one(name):
    """Two pixels of 256 values each, all at once."""
    model = tiny(name, (1, 2, 1), GRAY)
    values = np.array(list(itertools.product(range(0, 256), repeat=2)), np.float32).reshape(-1, 1, 2, 1) / 255.0
    log_px = model.log_likelihood({"image": tf.constant(values)}).numpy().astype(np.float64)
    np.testing.assert_allclose(np.exp(log_px).sum(), 1.0, rtol=1e-4)


def turn_by_turn(model):
    """Which values change when each input does: bool [D inputs, D outputs], both by their turns."""
    shape = model.data_shape
    size = math.prod(shape)
    x = np.full((1 + size, size), 0.5, np.float32)
    x[np.arange(1, size + 1), model.turns] = 0.9
    out = model.networks["density"](tf.reshape(x, [-1, *shape]))
    flat = np.concatenate([np.reshape(out[name], [1 + size, size, 1]) for name in model.likelihood.parameters], axis=2)
    return (abs(flat[1:] - flat[:1]) > 1e-5).any(axis=2)[:, model.turns]


@pytest.mark.parametrize("likelihood", [BINARY, GRAY])
@pytest.mark.parametrize(
    "name,shape", [("made", (4, 5, 1)), ("made", (2, 3, 3)), ("pixelcnn", (7, 9, 1)), ("pixelcnn", (4, 3, 3))]
)
def test_a_value_depends_on_those_before_it_alone(name, shape, likelihood):
    model = tiny(name, shape, likelihood)
    changes = turn_by_turn(model)
    assert not np.tril(changes).any(), "a value depends on itself or a later one"
    assert changes[np.arange(len(changes) - 1), np.arange(1, len(changes))].mean() > 0.7, "the last one is used"


WIDE = (2, 3)  # dilations: 2 + 2 + 3 rows above


def test_a_pixel_depends_on_all_pixels_in_reach_and_on_no_others():
    shape, place = (10, 9, 1), (8, 7)
    model = tiny("pixelcnn", shape, dilations=WIDE)
    assert reach(model.networks["density"]) == (7, 4)
    x = np.full((1 + 90, 90), 0.5, np.float32)
    x[np.arange(1, 91), np.arange(90)] = 0.9
    logits = model.networks["density"](x.reshape(-1, *shape))["logits"].numpy()[:, place[0], place[1], 0]
    seen = (abs(logits[1:] - logits[0]) > 1e-6).reshape(10, 9)
    rows, columns = np.nonzero(seen)
    assert rows.min() == place[0] - 7 and columns[rows == place[0]].min() == place[1] - 4
    assert not seen[place[0], place[1] :].any() and not seen[place[0] + 1 :].any()
    assert seen[1:8].any(axis=1).all() and not np.tril(turn_by_turn(model)).any()


@pytest.mark.parametrize("name", ["pixelcnn", pytest.param("vq_vae", marks=pytest.mark.plugins)])
def test_a_model_that_has_drawn_samples_can_be_saved_and_trained(tmp_path, name):
    """Sampling cuts the network in two, from which Keras gave the input another place."""
    sizes = {"width": 3, "blocks": 1} | ({"head_width": 4} if name == "pixelcnn" else {"prior_width": 3, "codes": 5})
    model = tfgen.build_model(name, (8, 8, 1), ema=None, **sizes)
    made = model.sample(2, seed=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(2, seed=0), made)
    keras.models.clone_model(model)
    model.fit(made, batch_size=2, epochs=1, verbose=0)
    assert int(model.step) == 1


def test_dilations_are_numbers_from_1():
    with pytest.raises(UserError, match="dilations has no number: give dilations=\\[1\\] for neighbours"):
        tfgen.build_model("pixelcnn", (8, 8, 1), dilations=[])
    with pytest.raises(UserError, match="dilations"):
        tfgen.build_model("pixelcnn", (8, 8, 1), dilations=[0, 2])


def test_an_order_is_that_in_which_values_depend_on_each_other():
    model = tiny("made", (3, 4, 1), order="random")
    assert sorted(model.turns) == list(range(12)) and list(model.turns) != list(range(12))
    assert not np.tril(turn_by_turn(model)).any() and turn_by_turn(model).any()
    np.testing.assert_allclose(np.exp(tfgen.metrics.log_likelihood(model, all_binary((3, 4, 1)))).sum(), 1.0, rtol=1e-5)
    with pytest.raises(UserError, match="order must be 'raster' or 'random', got 'snake'"):
        tiny("made", (3, 4, 1), order="snake")
    with pytest.raises(UserError, match="sees the rows above, hence order must be 'raster', got 'random'"):
        network = pixelcnn_network((3, 4, 1), BINARY, 3, 1, 3, 3, 4)
        of_network(GatedModel, network, (3, 4, 1), BINARY, order="random")


def test_masks_hold_after_updates_in_the_average_and_in_the_file(tmp_path, photos):
    model = tfgen.build_model("made", (8, 8, 1), units=[16, 12], order="random", ema=0.5, learning_rate=0.1)
    before = model.networks["density"].get_weights()
    model.fit(photos(32, (8, 8, 1)), batch_size=8, epochs=1, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.networks["density"].get_weights()))
    for network in (model.networks["density"], model.best("density"), model.exported_networks()["density"]):
        other = tiny("made", (8, 8, 1))  # only its method is used
        other.networks["density"], other.order, other.likelihood = network, model.order, GRAY
        assert not np.tril(turn_by_turn(other)).any()


@pytest.mark.parametrize(
    "name,shape,dilations",
    [
        ("pixelcnn", (7, 9, 1), (1,)),
        ("pixelcnn", (6, 8, 3), (1,)),
        ("pixelcnn", (4, 3, 3), (1,)),
        ("pixelcnn", (11, 9, 1), WIDE),
        ("pixelcnn", (9, 4, 3), WIDE),
        ("made", (3, 4, 1), (1,)),
    ],
)
def test_what_is_drawn_from_a_part_is_drawn_from_the_whole(name, shape, dilations):
    model = tiny(name, shape, GRAY, dilations=dilations)
    x = tf.constant(np.random.default_rng(0).random((2, *shape), np.float32))
    whole = model.networks["density"](x)
    partial = model.partial(model.networks["density"], {})
    at, memory = tf.function(partial.at, autograph=False), partial.memory(2)
    for place in range(math.prod(shape)):
        # what comes later is not there yet
        known = tf.reshape(tf.where(tf.range(math.prod(shape)) < place, tf.reshape(x, [2, -1]), 0.0), x.shape)
        outputs, memory = at(known, tf.constant(place), memory)
        for key, value in outputs.items():
            np.testing.assert_allclose(value, tf.reshape(whole[key], [2, -1])[:, place], atol=2e-5)


@pytest.mark.parametrize("name", ["made", "pixelcnn"])
def test_samples_have_the_frequencies_that_the_likelihood_gives(name):
    shape = (1, 3, 1)
    model = tiny(name, shape)
    made = model.sample(4000, seed=3)
    assert set(np.unique(made)) <= {0, 255}
    images = all_binary(shape)
    expected = np.exp(tfgen.metrics.log_likelihood(model, images))
    found = [(made == image).all(axis=(1, 2, 3)).mean() for image in images]
    np.testing.assert_allclose(found, expected, atol=5 * np.sqrt(0.25 / 4000))
    np.testing.assert_array_equal(model.sample(3, seed=3, start=2), made[2:5])


def test_the_log_likelihood_by_hand():
    """A network without weights but biases: each pixel is 1 with probability sigmoid(b)."""
    network = masked_network((1, 2, 1), BINARY, ())
    model = of_network(MaskedModel, network, (1, 2, 1), BINARY)
    kernel, bias = network.get_layer("raw_logits").weights
    kernel.assign([[9.0, math.log(3.0)], [9.0, 9.0]])
    bias.assign([0.0, 0.0])
    model.after_update(model.phases[0])
    np.testing.assert_array_equal(kernel, [[0.0, np.float32(math.log(3.0))], [0.0, 0.0]])
    images = np.array([[0, 0], [255, 255], [255, 0]], np.uint8).reshape(3, 1, 2, 1)
    # p(x1) = 1/2; p(x2 = 1 | x1 = 1) = 3/4, p(x2 | x1 = 0) = 1/2
    np.testing.assert_allclose(tfgen.metrics.log_likelihood(model, images), np.log([1 / 4, 3 / 8, 1 / 8]), rtol=1e-6)


def test_quantiles_are_those_of_the_likelihoods():
    u = tf.constant([0.0, 0.3, 0.7])
    half = {"image": tf.fill([3], 0.5), "log_scale": tf.fill([3], 0.0), "mean": tf.zeros([3])}
    np.testing.assert_array_equal(BINARY.quantile(half, u), [1.0, 1.0, 0.0])
    logistic = 0.5 + math.exp(-2.0) * math.log(0.3 / 0.7)
    np.testing.assert_allclose(GRAY.quantile(half, u)[1], round(logistic * 255) / 255, rtol=1e-6)
    np.testing.assert_allclose(likelihoods.gaussian(0.1).quantile(half, u)[2], 0.5 + 0.1 * 0.524401, rtol=1e-4)


@pytest.mark.parametrize(
    "options,sentence",
    [
        ({"likelihood": "bernoulli"}, "no likelihood of gray pixels"),
        ({"likelihood": "gaussian", "binarize": "static"}, "'likelihood' has no effect with binarize"),
    ],
)
def test_mistakes_are_said(options, sentence):
    with pytest.raises(UserError, match=sentence):
        tfgen.build_model("made", (8, 8, 1), **options)


def test_other_models_have_no_turns(photos):
    with pytest.raises(UserError, match="does not draw one value after the other"):
        tfgen.build_model("vae", (8, 8, 1), width=2).sample(1, sampler=samplers.sequential())
    with pytest.raises(UserError, match="has no exact likelihood"):
        tfgen.metrics.log_likelihood(tfgen.build_model("vae", (8, 8, 1), width=2), photos(2, (8, 8, 1)))


def agnostic(shape, masks=3, order="random", likelihood=BINARY, units=(14, 9), **options):
    """A `made` of several masks, with weights large enough to tell outputs apart."""
    keras.utils.set_random_seed(1)
    network = masked_network(shape, likelihood, units, "tanh")
    model = of_network(OrderAgnosticModel, network, shape, likelihood, masks=masks, order=order, **options)
    for i, each in enumerate((network, model.best("density"))):  # an average has weights of its own
        random = np.random.default_rng(i if each is not network else 0)
        for variable in each.variables:
            variable.assign(random.normal(size=variable.shape) * 0.7)
    return model


def test_the_mean_over_two_masks_by_hand():
    """Two pixels without hidden layers: one mask lets the second depend on the first, the other the reverse."""
    model = agnostic((1, 2, 1), masks=2, units=(), seed=7)
    assert sorted(tuple(model.turns_of(k)) for k in range(2)) == [(0, 1), (1, 0)]
    kernel, bias = model.networks["density"].get_layer("raw_logits").weights
    kernel.assign([[9.0, math.log(3.0)], [math.log(7.0), 9.0]])
    bias.assign([0.0, 0.0])
    images = np.array([[0, 0], [255, 255], [255, 0]], np.uint8).reshape(3, 1, 2, 1)
    # p(x1) p(x2 | x1): 1/4, 3/8, 1/8; p(x2) p(x1 | x2): 1/4, 7/16, 1/4
    expected = np.log([1 / 4, (3 / 8 + 7 / 16) / 2, (1 / 8 + 1 / 4) / 2])
    np.testing.assert_allclose(tfgen.metrics.log_likelihood(model, images), expected, rtol=1e-6)


@pytest.mark.parametrize("ema", [None, 0.5])
@pytest.mark.parametrize("order", ["raster", "random"])
def test_each_of_several_masks_and_their_mean_sum_to_one(order, ema):
    shape = (3, 3, 1)
    model, images = agnostic(shape, order=order, ema=ema), all_binary(shape)
    batch, step = {"image": tf.constant(images / 255.0, tf.float32)}, tfgen_step(agnostic(shape))
    each = [model.log_density_by(k, batch["image"], batch, model.inference_step(step.noise)).numpy() for k in range(3)]
    np.testing.assert_allclose(np.exp(each).sum(axis=1), 1.0, rtol=1e-5)
    assert all(np.abs(a - b).max() > 0.1 for a, b in itertools.combinations(each, 2)), "masks differ"
    mean = np.log(np.exp(each).mean(axis=0))
    np.testing.assert_allclose(tfgen.metrics.log_likelihood(model, images), mean, rtol=1e-4)


def tfgen_step(model, index=0):
    return Step(model.networks, Noise(0, index), tf.constant(index, tf.int64), trains=frozenset(["density"]))


def test_steps_take_the_masks_in_turn():
    model = agnostic((2, 3, 1))
    images = all_binary((2, 3, 1))[10:14] / 255.0
    batch = {"image": tf.constant(images, tf.float32)}
    for index, k in ((0, 0), (1, 1), (5, 2)):
        step = tfgen_step(model, index)
        expected = model.log_density_by(k, batch["image"], batch, step)
        np.testing.assert_array_equal(model.log_prob(batch, step), expected)


@pytest.mark.parametrize(
    "name, blocks", [("pixelcnn", "blocks"), pytest.param("vq_vae", "prior_blocks", marks=pytest.mark.slow)]
)
def test_a_network_without_gated_layers_samples_in_graphs_too(name, blocks):
    small = {"width": 3, "prior_width": 3, "codes": 5} if name == "vq_vae" else SMALL[name]
    model = tfgen.build_model(name, (8, 8, 1), **{**small, blocks: 0})
    made = model.sample(3, seed=1)
    np.testing.assert_array_equal(made[:2], model.sample(2, seed=1))
    np.testing.assert_array_equal(tf.function(model.samples_from_seeds)(tf.range(1 << 32, (1 << 32) + 3)), made)


@pytest.mark.parametrize("ema", [None, 0.5])
def test_samples_and_exported_networks_are_of_the_first_mask(ema):
    shape = (1, 3, 1)
    model, images = agnostic(shape, ema=ema), all_binary(shape)
    network = model.exported_networks()["density"]
    batch = {"image": tf.constant(images / 255.0, tf.float32)}
    log_p = model.log_density_by(0, batch["image"], batch, model.inference_step(Noise(0, 0))).numpy()
    np.testing.assert_allclose(BINARY.log_prob(batch["image"], network(batch["image"])), log_p, rtol=1e-5)
    made = model.sample(4000, seed=3)
    found = [(made == image).all(axis=(1, 2, 3)).mean() for image in images]
    np.testing.assert_allclose(found, np.exp(log_p), atol=5 * np.sqrt(0.25 / 4000))


@pytest.mark.slow
def test_several_masks_train_resume_and_load(tmp_path, photos):
    options = {"units": [16], "order": "random", "masks": 3, "ema": 0.5, "dropout": 0.1, "learning_rate": 0.01}
    model, other = (tfgen.build_model("made", (8, 8, 1), **options) for _ in range(2))
    images = photos(32, (8, 8, 1))
    model.fit(images, batch_size=8, epochs=2, verbose=0)
    other.fit(images, batch_size=8, epochs=1, verbose=0)
    other.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    other.fit(images, batch_size=8, epochs=1, verbose=0)
    assert model.digest() == other.digest()
    np.testing.assert_array_equal(*(tfgen.metrics.log_likelihood(m, images) for m in (model, other)))
    # all weights are trained, since no mask leaves them all out
    kernel = model.networks["density"].get_layer("hidden_0").kernel.numpy()
    assert (kernel != 0).all()


@pytest.mark.parametrize("options", [{}, pytest.param({"masks": 2}, marks=pytest.mark.slow)])
def test_training_sees_augmented_images_and_a_likelihood_the_images_themselves(options, tmp_path):
    """A pixel that is shifted out of sight most often: what is learned is that there is none."""
    options = {"units": [8], "binarize": "static", "augment": "translate(0.99)", "ema": None, **options}
    model = tfgen.build_model("made", (8, 8, 1), learning_rate=0.1, **options)
    alone = np.zeros((64, 8, 8, 1), np.uint8)
    alone[:, 0, 0] = 255  # shifted by up to 8 pixels each way, it stays in sight in 64 of 289 places
    history = model.fit(alone, batch_size=16, epochs=20, verbose=0, validation_data=alone).history
    assert history["val_nll"][-1] == pytest.approx(-float(tfgen.metrics.log_likelihood(model, alone[:1])[0]), rel=1e-5)
    blank = -float(tfgen.metrics.log_likelihood(model, np.zeros((1, 8, 8, 1), np.uint8))[0])
    assert blank < 1.0 < history["val_nll"][-1]
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").augment == tfgen.augment.translate(0.99)


def test_as_many_rows_as_channels_are_refused():
    """Keras would add a bias of channels to rows, and sampling row by row would follow another distribution."""
    with pytest.raises(UserError, match="another number of rows than of channels"):
        pixelcnn_network((3, 4, 3), BINARY, 3, 1)


def test_a_dynamic_binarisation_follows_the_seed():
    model, random = tfgen.build_model("made", (8, 8, 1), binarize="dynamic", units=[8]), np.random.default_rng(0)
    network = model.best("density")
    network.set_weights([w + 0.3 * random.normal(size=w.shape) for w in network.get_weights()])
    gray = np.full((4, 8, 8, 1), 128, np.uint8)
    one, same, other = (tfgen.metrics.log_likelihood(model, gray, seed) for seed in (0, 0, 7))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    held_out = HeldOut(gray, {"image": gray}, {}, None, "test")
    for seed, expected in ((0, one), (7, other)):
        score = model.scores(held_out, types.SimpleNamespace(seed=seed))[0]["nll"]
        assert score.value == pytest.approx(-expected.mean())
