"""Metrics from nearest neighbours among features. NumPy in float64: two sets of 10,000 x 128 take seconds."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_counts, check_pair
from tfgen.metrics.pairwise import ROUNDING, own_neighbours, squared_distances
from tfgen.metrics.tallies import Clipped, DensityCoverage, PrecisionRecall, Tally


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


def clipped_precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Returns a precision and a recall that resist outliers and samples that crowd, 1 for equal distributions.

    Each reference image x_i has a ball whose radius R_i is the distance of its k-th nearest other reference image, but
    at most the median of these: the ball of an outlier is no larger than that of others. Each sample y_j has a reach
    g_j, the distance within which a twentieth of the other samples lies. With c_j the number of reference images x_i
    with |x_i - y_j| <= min(R_i, g_j), precision is

        mean_j min(1, c_j / k) / mean_l min(1, c'_l / k), at most 1,

    where c'_l is the number of balls of other images that hold the reference image x_l. This is the clipped density of
    Salvy et al. 2025 but for the reach. In many dimensions balls overlap midway between images, where a collapsed model
    puts its samples; their reach is then too short, and precision is 0. Samples that are up to 20 times as dense as the
    images around them, such as those of a model with few modes, keep most of it.

    Recall is the same with the roles of real and generated features exchanged: the share of real images that the
    samples' balls hold. Without modes that have half of the images, it is about 1/2. The spread over draws of images is
    that of all scores from neighbours; compare at equal numbers only.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers, each with more than k rows.
        k: index of the neighbour that determines the radius.

    Returns:
        (precision, recall), floats in [0, 1].

    Raises:
        UserError: as in `precision_recall`.
    """
    scores = NeighbourReference(real, k_pr=None, k_dc=None, k_clipped=k).scores(fake)
    return scores["clipped_precision"], scores["clipped_recall"]


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
        k_clipped: that of `clipped_precision_recall`, or None.

    Raises:
        UserError: a k below 1, too few rows, or values that are not finite.
    """

    def __init__(
        self, real: ArrayLike, k_pr: int | None = 3, k_dc: int | None = 5, k_clipped: int | None = None
    ) -> None:
        tallies = ((PrecisionRecall, k_pr), (DensityCoverage, k_dc), (Clipped, k_clipped))
        self._tallies = [(tally, k) for tally, k in tallies if k is not None]
        for _, k in self._tallies:
            check_counts(k=k)
        self._most = max(k for _, k in self._tallies)
        features = self._checked(real, real)[0]
        # centred: distances are the same, and their rounding errors smaller
        self._centre = features.mean(axis=0)
        self._real = features - self._centre
        self._own = own_neighbours(self._real, self._most)

    def scores(self, fake: ArrayLike) -> dict[str, float]:
        """Returns what `neighbour_scores` returns for features [M, F], and `clipped_precision`, `clipped_recall`."""
        points = self._checked(self._real, fake)[1] - self._centre
        own = own_neighbours(points, self._most)
        tallies: list[Tally] = [tally(self._own, own, k) for tally, k in self._tallies]
        for rows, distances in squared_distances(self._real, points, ROUNDING):
            for tally in tallies:
                tally.add(rows, distances)
        return {name: value for tally in tallies for name, value in tally.scores().items()}

    def _checked(self, real: ArrayLike, fake: ArrayLike) -> list[np.ndarray]:
        return check_pair(real, fake, rows=self._most + 1, need=f"k={self._most} neighbours need")
