"""The checks of what a field holds, the same wherever data come in, each a sentence with a hint that fits the values.

`check_form` needs a dtype and a shape alone, and so serves tensors of a graph too; `check_field` looks at the values.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data import hints
from tfgen.data.rows import Rows, as_rows, blocks, converted, with_channel
from tfgen.data.source import Field, Kind
from tfgen.errors import UserError, shown

Array = np.ndarray | Rows
Span = tuple[float, float]
_LARGEST = np.iinfo(np.int64).max


def as_array(name: str, values: Any) -> Array:
    """Returns what a user gave as an array; a file's large array as `Rows`, which are read when they are needed.

    Raises:
        UserError: it is no array, or its parts differ in shape.
    """
    rows = as_rows(values)
    if rows is not None:
        return rows
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        shapes = sorted({np.shape(value) for value in values}, key=str)[:2] if isinstance(values, (list, tuple)) else []
        got = " and ".join(map(str, shapes)) if len(shapes) > 1 else type(values).__name__
        raise UserError(f"{name}: expected an array, examples of one shape first, got {got}") from error
    if array.dtype.kind == "U" and array.ndim == 1 and isinstance(values, (list, tuple)):  # NumPy would write numbers
        odd = next((value for value in values if not isinstance(value, str)), None)
        if odd is not None:
            raise UserError(f"{name}: expected values of one kind, got texts and {shown(odd)}")
    # TensorFlow's bfloat16, of which NumPy knows nothing
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def check_field(
    name: str,
    values: ArrayLike | Rows,
    kind: Kind,
    shape: Sequence[int] | None = None,
    limits: Span | None = None,
    whole: bool = True,
) -> Any:
    """Returns a field [N, ...] as a data set holds it; `name` is the field's, for messages.

    Images become uint8 or float32 [N, H, W, C], labels int64 [N], tokens int64, all else float32. Nothing is copied
    where neither dtype nor shape changes.

    Args:
        name: of the field.
        values: the array.
        kind: of the field.
        shape: of one example; None for any.
        limits: (low, high) of labels and tokens, half open; None where unknown.
        whole: whether these are all the data, or the first of them: only then can they be too dark as a whole.

    Raises:
        UserError: another dtype, shape or range.
    """
    array = as_array(name, values)
    dtype = "str" if array.dtype.kind in "US" else array.dtype.name  # not str672
    check_form(name, dtype, array.shape, kind, shape, array)
    if kind == "image":
        return _image_values(name, array, whole)
    if kind in ("label", "tokens"):
        array = np.asarray(array)
        array = array.reshape(-1) if kind == "label" else array
        _check_integers(name, array, kind, limits)
        return array.astype(np.int64, copy=False)
    if kind == "text":
        return _texts(name, np.asarray(array))
    low, high = extremes(array)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{name}: expected finite numbers, got {_not_finite(array)}")
    return converted(array, np.float32)


def check_against(name: str, values: ArrayLike | Rows, field: Field, whole: bool = True) -> Any:
    """Returns a field as `check_field` does, which has to be as `field` declares it."""
    limits = field.range if field.kind in ("label", "tokens") else None
    return check_field(name, values, field.kind, field.shape, limits, whole)


def check_form(
    name: str,
    dtype: str,
    shape: Sequence[int | None] | None,
    kind: Kind,
    expected: Sequence[int] | None = None,
    values: Array | None = None,
) -> None:
    """Raises UserError for another dtype or shape than a field of `kind` has.

    Args:
        name: of the field.
        dtype: a NumPy name.
        shape: of the batch or array, with None for what is not known; None if nothing is known.
        kind: of the field.
        expected: shape of one example; None for any.
        values: the array itself, if it is at hand, for hints.
    """
    if kind == "image":
        _check_image_form(name, dtype, shape, expected, values)
    elif kind == "label":
        _check_label_form(name, dtype, shape, values)
    elif kind == "text":
        if dtype not in ("str", "string", "object") or (shape is not None and len(shape) != 1):
            raise UserError(f"{name}: expected texts [N], got {dtype} of shape {_axes(shape)}")
    else:
        _check_rows_form(name, dtype, shape, kind, expected)


def _check_image_form(name, dtype, shape, expected, values):
    if shape is not None:
        flat = len(shape) == 3 and (expected is None or (len(expected) == 3 and expected[-1] == 1))
        full = (*shape, 1) if flat else tuple(shape)
        if expected is None:
            _check_any_image_shape(name, shape, full)
        elif len(full) != len(expected) + 1 or not _compatible(full[1:], expected):
            hint = _hint(hints.of_image_shape(shape, expected))
            got = tuple(shape)[1:] if len(full) == len(expected) + 1 else f"an array {_axes(shape)}"
            raise UserError(f"{name}: the model takes images of shape {tuple(expected)}, got {got}{hint}")
    if dtype not in ("uint8", "bool") and not is_float(dtype):
        raise UserError(f"{name}: expected uint8, or float in [0, 1], got {dtype}{_integer_hint(dtype, values)}")


def _check_any_image_shape(name, shape, full):
    hint = _hint(hints.of_image_shape(shape))
    if len(full) != 4:
        raise UserError(f"{name}: expected images [N, H, W] or [N, H, W, C], got shape {_axes(shape)}{hint}")
    if full[-1] not in (1, 3):
        raise UserError(f"{name}: expected 1 or 3 channels, last, got shape {_axes(shape)}{hint}")
    if 0 in full[1:]:
        raise UserError(f"{name}: expected images of at least 1x1 pixel, got shape {_axes(shape)}")


def _integer_hint(dtype, values):
    if not dtype.startswith(("int", "uint")):
        return ""
    if values is None or not len(values):
        return ": convert bytes with .astype('uint8')"
    low, high = extremes(values)
    return f" from {low:g} to {high:g}{_hint(hints.of_integers(low, high))}"


def _check_label_form(name, dtype, shape, values):
    if shape is not None and (len(shape) != 1 and not (len(shape) == 2 and shape[1] in (1, None))):
        raise UserError(
            f"{name}: expected integers [N], got {dtype} of shape {_axes(shape)}{_rows_hint(shape, values)}"
        )
    if dtype.startswith(("int", "uint")):
        return
    hint = "class numbers run from 0 to C - 1"
    if dtype == "bool" or (is_float(dtype) and values is not None and _are_whole(values)):
        hint = "convert them with .astype('int64')"
    elif not is_float(dtype):
        hint = "number the classes with np.unique(y, return_inverse=True)[1]"
    raise UserError(f"{name}: expected integers [N], got {dtype}: {hint}")


def _rows_hint(shape, values):
    if len(shape) > 2:
        return ": give the class number of every image"
    if len(shape) < 2:
        return ""
    if values is not None and len(values):
        array = np.asarray(values)
        if array.dtype.kind in "biu" and array.sum(-1).max() > 1:
            return ": expected one class per example"
    return ": turn one-hot rows into numbers with .argmax(-1)"


def _check_rows_form(name, dtype, shape, kind, expected):
    right = dtype.startswith(("int", "uint")) or (kind != "tokens" and (is_float(dtype) or dtype == "bool"))
    fits = shape is None or (
        len(shape) > 0 and (expected is None or (len(shape) == len(expected) + 1 and _compatible(shape[1:], expected)))
    )
    if kind == "tokens" and expected is None:
        fits = shape is None or len(shape) == 2
    if not right or not fits:
        numbers = "integers" if kind == "tokens" else "finite numbers"
        axes = "N, length" if kind == "tokens" else "N, D"
        axes = axes if expected is None else ", ".join(map(str, ("N", *expected)))
        raise UserError(f"{name}: expected {numbers} [{axes}], got {dtype} of shape {_axes(shape)}")


def _image_values(name, images, whole):
    images = with_channel(images) if images.ndim == 3 else images
    if images.dtype == np.uint8:
        if whole and len(images) and _only_ones(images):
            raise UserError(
                f"{name}: expected uint8 from 0 to 255, got only 0 and 1, which are shown as black: multiply by 255"
            )
        return images
    if images.dtype == bool:
        return converted(images, np.uint8, 255)
    if len(images):
        _check_unit_range(name, images, whole)
    return converted(images, np.float32)


def _only_ones(images):
    seen = 0
    for part in blocks(images):
        seen = max(seen, int(part.max()))
        if seen > 1:  # of most data the first rows tell
            return False
    return seen == 1


def _check_unit_range(name, images, whole):
    low, high = extremes(images)  # NaN if any pixel is: no second array of booleans for sound data
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{name}: expected finite pixels, got {_not_finite(images)}")
    if low < 0 or high > 1:
        hint = hints.of_floats(low, high, _are_whole(images))
        raise UserError(
            f"{name}: expected uint8, or float in [0, 1], got {images.dtype} from {low:g} to {high:g}{_hint(hint)}"
        )
    if whole and 0 < high < 1.5 / 255:  # bytes of 0 and 1
        raise UserError(
            f"{name}: expected float in [0, 1], got {images.dtype} from {low:g} to {high:g}, which is shown as black: "
            "have they been divided by 255 twice?"
        )


def _check_integers(name, array, kind, limits):
    if not array.size:
        return
    low, high = int(array.min()), int(array.max())
    top = None if limits is None else int(limits[1]) - 1
    if low < 0 or high > (_LARGEST if top is None else top):
        what = "labels" if kind == "label" else "tokens"
        hint = ": subtract 1, since they begin at 0" if low == 1 and top is not None and high == top + 1 else ""
        got = f"{low}" if low == high else f"{low} to {high}"
        raise UserError(f"{name}: expected {what} from 0 to {'C - 1' if top is None else top}, got {got}{hint}")


def _texts(name, array):
    """Returns texts as an array of `str`, whose rows may differ in length without taking that of the longest."""
    try:
        found = [item.decode("utf-8") if isinstance(item, bytes) else item for item in array.tolist()]
        for item in found:
            if isinstance(item, str) and not item.isascii():
                item.encode("utf-8")  # bytes of a command line that are no UTF-8 become surrogates
    except UnicodeError:
        raise UserError(f"{name}: expected texts in UTF-8") from None
    others = [item for item in found if not isinstance(item, str)]
    if others:
        raise UserError(f"{name}: expected texts, got a value of type {type(others[0]).__name__}")
    return np.array(found, object)


def extremes(array: Array) -> tuple[float, float]:
    """Returns (smallest, largest) value, NaN if any is; of large arrays part by part."""
    found = [(part.min(), part.max()) for part in blocks(array) if part.size] or [(0, 0)]
    lows, highs = zip(*found, strict=True)
    return float(np.min(lows)), float(np.max(highs))


def _not_finite(array):
    parts = [(int(np.isnan(part).sum()), int(np.isinf(part).sum())) for part in blocks(array)]
    counts = zip(map(sum, zip(*parts, strict=True)), ("NaN", "infinite"), strict=True)
    return " and ".join(f"{count} {what}" for count, what in counts if count)


def _are_whole(array):
    return all(bool((part == np.round(part)).all()) for part in blocks(array))


def is_float(dtype: str) -> bool:
    """Returns whether a dtype's name is that of real floating-point numbers."""
    return dtype.startswith(("float", "bfloat"))


def _compatible(shape, expected):
    return all(a is None or a == b for a, b in zip(shape, expected, strict=True))


def _axes(shape):
    """A shape, for messages; an axis of unknown length is called N."""
    return "unknown" if shape is None else str(tuple(shape)).replace("None", "N")


def _hint(text):
    return f": {text}" if text else ""
