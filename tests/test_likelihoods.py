"""Likelihoods of pixels against closed formulas, and draws against the moments they should have."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import likelihoods
from tfgen.errors import UserError
from tfgen.noise import Noise

SHAPE = (2, 3, 1)
RNG = np.random.default_rng(0)
RAW = RNG.normal(0.0, 2.0, (4, *SHAPE)).astype(np.float32)
SCALE = RNG.normal(-1.0, 1.0, (4, *SHAPE)).astype(np.float32)
X = RNG.integers(0, 256, (4, *SHAPE)).astype(np.float32) / 255.0
X[0, 0, 0], X[0, 0, 1] = 0.0, 1.0
ALL = [
    likelihoods.bernoulli(),
    likelihoods.bernoulli("static"),
    likelihoods.bernoulli("dynamic"),
    likelihoods.gaussian(0.3),
    likelihoods.gaussian(None),
    likelihoods.discretized_logistic(),
]


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-np.asarray(a, np.float64)))


def decoded(likelihood, raw=RAW, scale=SCALE):
    """A decoder's outputs, by the likelihood's own heads."""
    given = {"logits": raw, "mean": raw, "log_scale": scale}
    return likelihood.heads(lambda name: tf.constant(given[name]))


def log_prob(likelihood, x=X, **raw):
    return likelihood.log_prob(tf.constant(x), decoded(likelihood, **raw)).numpy()


@pytest.mark.parametrize("likelihood", ALL, ids=str)
def test_heads_name_the_image_and_the_raw_parameters(likelihood):
    outputs = decoded(likelihood)
    assert set(outputs) == {"image", *likelihood.parameters}
    first = likelihood.parameters[0]
    np.testing.assert_array_equal(outputs[first], RAW)
    np.testing.assert_allclose(outputs["image"], sigmoid(RAW), rtol=1e-5)
    assert all(value.dtype == tf.float32 for value in outputs.values())


def test_bernoulli_log_prob_is_the_published_sum_over_pixels():
    p, bits = sigmoid(RAW), (X >= 0.5).astype(np.float32)
    expected = np.sum(np.log(np.where(bits == 1, p, 1 - p)), axis=(1, 2, 3))
    found = log_prob(likelihoods.bernoulli("static"), bits)
    assert found.shape == (4,)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    crossed = np.sum(X * np.log(p) + (1 - X) * np.log(1 - p), axis=(1, 2, 3))
    np.testing.assert_allclose(log_prob(likelihoods.bernoulli()), crossed, rtol=1e-5)
    half = log_prob(likelihoods.bernoulli(), bits, raw=np.zeros_like(RAW))
    np.testing.assert_allclose(half, -6 * math.log(2.0), rtol=1e-6)


def test_what_binarisation_makes_of_pixels():
    images = tf.constant(np.tile(np.float32([[[[0.0], [0.499]], [[0.5], [1.0]]]]), (4000, 1, 1, 1)))
    none, static, dynamic = (likelihoods.bernoulli(how) for how in ("none", "static", "dynamic"))
    assert none.prepare(images, Noise(0, 0)) is images and not none.exact
    static = static.prepare(images, Noise(0, 0)).numpy()
    np.testing.assert_array_equal(static[0].ravel(), [0, 0, 1, 1])
    first, second = (dynamic.prepare(images, Noise(0, step)).numpy() for step in (0, 1))
    assert set(np.unique(first)) == {0.0, 1.0} and dynamic.exact
    np.testing.assert_allclose(first.mean(axis=0).ravel(), [0.0, 0.499, 0.5, 1.0], atol=0.04)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("sigma", [0.3, None])
def test_gaussian_log_prob_is_the_density(sigma):
    deviation = sigma or np.exp(np.maximum(SCALE.astype(np.float64), -math.log(256.0)))
    z = (X - sigmoid(RAW)) / deviation
    expected = np.sum(-0.5 * z**2 - np.log(deviation) - 0.5 * math.log(2 * math.pi), axis=(1, 2, 3))
    np.testing.assert_allclose(log_prob(likelihoods.gaussian(sigma)), expected, rtol=1e-4)


def test_a_learned_deviation_has_a_floor_of_one_grey_level():
    likelihood, tiny = likelihoods.gaussian(None), np.full_like(SCALE, -50.0)
    at_mean = sigmoid(RAW).astype(np.float32)
    highest = 6 * (math.log(256.0) - 0.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(log_prob(likelihood, at_mean, scale=tiny), highest, rtol=1e-5)


def every_value(raw, scale):
    """log p of each of the 256 pixel values, under one mean and one scale."""
    x = (np.arange(256, dtype=np.float32) / 255.0).reshape(256, 1, 1, 1)
    full = [np.full_like(x, value) for value in (raw, scale)]
    return log_prob(likelihoods.discretized_logistic(), x, raw=full[0], scale=full[1])


@pytest.mark.parametrize("raw", [-6.0, -0.3, 0.0, 2.0])
@pytest.mark.parametrize("scale", [-20.0, -3.0, -1.0, 0.5, 20.0])
def test_the_discretised_logistic_is_a_distribution_over_the_256_values(raw, scale):
    log_p = every_value(raw, scale)
    assert np.isfinite(log_p).all()
    assert np.exp(log_p.astype(np.float64)).sum() == pytest.approx(1.0, abs=2e-4)


def test_the_discretised_logistic_against_the_difference_of_its_distribution_function():
    mean, width = sigmoid(0.4), np.exp(-1.0 - 2.0)
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255.0, [np.inf]])
    expected = np.diff(sigmoid((edges - mean) / width))
    np.testing.assert_allclose(np.exp(every_value(0.4, -1.0)), expected, rtol=1e-3)


@pytest.mark.parametrize("likelihood", ALL, ids=str)
def test_gradients_are_finite_at_extreme_outputs(likelihood):
    raw = np.float32([-60.0, 60.0, 0.0, 60.0, -60.0, 0.0]).reshape(1, *SHAPE)
    scale = np.float32([-60.0, 60.0, 60.0, -60.0, 0.0, -60.0]).reshape(1, *SHAPE)
    given = {name: tf.constant(value) for name, value in decoded(likelihood, raw, scale).items()}
    x = tf.constant(np.float32([0.0, 0.0, 1.0, 1.0, 128 / 255, 128 / 255]).reshape(1, *SHAPE))
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = likelihood.log_prob(x, given)
    gradients = [g for g in tape.gradient(value, list(given.values())) if g is not None]
    assert gradients and all(np.isfinite(g).all() for g in (value, *gradients))


def repeated(likelihood, raw, scale):
    """20,000 draws of two pixels."""
    full = [np.tile(np.float32(v).reshape(1, 1, 2, 1), (20_000, 1, 1, 1)) for v in (raw, scale)]
    outputs = decoded(likelihood, *full)
    return likelihood.draw(outputs, Noise(0, 0)).numpy()[:, 0, :, 0], outputs


def test_bernoulli_draws_are_bits_with_the_right_mean():
    bits, _ = repeated(likelihoods.bernoulli(), [-1.0, 2.0], [0.0, 0.0])
    assert set(np.unique(bits)) == {0.0, 1.0}
    np.testing.assert_allclose(bits.mean(axis=0), sigmoid([-1.0, 2.0]), atol=0.015)


@pytest.mark.parametrize("sigma", [0.05, None])
def test_gaussian_draws_have_the_mean_and_the_deviation(sigma):
    pixels, _ = repeated(likelihoods.gaussian(sigma), [-0.5, 0.4], np.log([0.04, 0.06]))
    np.testing.assert_allclose(pixels.mean(axis=0), sigmoid([-0.5, 0.4]), atol=2e-3)
    np.testing.assert_allclose(pixels.std(axis=0), sigma or [0.04, 0.06], rtol=0.03)
    wide, _ = repeated(likelihoods.gaussian(3.0), [0.0, 0.0], [0.0, 0.0])
    assert wide.min() == 0.0 and wide.max() == 1.0


def test_discretised_logistic_draws_follow_its_own_probabilities():
    pixels, _ = repeated(likelihoods.discretized_logistic(), [0.4, 8.0], [-1.0, -1.0])
    np.testing.assert_allclose(pixels * 255.0, np.round(pixels * 255.0), atol=1e-3)
    levels = np.round(pixels * 255.0).astype(int)
    for column, raw in enumerate((0.4, 8.0)):
        found = np.cumsum(np.bincount(levels[:, column], minlength=256)) / len(levels)
        expected = np.cumsum(np.exp(every_value(raw, -1.0)))
        assert np.abs(found - expected).max() < 0.015  # Kolmogorov's distance of 20,000 draws


@pytest.mark.parametrize("likelihood", ALL, ids=str)
def test_draws_repeat_with_the_noise_and_lie_in_the_unit_range(likelihood):
    outputs = decoded(likelihood)
    first, again, other = (likelihood.draw(outputs, Noise(0, step)).numpy() for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other) and first.shape == X.shape
    assert 0.0 <= first.min() and first.max() <= 1.0


@pytest.mark.parametrize("likelihood", ALL, ids=str)
def test_the_initial_bias_gives_the_mean_image(likelihood):
    mean = np.float32([0.0, 0.2, 0.5, 0.8, 1.0, 0.01]).reshape(SHAPE)
    bias = likelihood.initial_bias(tf.constant(mean))
    image = decoded(likelihood, np.asarray(bias)[None], np.zeros((1, *SHAPE), np.float32))["image"]
    np.testing.assert_allclose(image[0], np.clip(mean, 1e-3, 1 - 1e-3), rtol=1e-4)


def test_pixels_between_the_256_levels_are_rounded_for_the_discretised_logistic():
    prepared = likelihoods.discretized_logistic().prepare(tf.constant([0.0, 0.5 / 255 + 1e-4, 1.0]), Noise(0, 0))
    np.testing.assert_allclose(prepared, [0.0, 1 / 255, 1.0], rtol=1e-6)


def test_mistakes_are_said():
    with pytest.raises(UserError, match="binarize must be 'none', 'static' or 'dynamic', got 'statik'"):
        likelihoods.bernoulli("statik")
    for sigma in (0.0, -1.0, math.nan):
        with pytest.raises(UserError, match="sigma must be positive"):
            likelihoods.gaussian(sigma)


@pytest.mark.parametrize("likelihood", ALL, ids=str)
def test_a_likelihood_survives_saving(likelihood, round_trip):
    assert round_trip(likelihood) == likelihood
