"""What to do about an array that does not fit: each hint is chosen by the shape and the values that were seen."""

import math
from collections.abc import Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[float, float]

# (where the smallest value lies, where the largest one lies, hint); the first row that fits is taken.
# Resampling overshoots by up to a tenth of the range.
_FLOATS: tuple[tuple[Span, Span, str], ...] = (
    ((-0.1, 1.1), (-0.1, 1.1), "clip them with np.clip(x, 0, 1)"),
    ((-0.505, -0.49), (0.49, 0.505), "map them with x + 0.5"),
    ((-1, 1), (-1, 1), "map them with (x + 1) / 2"),
    ((-1.1, 1.1), (-1.1, 1.1), "map them with np.clip((x + 1) / 2, 0, 1)"),
    ((0, 16), (1.1, 16), "scale them to [0, 1]"),
    ((0, 255), (16, 255), "divide by 255"),
    ((-26, -0.1), (1.1, 26), "undo their standardisation with x * std + mean"),
    ((-26, -1.1), (-26, 26), "undo their standardisation with x * std + mean"),
    ((-26, 281), (26, 281), "divide by 255 after np.clip(x, 0, 255)"),
    ((-155, -26), (-155, 155), "add the mean that was subtracted from the bytes, and divide by 255"),
    ((0, 65535), (1000, 65535), "divide by the largest value of their kind, 65535 for 16 bits"),
)
_INTEGERS: tuple[tuple[Span, Span, str], ...] = (
    ((0, 1), (0, 1), "convert them with (255 * x).astype('uint8')"),
    ((-1, 1), (-1, 1), "convert them with ((x + 1) * 127.5).astype('uint8')"),
    ((0, 255), (0, 255), "convert them with .astype('uint8')"),
    ((-26, 281), (26, 281), "convert them with np.clip(x, 0, 255).astype('uint8')"),
    ((-128, 127), (-128, 127), "convert them with (x + 128.0).astype('uint8')"),
    ((0, 65535), (256, 65535), "divide by the largest value of their kind, 65535 for 16 bits"),
)
# field -> what data have it
_HAVING = {
    "label": "choose a data set with labels, or an unconditional model",
    "caption": "captions(NAME) makes captions of named classes, a folder has them in the column `text` of metadata.csv",
    "source": "edges(NAME), gray(NAME), small(NAME, 4), masked(NAME) make pairs, side_by_side(folder:PATH) reads them",
    "other": "domains(NAME, A, B) takes two classes, and folder:PATH has two domains in trainA/ and trainB/",
}


def of_missing(field: str) -> str:
    """Returns the hint for data without a field, after a semicolon; "" where there is none."""
    return f"; {_HAVING[field]}" if field in _HAVING else ""


def of_floats(low: float, high: float, whole: bool = False) -> str:
    """Returns the hint for float images outside [0, 1], "" where there is none.

    Args:
        low: their smallest value.
        high: their largest value.
        whole: whether all of them are whole numbers.
    """
    hint = _first(_FLOATS, low, high)
    return f"{hint}, or convert them with .astype('uint8')" if whole and hint == "divide by 255" else hint


def of_integers(low: float, high: float) -> str:
    """Returns the hint for integer images that are not uint8, "" where there is none."""
    return _first(_INTEGERS, low, high)


def _first(table, low, high):
    return next((hint for a, b, hint in table if a[0] <= low <= a[1] and b[0] <= high <= b[1]), "")


def of_image_shape(shape: Sequence[int | None], expected: Sequence[int] | None = None) -> str:
    """Returns the hint for images of a wrong shape, "" where there is none.

    Args:
        shape: of the array, (N, H, W, C) if it were right.
        expected: (H, W, C) of the model's images, or None where any size is taken.
    """
    shape = tuple(shape)
    if expected is not None:
        return _towards(shape, tuple(expected))
    if len(shape) == 2 and shape[1] and shape[1] > 3 and math.isqrt(shape[1]) ** 2 == shape[1]:
        side = math.isqrt(shape[1])
        return f"if these are flat rows of pixels, give them their axes with x.reshape(-1, {side}, {side}, 1)"
    if len(shape) == 2:
        return "give one image its batch axis with x[None]"
    if len(shape) != 4:
        return ""
    if shape[1] in (1, 3):
        return "move the channels to the end with np.moveaxis(x, 1, -1)"
    if shape[2] in (1, 3):
        return "move the axis of the examples to the front with np.moveaxis(x, -1, 0)"
    alpha = {2: "x[..., :1]", 4: "x[..., :3]"}.get(shape[-1] or 0)
    return f"leave out the alpha channel with {alpha}" if alpha else ""


def _towards(shape, expected):
    reshape = f"x.reshape(-1, {', '.join(map(str, expected))})"
    if shape in (expected, expected[:2]):
        return "give a single image its batch axis with x[None], and a data set its batches with .batch(64)"
    if shape[2:] == expected:
        return f"join the first two axes with {reshape}, of a data set with .unbatch()"
    if len(shape) == 2 and shape[1] == math.prod(expected):
        return f"give the pixels their axes with {reshape}"
    if len(shape) != 4:
        return ""
    if (*shape[2:], shape[1]) == expected:
        return "move the channels to the end with np.moveaxis(x, 1, -1)"
    if shape[:3] == expected:
        return "move the axis of the examples to the front with np.moveaxis(x, -1, 0)"
    if shape[1:3] == expected[:2]:
        return _channels(shape[3], expected[2])
    return f"resize them, or build the model with image_shape={shape[1:]}"


def _channels(got, expected):
    if got == 4 and expected == 3 or got == 2 and expected == 1:
        return f"leave out the alpha channel with x[..., :{expected}]"
    if got == 3 and expected == 1:
        return "convert them to gray with tf.image.rgb_to_grayscale(x)"
    if got == 1 and expected == 3:
        return "repeat the gray channel with np.repeat(x, 3, -1)"
    return ""
