"""The influence of single images on the Fréchet distance, and the standard error that follows from it."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_pair
from tfgen.metrics.distances import symmetric_roots
from tfgen.metrics.statistics import FeatureStatistics

FEWEST = 4  # images of each side, two per half
DIVISIONS = 4  # into halves
LONG = 512  # features: more of them take seconds per division, and one suffices


def frechet_error(
    real: ArrayLike, fake: ArrayLike, fixed_real: bool = False, seed: int = 0
) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns the standard error of `frechet_distance` over draws of images, and the influence of each image.

    The variance of influences whose gradient is from the same images holds the terms of second order twice (Efron and
    Stein 1981), which matters where the distance is small. Gradients from two disjoint halves have independent errors,
    so that the covariance of their influences holds the first order alone. The mean of both is the variance.

    Args:
        real, fake: as in `frechet_distance`, with at least 4 rows each.
        fixed_real: whether the real images stay the same, and only samples are drawn.
        seed: integer of the halves.

    Returns:
        (standard error, influence of each real image float64 [N], of each sample [M]); zeros of real images held fixed.

    Raises:
        UserError: as in `frechet_distance`, or too few rows.
    """
    sides = check_pair(real, fake, rows=FEWEST, need="the error of the Frechet distance needs")
    statistics = [FeatureStatistics().update(side) for side in sides]
    drawn = (1,) if fixed_real else (0, 1)
    whole = _influences(sides, statistics, drawn)
    divisions = DIVISIONS if sides[0].shape[1] <= LONG else 1
    rng = np.random.default_rng(seed)
    first_order = np.mean([_covariances(sides, statistics, drawn, rng) for _ in range(divisions)], axis=0)
    both_orders = np.array([whole[side].var(ddof=1) / len(sides[side]) for side in drawn])
    variance = (both_orders + np.maximum(first_order, 0.0)).sum() / 2.0
    return float(np.sqrt(variance)), *whole


def _covariances(sides, statistics, drawn, rng):
    """Returns the variance of the distance to first order, of each side that is drawn."""
    halves = [rng.permutation(len(side)) < len(side) // 2 for side in sides]
    parts = []
    for first in (True, False):
        known = list(statistics)
        for side in drawn:
            known[side] = FeatureStatistics().update(sides[side][halves[side] == first])
        parts.append(_influences(sides, known, drawn))
    return [np.cov(parts[0][side], parts[1][side])[0, 1] / len(sides[side]) for side in drawn]


def _influences(sides, statistics, drawn):
    """Returns the influences of both sides' images on the distance between the Gaussians with these statistics."""
    real, fake = statistics
    root, inverse = symmetric_roots(real.covariance)
    middle, middle_inverse = symmetric_roots(root @ fake.covariance @ root)
    # The distance's gradient in S_r is I - T, in S_f I - T^-1, with the optimal map
    # T = S_r^(-1/2) (S_r^(1/2) S_f S_r^(1/2))^(1/2) S_r^(-1/2).
    transports = inverse @ middle @ inverse, root @ middle_inverse @ root
    found = [np.zeros(len(side)) for side in sides]
    for side in drawn:
        centred, difference = sides[side] - statistics[side].mean, statistics[side].mean - statistics[1 - side].mean
        squares = np.einsum("nf,nf->n", centred, centred)
        squares -= np.einsum("nf,nf->n", centred @ transports[side], centred)
        found[side] = 2.0 * centred @ difference + squares
    return found
