"""Metrics against closed forms, naive oracles and cases whose answer is plain."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import likelihoods, priors
from tfgen.errors import UserError
from tfgen.metrics import elbo, importance_weighted_bound, likelihood, neighbours, precision_recall
from tfgen.priors import normal_log_prob
from tfgen.values import serializable

SHAPE, LATENT, SIGMA = (2, 3, 1), 2, 0.2
HALF = 0.5 * math.log(2.0 * math.pi)


@serializable
@dataclasses.dataclass(frozen=True)
class LinearGaussian(likelihoods.Likelihood):
    """N(x / 2; mean, SIGMA^2): its `prepare` is not idempotent, so that a second one would show."""

    parameters = ("mean",)

    def prepare(self, images, noise):
        return 0.5 * images

    def log_prob(self, x, decoded):
        log_var = tf.constant(2.0 * math.log(SIGMA))
        return likelihoods.sum_pixels(normal_log_prob(x, decoded["mean"], log_var))


class Linear:
    """x = W z + b + SIGMA e in float64: closed forms of p(x) and p(z|x), and a model of it with q too wide."""

    def __init__(self, inflation=2.0):
        rng = np.random.default_rng(1)
        self.w = rng.normal(0.0, 0.15, (math.prod(SHAPE), LATENT))
        self.b = rng.uniform(0.1, 0.4, math.prod(SHAPE))
        self.posterior_cov = np.linalg.inv(self.w.T @ self.w / SIGMA**2 + np.eye(LATENT))
        self.gain = self.posterior_cov @ self.w.T / SIGMA**2
        self.q_var = inflation * np.diag(self.posterior_cov)

    def log_p(self, x):
        cov = self.w @ self.w.T + SIGMA**2 * np.eye(len(self.b))
        return (
            -len(self.b) * HALF
            - 0.5 * np.linalg.slogdet(cov)[1]
            - 0.5 * (x - self.b) @ np.linalg.solve(cov, x - self.b)
        )

    def kl_of_q(self):
        """KL(q(z|x) || p(z|x)), the same for every x since the means are equal."""
        precision = np.linalg.inv(self.posterior_cov)
        log_ratio = np.linalg.slogdet(self.posterior_cov)[1] - np.log(self.q_var).sum()
        return 0.5 * (np.trace(precision @ np.diag(self.q_var)) - LATENT + log_ratio)

    def networks(self):
        def dense(units, kernel, bias, **kwargs):
            values = {"kernel": kernel, "bias": bias}
            start = {f"{k}_initializer": keras.initializers.Constant(np.float32(v)) for k, v in values.items()}
            return keras.layers.Dense(units, **start, **kwargs)

        image, latent = keras.Input(SHAPE, name="image"), keras.Input((LATENT,), name="latent")
        flat = keras.layers.Flatten()(image)
        z_mean = dense(LATENT, self.gain.T, -self.gain @ self.b)(flat)
        z_log_var = dense(LATENT, np.zeros_like(self.gain.T), np.log(self.q_var))(flat)
        mean = keras.layers.Reshape(SHAPE)(dense(math.prod(SHAPE), self.w.T, self.b)(latent))
        encoder = keras.Model(image, {"z_mean": z_mean, "z_log_var": z_log_var})
        return encoder, keras.Model(latent, {"image": mean, "mean": mean})

    def model(self, **kwargs):
        return tfgen.VariationalModel(*self.networks(), likelihood=LinearGaussian(), **kwargs)


@pytest.fixture(scope="module")
def linear():
    return Linear()


@pytest.fixture(scope="module")
def model(linear):
    return linear.model()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, 256, (7, *SHAPE), dtype=np.uint8)


def log_p(linear, images):
    return np.array([linear.log_p(x.reshape(-1) / 255.0 / 2.0) for x in images])


def test_weights_average_to_the_likelihood_of_a_linear_model(linear, model, images):
    repeats = 2000
    for image in images[:2]:
        truth = log_p(linear, image[None])[0]
        bounds = importance_weighted_bound(model, np.repeat(image[None], repeats, axis=0), k=4)
        ratios = np.exp(bounds - truth)
        assert abs(ratios.mean() - 1.0) < 3.0 * ratios.std() / math.sqrt(repeats)
        assert bounds.mean() < truth - 3.0 * bounds.std() / math.sqrt(repeats)  # q is too wide: strictly below


def test_the_bound_is_tight_for_many_samples(linear, model, images):
    bounds = importance_weighted_bound(model, images, k=12_000)
    assert bounds.dtype == np.float64 and bounds.shape == (len(images),)
    np.testing.assert_allclose(bounds, log_p(linear, images), atol=0.03)


def test_one_sample_estimates_the_elbo(linear, model, images):
    np.testing.assert_array_equal(importance_weighted_bound(model, images, k=1), elbo(model, images))
    values = elbo(model, images, samples=20_000)
    np.testing.assert_allclose(values, log_p(linear, images) - linear.kl_of_q(), atol=0.03)


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
    z = np.stack(np.meshgrid(side, side), -1).reshape(-1, LATENT)
    for bound, image in zip(bounds, images):
        x = image.reshape(-1) / 510.0
        density = np.exp(-0.5 * ((x - z @ linear.w.T - linear.b) ** 2).sum(1) / SIGMA**2).mean()
        assert bound == pytest.approx(math.log(density) - len(x) * (HALF + math.log(SIGMA)), abs=0.15)


def test_the_decoder_sees_each_image_s_own_label():
    latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
    table = np.linspace(0.0, 0.5, 3 * math.prod(SHAPE)).reshape(3, -1)
    start = keras.initializers.Constant(np.float32(table))
    mean = keras.layers.Reshape(SHAPE)(keras.layers.Embedding(3, math.prod(SHAPE), embeddings_initializer=start)(label))
    image = keras.Input(SHAPE, name="image")
    zeros = keras.layers.Dense(LATENT, kernel_initializer="zeros")(keras.layers.Flatten()(image))
    encoder = keras.Model([image, keras.Input((), dtype="int64", name="label")], {"z_mean": zeros, "z_log_var": zeros})
    decoder = keras.Model([latent, label], {"image": mean, "mean": mean})
    model = tfgen.VariationalModel(encoder, decoder, likelihood=LinearGaussian())
    images, labels = np.zeros((5, *SHAPE), np.uint8), np.array([2, 0, 1, 1, 2])
    # the decoder ignores z and q = p(z): every weight is p(x|label)
    expected = (-0.5 * (table[labels] / SIGMA) ** 2 - HALF - math.log(SIGMA)).sum(axis=1)
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
    for (
        network
    ) in vae.networks.values():  # q = p(z) and the decoder ignores z: every weight is p(x) of the pixels drawn
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
    assert likelihood.decoder_rows(dense) == likelihood.ROWS
    largest = 256 * 8 * 8 * 4  # bytes of one row of the last hidden layer
    assert 1 < likelihood.decoder_rows(conv) < likelihood.ACTIVATIONS // largest


# Neighbours.


def naive_precision_recall(real, fake, k):
    """Straight from the definition, one pair at a time."""

    def distance(a, b):
        return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b)))

    def share(queries, features):
        radius = [
            sorted(distance(a, b) for j, b in enumerate(features) if j != i)[k - 1] for i, a in enumerate(features)
        ]
        hits = [any(distance(q, f) <= r for f, r in zip(features, radius)) for q in queries]
        return sum(hits) / len(hits)

    return share(fake, real), share(real, fake)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_precision_recall_by_its_definition(k, offset, monkeypatch):
    monkeypatch.setattr(neighbours, "PAIRS", 150)  # several chunks, the last one short
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(40, 4)) + offset, rng.normal(1.0, 1.0, size=(31, 4)) + offset
    result = precision_recall(real, fake, k=k)
    assert result == pytest.approx(naive_precision_recall(real, fake, k), abs=1e-9)
    assert all(0.0 < value < 1.0 and type(value) is float for value in result)
    assert precision_recall(fake, real, k=k) == result[::-1]


def test_precision_recall_with_ties():
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 3, (60, 3)), rng.integers(0, 4, (50, 3)).astype(np.float32)
    assert precision_recall(real, fake) == pytest.approx(naive_precision_recall(real, fake, 3), abs=1e-9)


def test_precision_recall_of_plain_cases():
    real = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 100.0) == (0.0, 0.0)
    collapsed = np.repeat(real[:1], 20, axis=0)  # radius 0, about one real image
    assert precision_recall(real, collapsed) == (1.0, 1 / 50)
    assert precision_recall(real, collapsed + 100.0) == (0.0, 0.0)
    clusters = np.concatenate([real, real + 100.0])
    assert precision_recall(clusters, real) == (1.0, 0.5)


def test_precision_recall_refuses_bad_features():
    good = np.zeros((10, 2))
    with pytest.raises(UserError, match="need at least 4 samples, but fake has 3"):
        precision_recall(good, good[:3])
    with pytest.raises(UserError, match="same length, got 2 and 5"):
        precision_recall(good, np.zeros((10, 5)))
    with pytest.raises(UserError, match="real has 2 of 10 rows with NaN or infinity, the first is row 4"):
        precision_recall(np.where(np.arange(20).reshape(10, 2) // 4 == 2, np.nan, 0.0), good)
    with pytest.raises(UserError, match=r"features \[N, F\] of real numbers, got float64 of shape \(10,\)"):
        precision_recall(good, good[:, 0])
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        precision_recall(good, good, k=0)
