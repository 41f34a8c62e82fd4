"""The hint of every refusal is chosen by the values that were seen."""

import ml_dtypes
import numpy as np
import pytest

from tfgen.data.checks import as_array, check_field, extremes
from tfgen.errors import UserError


def images(*values, dtype=np.float32):
    """Images of 4 x 4 pixels with these values among others between them, [8, 4, 4, 1]."""
    filled = np.linspace(min(values), max(values), 8 * 16)
    filled[: len(values)] = values
    return filled.reshape(8, 4, 4, 1).astype(dtype)


def pixel(value):
    """Sound images but for one pixel."""
    sound = images(0, 1)
    sound[3, 1, 2, 0] = value
    return sound


BYTES = np.arange(256).repeat(8 * 16 // 128).reshape(-1, 4, 4, 1)


@pytest.mark.parametrize(
    "array,hint",
    [
        (images(-1, 1), "map them with (x + 1) / 2"),
        (images(-0.9, 0.8), "map them with (x + 1) / 2"),
        (images(-1.004, 1.02), "map them with np.clip((x + 1) / 2, 0, 1)"),
        (pixel(-0.004), "clip them with np.clip(x, 0, 1)"),
        (pixel(1.003), "clip them with np.clip(x, 0, 1)"),
        (images(-0.05, 1.06), "clip them with np.clip(x, 0, 1)"),
        (images(-0.5, 0.5), "map them with x + 0.5"),
        (images(0.3, 254.7), "divide by 255"),
        (BYTES.astype(np.float64), "divide by 255, or convert them with .astype('uint8')"),
        (BYTES.astype(np.float16), "divide by 255, or convert them with .astype('uint8')"),
        (images(-4, 261.5), "divide by 255 after np.clip(x, 0, 255)"),
        (images(-0.424, 2.82), "undo their standardisation with x * std + mean"),
        (images(-2.1, 2.6), "undo their standardisation with x * std + mean"),
        (images(-123.7, 151.1), "add the mean that was subtracted from the bytes, and divide by 255"),
        (images(0, 60000), "divide by the largest value of their kind, 65535 for 16 bits"),
        (images(0, 1.6), "scale them to [0, 1]"),
        (images(0, 7), "scale them to [0, 1]"),
        (pixel(300), None),
        (BYTES.astype(np.int32), "convert them with .astype('uint8')"),
        (BYTES.astype(np.uint16), "convert them with .astype('uint8')"),
        (BYTES % 2, "convert them with (255 * x).astype('uint8')"),
        (BYTES % 3 - 1, "convert them with ((x + 1) * 127.5).astype('uint8')"),
        ((BYTES - 128).astype(np.int8), "convert them with (x + 128.0).astype('uint8')"),
        ((BYTES * 257).astype(np.uint16), "divide by the largest value of their kind, 65535 for 16 bits"),
        ((BYTES % 2).astype(np.uint8), "multiply by 255"),
        (images(0, 1) / 255, "have they been divided by 255 twice?"),
        (pixel(np.nan), "expected finite pixels, got 1 NaN"),
        (pixel(-np.inf), "expected finite pixels, got 1 infinite"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_a_hint_fits_the_values(array, hint):
    with pytest.raises(UserError) as caught:
        check_field("image", array, "image")
    text = str(caught.value)
    assert text.endswith(hint) if hint else text.endswith(f"{extremes(array)[1]:g}"), text
    assert text.startswith("image: expected ") and "\n" not in text


def test_following_a_hint_of_floats_gives_images_that_are_taken():
    for given, follow in [
        (images(-1, 1), lambda x: (x + 1) / 2),
        (pixel(-0.004), lambda x: np.clip(x, 0, 1)),
        (images(-0.5, 0.5), lambda x: x + 0.5),
        (images(0.3, 254.7), lambda x: x / 255),
        (BYTES % 2, lambda x: (255 * x).astype("uint8")),
    ]:
        assert len(check_field("image", follow(given), "image")) == len(given)


SHAPE = (8, 6, 3)


@pytest.mark.parametrize(
    "shape,expected,hint",
    [
        ((5, 3, 8, 6), None, "move the channels to the end with np.moveaxis(x, 1, -1)"),
        ((8, 6, 3, 50), None, "move the axis of the examples to the front with np.moveaxis(x, -1, 0)"),
        ((5, 8, 6, 4), None, "leave out the alpha channel with x[..., :3]"),
        ((5, 8, 6, 2), None, "leave out the alpha channel with x[..., :1]"),
        ((5, 784), None, "x.reshape(-1, 28, 28, 1)"),
        ((5, 3, 8, 6), SHAPE, "move the channels to the end with np.moveaxis(x, 1, -1)"),
        ((8, 6, 3, 50), SHAPE, "move the axis of the examples to the front with np.moveaxis(x, -1, 0)"),
        (SHAPE, SHAPE, "give a single image its batch axis with x[None], and a data set its batches with .batch(64)"),
        ((5, 8 * 6 * 3), SHAPE, "give the pixels their axes with x.reshape(-1, 8, 6, 3)"),
        ((5, 8, 6, 4), SHAPE, "leave out the alpha channel with x[..., :3]"),
        ((5, 8, 6, 1), SHAPE, "repeat the gray channel with np.repeat(x, 3, -1)"),
        ((5, 8, 6, 3), (8, 6, 1), "convert them to gray with tf.image.rgb_to_grayscale(x)"),
        ((5, 9, 6, 3), SHAPE, "resize them, or build the model with image_shape=(9, 6, 3)"),
    ],
)
def test_a_hint_fits_the_shape(shape, expected, hint):
    with pytest.raises(UserError) as caught:
        check_field("image", np.zeros(shape, np.uint8), "image", expected)
    assert str(caught.value).endswith(hint)


@pytest.mark.parametrize(
    "labels,hint",
    [
        (np.eye(4), "turn one-hot rows into numbers with .argmax(-1)"),
        (np.full((4, 4), 0.25), "turn one-hot rows into numbers with .argmax(-1)"),
        (np.ones((4, 4), np.int64), "expected one class per example"),
        (np.arange(4.0), "convert them with .astype('int64')"),
        (np.array([True, False]), "convert them with .astype('int64')"),
        (np.array(["cat", "dog"]), "number the classes with np.unique(y, return_inverse=True)[1]"),
        (np.array([0.5, np.nan]), "class numbers run from 0 to C - 1"),
        (np.arange(1, 5), "expected labels from 0 to 3, got 1 to 4: subtract 1, since they begin at 0"),
        (np.arange(9), "expected labels from 0 to 3, got 0 to 8"),
        (np.array([0, -1]), "expected labels from 0 to 3, got -1 to 0"),
        (np.zeros((2, 8, 8, 1), np.uint8), "give the class number of every image"),
    ],
)
def test_a_hint_fits_the_labels(labels, hint):
    with pytest.raises(UserError) as caught:
        check_field("label", labels, "label", (), (0, 4))
    assert str(caught.value).endswith(hint) and str(caught.value).startswith("label: expected ")


def test_what_is_no_array_is_said():
    for value in ([np.zeros((4, 4, 1)), np.zeros((5, 4, 1))], "a name", None, object()):
        with pytest.raises(UserError, match="image: expected"):
            check_field("image", value, "image")
    with pytest.raises(UserError, match=r"got \(4, 4, 1\) and \(5, 4, 1\)"):
        as_array("image", [np.zeros((4, 4, 1)), np.zeros((5, 4, 1))])
    assert check_field("image", images(0, 1).astype(ml_dtypes.bfloat16), "image").dtype == np.float32


def test_tokens_vectors_and_points_are_checked_too():
    for kind, value, sentence in [
        ("tokens", np.full((2, 3), 7), "tokens from 0 to 6, got 7"),
        ("tokens", np.zeros((2, 3)), r"expected integers \[N, 3\], got float64 of shape \(2, 3\)"),
        ("vector", np.full((2, 3), np.inf), "expected finite numbers, got 6 infinite"),
        ("vector", np.zeros((2, 4)), r"expected finite numbers \[N, 3\], got float64 of shape \(2, 4\)"),
        ("point", np.zeros((2, 3), complex), "got complex128"),
    ]:
        with pytest.raises(UserError, match=f"^field: .*{sentence}"):
            check_field("field", value, kind, (3,), (0, 7))
