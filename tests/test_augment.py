"""Differentiable augmentations."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import augment
from tfgen.noise import Noise

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (50, 8, 16, 2)).astype(np.float32))


def noise(step=0):
    return Noise(0, step, "augment/")


def test_instance_noise_adds_a_normal_number_to_every_pixel():
    added = (augment.instance_noise(0.3)(IMAGES, noise()) - IMAGES).numpy()
    assert abs(added.mean()) < 0.01 and added.std() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_array_equal(augment.instance_noise(0.0)(IMAGES, noise()), IMAGES)


def shifted(image, rows, columns):
    """`image` seen from (rows, columns) on, zeros outside."""
    height, width = image.shape[:2]
    wide = np.pad(image, [(height, height), (width, width), (0, 0)])
    return wide[height + rows : 2 * height + rows, width + columns : 2 * width + columns]


def test_translation_shifts_each_image_by_up_to_a_fraction_of_its_size():
    moved = augment.translate(0.25)(IMAGES, noise()).numpy()
    found = []
    for before, after in zip(IMAGES.numpy(), moved, strict=True):
        shifts = [(r, c) for r in range(-2, 3) for c in range(-4, 5) if np.array_equal(shifted(before, r, c), after)]
        assert len(shifts) == 1
        found.append(shifts[0])
    rows, columns = np.array(found).T
    assert set(rows) == set(range(-2, 3)) and set(columns) == set(range(-4, 5))


def test_translation_passes_gradients_of_the_pixels_that_stay():
    with tf.GradientTape() as tape:
        tape.watch(IMAGES)
        total = tf.reduce_sum(augment.translate(0.25)(IMAGES, noise()))
    gradient = tape.gradient(total, IMAGES).numpy()
    assert set(np.unique(gradient)) == {0.0, 1.0}
    kept = IMAGES.numpy()[gradient == 1.0].sum(dtype=np.float64)
    assert kept == pytest.approx(float(total), abs=1e-2)


@pytest.mark.parametrize("make", [augment.instance_noise, augment.translate])
def test_the_same_step_augments_alike_and_the_next_one_anew(make):
    first = make()(IMAGES, noise()).numpy()
    np.testing.assert_array_equal(first, make()(IMAGES, noise()))
    assert not np.array_equal(first, make()(IMAGES, noise(1)))


def test_a_chain_applies_its_steps_in_order_each_with_its_own_noise():
    first, second = augment.translate(0.25), augment.instance_noise(0.5)
    both = augment.chain(first, None, second)
    expected = second(first(IMAGES, noise().scope("0")), noise().scope("1"))
    np.testing.assert_array_equal(both(IMAGES, noise()), expected)
    twice = augment.chain(second, second)(IMAGES, noise()) - IMAGES
    assert np.std(twice) == pytest.approx(0.5 * np.sqrt(2.0), rel=0.03)


def test_a_chain_of_one_or_none_is_no_chain():
    assert augment.chain(None, augment.translate()) == augment.translate()
    assert augment.chain(None) is None


@pytest.mark.parametrize(
    "value",
    [augment.instance_noise(0.2), augment.translate(0.3), augment.chain(augment.instance_noise(), augment.translate())],
    ids=str,
)
def test_an_augmentation_survives_saving(value, round_trip):
    assert round_trip(value) == value
