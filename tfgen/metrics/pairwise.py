"""Distances of all pairs of features, in chunks, and the neighbours of each within its own set."""

import dataclasses
from collections.abc import Iterator

import numpy as np

PAIRS = 1 << 20  # squared distances in memory at once, 8 MB: they fit into the processor's cache
ROUNDING = 1e-12  # tolerance of a squared distance, relative to the squared norms, within which two are equal
REACH, REACHED = 20, 5  # a point reaches one in 20 of its own set, five at least


@dataclasses.dataclass(frozen=True)
class Own:
    """The neighbours of features within their own set.

    Attributes:
        features: float64 [N, F].
        index: of the nearest other rows, nearest first, int64 [N, count].
        squared: their squared distances, float64 [N, count].
        reach: the squared distance within which one in `REACH` of the others lies, `REACHED` at least, [N].
        norms: squared norms, [N].
    """

    features: np.ndarray
    index: np.ndarray
    squared: np.ndarray
    reach: np.ndarray
    norms: np.ndarray

    def radius(self, k: int) -> np.ndarray:
        """Returns the squared distance of every row from its k-th nearest other row, float64 [N]."""
        return self.squared[:, k - 1]

    def held(self, radii: np.ndarray) -> np.ndarray:
        """Returns the number of other rows whose squared radius reaches each row, int64 [N]."""
        found = np.zeros(len(radii), int)
        for rows, least in squared_distances(self.features, self.features, ROUNDING):
            found += np.count_nonzero(least <= radii[rows, None], axis=0)
        return found - 1  # itself


def reached(count: int) -> int:
    """Returns the number of others that each of `count` points reaches."""
    return min(max(REACHED, round(count / REACH)), count - 1)


def own_neighbours(features: np.ndarray, count: int) -> Own:
    """Returns the `count` nearest other rows, fewer than there are rows, of features float64 [N, F]."""
    number = len(features)
    far = reached(number)
    most = max(count, far)
    index, squared = np.empty((number, count), np.int64), np.empty((number, count))
    reach = np.empty(number)
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        close = distances.argpartition(most - 1, axis=1)[:, :most]
        values = np.take_along_axis(distances, close, axis=1)
        reach[rows] = np.partition(values, far - 1, axis=1)[:, far - 1]
        nearest = values.argpartition(count - 1, axis=1)[:, :count]
        close, values = (np.take_along_axis(part, nearest, axis=1) for part in (close, values))
        order = values.argsort(axis=1)
        index[rows], squared[rows] = (np.take_along_axis(part, order, axis=1) for part in (close, values))
    return Own(features, index, squared, reach, squared_norms(features))


def squared_distances(a: np.ndarray, b: np.ndarray, rounding: float = 0.0) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields |a_i - b_j|^2 of features [N, F] and [M, F] in chunks: (slice of i, float64 [rows, M]).

    They are exact up to 1e-15 (|a_i|^2 + |b_j|^2), and may be below 0 by as much; `rounding` (|a_i|^2 + |b_j|^2) is
    subtracted, which makes them lower bounds.
    """
    scale = 1.0 - rounding
    # |a|^2 + |b|^2 - 2 a'b as one matrix product
    right = np.column_stack([b, np.ones(len(b)), scale * squared_norms(b)]).T
    size = max(1, PAIRS // len(b))
    for start in range(0, len(a), size):
        part = a[start : start + size]
        left = np.column_stack([-2.0 * part, scale * squared_norms(part), np.ones(len(part))])
        yield slice(start, start + len(part)), left @ right


def squared_norms(features: np.ndarray) -> np.ndarray:
    """Returns |x|^2 of every row, float64 [N]."""
    return np.einsum("nf,nf->n", features, features)
