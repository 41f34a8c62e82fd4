"""Interpolants: what follows from x = a x_1 + s x_0 and from a mixture that a network gives."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import interpolants
from tfgen.errors import UserError
from tfgen.recipes.conversion import convert
from tfgen.recipes.spelling import spell

ALL = [interpolants.straight(), interpolants.cosine(), interpolants.cosine(0.01), interpolants.linear_betas()]
TARGETS = ["velocity", "v", "noise", "data"]


def at(interpolant, time):
    return interpolants.Mixture(*(float(value) for value in interpolant.mixed(tf.constant(time, tf.float64))))


def test_by_hand():
    assert at(interpolants.straight(), 0.25) == (0.25, 0.75, 1.0, -1.0)
    a, s, da, ds = at(interpolants.cosine(), 0.5)
    half, speed = math.sqrt(0.5), 0.992 * math.pi / 2
    np.testing.assert_allclose([a, s, da, ds], [half, half, speed * half, -speed * half])
    # the integral of beta = 0.1 + 19.9 u from 0 to 1 is 10.05
    np.testing.assert_allclose(at(interpolants.linear_betas(), 0.0).a, math.exp(-5.025))
    assert at(interpolants.linear_betas(), 1.0).s == pytest.approx(math.sqrt(1e-4 + 0.5 * 19.9e-6), rel=1e-3)


@pytest.mark.parametrize("interpolant", ALL, ids=spell)
def test_the_slopes_are_those_of_a_and_s(interpolant):
    for time in (0.1, 0.5, 0.9):
        before, here, after = (at(interpolant, time + step) for step in (-1e-5, 0.0, 1e-5))
        np.testing.assert_allclose([(after.a - before.a) / 2e-5, (after.s - before.s) / 2e-5], here[2:], rtol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("interpolant", ALL, ids=spell)
def test_both_ends_and_the_velocity_follow_from_what_a_network_gives(interpolant, target):
    data, noise = tf.constant([[[2.0, -1.0]]], tf.float64), tf.constant([[[0.5, 3.0]]], tf.float64)
    mixture = interpolant.at(tf.constant([0.3], tf.float64), 3)
    p, q = mixture.weights(target)
    x, made = mixture.a * data + mixture.s * noise, p * data + q * noise
    for found, expected in zip(mixture.ends(x, made, target), (data, noise), strict=True):
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(mixture.velocity(x, made, target), mixture.da * data + mixture.ds * noise)


def test_a_velocity_that_a_network_gives_is_taken_as_it_is():
    x, made = tf.random.normal([3, 2, 2, 1]), tf.random.normal([3, 2, 2, 1])
    for interpolant in ALL:
        mixture = interpolant.at(tf.constant([0.0, 0.3, 1.0]), 4)
        np.testing.assert_allclose(mixture.velocity(x, made, "velocity"), made, rtol=1e-6)


@pytest.mark.parametrize("target, factor", [("noise", 1 / 9), ("v", 0.1), ("data", 1.0)])
def test_the_error_of_data_by_hand(target, factor):
    """At a signal-to-noise ratio of 9: 1 / SNR of the noise, 1 / (SNR + 1) of v (Hang et al. 2023, section 3.4)."""
    mixture = interpolants.Mixture(*(tf.constant(v) for v in (math.sqrt(0.9), math.sqrt(0.1), 1.0, 1.0)))
    assert float(mixture.error_of_data(target)) == pytest.approx(factor)


@pytest.mark.parametrize("offset", ["0", "0.5", "0.6"])
def test_a_way_that_stands_still_or_runs_backwards_is_refused(offset):
    with pytest.raises(UserError, match="offset"):
        convert(f"cosine({offset})", interpolants.Interpolant)


def test_they_are_named_in_options_and_saved(round_trip):
    assert convert("cosine(0.01)", interpolants.Interpolant) == interpolants.cosine(0.01)
    for interpolant in ALL:
        assert round_trip(interpolant) == interpolant and convert(spell(interpolant), interpolants.Interpolant)
