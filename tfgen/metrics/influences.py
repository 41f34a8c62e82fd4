"""The influence of single images on the Fréchet distance, and the interval that follows from it."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_pair
from tfgen.metrics.distances import frechet_between, symmetric_roots
from tfgen.metrics.score import Z95
from tfgen.metrics.statistics import FeatureStatistics

FEWEST = 4  # images of each side, two per half
DIVISIONS, OF_MANY, MANY = 4, 1, 512  # divisions into halves; of more than `MANY` features, which take seconds each


@dataclasses.dataclass(frozen=True)
class FrechetSpread:
    """How far the Fréchet distance spreads over draws of images.

    Attributes:
        value: the distance.
        standard_error: of the value.
        low, high: a 95 % interval of its mean over draws of as many images.
        real, fake: the influence of each image on the value, float64 [N] (None of images held fixed) and [M].
    """

    value: float
    standard_error: float
    low: float
    high: float
    real: np.ndarray | None
    fake: np.ndarray


def frechet_spread(real: ArrayLike, fake: ArrayLike, fixed_real: bool = False, seed: int = 0) -> FrechetSpread:
    """Returns the spread of `frechet_distance` over draws of images. It does not show the bias.

    With P the variance of a mean of influences (the infinitesimal jackknife), the variance of the distance T is

        V = P - P B / (2 T),

    where B, the bias, is how much larger the distance between halves is on average: P grows in proportion to T, and the
    part of it that is due to B has the terms of second order twice (Efron and Stein 1981). Of equal distributions, V is
    P / 2. As the variance grows with the distance, the interval holds all t with
    (t - T)^2 <= 1.96^2 (V + P (t - T) / T), like Wilson's of a proportion, and reaches farther up than down.

    Args:
        real, fake: as in `frechet_distance`, with at least 4 rows each.
        fixed_real: whether the real images stay the same, and only samples are drawn.
        seed: integer of the halves.

    Raises:
        UserError: as in `frechet_distance`, or too few rows.
    """
    sides = check_pair(real, fake, rows=FEWEST, need="the spread of the Frechet distance needs")
    statistics = [FeatureStatistics().update(side) for side in sides]
    value = frechet_between(*statistics)
    drawn = (1,) if fixed_real else (0, 1)
    each = _influences(sides, statistics, drawn)
    plain = sum(float(each[side].var(ddof=1)) / len(sides[side]) for side in drawn)
    if value <= 0.0:
        return FrechetSpread(value, 0.0, value, value, *each)
    of_halves = _mean_of_halves(sides, statistics, drawn, np.random.default_rng(seed))
    bias = min(max(of_halves - value, 0.0), value)
    variance = plain * (1.0 - bias / (2.0 * value))
    shift = Z95**2 * plain / (2.0 * value)
    half = np.sqrt(shift**2 + Z95**2 * variance)
    return FrechetSpread(
        value, float(np.sqrt(variance)), max(0.0, float(value + shift - half)), float(value + shift + half), *each
    )


def _mean_of_halves(sides, statistics, drawn, rng):
    """Returns the mean distance between halves of the sides that are drawn."""
    found = []
    for _ in range(DIVISIONS if sides[0].shape[1] <= MANY else OF_MANY):
        halves = [rng.permutation(len(side)) < len(side) // 2 for side in sides]
        for first in (True, False):
            parts = list(statistics)
            for side in drawn:
                parts[side] = FeatureStatistics().update(sides[side][halves[side] == first])
            found.append(frechet_between(*parts))
    return np.mean(found)


def _influences(sides, statistics, drawn):
    """Returns the influences of both sides' images on the distance, None for a side that is not drawn."""
    real, fake = statistics
    root, inverse = symmetric_roots(real.covariance)
    middle, middle_inverse = symmetric_roots(root @ fake.covariance @ root)
    # The distance's gradient in S_r is I - T, in S_f I - T^-1, with the optimal map
    # T = S_r^(-1/2) (S_r^(1/2) S_f S_r^(1/2))^(1/2) S_r^(-1/2).
    transports = inverse @ middle @ inverse, root @ middle_inverse @ root
    found = [None, None]
    for side in drawn:
        centred, difference = sides[side] - statistics[side].mean, statistics[side].mean - statistics[1 - side].mean
        squares = np.einsum("nf,nf->n", centred, centred)
        squares -= np.einsum("nf,nf->n", centred @ transports[side], centred)
        found[side] = 2.0 * centred @ difference + squares
    return found
