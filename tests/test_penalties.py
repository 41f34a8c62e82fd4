"""Gradient penalties against discriminators whose gradients are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import penalties
from tfgen.noise import Noise

SHAPE = (2, 3, 1)
SLOPE = np.array([1.0, -2.0, 2.0, 0.0, 4.0, 0.0], np.float32)  # |w| = 5
REAL = tf.constant(np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, *SHAPE))
FAKE = tf.constant(np.linspace(3, -2, 24, dtype=np.float32).reshape(4, *SHAPE))


def linear(images):
    """D(x) = w . x + 1: its gradient is w everywhere."""
    return tf.matmul(tf.reshape(images, [-1, 6]), SLOPE[:, None]) + 1.0


def bowl(images):
    """D(x) = |x|^2 / 2: its gradient at x is x."""
    return 0.5 * tf.reduce_sum(tf.square(images), axis=[1, 2, 3])[:, None]


def noise():
    return Noise(0, 0, "test/")


def test_the_squared_gradient_norm_of_each_image():
    assert penalties.squared_gradient_norm(linear, REAL).numpy() == pytest.approx([25.0] * 4)
    norms = np.sum(np.square(REAL.numpy()).reshape(4, 6), axis=1)
    assert penalties.squared_gradient_norm(bowl, REAL).numpy() == pytest.approx(norms, rel=1e-6)


def test_r1_is_half_the_weight_times_the_mean_squared_norm_on_real_images():
    assert float(penalties.r1(2.0)(linear, REAL, FAKE, noise())) == pytest.approx(25.0)
    expected = 0.5 * 10.0 * np.mean(np.sum(np.square(REAL.numpy()).reshape(4, 6), axis=1))
    assert float(penalties.r1(10.0)(bowl, REAL, FAKE, noise())) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_penalty_wants_a_norm_of_one():
    assert float(penalties.gradient_penalty(10.0)(linear, REAL, FAKE, noise())) == pytest.approx(10.0 * 16.0, rel=1e-5)
    unit = lambda images: linear(images) / 5.0  # noqa: E731
    assert float(penalties.gradient_penalty()(unit, REAL, FAKE, noise())) == pytest.approx(0.0, abs=1e-6)


def test_the_gradient_penalty_is_taken_on_the_line_from_fake_to_real_at_a_place_of_its_own_for_each_image():
    seen = []

    def spy(images):
        seen.append(images.numpy())
        return bowl(images)

    value = float(penalties.gradient_penalty(3.0)(spy, REAL, FAKE, noise()))
    (mixed,) = seen
    share = (mixed - FAKE.numpy()) / (REAL.numpy() - FAKE.numpy())
    assert np.ptp(share, axis=(1, 2, 3)) == pytest.approx(0.0, abs=1e-4)
    share = share.mean(axis=(1, 2, 3))
    assert ((share > 0) & (share < 1)).all() and len(set(share.round(3))) == 4
    norms = np.sqrt(np.sum(np.square(mixed).reshape(4, 6), axis=1))
    assert value == pytest.approx(3.0 * np.mean(np.square(norms - 1.0)), rel=1e-5)


def test_where_the_gradient_is_zero_the_penalty_can_still_be_differentiated():
    weight = tf.Variable(0.0)
    flat = lambda images: weight * linear(images)  # noqa: E731
    with tf.GradientTape() as tape:
        value = penalties.gradient_penalty(1.0)(flat, REAL, FAKE, noise())
    assert float(value) == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(float(tape.gradient(value, weight)))


def test_a_penalty_can_be_differentiated_by_the_weights_of_d():
    weight = tf.Variable(0.5)
    scaled = lambda images: weight * linear(images)  # noqa: E731
    with tf.GradientTape() as tape:
        value = penalties.r1(2.0)(scaled, REAL, FAKE, noise())
    # E|w g|^2 = 25 w^2, whose derivative is 50 w
    assert float(tape.gradient(value, weight)) == pytest.approx(25.0, rel=1e-6)
    weight.assign(0.4)
    with tf.GradientTape() as tape:
        value = penalties.gradient_penalty(1.0)(scaled, REAL, FAKE, noise())
    assert float(tape.gradient(value, weight)) == pytest.approx(2 * (5 * 0.4 - 1) * 5, rel=1e-5)


@pytest.mark.parametrize("penalty", [penalties.r1(3.0), penalties.gradient_penalty(7.0)])
def test_a_penalty_survives_saving(penalty, round_trip):
    assert round_trip(penalty) == penalty
