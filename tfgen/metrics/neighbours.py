"""Metrics from nearest neighbours among features. NumPy in float64: two sets of 10,000 x 128 take seconds."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError
from tfgen.metrics.checks import check_pair

PAIRS = 1 << 20  # squared distances in memory at once, 8 MB: they fit into the processor's cache
ROUNDING = 1e-12  # tolerance of a squared distance, relative to the squared norms, within which two are equal


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Returns improved precision and recall: Kynkaanniemi et al. 2019, equations 1 and 2.

    A set covers a point if the point lies no farther from some member of the set than that member's k-th nearest other
    member. Precision is the fraction of generated features that the reference covers, recall the fraction of reference
    features that the generated set covers. Both depend on the numbers of samples: compare them at equal numbers only.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers, each with more than k rows.
        k: index of the neighbour that determines the radius.

    Returns:
        (precision, recall), floats in [0, 1].

    Raises:
        UserError: too few rows, features of different lengths, or values that are not finite.
    """
    scores = neighbour_scores(real, fake, k_pr=k, k_dc=None)
    return scores["precision"], scores["recall"]


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Returns density and coverage: Naeem et al. 2020, equations 3 and 4, counted as in the authors' package `prdc`.

    Each reference image has a ball whose radius is the distance of its k-th nearest other reference image; points on
    the surface are outside. Density is the number of balls that contain a sample, divided by k, averaged over samples:
    about 1 for equal distributions, and more if samples concentrate where reference images are dense. Coverage is the
    fraction of balls that contain a sample; its expectation for equal distributions is
    1 - prod_{i<k} (N-1-i) / (M+N-1-i), so state N and M with it.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers, each with more than k rows.
        k: index of the neighbour that determines the radius.

    Returns:
        (density, coverage), floats: at least 0, and in [0, 1].

    Raises:
        UserError: as in `precision_recall`.
    """
    scores = neighbour_scores(real, fake, k_pr=None, k_dc=k)
    return scores["density"], scores["coverage"]


def neighbour_scores(real: ArrayLike, fake: ArrayLike, k_pr: int | None = 3, k_dc: int | None = 5) -> dict[str, float]:
    """Returns `precision_recall` with k_pr and `density_coverage` with k_dc, from one pass over the distances.

    Returns:
        dict of floats, `precision`, `recall`, `density` and `coverage`; a k of None leaves its two out.
    """
    return NeighbourReference(real, k_pr, k_dc).scores(fake)


class NeighbourReference:
    """Reference features for several sets of samples; their own neighbours are searched once.

    Args:
        real: features [N, F] real numbers, with more than k rows.
        k_pr, k_dc: as in `neighbour_scores`.

    Raises:
        UserError: a k below 1, too few rows, or values that are not finite.
    """

    def __init__(self, real: ArrayLike, k_pr: int | None = 3, k_dc: int | None = 5) -> None:
        self.ks = [k for k in (k_pr, k_dc) if k is not None]
        self.k_pr, self.k_dc = k_pr, k_dc
        features = self._checked(real, real)[0]
        # centred: distances are the same, and their rounding errors smaller
        self._centre = features.mean(axis=0)
        self._real = features - self._centre
        self._radii = dict(zip(self.ks, radii(self._real, self.ks)))

    def scores(self, fake: ArrayLike) -> dict[str, float]:
        """Returns what `neighbour_scores` returns for features [M, F]."""
        real = self._real
        points = self._checked(real, fake)[1] - self._centre
        tallies: list[_PrecisionRecall | _DensityCoverage] = []
        if self.k_pr is not None:
            tallies.append(_PrecisionRecall(self._radii[self.k_pr], radii(points, [self.k_pr])[0]))
        if self.k_dc is not None:
            norms = squared_norms(real), squared_norms(points)
            tallies.append(_DensityCoverage(self._radii[self.k_dc], *norms, self.k_dc))
        for rows, distances in squared_distances(real, points, ROUNDING):
            for tally in tallies:
                tally.add(rows, distances)
        return {name: value for tally in tallies for name, value in tally.scores().items()}

    def _checked(self, real: ArrayLike, fake: ArrayLike) -> list[np.ndarray]:
        for k in self.ks:
            if k < 1:
                raise UserError(f"k must be at least 1, got {k}")
        return check_pair(real, fake, rows=max(self.ks) + 1, need=f"k={max(self.ks)} neighbours need")


class _PrecisionRecall:
    """Counts for precision and recall: points that may lie on a surface, within rounding, are covered."""

    def __init__(self, real_radii, fake_radii):
        self.real_radii, self.fake_radii = real_radii, fake_radii
        self.precise, self.recalled = np.zeros(len(fake_radii), bool), 0

    def add(self, rows: slice, least: np.ndarray) -> None:
        self.precise |= (least <= self.real_radii[rows, None]).any(axis=0)
        self.recalled += np.count_nonzero((least <= self.fake_radii).any(axis=1))

    def scores(self) -> dict[str, float]:
        return {"precision": float(self.precise.mean()), "recall": float(self.recalled / len(self.real_radii))}


class _DensityCoverage:
    """Counts for density and coverage: points that may lie on a surface, within rounding, are outside."""

    def __init__(self, real_radii, real_norms, fake_norms, k):
        self.limits, self.margins = real_radii - 2.0 * ROUNDING * real_norms, 2.0 * ROUNDING * fake_norms
        self.k, self.inside, self.covered = k, 0, 0

    def add(self, rows: slice, least: np.ndarray) -> None:
        most = np.add(least, self.margins, out=least)  # the last use of this chunk
        self.inside += np.count_nonzero(most < self.limits[rows, None])
        self.covered += np.count_nonzero(most.min(axis=1) < self.limits[rows])

    def scores(self) -> dict[str, float]:
        density = self.inside / (self.k * len(self.margins))
        return {"density": float(density), "coverage": float(self.covered / len(self.limits))}


def radii(features: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """Returns the squared distance of every row from its k-th nearest other row, per k: float64 [len(ks), N]."""
    found = np.empty((len(ks), len(features)))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -np.inf  # itself comes first
        distances.partition(max(ks), axis=1)  # several places at once take several times as long
        found[:, rows] = np.sort(distances[:, : max(ks) + 1], axis=1)[:, ks].T
    return found


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
