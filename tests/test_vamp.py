"""The prior that is the mean of posteriors at learned images: its density, its samples, what is learned."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import Linear, LinearGaussian
from scipy import special, stats

import tfgen
from tfgen import objectives
from tfgen.errors import UserError
from tfgen.families.variational.vamp import VampModel
from tfgen.metrics import importance_weighted_bound
from tfgen.networks import picture_table

COMPONENTS = 3


@pytest.fixture(scope="module")
def linear():
    return Linear()


def model_of(linear, **options):
    table = picture_table(linear.shape, COMPONENTS)
    model = VampModel(*linear.networks(), table, likelihood=LinearGaussian(linear.sigma), name="vamp", **options)
    model.compile()
    table.get_layer("pictures").embeddings.assign(np.random.default_rng(3).normal(0, 1, (COMPONENTS, linear.pixels)))
    return model


def means_of(linear, model):
    """E[z] of each component, float64 [K, D]; the encoder is linear, its variance the same everywhere."""
    pictures = special.expit(model.networks["pseudo_inputs"].get_weights()[0].astype(np.float64))
    return linear.z_mean(pictures)


def test_the_density_of_a_mixture_by_hand(linear):
    model, means = model_of(linear), means_of(linear, model_of(linear))
    z = np.random.default_rng(0).normal(size=(2, 4, linear.latent)).astype(np.float32)
    density = stats.norm.pdf(z[:, :, None], means, np.sqrt(linear.q_var)).prod(axis=-1).mean(axis=-1)
    found = model.log_mixture(tf.constant(z), model.inference("test"))
    np.testing.assert_allclose(found, np.log(density), rtol=1e-4, atol=1e-4)


def test_the_bound_is_that_of_the_mixture(linear):
    """p(x) = 1/K sum_k N(b + W m_k, W V W' + sigma^2 I), V the variance of q."""
    model, means = model_of(linear), means_of(linear, model_of(linear))
    images = np.random.default_rng(2).integers(0, 256, (4, *linear.shape), dtype=np.uint8)
    x = linear.seen(images)
    cov = linear.w * linear.q_var @ linear.w.T + linear.sigma**2 * np.eye(linear.pixels)
    parts = [stats.multivariate_normal.logpdf(x, linear.b + linear.w @ mean, cov) for mean in means]
    expected = special.logsumexp(parts, axis=0) - math.log(COMPONENTS)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=3000), expected, atol=0.1)
    with pytest.raises(UserError, match="vamp has a densities of its own: chains know only that of its prior"):
        _ = model.chain_prior


def test_samples_are_draws_of_the_mixture_and_depend_on_their_own_seed_alone(linear):
    model, means = model_of(linear), means_of(linear, model_of(linear))
    z = tf.function(model.latents_from_seeds)(tf.range(2000, dtype=tf.int64)).numpy()
    np.testing.assert_allclose(z[:5], model.latents_from_seeds(tf.range(5, dtype=tf.int64)), atol=1e-5)
    error = 4.0 * z.std(axis=0) / math.sqrt(2000)
    assert (np.abs(z.mean(axis=0) - means.mean(axis=0)) < error).all()
    np.testing.assert_allclose(z.var(axis=0), linear.q_var + means.var(axis=0), rtol=0.15)
    inside = model.draw_prior(tf.constant(500), model.inference("test")).numpy()
    assert (np.abs(inside.mean(axis=0) - means.mean(axis=0)) < 4.0 * z.std(axis=0) / math.sqrt(500)).all()


def test_the_pictures_begin_as_training_images_and_are_learned(photos):
    linear = Linear()
    images = photos(16, linear.shape)
    model = model_of(linear, ema=0.5, samples=2, objective=objectives.info_vae(0.5, 2.0))
    model.prepare(model.as_examples(images), None)
    table = model.networks["pseudo_inputs"]
    start = table(tf.range(COMPONENTS)).numpy()
    near = np.abs(start[:, None] - images / 255.0).max(axis=(2, 3, 4)).min(axis=1)
    assert near.max() < 0.021 and len({row.tobytes() for row in start}) == COMPONENTS
    np.testing.assert_array_equal(model.best("pseudo_inputs").get_weights()[0], table.get_weights()[0])
    logs = {name: float(value) for name, value in model.train_step({"image": tf.constant(images)}).items()}
    assert all(map(math.isfinite, logs.values())) and {"weighted_mmd", "kl", "reconstruction"} <= logs.keys()
    moved = np.abs(table(tf.range(COMPONENTS)).numpy() - start)
    assert (moved.max(axis=(1, 2, 3)) > 0).all()
    model.prepare(model.as_examples(images[::-1]), None)  # once only
    assert np.abs(table(tf.range(COMPONENTS)).numpy() - start).max() == moved.max()


def test_what_a_learned_prior_refuses():
    linear = Linear()
    prior = model_of(linear).prior
    with pytest.raises(UserError, match="ask the model for samples"):
        prior.sample(tf.constant([0, 1]), [2, 3])
    with pytest.raises(UserError, match="ask the model for densities"):
        prior.log_prob(tf.zeros([2, 3]))
    label = keras.Input((), dtype="int64", name="label")
    encoder, decoder = linear.networks()
    given = keras.Model({"image": encoder.inputs[0], "label": label}, encoder.output)
    with pytest.raises(UserError, match="expected an encoder of images alone, got inputs image, label"):
        VampModel(given, decoder, picture_table(linear.shape, 2), likelihood=LinearGaussian())


@pytest.mark.slow
def test_the_named_model():
    model = tfgen.build_model("vamp_vae", (8, 8, 1), latent_dim=2, width=2, components=4)
    assert (model.components, model.latent_dim) == (4, 2) and model.sample(3).shape == (3, 8, 8, 1)
