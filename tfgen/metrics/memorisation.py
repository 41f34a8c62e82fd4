"""Does a model repeat its training images? Nearest training images among features."""

import numpy as np

from tfgen.metrics.checks import check_features, check_lengths
from tfgen.metrics.neighbours import squared_distances, squared_norms

PAIRS = 1 << 22  # float32 distances held at once, 16 MB
ROWS = 4096  # made float32 at once


def authenticity(train, fake):
    """The share of samples that are farther from their nearest training image than that image is from its own
    nearest other training image: AuthPct, Alaa et al. 2022, section 4.3.

    A copy is not authentic, whatever else is there. About 1/2 and more is usual; near 0 the model repeats images.

    Args:
        train: features [N, F] of **all** training images, N >= 2: among a part of them, copies of the rest look new.
        fake: features [M, F].

    Returns:
        float in [0, 1].

    Raises:
        UserError: too few rows, features of different lengths, or values that are not finite.
    """
    check_features("train", train, 2, "authenticity needs")
    return float(np.mean(authentic(train, *nearest(train, fake))))


def nearest(train, fake):
    """The training image that is nearest to each sample.

    Args:
        train, fake: features, [N, F] and [M, F] real numbers, each of at least 1 row.

    Returns:
        (index int64 [M], distance float64 [M]): a row of `train`, one of them where several are equally near, and the
        Euclidean distance from it, exactly 0 of a copy.

    Raises:
        UserError: as `authenticity`.
    """
    train, fake = (check_features(*pair, 1, "nearest neighbours need") for pair in (("train", train), ("fake", fake)))
    check_lengths(train.shape[1], fake.shape[1], ("train", "fake"))
    index = _Search(train).nearest(fake)
    return index, _lengths(fake.astype(np.float64), train[index])


def authentic(train, index, distance):
    """Which samples are authentic, bool [M], of what `nearest` has returned for the same training images."""
    train = check_features("train", train, 2, "authenticity needs")
    images, sample = np.unique(index, return_inverse=True)
    own = _Search(train).nearest(train[images], leave_out=images)
    return distance > _lengths(train[images].astype(np.float64), train[own])[sample]


class _Search:
    """Exact nearest rows, found in float32 and, where its rounding leaves several, again in float64."""

    def __init__(self, points):
        self.points, self.centre = points, points.mean(axis=0, dtype=np.float64)
        extent = np.maximum(points.max(axis=0) - self.centre, self.centre - points.min(axis=0))
        self.scale = 1.0 / max(float(np.linalg.norm(extent)), np.finfo(np.float32).tiny)
        right = np.empty((len(points), points.shape[1] + 1), np.float32)
        for start in range(0, len(points), ROWS):
            rows = slice(start, start + ROWS)
            right[rows, :-1] = scaled = self.scale * (points[rows] - self.centre)
            right[rows, -1] = squared_norms(scaled)
        self.right, self.largest = right.T, float(right[:, -1].max())

    def nearest(self, queries, leave_out=None):
        """The row of each query's nearest point, int64 [M], but for its row in `leave_out`."""
        queries, leave_out = queries - self.centre, np.full(len(queries), -1) if leave_out is None else leave_out
        index, sure = np.empty(len(queries), np.int64), np.empty(len(queries), bool)
        size = max(1, PAIRS // len(self.points))
        for start in range(0, len(queries), size):
            rows = slice(start, start + size)
            with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is not sure
                index[rows], sure[rows] = self._nearest_single(queries[rows], leave_out[rows])
        unsure = np.flatnonzero(~sure)
        index[unsure] = self._nearest_double(queries[unsure], leave_out[unsure])
        return index

    def _nearest_single(self, queries, leave_out):
        # |b|^2 - 2 a'b: |a|^2 is the same for every b
        left = np.column_stack([-2.0 * self.scale * queries, np.ones(len(queries))]).astype(np.float32)
        distances = left @ self.right
        _leave_out(distances, leave_out)
        index = distances.argmin(axis=1)
        # A sum of F + 1 rounded products is off by at most (F + 3) eps (2 |a| |b| + |b|^2).
        sizes = 2.0 * self.scale * np.sqrt(self.largest * squared_norms(queries)) + self.largest
        bounds = (left.shape[1] + 2) * np.finfo(np.float32).eps * sizes
        limits = np.take_along_axis(distances, index[:, None], axis=1) + 2.0 * bounds[:, None].astype(np.float32)
        return index, np.count_nonzero(distances <= limits, axis=1) == 1

    def _nearest_double(self, queries, leave_out):
        index = np.empty(len(queries), np.int64)
        if not len(queries):
            return index
        for rows, distances in squared_distances(queries, self.points - self.centre):
            _leave_out(distances, leave_out[rows])
            index[rows] = distances.argmin(axis=1)
        return index


def _leave_out(distances, columns):
    rows = np.flatnonzero(columns >= 0)
    distances[rows, columns[rows]] = np.inf


def _lengths(a, b):
    return np.sqrt(squared_norms(a - b))
