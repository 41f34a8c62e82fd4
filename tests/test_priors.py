"""Latent priors: ranges, moments, densities."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import priors
from tfgen.errors import UserError

SEED = tf.constant([3, 5], tf.int64)
ALL = [priors.normal(), priors.uniform(-1, 1), priors.uniform(0, 3), priors.spherical()]


def drawn(prior, shape=(4000, 8)):
    return prior.sample(SEED, shape).numpy()


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_the_same_seed_gives_the_same_z_and_another_seed_another(prior):
    z = drawn(prior, (5, 3))
    assert z.shape == (5, 3) and z.dtype == np.float32
    np.testing.assert_array_equal(z, drawn(prior, (5, 3)))
    assert not np.array_equal(z, prior.sample(tf.constant([3, 6], tf.int64), (5, 3)))


def test_normal_numbers_have_the_moments_of_n_0_1():
    z = drawn(priors.normal())
    error = 4 / math.sqrt(z.size)
    assert abs(z.mean()) < error and abs(z.var() - 1.0) < error * math.sqrt(2.0)
    assert abs(np.mean(z**4) - 3.0) < error * math.sqrt(96.0)
    assert np.abs(np.corrcoef(z.T) - np.eye(8)).max() < 5 / math.sqrt(len(z))


@pytest.mark.parametrize("low,high", [(-1.0, 1.0), (0.0, 3.0)])
def test_uniform_numbers_fill_their_range(low, high):
    z = drawn(priors.uniform(low, high))
    width, error = high - low, 4 / math.sqrt(z.size)
    assert low <= z.min() < low + 0.01 * width and high - 0.01 * width < z.max() < high
    assert abs(z.mean() - (low + high) / 2) < error * width / math.sqrt(12.0)
    assert z.var() == pytest.approx(width**2 / 12.0, rel=0.05)


def test_spherical_points_lie_on_the_sphere_and_have_no_direction():
    z = drawn(priors.spherical())
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), math.sqrt(8.0), rtol=1e-5)
    assert np.abs(z.mean(axis=0)).max() < 5 / math.sqrt(len(z))
    assert np.abs(np.cov(z.T) - np.eye(8)).max() < 5 / math.sqrt(len(z))


def test_the_origin_has_no_direction():
    found = priors.spherical().confined(tf.constant([[0.0, 0.0], [0.0, 3.0]]))
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.0, math.sqrt(2.0)]], rtol=1e-6)


def test_log_density_of_the_normal_prior():
    z = np.array([[[0.0, 0.0], [1.0, -2.0]], [[0.5, 3.0], [-1.0, -1.0]]], np.float32)
    expected = np.sum(-0.5 * z.astype(np.float64) ** 2 - 0.5 * math.log(2 * math.pi), axis=-1)
    np.testing.assert_allclose(priors.normal().log_prob(tf.constant(z)), expected, rtol=1e-6)
    assert float(priors.normal().log_prob(tf.zeros([1, 2]))[0]) == pytest.approx(-1.837877, abs=1e-5)


def test_log_density_of_the_uniform_prior_is_that_of_a_box():
    z = tf.constant([[0.0, 0.5], [-1.0, 2.9], [3.0, 0.0], [-1.1, 0.0]])
    found = priors.uniform(-1, 3).log_prob(z).numpy()
    assert found[:2] == pytest.approx([-2 * math.log(4.0)] * 2)
    assert np.isneginf(found[2:]).all()


def test_the_normal_log_prob_of_a_value_under_a_mean_and_a_log_variance():
    # N(1; 3, 4): -(log 2 pi + log 4 + 4 / 4) / 2
    expected = -0.5 * (math.log(2 * math.pi) + math.log(4.0) + 1.0)
    found = priors.normal_log_prob(tf.constant(1.0), tf.constant(3.0), tf.constant(math.log(4.0)))
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_the_density_of_an_equal_mixture_is_the_mean_of_its_parts_also_where_one_is_narrow():
    draw = np.random.default_rng(0)
    x, mean, log_var = draw.normal(size=(2, 5, 3)), draw.normal(size=(7, 3)), draw.normal(size=(7, 3)) * 3.0
    mean[0], log_var[0] = x[1, 2], -14.0  # at its narrow mean, terms of 10^6 cancel
    parts = np.exp(-0.5 * (x[:, :, None] - mean) ** 2 / np.exp(log_var)) / np.sqrt(2 * math.pi * np.exp(log_var))
    expected = np.log(parts.prod(axis=-1).mean(axis=-1))
    found = priors.mixture_log_prob(*(tf.constant(value, tf.float64) for value in (x, mean, log_var)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    x, mean, log_var = (tf.constant(value, tf.float32) for value in (x, mean, log_var))
    found = priors.mixture_log_prob(x, mean, log_var)
    assert found.dtype == tf.float32 and found.shape == [2, 5]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_mistakes_are_said():
    with pytest.raises(UserError, match="low < high, got 1.0 and 1.0"):
        priors.uniform(1, 1)
    with pytest.raises(UserError, match="no density"):
        priors.spherical().log_prob(tf.zeros([1, 2]))


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_a_prior_survives_saving(prior, round_trip):
    assert round_trip(prior) == prior
