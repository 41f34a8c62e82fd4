"""Checks of the arrays that metrics take; errors name the fault in one sentence."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from tfgen.domains import LARGEST, Interval, check
from tfgen.errors import UserError

ROW_SUM = 1e-3  # tolerance of the sum of one image's probabilities: networks in float16 stay within it


def check_counts(least: int = 1, **counts: int) -> None:
    """Raises UserError for a count that is no integer or below `least`, by the name of its argument."""
    for name, count in counts.items():
        check(name, count, Annotated[int, Interval(least, LARGEST)])


def check_features(name: str, array: ArrayLike, rows: int = 1, need: str = "the metric needs") -> np.ndarray:
    """Returns `array`, unchanged, after a check that it is finite real numbers [N, F], N >= `rows` and F >= 1.

    Args:
        name: of the array in messages.
        array: features.
        rows: the smallest N.
        need: the beginning of the message about too few rows.

    Raises:
        UserError: another shape or dtype, too few rows, or values that are not finite.
    """
    array = np.asarray(array)
    if array.ndim != 2 or not array.shape[1] or not _is_real(array):
        raise UserError(f"{name} must be features [N, F] of real numbers, got {array.dtype} of shape {array.shape}")
    if len(array) < rows:
        raise UserError(f"{need} at least {rows} sample{'s' * (rows != 1)}, but {name} has {len(array)}")
    _check_finite(name, array)
    return array


def check_pair(
    real: ArrayLike,
    fake: ArrayLike,
    rows: int = 1,
    need: str = "the metric needs",
    names: tuple[str, str] = ("real", "fake"),
) -> list[np.ndarray]:
    """Returns both sets of features as float64, [N, F] and [M, F], after a check as in `check_features`.

    Raises:
        UserError: as in `check_features`, or different lengths F.
    """
    pair = [check_features(name, array, rows, need) for name, array in zip(names, (real, fake))]
    check_lengths(pair[0].shape[1], pair[1].shape[1], names)
    return [array.astype(np.float64, copy=False) for array in pair]


def check_lengths(first: int, second: int, names: Sequence[str] = ("real", "fake")) -> None:
    """Raises `UserError` unless features of both sets have the same length."""
    if first != second:
        both = " and ".join(names)
        raise UserError(
            f"{both} must have features of the same length, got {first} and {second}: use one extractor for both"
        )


def check_probabilities(probabilities: ArrayLike) -> np.ndarray:
    """Returns class probabilities float64 [N, classes], every row divided by its sum.

    Raises:
        UserError: no images or no classes, a negative or non-finite value, or a row whose sum is off by over 1e-3.
    """
    array = np.asarray(probabilities)
    if array.ndim != 2 or not array.size or not _is_real(array):
        raise UserError(f"probabilities must be real numbers [N, classes], got {array.dtype} of shape {array.shape}")
    _check_finite("probabilities", array)
    array = array.astype(np.float64)
    sums = array.sum(axis=1, keepdims=True)
    worst = np.abs(sums - 1.0).argmax()
    if array.min() < 0.0 or abs(sums[worst, 0] - 1.0) > ROW_SUM:
        wrong = f"the smallest is {array.min():.6g} and row {worst} sums to {sums[worst, 0]:.6g}"
        raise UserError(f"probabilities must be at least 0 and sum to 1 in every row, but {wrong}: apply the softmax")
    return array / sums


def check_labels(name: str, labels: ArrayLike, length: int | None = None, classes: int | None = None) -> np.ndarray:
    """Returns labels as int64 [N], after a check that they lie in [0, `classes`) and are `length` in number.

    Raises:
        UserError: another shape, dtype, range or number.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{name} must be integers [N], got {array.dtype} of shape {array.shape}")
    if length is not None and len(array) != length:
        raise UserError(f"{name} must have {length} entries, one per image, got {len(array)}")
    highest = np.iinfo(np.int64).max if classes is None else classes - 1
    if len(array) and (array.min() < 0 or array.max() > highest):
        expected = "at least 0" if classes is None else f"in 0..{highest}"
        raise UserError(f"{name} must be {expected}, got {array.min()}..{array.max()}")
    return array.astype(np.int64)


def _is_real(array):
    return np.issubdtype(array.dtype, np.number) and not np.iscomplexobj(array)


def _check_finite(name, array):
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise UserError(f"{name} has {len(bad)} of {len(array)} rows with NaN or infinity, the first is row {bad[0]}")
