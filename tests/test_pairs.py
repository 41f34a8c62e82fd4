"""Scores of pairs of images, beside hand-computed numbers and TensorFlow's."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.metrics.pairs import scales_of

NAMES = ["mean_absolute_error", "peak_signal_to_noise", "structural_similarity", "multiscale_structural_similarity"]


def pair(shape, noise=40, count=3):
    random = np.random.RandomState(0)
    a = random.randint(0, 256, (count, *shape))
    b = np.clip(a + random.randint(-noise, noise + 1, a.shape), 0, 255)
    return a.astype(np.uint8), b.astype(np.uint8)


def test_numbers_computed_by_hand():
    a, b = np.zeros((2, 8, 8, 1), np.uint8), np.zeros((2, 8, 8, 1), np.uint8)
    b[0] = 51  # a fifth of the range
    b[1, 0] = 255  # an eighth of the pixels
    np.testing.assert_allclose(metrics.mean_absolute_error(a, b), [0.2, 0.125])
    np.testing.assert_allclose(metrics.peak_signal_to_noise(a, b), [-20 * math.log10(0.2), 10 * math.log10(8)])
    # of constant images the structure is equal, and the luminance (C1) / (0.2^2 + C1)
    np.testing.assert_allclose(metrics.structural_similarity(a, b)[0], 1e-4 / (0.04 + 1e-4))


@pytest.mark.parametrize("shape", [(28, 28, 1), (40, 33, 3), (11, 12, 1)])
def test_as_tensorflow_has_them(shape):
    a, b = pair(shape)
    x, y = (tf.constant(images, tf.float32) for images in (a, b))
    np.testing.assert_allclose(metrics.peak_signal_to_noise(a, b), tf.image.psnr(x, y, 255.0), rtol=1e-5)
    np.testing.assert_allclose(metrics.structural_similarity(a, b), tf.image.ssim(x, y, 255.0), atol=2e-5)


@pytest.mark.parametrize("shape", [(176, 176, 1), (181, 190, 3), (161, 170, 1)])
def test_five_scales_as_tensorflow_has_them(shape):
    a, b = pair(shape, count=2)
    expected = tf.image.ssim_multiscale(tf.constant(a), tf.constant(b), 255)
    np.testing.assert_allclose(metrics.multiscale_structural_similarity(a, b), expected, atol=5e-5)


def test_small_images_have_fewer_scales():
    assert [scales_of((side, 512)) for side in (8, 20, 21, 28, 41, 81, 160, 161, 400)] == [1, 1, 2, 2, 3, 4, 4, 5, 5]
    a, b = pair((28, 28, 1))
    x, y = (tf.constant(images, tf.float32) for images in (a, b))
    expected = tf.image.ssim_multiscale(x, y, 255.0, power_factors=np.array([0.0448, 0.2856]) / 0.3304)
    np.testing.assert_allclose(metrics.multiscale_structural_similarity(a, b), expected, atol=5e-5)


@pytest.mark.parametrize("shape", [(8, 9, 1), (28, 28, 3)])
def test_equal_images_and_floats(shape):
    a, b = pair(shape)
    for name in NAMES:
        function = getattr(metrics, name)
        best = {"mean_absolute_error": 0.0, "peak_signal_to_noise": math.inf}.get(name, 1.0)
        np.testing.assert_allclose(function(a, a), [best] * 3)
        assert function(a, b).dtype == np.float64 and function(a, b).shape == (3,)
        floats = function((a / 255).astype(np.float32), (b / 255).astype(np.float32))
        np.testing.assert_allclose(floats, function(a, b), rtol=1e-4)
        np.testing.assert_allclose(function(a[1:2], b[1:2]), function(a, b)[1:2])


@pytest.mark.parametrize("name", NAMES)
def test_other_arrays_are_refused_in_a_sentence(name):
    a, _ = pair((8, 8, 1))
    for bad in (a[:2], a[:, :7], np.full(a.shape, np.nan, np.float32), a.astype(np.int64) * 300):
        with pytest.raises(UserError) as caught:
            getattr(metrics, name)(a, bad)
        assert "\n" not in str(caught.value)
