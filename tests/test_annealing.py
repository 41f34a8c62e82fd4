"""Annealed importance sampling against closed forms and integrals, and its bounds from both sides."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import Linear, LinearGaussian
from scipy import special, stats

import tfgen
from tfgen import priors
from tfgen.errors import UserError
from tfgen.metrics import annealed_importance_sampling, annealing, bidirectional_monte_carlo, chains


def errors_from(values, expected):
    """How many standard errors the mean of independent `values` lies above `expected`."""
    return (values.mean() - expected) / (values.std(ddof=1) / math.sqrt(len(values)))


def check_both_sides(found, truth):
    """Weights have the right mean, and neither bound is on the wrong side, within 3 standard errors."""
    # images are independent, chains of one image are not: they share its step sizes, and in reverse its start
    assert abs(errors_from(np.exp(found.log_weights - truth[:, None]).mean(axis=1), 1.0)) < 3.0
    assert abs(errors_from(np.exp(truth[:, None] - found.reverse_log_weights).mean(axis=1), 1.0)) < 3.0
    assert errors_from(found.lower - truth, 0.0) < 3.0 and errors_from(found.upper - truth, 0.0) > -3.0
    assert found.gap > -3.0 * found.standard_error


LARGER = [(3, (3, 4, 1), 40), (8, (4, 4, 1), 150)]
SIZES = [(1, (2, 2, 1), 4), *(pytest.param(*row, marks=pytest.mark.slow) for row in LARGER)]


@pytest.mark.parametrize("latent, shape, temperatures", SIZES)
def test_a_linear_decoder_from_both_sides(latent, shape, temperatures):
    linear, seen = Linear(latent, shape), []
    arguments = {"chains": 4, "leapfrog_steps": 3, "pilots": 1}
    progress = lambda *done: seen.append(done)  # noqa: E731
    found = bidirectional_monte_carlo(linear.model(), 120, temperatures, **arguments, rows=300, progress=progress)
    check_both_sides(found, linear.log_p(found.images))
    assert found.gap < 1.0 and found.gap == pytest.approx((found.upper - found.lower).mean())
    assert found.standard_error == pytest.approx(stats.sem(found.upper - found.lower))
    np.testing.assert_allclose(found.lower, special.logsumexp(found.log_weights, axis=1) - math.log(4), rtol=1e-12)
    mean_inverse = special.logsumexp(-found.reverse_log_weights, axis=1) - math.log(4)
    np.testing.assert_allclose(found.upper, -mean_inverse, rtol=1e-12)
    assert found.lower.dtype == np.float64 and seen == [(60, 120), (120, 120)]


@pytest.mark.slow
def test_a_generator_from_both_sides_and_more_temperatures_close_the_gap():
    linear = Linear(2, (2, 3, 1))
    arguments = {"chains": 4, "leapfrog_steps": 3, "pilots": 1, "sigma": 0.2}
    gan = linear.gan(priors.normal(), ema=None)
    coarse, fine = (bidirectional_monte_carlo(gan, 60, t, **arguments) for t in (1, 60))
    check_both_sides(fine, linear.log_p(fine.images))
    assert fine.gap < 0.2 < 1.0 < coarse.gap
    assert fine.images.min() < 0.0  # not clipped: z would be no draw from p(z|x)
    # one temperature is importance sampling from the prior, and no transition
    weights = np.exp(coarse.log_weights - linear.log_p(coarse.images)[:, None])
    assert abs(errors_from(weights.mean(axis=1), 1.0)) < 3.0


@pytest.fixture(scope="module")
def linear():
    return Linear(2, (2, 3, 1))


@pytest.fixture(scope="module")
def images(linear):
    drawn = np.random.default_rng(2).integers(0, 256, (5, *linear.shape), dtype=np.uint8)
    drawn[1] = drawn[0]
    return drawn


def test_images_of_the_data(linear, images):
    model = linear.model()
    found = annealed_importance_sampling(model, images, 60, 40, 5)
    np.testing.assert_allclose(found.lower, linear.log_p_of(images), atol=0.25)
    assert found.log_weights.shape == (5, 40) and ((found.acceptance > 0.4) & (found.acceptance < 0.95)).all()
    assert ((found.step_size > 0.05) & (found.step_size < 1.5)).all()
    # the noise of image i depends on (seed, i) alone
    few = annealed_importance_sampling(model, images[:3] / 255.0, 60, 40, 5, rows=2 * 44)
    np.testing.assert_allclose(few.log_weights, found.log_weights[:3], atol=0.02)
    assert len(np.unique(found.log_weights[:2])) == 80  # of two images that are the same
    assert annealed_importance_sampling(model, images[:0], 2, 3, 1).lower.shape == (0,)


def square_of_latents():
    side = (np.arange(400) + 0.5) / 100 - 1.0
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def circle_of_latents():
    angle = np.linspace(0.0, 2.0 * np.pi, 10_000, endpoint=False)
    return math.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


PRIORS = [
    (priors.uniform(-1, 3), square_of_latents()),
    pytest.param(priors.spherical(), circle_of_latents(), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("prior, latents", PRIORS, ids=["uniform", "spherical"])
def test_generators_against_integrals_over_the_latents(linear, images, prior, latents):
    """The networks see images in [-1, 1]; G(z) is not clipped as samples are."""
    x = images.reshape(len(images), 1, -1) / 255.0
    log_px = stats.norm.logpdf(x, latents @ linear.w.T + linear.b, 0.3).sum(axis=-1)
    expected = special.logsumexp(log_px, axis=1) - math.log(len(latents))
    found = annealed_importance_sampling(linear.gan(prior, ema=None), images, 40, 100, 4, sigma=0.3)
    np.testing.assert_allclose(found.lower, expected, atol=0.1)


def test_the_own_likelihood_of_a_vae_and_its_binarisation():
    options = {"network": "dense", "units": (6,), "latent_dim": 2, "binarize": "dynamic"}
    vae = tfgen.build_model("vae", image_shape=(16, 16, 1), **options)
    vae.decoder.get_layer("raw_logits").kernel.assign(vae.decoder.get_layer("raw_logits").kernel * 3.0)
    gray = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    found = annealed_importance_sampling(vae, gray, 60, 60, 4)
    bound = tfgen.metrics.importance_weighted_bound(vae, gray, k=20_000)
    np.testing.assert_allclose(found.lower, bound, atol=0.3)  # of the same pixels, drawn from the same seed


def test_every_chain_decodes_with_its_image_s_label(linear):
    latent, label = keras.Input((2,), name="latent"), keras.Input((), dtype="int64", name="label")
    table = np.linspace(0.0, 0.5, 3 * 6).reshape(3, -1)
    start = keras.initializers.Constant(np.float32(table))
    mean = keras.layers.Reshape(linear.shape)(keras.layers.Embedding(3, 6, embeddings_initializer=start)(label))
    nothing = keras.layers.Reshape((1, 1, 1))(keras.layers.Dense(1, kernel_initializer="zeros")(latent))
    mean = keras.layers.Add()([mean, nothing])
    image = keras.Input(linear.shape, name="image")
    zeros = keras.layers.Dense(2, kernel_initializer="zeros")(keras.layers.Flatten()(image))
    encoder = keras.Model([image, keras.Input((), dtype="int64", name="label")], {"z_mean": zeros, "z_log_var": zeros})
    decoder = keras.Model([latent, label], {"image": mean, "mean": mean})
    model = tfgen.VariationalModel(encoder, decoder, likelihood=LinearGaussian(0.2))
    drawn = bidirectional_monte_carlo(model, 30, 3, 3, 2, conditions={"label": [1, 2]}, pilots=1, rows=80)
    x = drawn.images.reshape(30, 6)
    expected = stats.norm.logpdf(x, table[np.arange(30) % 2 + 1], 0.2).sum(axis=1)[:, None]  # whatever z is
    np.testing.assert_allclose(drawn.log_weights, np.repeat(expected, 3, axis=1), atol=1e-4)
    np.testing.assert_allclose(drawn.reverse_log_weights, np.repeat(expected, 3, axis=1), atol=1e-4)
    for row, k in enumerate((1, 2)):
        np.testing.assert_allclose(x[row::2].mean(axis=0), table[k], atol=0.2)
    with pytest.raises(UserError, match="expected conditions with one label per image, got none"):
        annealed_importance_sampling(model, drawn.images.clip(0, 1))


def test_a_rejected_proposal_leaves_everything_as_it_was(linear, images):
    x = np.float32(linear.seen(images[:2])).reshape(2, *linear.shape)
    move = chains.Hamiltonian(annealing.Target(linear.model(), None), tf.constant(x), {}, 50, 3)
    u, momentum = np.random.default_rng(0).normal(size=(2, 2, 50, 2)).astype(np.float32)
    value, slope = move.log_likelihood(tf.constant(u))
    residual = x.reshape(2, 1, 6) - linear.b - u @ linear.w.T
    np.testing.assert_allclose(slope, residual @ linear.w / linear.sigma**2, rtol=1e-4, atol=1e-4)
    noise = tf.constant(momentum), tf.fill([2, 50], 0.5), tf.fill([2, 50], 0.8)
    moved, new_value, new_slope, acceptance = move(tf.constant(u), value, slope, 0.7, tf.constant([1.0, 0.9]), noise)
    for found, expected in zip((new_value, new_slope), move.log_likelihood(moved)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    stayed = np.all(moved.numpy() == u, axis=-1)
    np.testing.assert_array_equal(stayed, acceptance.numpy() <= 0.8)
    assert 10 < stayed.sum() < 90


def test_priors_as_functions_of_normal_numbers():
    normal = tf.random.stateless_normal([20_000, 3], [0, 0])
    flat = priors.uniform(-1, 3).from_normal(normal).numpy()
    assert stats.kstest(flat.ravel(), stats.uniform(-1, 4).cdf).pvalue > 0.01
    np.testing.assert_allclose(flat, -1.0 + 4.0 * stats.norm.cdf(normal), atol=1e-5)
    sphere = priors.spherical().from_normal(normal).numpy()
    np.testing.assert_allclose((sphere**2).sum(axis=1), 3.0, rtol=1e-5)
    assert stats.kstest(sphere[:, 0], stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)).cdf).pvalue > 0.01  # Archimedes
    np.testing.assert_array_equal(priors.normal().from_normal(normal), normal)


def test_the_schedule():
    path = chains.schedule(7)
    sigmoid = special.expit(4.0 * (2.0 * np.arange(8) / 7 - 1.0))
    np.testing.assert_allclose(path, (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0]), atol=1e-12)
    np.testing.assert_array_equal(chains.schedule(1), [0.0, 1.0])


def test_mistakes_are_said(linear, images):
    model, gan = linear.model(), linear.gan(priors.normal())
    with pytest.raises(UserError, match="gan has no .*: give sigma=, the standard deviation of Gaussian pixels"):
        annealed_importance_sampling(gan, images)
    with pytest.raises(UserError, match="sigma must be positive"):
        annealed_importance_sampling(gan, images, sigma=0.0)
    with pytest.raises(UserError, match="the prior Prior is not known as a function of N.*; expected a normal, a uni"):
        annealed_importance_sampling(linear.model(prior=priors.Prior()), images)
    shifted = type("Shifted", (tfgen.VariationalModel,), {"log_prior": lambda self, z: z})
    with pytest.raises(UserError, match="has a log_prior of its own"):
        annealed_importance_sampling(shifted(*linear.networks(), likelihood=LinearGaussian()), images)
    gray = tfgen.build_model("vae", image_shape=(16, 16, 1), network="dense", units=(4,), latent_dim=2)
    with pytest.raises(UserError, match="cross-entropy and no likelihood"):
        annealed_importance_sampling(gray, np.zeros((2, 16, 16, 1), np.uint8))
    plain = tfgen.build_model("ae", image_shape=(16, 16, 1), network="dense", units=(4,), latent_dim=2)
    with pytest.raises(UserError, match="ae has no prior"):
        annealed_importance_sampling(plain, np.zeros((2, 16, 16, 1), np.uint8))
    for name in ("temperatures", "chains", "leapfrog_steps", "pilots"):
        with pytest.raises(UserError, match=f"{name} must be at least 1, got 0"):
            annealed_importance_sampling(model, images, **{name: 0})
    with pytest.raises(UserError, match=r"takes images of shape \(2, 3, 1\)"):
        annealed_importance_sampling(model, images[:, 0])
    with pytest.raises(UserError, match="expected finite pixels, got 6 NaN"):
        annealed_importance_sampling(model, np.where(np.arange(5)[:, None, None, None] == 1, np.nan, images / 255.0))
    with pytest.raises(UserError, match="takes no label"):
        annealed_importance_sampling(model, images, conditions={"label": [1] * 5})
    with pytest.raises(UserError, match="at least 2 images .* got count=1"):
        bidirectional_monte_carlo(model, 1)
