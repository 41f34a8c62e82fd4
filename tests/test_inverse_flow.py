"""The inverse autoregressive flow: its Jacobian, the bound of a model that has it, its codes."""

import collections
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import Linear, LinearGaussian

import tfgen
from tfgen.diagnosis.probes import Probe
from tfgen.errors import UserError
from tfgen.families.variational.inverse_flow import InverseFlowModel
from tfgen.families.variational.rules import latents_are_thin, posterior_has_collapsed
from tfgen.metrics import elbo, elbo_parts, importance_weighted_bound
from tfgen.networks.inverse_flow import inverse_flow

SIZE = 5


def shaken(network, scale=0.5):
    """The network with random weights, so that no gate and no shift is what it was at first."""
    random = np.random.default_rng(4)
    network.set_weights([random.normal(0.0, scale, w.shape) for w in network.get_weights()])
    return network


def jacobian(network, z, context):
    with tf.GradientTape() as tape:
        tape.watch(z)
        made = network({"latent": z, "context": context})
    return tape.batch_jacobian(made["latent"], z).numpy(), made


@pytest.mark.parametrize("flows", [1, 2])
def test_log_det_is_the_log_of_the_determinant(flows):
    random = np.random.default_rng(0)
    z, context = (tf.constant(random.normal(size=(3, SIZE)), tf.float32) for _ in range(2))
    slopes, made = jacobian(shaken(inverse_flow(SIZE, flows, 4)), z, context)
    sign, expected = np.linalg.slogdet(slopes)
    assert (sign > 0).all()
    np.testing.assert_allclose(made["log_det"].numpy().sum(axis=1), expected, atol=1e-4)
    below = np.tril(np.ones((SIZE, SIZE)), -1).astype(bool)
    assert (np.abs(slopes[:, below]) > 1e-7).all()  # each number sees all that come before it
    # and none behind it, which the second flow alone sees
    assert (np.abs(slopes[:, below.T]).max() > 1e-7) == (flows == 2)


def with_context(linear, encoder):
    image = encoder.inputs[0]
    context = keras.layers.Dense(linear.latent)(keras.layers.Flatten()(image))
    return keras.Model(image, {**encoder.output, "context": context})


@pytest.fixture(scope="module")
def linear():
    return Linear(inflation=40.0)  # gates of 1/2 in two flows make it sixteen times narrower


@pytest.fixture(scope="module")
def model(linear):
    encoder, decoder = linear.networks()
    flow = shaken(inverse_flow(linear.latent, 2, 4), 0.1)
    made = InverseFlowModel(with_context(linear, encoder), decoder, flow, likelihood=LinearGaussian(linear.sigma))
    made.compile()
    return made


def test_weights_average_to_the_likelihood_whatever_the_flow(linear, model):
    images = np.random.default_rng(2).integers(0, 256, (4, *linear.shape), dtype=np.uint8)
    truth = linear.log_p_of(images)
    repeats = importance_weighted_bound(model, np.repeat(images[:1], 500, axis=0), k=32)
    ratios = np.exp(repeats - truth[0])
    assert abs(ratios.mean() - 1.0) < 3.0 * ratios.std() / np.sqrt(500)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=4000), truth, atol=0.15)
    parts = elbo_parts(model, images, samples=50)
    np.testing.assert_allclose(parts["elbo"], elbo(model, images, samples=50), atol=1e-5)


def test_the_code_of_an_image_is_the_mean_after_the_flow(linear, model):
    images = np.random.default_rng(2).integers(0, 128, (2, *linear.shape), dtype=np.uint8)
    codes = model.encode(images)
    assert list(codes)[0] == "latent" and model.encode_images(images).keys() == codes.keys()
    flowed = model.networks["flow"]({"latent": codes["z_mean"], "context": codes["context"]})["latent"]
    np.testing.assert_allclose(codes["latent"], flowed, rtol=1e-5)
    image = model.decoder(codes["latent"])["image"]
    np.testing.assert_allclose(model.reconstruct(images), np.clip(image, 0.0, 1.0), atol=1e-6)


def test_a_diagnosis_estimates_the_divergence_that_has_no_closed_form(linear, model):
    images = np.random.default_rng(3).integers(0, 128, (64, *linear.shape), dtype=np.uint8)
    row = Probe(model, model.as_examples(images), size=64)()
    kl = elbo_parts(model, images, samples=50)["kl"].mean()
    assert row["kl"] == pytest.approx(kl, abs=1.0) and "kl_latent_max" not in row
    thin = collections.defaultdict(lambda: math.nan, {"latents": 64.0, "active_units": 64.0, "kl": 3.0})
    assert not latents_are_thin(thin, None) and not posterior_has_collapsed(thin, None)
    assert latents_are_thin({**thin, "kl_latent_max": 0.2}, None)
    assert posterior_has_collapsed({**thin, "kl": 0.2, "kl_latent_max": math.nan}, None)


def test_the_named_model_and_what_it_refuses():
    model = tfgen.build_model("iaf_vae", (8, 8, 1), latent_dim=3, width=2, samples=2, objective="iwae")
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    before = [w.numpy().copy() for w in model.networks["flow"].trainable_weights]
    logs = model.train_step({"image": tf.constant(images)})
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert all((a != w.numpy()).any() for a, w in zip(before, model.networks["flow"].trainable_weights))
    with pytest.raises(UserError, match="the objective BetaTC is of a normal q.*, and here it is a flow of one"):
        tfgen.build_model("iaf_vae", (8, 8, 1), latent_dim=3, width=2, objective="beta_tc")
