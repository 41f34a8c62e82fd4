"""What the metrics ask of the arrays they are given, each fault said in a sentence."""

import numpy as np

from tfgen.errors import UserError

ROW_SUM = 1e-3  # how far from 1 the probabilities of one image may add up: float16 networks stay within it


def check_features(name, array, rows=1, need="the metric needs"):
    """Returns `array` as it came, if it is features: finite real numbers [N, F] with N >= `rows` and F >= 1.

    Args:
        name: what the array is called in a sentence.
        rows, need: the smallest N, and the sentence's beginning that says what needs it.

    Raises:
        UserError: it is not.
    """
    array = np.asarray(array)
    if array.ndim != 2 or not array.shape[1] or not _is_real(array):
        raise UserError(f"{name} must be features [N, F] of real numbers, got {array.dtype} of shape {array.shape}")
    if len(array) < rows:
        raise UserError(f"{need} at least {rows} sample{'s' * (rows != 1)}, but {name} has {len(array)}")
    _check_finite(name, array)
    return array


def check_pair(real, fake, rows=1, need="the metric needs", names=("real", "fake")):
    """Both sets of features as float64, checked: `rows` or more each, of one length F, finite."""
    pair = [check_features(name, array, rows, need) for name, array in zip(names, (real, fake))]
    check_lengths(pair[0].shape[1], pair[1].shape[1], names)
    return [array.astype(np.float64, copy=False) for array in pair]


def check_lengths(first, second, names=("real", "fake")):
    """Raises `UserError` unless features of both sets have the same length."""
    if first != second:
        both = " and ".join(names)
        raise UserError(
            f"{both} must have features of the same length, got {first} and {second}: use one extractor for both"
        )


def check_probabilities(probabilities):
    """Probabilities [N, C] of classes as float64, every row made to add up to 1 exactly.

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


def check_labels(name, labels, length=None, classes=None):
    """Labels as int64 [N]: integers, 0 <= label (< `classes`), `length` of them where one is given.

    Raises:
        UserError: they are not.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{name} must be integers [N], got {array.dtype} of shape {array.shape}")
    if length is not None and len(array) != length:
        raise UserError(f"{name} must be one for each of {length} images, got {len(array)}")
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
