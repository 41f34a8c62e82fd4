"""Bounds on the likelihood and their parts: a linear decoder's closed forms, integrals over a grid, plain cases."""

import math

import keras
import numpy as np
import pytest
from linear_gaussian import HALF, Linear, LinearGaussian
from scipy import special, stats

import tfgen
from tfgen import likelihoods, priors
from tfgen.errors import UserError
from tfgen.metrics import (
    bits_per_dimension,
    dequantize,
    elbo,
    elbo_parts,
    importance_weighted_bound,
    likelihood,
    posteriors,
    reconstruction_error,
)


@pytest.fixture(scope="module")
def linear():
    return Linear()


@pytest.fixture(scope="module")
def model(linear):
    return linear.model()


@pytest.fixture(scope="module")
def images(linear):
    return np.random.default_rng(2).integers(0, 256, (7, *linear.shape), dtype=np.uint8)


@pytest.mark.parametrize("latent, shape", [(1, (2, 2, 1)), (2, (2, 3, 1)), (5, (4, 4, 1)), (10, (4, 4, 3))])
def test_weights_average_to_the_likelihood_of_a_linear_model(latent, shape):
    linear, repeats = Linear(latent, shape), 2000
    image = np.random.default_rng(2).integers(0, 256, (1, *shape), dtype=np.uint8)
    truth = linear.log_p_of(image)[0]
    bounds = importance_weighted_bound(linear.model(), np.repeat(image, repeats, axis=0), k=4)
    ratios = np.exp(bounds - truth)
    assert abs(ratios.mean() - 1.0) < 3.0 * ratios.std() / math.sqrt(repeats)
    assert bounds.mean() < truth - 3.0 * bounds.std() / math.sqrt(repeats)  # q is too wide: strictly below


def test_the_bound_is_tight_for_many_samples(linear, model, images):
    bounds = importance_weighted_bound(model, images, k=12_000)
    assert bounds.dtype == np.float64 and bounds.shape == (len(images),)
    np.testing.assert_allclose(bounds, linear.log_p_of(images), atol=0.03)


def test_one_sample_estimates_the_elbo(linear, model, images):
    np.testing.assert_array_equal(importance_weighted_bound(model, images, k=1), elbo(model, images))
    values = elbo(model, images, samples=20_000)
    np.testing.assert_allclose(values, linear.log_p_of(images) - linear.kl_of_q(), atol=0.03)


def test_results_do_not_depend_on_the_parts(model, images):
    whole = importance_weighted_bound(model, images, k=60)
    for rows in (1, 7, 100, 10_000):
        np.testing.assert_allclose(importance_weighted_bound(model, images, k=60, rows=rows), whole, atol=1e-5)
    np.testing.assert_allclose(importance_weighted_bound(model, images[:3], k=60), whole[:3], atol=1e-5)
    assert np.abs(importance_weighted_bound(model, images, k=60, seed=1) - whole).min() > 1e-4


def test_every_image_and_every_block_has_draws_of_its_own(model, images, monkeypatch):
    same = importance_weighted_bound(model, np.repeat(images[:1], 3, axis=0), k=5)
    assert len(set(same)) == 3
    monkeypatch.setattr(likelihood, "BLOCK", 50)
    one, two = (importance_weighted_bound(model, images, k=k) for k in (50, 100))
    assert np.abs(one - two).min() > 1e-6


def test_averaged_weights_are_used_where_kept(linear, images):
    averaged = linear.model(ema=0.9)
    for network in averaged.networks.values():
        network.set_weights([np.full_like(w, 0.3) for w in network.get_weights()])
    expected = importance_weighted_bound(linear.model(), images, k=10)
    np.testing.assert_allclose(importance_weighted_bound(averaged, images, k=10), expected, atol=1e-5)


def test_float_images_and_progress(model, images):
    seen = []
    floats = importance_weighted_bound(
        model, np.float64(images[..., 0]) / 255.0, k=10, rows=20, progress=lambda *a: seen.append(a)
    )
    np.testing.assert_allclose(floats, importance_weighted_bound(model, images, k=10), atol=1e-4)
    assert seen == [(2, 7), (4, 7), (6, 7), (7, 7)]
    assert importance_weighted_bound(model, images[:0], k=10).shape == (0,)


def test_latents_outside_a_uniform_prior_have_no_weight(linear, images):
    uniform = linear.model(prior=priors.uniform(-0.5, 0.5))
    bounds = importance_weighted_bound(uniform, images, k=2000)
    assert np.isfinite(bounds).all()
    # p(x) = integral of p(x|z) over the square, by the midpoint rule
    side = (np.arange(200) + 0.5) / 200 - 0.5
    z = np.stack(np.meshgrid(side, side), -1).reshape(-1, linear.latent)
    for bound, image in zip(bounds, images):
        x = image.reshape(-1) / 510.0
        density = np.exp(-0.5 * ((x - z @ linear.w.T - linear.b) ** 2).sum(1) / linear.sigma**2).mean()
        assert bound == pytest.approx(math.log(density) - len(x) * (HALF + math.log(linear.sigma)), abs=0.15)


def test_the_decoder_sees_each_image_s_own_label(linear):
    latent, label = keras.Input((linear.latent,), name="latent"), keras.Input((), dtype="int64", name="label")
    table = np.linspace(0.0, 0.5, 3 * linear.pixels).reshape(3, -1)
    start = keras.initializers.Constant(np.float32(table))
    mean = keras.layers.Embedding(3, linear.pixels, embeddings_initializer=start)(label)
    mean = keras.layers.Reshape(linear.shape)(mean)
    image = keras.Input(linear.shape, name="image")
    zeros = keras.layers.Dense(linear.latent, kernel_initializer="zeros")(keras.layers.Flatten()(image))
    encoder = keras.Model([image, keras.Input((), dtype="int64", name="label")], {"z_mean": zeros, "z_log_var": zeros})
    decoder = keras.Model([latent, label], {"image": mean, "mean": mean})
    model = tfgen.VariationalModel(encoder, decoder, likelihood=LinearGaussian())
    images, labels = np.zeros((5, *linear.shape), np.uint8), np.array([2, 0, 1, 1, 2])
    # the decoder ignores z and q = p(z): every weight is p(x|label)
    expected = (-0.5 * (table[labels] / linear.sigma) ** 2 - HALF - math.log(linear.sigma)).sum(axis=1)
    for rows in (4, 1000):
        bounds = importance_weighted_bound(model, images, k=3, label=labels, rows=rows)
        np.testing.assert_allclose(bounds, expected, atol=1e-4)
    with pytest.raises(UserError, match="expected label= with one label an image, got none"):
        importance_weighted_bound(model, images, k=3)
    with pytest.raises(UserError, match="got 2"):
        importance_weighted_bound(model, images, k=3, label=labels[:2])


def small_vae(**options):
    return tfgen.build_model("vae", image_shape=(16, 16, 1), latent_dim=3, **options)


def test_a_dynamic_binarisation_is_drawn_once_from_the_seed():
    vae = small_vae(binarize="dynamic", network="dense", units=(8,))
    for network in vae.networks.values():  # q = p(z), the decoder ignores z: every weight is p(x) of the pixels drawn
        network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    vae.decoder.get_layer("raw_logits").bias.assign(np.linspace(-1.0, 1.0, 256))
    gray = np.full((5, 16, 16, 1), 128, np.uint8)
    bounds = importance_weighted_bound(vae, gray, k=6)
    assert len(set(bounds.round(3))) == 5  # each image its own pixels
    np.testing.assert_allclose(importance_weighted_bound(vae, gray, k=6, rows=2), bounds, atol=1e-3)
    assert len(set(bounds.round(3)) | set(importance_weighted_bound(vae, gray, k=6, seed=1).round(3))) == 10


def test_convolutional_networks_and_static_binarisation():
    vae = small_vae(binarize="static", width=4)
    noise = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    bounds = importance_weighted_bound(vae, noise, k=6, rows=4)
    binary = np.where(noise >= 128, np.uint8(255), np.uint8(0))
    np.testing.assert_allclose(importance_weighted_bound(vae, binary, k=6), bounds, atol=1e-3)


def test_models_without_a_likelihood_are_refused():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    with pytest.raises(UserError, match=r"cross-entropy and no likelihood; train with binarize=static\|dynamic"):
        importance_weighted_bound(small_vae(network="dense", units=(8,)), images)
    for name in ("ae", "gan"):
        small = tfgen.build_model(name, image_shape=(16, 16, 1), units=(8,))
        with pytest.raises(UserError, match=f"{name} has no likelihood"):
            importance_weighted_bound(small, images)


def test_wrong_arguments_are_said(model, images):
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        importance_weighted_bound(model, images, k=0)
    with pytest.raises(UserError, match=r"takes images \[N, 2, 3, 1\], got an array of shape \(7, 3, 2, 1\)"):
        importance_weighted_bound(model, images.swapaxes(1, 2))
    with pytest.raises(UserError, match=r"must lie in \[0, 1\], got 0 to 25.*; divide by 255"):
        importance_weighted_bound(model, images.astype(np.float32) - images.min())
    with pytest.raises(UserError, match="uint8, or float in .*, got int64"):
        importance_weighted_bound(model, images.astype(np.int64))
    with pytest.raises(UserError, match="takes no label"):
        importance_weighted_bound(model, images, label=np.zeros(7, np.int64))


def test_fewer_rows_at_once_where_the_decoder_is_large():
    dense, conv = (small_vae(network=name, width=256) for name in ("dense", "conv"))
    assert posteriors.decoder_rows(dense) == posteriors.ROWS
    largest = 256 * 8 * 8 * 4  # bytes of one row of the last hidden layer
    assert 1 < posteriors.decoder_rows(conv) < posteriors.ACTIVATIONS // largest


# The parts of the ELBO, reconstruction, bits.


def test_the_parts_of_the_elbo(linear, model, images):
    parts = elbo_parts(model, images, samples=20_000)
    assert set(parts) == {"elbo", "reconstruction", "kl"} and all(v.dtype == np.float64 for v in parts.values())
    # KL(N(m, S) || N(0, I)), and E_q log p(x|z) = log p(x|m) - tr(W S W') / 2 sigma^2
    x = images.reshape(len(images), -1) / 510.0
    mean = linear.z_mean(x)
    kl = 0.5 * ((mean**2).sum(axis=1) + (linear.q_var - 1.0 - np.log(linear.q_var)).sum())
    np.testing.assert_allclose(parts["kl"], kl, rtol=1e-5)
    at_mean = stats.norm.logpdf(x, mean @ linear.w.T + linear.b, linear.sigma).sum(axis=1)
    spread = (linear.w**2 @ linear.q_var).sum() / (2.0 * linear.sigma**2)
    np.testing.assert_allclose(parts["reconstruction"], spread - at_mean, atol=0.03)
    np.testing.assert_allclose(parts["elbo"], linear.log_p_of(images) - linear.kl_of_q(), atol=0.03)
    np.testing.assert_allclose(parts["elbo"], -parts["reconstruction"] - parts["kl"], rtol=1e-12)
    errors = reconstruction_error(model, images)
    np.testing.assert_allclose(errors["nats"], -at_mean, rtol=1e-5)
    np.testing.assert_allclose(errors["mse"], ((mean @ linear.w.T + linear.b - x) ** 2).mean(axis=1), rtol=1e-4)


def test_without_a_closed_form_the_kl_is_sampled(linear, images):
    uniform = linear.model(prior=priors.uniform(-9.0, 9.0))
    parts = elbo_parts(uniform, images, samples=5)
    np.testing.assert_allclose(parts["elbo"], elbo(uniform, images, samples=5), rtol=1e-9)
    entropy = 0.5 * np.log(2 * np.pi * np.e * linear.q_var).sum()
    found = elbo_parts(uniform, images, samples=20_000)["kl"]
    np.testing.assert_allclose(found, linear.latent * math.log(18.0) - entropy, atol=0.03)


def test_a_cross_entropy_is_called_so():
    gray = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    vae = small_vae(network="dense", units=(8,))
    parts, errors = elbo_parts(vae, gray), reconstruction_error(vae, gray)
    assert set(parts) == {"cross_entropy", "kl"} and set(errors) == {"mse", "cross_entropy"}
    ae = tfgen.build_model("ae", image_shape=(16, 16, 1), network="dense", units=(8,), latent_dim=3)
    errors = reconstruction_error(ae, gray)
    image = ae.reconstruct(gray).numpy().astype(np.float64)
    np.testing.assert_allclose(errors["mse"], ((gray / 255.0 - image) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)
    crossed = special.xlogy(gray / 255.0, image) + special.xlogy(1.0 - gray / 255.0, 1.0 - image)
    np.testing.assert_allclose(errors["cross_entropy"], -crossed.sum(axis=(1, 2, 3)), rtol=1e-5)
    with pytest.raises(UserError, match="gan has no encoder"):
        reconstruction_error(tfgen.build_model("gan", image_shape=(16, 16, 1), units=(8,)), gray)


def test_bits_per_dimension():
    discrete, density = likelihoods.discretized_logistic(), likelihoods.gaussian()
    assert bits_per_dimension(-784 * math.log(2.0), 784, likelihoods.bernoulli("static")) == pytest.approx(1.0)
    np.testing.assert_allclose(bits_per_dimension([-12.0 * math.log(256.0), 0.0], 12, discrete), [8.0, 0.0])
    # the uniform density on [0, 1] gives each of 256 values 8 bits, and one twice as narrow 7
    assert bits_per_dimension(0.0, 12, density, dequantized=True) == pytest.approx(8.0)
    assert bits_per_dimension(12 * math.log(2.0), 12, density, dequantized=True) == pytest.approx(7.0)
    with pytest.raises(UserError, match="is a cross-entropy and has no bits per dimension"):
        bits_per_dimension(-1.0, 12, likelihoods.bernoulli())
    with pytest.raises(UserError, match="is a density, .* tfgen.metrics.dequantize.*, and say dequantized=True"):
        bits_per_dimension(-1.0, 12, density)
    with pytest.raises(UserError, match="give it the bytes, not dequantised ones"):
        bits_per_dimension(-1.0, 12, discrete, dequantized=True)
    with pytest.raises(UserError, match="at least 1, got 0"):
        bits_per_dimension(-1.0, 0, discrete)


def test_dequantisation_spreads_bytes_evenly():
    pixels = np.tile(np.array([0, 7, 255], np.uint8), (20_000, 1))
    spread = dequantize(pixels)
    assert spread.dtype == np.float32 and spread.min() >= 0.0 and spread.max() <= 1.0
    within = spread.astype(np.float64) * 256.0 - pixels
    assert stats.kstest(within.ravel(), "uniform").pvalue > 0.01
    np.testing.assert_array_equal(dequantize(pixels), spread)
    assert not np.array_equal(dequantize(pixels, seed=1), spread)
    with pytest.raises(UserError, match="takes uint8 images, got float32"):
        dequantize(spread)


# Every shipped likelihood against an integral over the latents.

DENSITIES = {
    "static": lambda x, raw: stats.bernoulli.logpmf((x >= 0.5).astype(int), special.expit(raw["logits"])),
    "gaussian": lambda x, raw: stats.norm.logpdf(x, special.expit(raw["mean"]), 0.3),
    "learned": lambda x, raw: stats.norm.logpdf(x, special.expit(raw["mean"]), np.exp(raw["log_scale"])),
    "logistic": lambda x, raw: discretized_logistic(x, special.expit(raw["mean"]), np.exp(raw["log_scale"] - 2.0)),
}
LIKELIHOODS = {
    "static": likelihoods.bernoulli("static"),
    "gaussian": likelihoods.gaussian(0.3),
    "learned": likelihoods.gaussian(None),
    "logistic": likelihoods.discretized_logistic(),
}


def discretized_logistic(x, mean, scale):
    """By differences of the distribution function, or of its complement where x lies above the mean."""
    above, x = np.broadcast_arrays(x > mean, x)
    low = np.where(x < 1e-6, -np.inf, (x - mean - 0.5 / 255.0) / scale)
    high = np.where(x > 1.0 - 1e-6, np.inf, (x - mean + 0.5 / 255.0) / scale)
    low, high = np.where(above, -high, low), np.where(above, -low, high)
    return np.log(stats.logistic.cdf(high) - stats.logistic.cdf(low))


def tiny_vae(which, latent):
    """A vae of 2x2 images with weights that make its posterior bend."""
    rng, shape, image_likelihood = np.random.default_rng(latent), (2, 2, 1), LIKELIHOODS[which]
    image, code = keras.Input(shape, name="image"), keras.Input((latent,), name="latent")
    flat = keras.layers.Flatten()(image)
    heads = {name: keras.layers.Dense(latent, kernel_initializer="zeros")(flat) for name in ("z_mean", "z_log_var")}
    hidden = keras.layers.Dense(5, "tanh")(code)

    def raw(name):
        return keras.layers.Reshape(shape)(keras.layers.Dense(4)(hidden))

    decoder = keras.Model(code, image_likelihood.heads(raw))
    decoder.set_weights([rng.normal(0.0, 0.5, w.shape) for w in decoder.get_weights()])
    return tfgen.VariationalModel(keras.Model(image, heads), decoder, likelihood=image_likelihood)


CASES = [(which, 1) for which in DENSITIES] + [("logistic", 2)]
CASES += [pytest.param(which, 2, marks=pytest.mark.slow) for which in ("static", "gaussian", "learned")]


@pytest.mark.parametrize("which, latent", CASES)
def test_every_likelihood_against_the_integral(which, latent):
    vae, shape = tiny_vae(which, latent), (2, 2, 1)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    images[0, 0] = [[0], [255]]
    side = (np.arange(240) + 0.5) / 20.0 - 6.0
    z = np.stack(np.meshgrid(*[side] * latent), axis=-1).reshape(-1, latent)
    raw = {name: np.float64(value) for name, value in vae.decoder(z.astype(np.float32)).items()}
    log_prior = stats.norm.logpdf(z).sum(axis=1)
    expected = [
        special.logsumexp(DENSITIES[which](x, raw).sum(axis=(1, 2, 3)) + log_prior) - latent * math.log(20.0)
        for x in images / 255.0
    ]
    np.testing.assert_allclose(importance_weighted_bound(vae, images), expected, atol=0.1)
