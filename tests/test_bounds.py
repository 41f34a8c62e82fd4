"""Bounds on the likelihood and their parts: a linear decoder's closed forms, integrals over a grid, plain cases."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import HALF, Linear, LinearGaussian
from scipy import special, stats

import tfgen
from tfgen import likelihoods, priors
from tfgen.data.source import Field, Source
from tfgen.errors import UserError
from tfgen.evaluation.likelihoods import score_reconstructions
from tfgen.metrics import (
    bits_per_dimension,
    dequantize,
    elbo,
    elbo_parts,
    importance_weighted_bound,
    inputs,
    likelihood,
    log_likelihood,
    reconstruction_error,
)
from tfgen.metrics.score import HeldOut


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


def test_the_draws_of_an_image_depend_on_the_seed_and_its_number_alone(model, images, monkeypatch):
    whole = importance_weighted_bound(model, images, k=60)
    np.testing.assert_array_equal(importance_weighted_bound(model, images[:3], k=60), whole[:3])
    for size in (1, 4, 1000):
        monkeypatch.setattr(likelihood, "IMAGES", size)
        np.testing.assert_array_equal(importance_weighted_bound(model, images, k=60), whole)
    assert np.abs(importance_weighted_bound(model, images, k=60, seed=1) - whole).min() > 1e-4


def test_every_image_and_every_block_has_draws_of_its_own(model, images, monkeypatch):
    same = importance_weighted_bound(model, np.repeat(images[:1], 3, axis=0), k=5)
    assert len(set(same)) == 3
    monkeypatch.setattr(likelihood, "BLOCK", 50)
    one, two = (importance_weighted_bound(model, images, k=k) for k in (50, 100))
    assert np.abs(one - two).min() > 1e-6


def test_blocks_of_draws_make_one_mean(linear, model, images, monkeypatch):
    monkeypatch.setattr(likelihood, "BLOCK", 70)  # 171 whole ones and one of 30
    bounds = importance_weighted_bound(model, images, k=12_000)
    np.testing.assert_allclose(bounds, linear.log_p_of(images), atol=0.03)
    values = elbo(model, images, samples=12_000)
    np.testing.assert_allclose(values, linear.log_p_of(images) - linear.kl_of_q(), atol=0.03)


def test_averaged_weights_are_used_where_kept(linear, images):
    averaged = linear.model(ema=0.9)
    for network in averaged.networks.values():
        network.set_weights([np.full_like(w, 0.3) for w in network.get_weights()])
    expected = importance_weighted_bound(linear.model(), images, k=10)
    np.testing.assert_allclose(importance_weighted_bound(averaged, images, k=10), expected, atol=1e-5)


def test_float_images_and_progress(model, images, monkeypatch):
    seen = []
    monkeypatch.setattr(likelihood, "IMAGES", 2)
    floats = importance_weighted_bound(
        model, np.float64(images[..., 0]) / 255.0, k=10, progress=lambda *a: seen.append(a)
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
        x = linear.seen(image[None])[0]
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
    for given in ({"label": labels}, {"conditions": {"label": labels}}):
        bounds = importance_weighted_bound(model, images, k=3, **given)
        np.testing.assert_allclose(bounds, expected, atol=1e-4)
    parts = elbo_parts(model, images, conditions={"label": labels})
    np.testing.assert_allclose(parts["reconstruction"], -expected, atol=1e-4)
    np.testing.assert_allclose(parts["kl"], 0.0, atol=1e-6)
    squares = np.square(table[labels]).mean(axis=1)
    np.testing.assert_allclose(reconstruction_error(model, images, conditions={"label": labels}), squares, rtol=1e-5)
    with pytest.raises(UserError, match="expected conditions with one label per image, got none"):
        importance_weighted_bound(model, images, k=3)
    with pytest.raises(UserError, match="one label per image, got 2"):
        importance_weighted_bound(model, images, k=3, label=labels[:2])
    with pytest.raises(UserError, match="takes no labels: its conditions are label; did you mean 'label'"):
        importance_weighted_bound(model, images, k=3, conditions={"labels": labels})
    with pytest.raises(UserError, match="label: expected integers"):
        importance_weighted_bound(model, images, k=3, label=labels / 2)


def small_vae(**options):
    return tfgen.build_model("vae", image_shape=(16, 16, 1), latent_dim=3, **options)


def test_a_dynamic_binarisation_is_drawn_once_from_the_seed(monkeypatch):
    vae = small_vae(binarize="dynamic", network="dense", units=(8,))
    for network in vae.networks.values():  # q = p(z), the decoder ignores z: every weight is p(x) of the pixels drawn
        network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    vae.decoder.get_layer("raw_logits").bias.assign(np.linspace(-1.0, 1.0, 256))
    gray = np.full((5, 16, 16, 1), 128, np.uint8)
    bounds = importance_weighted_bound(vae, gray, k=6)
    assert len(set(bounds.round(3))) == 5  # each image its own pixels
    np.testing.assert_allclose(importance_weighted_bound(vae, gray[:2], k=6), bounds[:2], atol=1e-3)
    # every draw of z weighs the same pixels, and so do the error of reconstruction and the ELBO
    np.testing.assert_allclose(importance_weighted_bound(vae, gray, k=1), bounds, atol=1e-3)
    np.testing.assert_allclose(elbo_parts(vae, gray)["elbo"], bounds, atol=1e-3)
    monkeypatch.setattr(likelihood, "BLOCK", 2)
    np.testing.assert_allclose(importance_weighted_bound(vae, gray, k=6), bounds, atol=1e-3)
    p = special.expit(np.linspace(-1.0, 1.0, 256))
    ones = np.log(p / (1.0 - p))  # log p(x) = sum log (1 - p) + sum of the log-odds where x = 1
    assert bounds.min() >= np.log1p(-p).sum() + np.minimum(ones, 0.0).sum()
    assert len(set(bounds.round(3)) | set(importance_weighted_bound(vae, gray, k=6, seed=1).round(3))) == 10


def test_convolutional_networks_and_static_binarisation():
    vae = small_vae(binarize="static", width=4)
    noise = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    bounds = importance_weighted_bound(vae, noise, k=6)
    binary = np.where(noise >= 128, np.uint8(255), np.uint8(0))
    np.testing.assert_allclose(importance_weighted_bound(vae, binary, k=6), bounds, atol=1e-3)


def test_models_without_a_likelihood_are_refused():
    images = np.zeros((2, 16, 16, 1), np.uint8)
    with pytest.raises(UserError, match=r"cross-entropy and no likelihood; train with binarize=static\|dynamic"):
        importance_weighted_bound(small_vae(network="dense", units=(8,)), images)
    ae = tfgen.build_model("ae", image_shape=(16, 16, 1), network="dense", units=(8,), latent_dim=2, binarize="static")
    for small in (ae, tfgen.build_model("gan", image_shape=(16, 16, 1), units=(8,))):
        for metric in (importance_weighted_bound, elbo, elbo_parts):
            with pytest.raises(UserError, match=f"{small.name} has no likelihood"):
                metric(small, images)
        with pytest.raises(UserError, match=f"{small.name} has no exact likelihood"):
            log_likelihood(small, images)


def test_wrong_arguments_are_said(model, images):
    for k in (2.0, "3", True):
        with pytest.raises(UserError, match="k must be an integer, got"):
            importance_weighted_bound(model, images, k=k)
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        importance_weighted_bound(model, images, k=0)
    for metric in (elbo, elbo_parts):
        with pytest.raises(UserError, match="samples must be at least 1, got -1"):
            metric(model, images, samples=-1)
    with pytest.raises(UserError, match=r"takes images of shape \(2, 3, 1\), got \(3, 2, 1\)"):
        importance_weighted_bound(model, images.swapaxes(1, 2))
    with pytest.raises(UserError, match=r"float in \[0, 1\], got .* 0 to 25.*: divide by 255"):
        importance_weighted_bound(model, images.astype(np.float32) - images.min())
    with pytest.raises(UserError, match="uint8, or float in .*, got int64"):
        importance_weighted_bound(model, images.astype(np.int64))
    with pytest.raises(UserError, match="takes no label"):
        importance_weighted_bound(model, images, label=np.zeros(7, np.int64))


def test_smaller_blocks_where_the_networks_are_large():
    dense, conv = small_vae(network="dense", units=(256,)), small_vae(network="conv", width=256)
    assert likelihood.block_sizes(dense, 1200) == [500, 500, 200]
    largest = 256 * 8 * 8 * 4  # bytes of one row of the last hidden layer
    first, *_, last = likelihood.block_sizes(conv, 10_000)
    assert 1 < first < inputs.ACTIVATIONS // largest and 0 < last <= first


# The parts of the ELBO, reconstruction, bits.


def test_the_parts_of_the_elbo(linear, model, images):
    parts = elbo_parts(model, images, samples=20_000)
    assert set(parts) == {"elbo", "reconstruction", "kl"} and all(v.dtype == np.float64 for v in parts.values())
    # KL(N(m, S) || N(0, I)), and E_q log p(x|z) = log p(x|m) - tr(W S W') / 2 sigma^2
    x = linear.seen(images)
    mean = linear.z_mean(x)
    kl = 0.5 * ((mean**2).sum(axis=1) + (linear.q_var - 1.0 - np.log(linear.q_var)).sum())
    np.testing.assert_allclose(parts["kl"], kl, rtol=1e-5)
    at_mean = stats.norm.logpdf(x, mean @ linear.w.T + linear.b, linear.sigma).sum(axis=1)
    spread = (linear.w**2 @ linear.q_var).sum() / (2.0 * linear.sigma**2)
    np.testing.assert_allclose(parts["reconstruction"], spread - at_mean, atol=0.03)
    np.testing.assert_allclose(parts["elbo"], linear.log_p_of(images) - linear.kl_of_q(), atol=0.03)
    np.testing.assert_allclose(parts["elbo"], -parts["reconstruction"] - parts["kl"], rtol=1e-12)
    made = np.clip(mean @ linear.w.T + linear.b, 0.0, 1.0)
    np.testing.assert_allclose(reconstruction_error(model, images), ((made - x) ** 2).mean(axis=1), rtol=1e-4)


def test_without_a_closed_form_the_kl_is_sampled(linear, images):
    uniform = linear.model(prior=priors.uniform(-9.0, 9.0))
    parts = elbo_parts(uniform, images, samples=5)
    np.testing.assert_allclose(parts["elbo"], elbo(uniform, images, samples=5), rtol=1e-6)
    entropy = 0.5 * np.log(2 * np.pi * np.e * linear.q_var).sum()
    found = elbo_parts(uniform, images, samples=20_000)["kl"]
    np.testing.assert_allclose(found, linear.latent * math.log(18.0) - entropy, atol=0.03)


def test_a_cross_entropy_is_called_so():
    gray = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    vae = small_vae(network="dense", units=(8,))
    assert set(elbo_parts(vae, gray)) == {"cross_entropy", "kl"}
    ae = tfgen.build_model("ae", image_shape=(16, 16, 1), network="dense", units=(8,), latent_dim=3)
    errors = reconstruction_error(ae, gray)
    image = ae.reconstruct(gray).numpy().astype(np.float64)
    np.testing.assert_allclose(errors, ((gray / 255.0 - image) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)
    with pytest.raises(UserError, match="gan cannot reconstruct: it has no encoder"):
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
    with pytest.raises(UserError, match="is a density, .* tfgen.metrics.dequantize.*, and pass dequantized=True"):
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


# Models that override what they say of their densities.


class TwoLayers(tfgen.VariationalModel):
    """p(z2) = N(0, I), p(z1|z2) = N(a z2, I), p(x|z1); q(z1|x) of the encoder, q(z2|z1) = N(b z1, v)."""

    a, b, v = 0.8, 0.3, 0.9

    def log_densities(self, batch, step, samples):
        log_px, _, log_q1, _ = super().log_densities(batch, step, samples)
        z1 = self.draw(self.posterior(self.prepared(batch, step)[1], step), step, samples)  # the same draws
        z2 = self.b * z1 + math.sqrt(self.v) * step.noise.normal("z2", tf.shape(z1))
        log_pz = priors.normal_log_prob(z2, 0.0, 0.0) + priors.normal_log_prob(z1, self.a * z2, 0.0)
        log_q2 = priors.normal_log_prob(z2, self.b * z1, math.log(self.v))
        return log_px, tf.reduce_sum(log_pz, axis=-1), log_q1 + tf.reduce_sum(log_q2, axis=-1), None


def test_two_layers_of_latents_against_the_closed_form(linear, images):
    """Integrating z2 leaves p(z1) = N(0, (1 + a^2) I), hence p(x) = N(b, (1 + a^2) W W' + sigma^2 I)."""
    model = TwoLayers(*linear.networks(), likelihood=LinearGaussian(linear.sigma))
    scaled = Linear()
    scaled.w = linear.w * math.sqrt(1.0 + TwoLayers.a**2)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=20_000), scaled.log_p_of(images), atol=0.06)
    ratios = np.exp(
        importance_weighted_bound(model, np.repeat(images[:1], 1000, axis=0), k=8) - scaled.log_p_of(images[:1])
    )
    assert abs(ratios.mean() - 1.0) < 3.0 * ratios.std() / math.sqrt(1000)
    parts = elbo_parts(model, images, samples=500)
    np.testing.assert_allclose(parts["elbo"], elbo(model, images, samples=500), atol=1e-6)


class Weighed(tfgen.VariationalModel):
    """Its weights are what it says, whatever its densities."""

    def log_weights(self, batch, k, noise):
        level = tf.reduce_mean(batch["image"], axis=[1, 2, 3])
        return level + tf.math.log(tf.range(1.0, k + 1.0))[:, None]


def test_the_bound_rests_on_the_models_own_weights(linear, images):
    model = Weighed(*linear.networks(), likelihood=LinearGaussian())
    expected = linear.seen(images).mean(axis=1) + math.log(2.5)  # log of the mean of 1, 2, 3, 4
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=4), expected, rtol=1e-6)


def conditional_vae():
    """Encoder and decoder take the label, and a vector besides."""
    fields = {
        "image": Field("image", (2, 2, 1)),
        "label": Field("label", (), "int64", (0, 3)),
        "style": Field("vector", (2,)),
    }

    def given():
        label, style = keras.Input((), dtype="int64", name="label"), keras.Input((2,), name="style")
        return [label, style], [keras.layers.Embedding(3, 4)(label), style]

    image, (inputs_, made) = keras.Input((2, 2, 1), name="image"), given()
    hidden = keras.layers.Dense(8, "tanh")(keras.layers.Concatenate()([keras.layers.Flatten()(image), *made]))
    code = {name: keras.layers.Dense(2)(hidden) for name in ("z_mean", "z_log_var")}
    encoder = keras.Model({tensor.name: tensor for tensor in [image, *inputs_]}, code)
    latent, (inputs_, made) = keras.Input((2,), name="latent"), given()
    hidden = keras.layers.Dense(8, "tanh")(keras.layers.Concatenate()([latent, *made]))
    raw = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(hidden))
    heads = likelihoods.gaussian(0.3).heads(lambda name: raw)
    decoder = keras.Model({tensor.name: tensor for tensor in [latent, *inputs_]}, heads)
    for network, scale in ((encoder, 0.2), (decoder, 1.0)):
        drawn = [np.random.default_rng(i).normal(0.0, scale, w.shape) for i, w in enumerate(network.get_weights())]
        network.set_weights(drawn)
    return tfgen.VariationalModel(encoder, decoder, likelihood=likelihoods.gaussian(0.3), fields=fields)


def test_a_conditional_models_bound_differs_by_condition():
    model, images = conditional_vae(), np.random.default_rng(0).integers(0, 256, (4, 2, 2, 1), dtype=np.uint8)
    style, labels = np.float32([[0, 1], [1, 0], [2, 2], [0, 0]]), np.array([0, 1, 2, 0])
    bounds = importance_weighted_bound(model, images, 2000, conditions={"label": labels, "style": style})
    for i in range(4):  # each under its own conditions, against the integral over the latents
        side = (np.arange(160) + 0.5) / 20.0 - 4.0
        z = np.float32(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
        n = len(z)
        given = {"latent": z, "label": np.full(n, labels[i]), "style": np.repeat(style[i : i + 1], n, axis=0)}
        mean = model.decoder(given)["image"].numpy().reshape(n, -1)
        log_px = stats.norm.logpdf(images[i].reshape(-1) / 255.0, mean, 0.3).sum(axis=1)
        expected = special.logsumexp(log_px + stats.norm.logpdf(z).sum(axis=1)) - 2.0 * math.log(20.0)
        assert bounds[i] == pytest.approx(expected, abs=0.2)
    other = importance_weighted_bound(model, images, 2000, label=(labels + 1) % 3, conditions={"style": style})
    assert np.abs(other - bounds).min() > 0.05
    with pytest.raises(UserError, match="expected conditions with one style per image, got none"):
        importance_weighted_bound(model, images, label=labels)
    with pytest.raises(UserError, match=r"style: expected finite numbers \[N, 2\], got float32 of shape \(4, 1\)"):
        importance_weighted_bound(model, images, conditions={"label": labels, "style": style[:, :1]})


class Exact(tfgen.VariationalModel):
    """Knows log p(x) exactly: that of a standard normal."""

    def log_likelihood(self, batch):
        log_p = priors.normal_log_prob(batch["image"], 0.0, 0.0)
        return tf.reduce_sum(log_p, axis=[1, 2, 3])


def test_an_exact_likelihood_is_of_prepared_images(linear, images):
    found = log_likelihood(Exact(*linear.networks(), likelihood=LinearGaussian()), images)
    np.testing.assert_allclose(found, stats.norm.logpdf(linear.seen(images)).sum(axis=1), rtol=1e-6)
    assert found.dtype == np.float64 and len(log_likelihood(Exact(*linear.networks()), images[:0])) == 0


# What a model says of itself in an evaluation.


@dataclasses.dataclass
class Settings:
    seed: int = 3
    nll_k: int = 20


def held_out(images, **fields):
    fields = {"image": images, **fields}
    source = Source("ours", {}, {}, {}, {})
    return HeldOut(images, fields, {"version": 1, "real": {"count": len(images)}}, source, "test")


def test_a_models_own_scores_are_those_of_the_metrics(linear, model, images):
    scores, details = model.scores(held_out(images), Settings())
    assert set(scores) == {"elbo", "reconstruction", "kl", "nll", "bits_per_dimension", "active_units"}
    assert details == {}
    bound = importance_weighted_bound(model, images, 20, 3)
    assert scores["nll"].value == pytest.approx(-bound.mean())
    assert scores["nll"].high - scores["nll"].value == pytest.approx(1.96 * stats.sem(bound))
    assert scores["nll"].protocol["parameters"] == {"seed": 3, "k": 20, "unit": "nats, an upper bound"}
    assert scores["nll"].protocol["likelihood"] == repr(model.likelihood)
    noisy = importance_weighted_bound(model, dequantize(images, 3), 20, 3)
    bits = bits_per_dimension(noisy, linear.pixels, model.likelihood, dequantized=True)
    assert scores["bits_per_dimension"].value == pytest.approx(bits.mean())
    assert scores["active_units"].value == linear.latent
    errors, _ = score_reconstructions(model, held_out(images), Settings())
    assert errors["reconstruction_error"].value == pytest.approx(reconstruction_error(model, images).mean())
    assert errors["reconstruction_error"].protocol["likelihood"] == repr(model.likelihood)


def test_scores_are_of_each_images_own_conditions():
    model, images = conditional_vae(), np.random.default_rng(0).integers(0, 256, (4, 2, 2, 1), dtype=np.uint8)
    given = {"style": np.float32([[0, 1], [1, 0], [2, 2], [0, 0]]), "label": np.array([0, 1, 2, 0])}
    scores, _ = model.scores(held_out(images, **given), Settings())
    expected = elbo_parts(model, images, seed=3, conditions=given)["elbo"].mean()
    assert scores["elbo"].value == pytest.approx(expected)
    other, _ = model.scores(held_out(images, **given | {"label": np.array([1, 1, 1, 1])}), Settings())
    assert other["elbo"].value != pytest.approx(expected, abs=0.01)


def test_of_a_cross_entropy_and_of_a_plain_autoencoder_less_is_said():
    gray = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    scores, _ = small_vae(network="dense", units=(8,)).scores(held_out(gray), Settings())
    assert set(scores) == {"cross_entropy", "kl", "active_units"}
    ae = tfgen.build_model("ae", image_shape=(16, 16, 1), network="dense", units=(8,), latent_dim=3)
    assert ae.scores(held_out(gray), Settings()) == ({}, {})
