"""Metrics of memorisation, whether a model repeats its training images: nearest training images among features."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_features, check_lengths
from tfgen.metrics.pairwise import squared_distances, squared_norms

QUERIES, POINTS = 256, 4096  # distances in memory at once: 4 MB of float32 fit into a cache, which is twice as fast


def authenticity(train: ArrayLike, fake: ArrayLike) -> float:
    """Returns the fraction of authentic samples: AuthPct, Alaa et al. 2022, section 4.3.

    A sample is authentic if it is farther from its nearest training image than that image is from its own nearest other
    training image. A copy is never authentic. Values of about 1/2 and more are usual; near 0 the model repeats images.

    Args:
        train: features [N, F] of **all** training images, N >= 2: copies of images that are left out would look new.
        fake: generated features [M, F].

    Returns:
        float in [0, 1].

    Raises:
        UserError: too few rows, features of different lengths, or values that are not finite.
    """
    check_features("train", train, 2, "authenticity needs")
    return float(np.mean(authentic(train, *nearest(train, fake))))


def nearest(train: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest training image of each sample.

    Args:
        train, fake: features of training images and of samples, [N, F] and [M, F] real numbers, N, M >= 1.

    Returns:
        (index int64 [M], distance float64 [M]): a row of `train` (any of several that are equally near up to rounding),
        and the Euclidean distance from it, 0 for a copy.

    Raises:
        UserError: as in `authenticity`.
    """
    train, fake = (check_features(*pair, 1, "nearest neighbours need") for pair in (("train", train), ("fake", fake)))
    check_lengths(train.shape[1], fake.shape[1], ("train", "fake"))
    index = _Search(train).nearest(fake)
    return index, _lengths(fake.astype(np.float64), train[index])


def authentic(train: ArrayLike, index: ArrayLike, distance: ArrayLike) -> np.ndarray:
    """Returns which samples are authentic, bool [M], from what `nearest` returned for the same training images."""
    train = check_features("train", train, 2, "authenticity needs")
    images, sample = np.unique(index, return_inverse=True)
    own = _Search(train).nearest(train[images], leave_out=images)
    return distance > _lengths(train[images].astype(np.float64), train[own])[sample]


class _Search:
    """An exact search for nearest rows, in float32, and again in float64 where rounding leaves a doubt."""

    def __init__(self, points):
        self.points, self.centre = points, points.mean(axis=0, dtype=np.float64)
        extent = np.maximum(points.max(axis=0) - self.centre, self.centre - points.min(axis=0))
        self.scale = 1.0 / max(float(np.linalg.norm(extent)), np.finfo(np.float32).tiny)
        self.right = np.empty((len(points), points.shape[1] + 1), np.float32)  # b and |b|^2 of scaled points
        for columns in _slices(len(points), POINTS):
            scaled = self.scale * (points[columns] - self.centre)
            self.right[columns, :-1], self.right[columns, -1] = scaled, squared_norms(scaled)
        self.largest = float(self.right[:, -1].max())

    def nearest(self, queries: np.ndarray, leave_out: np.ndarray | None = None) -> np.ndarray:
        """Returns the row of the nearest point of each query, int64 [M], the row in `leave_out` excluded."""
        queries, leave_out = queries - self.centre, np.full(len(queries), -1) if leave_out is None else leave_out
        index, sure = np.empty(len(queries), np.int64), np.empty(len(queries), bool)
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is searched again in float64
            for rows in _slices(len(queries), QUERIES):
                index[rows], sure[rows] = self._nearest_single(queries[rows], leave_out[rows])
        unsure = np.flatnonzero(~sure)
        if len(unsure):
            index[unsure] = self._nearest_double(queries[unsure], leave_out[unsure])
        return index

    def _nearest_single(self, queries, leave_out):
        """Returns (index, sure): the nearest row in float32, and whether the next is farther by more than rounding."""
        scaled, every = self.scale * queries, np.arange(len(queries))
        left = np.column_stack([-2.0 * scaled, np.ones(len(queries))]).astype(np.float32)
        index = np.zeros(len(queries), np.int64)
        first, second = np.full((2, len(queries)), np.inf, np.float32)
        for columns in _slices(len(self.points), POINTS):
            distances = left @ self.right[columns].T  # |b|^2 - 2 a'b: |a|^2 is the same for every b
            _leave_out(distances, leave_out, columns)
            best = distances.argmin(axis=1)
            found = distances[every, best]
            distances[every, best] = np.inf
            second = np.minimum(np.maximum(first, found), np.minimum(second, distances.min(axis=1)))
            index = np.where(found < first, columns.start + best, index)
            first = np.minimum(first, found)
        # A sum of F + 1 rounded products is off by at most (F + 3) eps (2 |a| |b| + |b|^2).
        sizes = 2.0 * np.sqrt(self.largest * squared_norms(scaled)) + self.largest
        return index, second - first > 2.0 * (left.shape[1] + 2) * np.finfo(np.float32).eps * sizes

    def _nearest_double(self, queries, leave_out):
        index = np.empty(len(queries), np.int64)
        for rows, distances in squared_distances(queries, self.points - self.centre):
            _leave_out(distances, leave_out[rows], slice(0, len(self.points)))
            index[rows] = distances.argmin(axis=1)
        return index


def _leave_out(distances, points, columns):
    """Sets the distance from each row to its own entry of `points` to infinity, among the points in `columns`."""
    rows = np.flatnonzero((points >= columns.start) & (points < columns.stop))
    distances[rows, points[rows] - columns.start] = np.inf


def _slices(length, size):
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _lengths(a, b):
    return np.sqrt(squared_norms(a - b))
