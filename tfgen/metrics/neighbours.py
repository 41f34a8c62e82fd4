"""Metrics from nearest neighbours among features. NumPy in float64: two sets of 10,000 x 128 take seconds."""

import numpy as np

from tfgen.errors import UserError

PAIRS = 1 << 23  # squared distances held at once, 64 MB
ROUNDING = 1e-12  # of a squared distance, relative to the squared norms: so far apart, two distances are equal


def precision_recall(real, fake, k=3):
    """Improved precision and recall: Kynkaanniemi et al. 2019, equations 1 and 2.

    A point is covered by a set if it lies no farther from some member of it than that member's k-th nearest neighbour
    in the set, the member not counted. Precision is the share of fakes that the real set covers, recall that of reals
    that the fake set covers. Both depend on the numbers of samples: compare like with like.

    Args:
        real, fake: features, [N, F] and [M, F] real numbers, each of more than k rows.
        k: which neighbour sets the radius.

    Returns:
        (precision, recall), floats in [0, 1].

    Raises:
        UserError: too few rows, features of different lengths, or values that are not finite.
    """
    real, fake = check_features(real, fake, k)
    return covered_share(fake, real, radii(real, k)), covered_share(real, fake, radii(fake, k))


def check_features(real, fake, k):
    """Both sets as float64, checked: more than k rows each, of the same length, finite."""
    if k < 1:
        raise UserError(f"k must be at least 1, got {k}")
    checked = [_features("real", real), _features("fake", fake)]
    for name, array in zip(("real", "fake"), checked):
        if len(array) <= k:
            raise UserError(f"k={k} neighbours need at least {k + 1} samples, but {name} has {len(array)}")
    if checked[0].shape[1] != checked[1].shape[1]:
        lengths = " and ".join(str(array.shape[1]) for array in checked)
        raise UserError(f"real and fake must have features of the same length, got {lengths}")
    return checked


def _features(name, array):
    array = np.asarray(array)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise UserError(f"{name} must be features [N, F] of real numbers, got {array.dtype} of shape {array.shape}")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise UserError(f"{name} has {len(bad)} of {len(array)} rows with NaN or infinity, the first is row {bad[0]}")
    return array.astype(np.float64)


def radii(features, k):
    """The squared distance of every row from its k-th nearest other row, float64 [N]."""
    found = np.empty(len(features))
    for rows in _chunks(len(features), len(features)):
        distances = squared_distances(features[rows], features)
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -1.0  # itself comes first
        found[rows] = np.partition(distances, k, axis=1)[:, k]
    return found


def covered_share(queries, features, squared_radii):
    """The share of `queries` that lie within the ball of at least one of `features`."""
    covered, limit = 0, squared_radii + ROUNDING * _squared_norms(features)
    for rows in _chunks(len(queries), len(features)):
        distances = squared_distances(queries[rows], features)
        distances -= ROUNDING * _squared_norms(queries[rows])[:, None]
        covered += np.count_nonzero((distances <= limit).any(axis=1))
    return float(covered / len(queries))


def squared_distances(a, b):
    """|a_i - b_j|^2, float64 [N, M], of features [N, F] and [M, F]; rounded by up to 1e-15 (|a_i|^2 + |b_j|^2)."""
    distances = a @ b.T
    distances *= -2.0
    distances += _squared_norms(a)[:, None]
    distances += _squared_norms(b)
    return np.maximum(distances, 0.0, out=distances)


def _squared_norms(a):
    return np.einsum("nf,nf->n", a, a)


def _chunks(rows, columns):
    """Slices of `rows` whose distances to `columns` others fit into memory."""
    size = max(1, PAIRS // columns)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
