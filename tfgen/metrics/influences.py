"""The influence of single images on the Fréchet distance, and the standard error that follows from it."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_pair
from tfgen.metrics.distances import symmetric_roots
from tfgen.metrics.statistics import FeatureStatistics

FEWEST = 4  # images of each side, two per half


def frechet_error(
    real: ArrayLike, fake: ArrayLike, fixed_real: bool = False, seed: int = 0
) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns the standard error of `frechet_distance` over draws of images, and the influence of each image.

    With gradients from the same images, the variance of the influences holds the terms of second order twice, which
    matters where the distance is small. Gradients from two disjoint halves have independent errors, so that the
    covariance of their influences holds the first order alone; the mean of both is the variance.

    Args:
        real, fake: as in `frechet_distance`, with at least 4 rows each.
        fixed_real: whether only the samples are drawn, and the real images stay the same.
        seed: integer of the halves.

    Returns:
        (standard error, influence of the real images float64 [N], of the samples float64 [M]).

    Raises:
        UserError: as in `frechet_distance`, or too few rows.
    """
    real, fake = check_pair(real, fake, rows=FEWEST, need="the error of the Frechet distance needs")
    whole = _influences(real, fake, real, fake)
    rng = np.random.default_rng(seed)
    halves = [rng.permutation(len(side)) < len(side) // 2 for side in (real, fake)]
    parts = [
        _influences(real if fixed_real else real[first], fake[second], real, fake)
        for first, second in (halves, [~half for half in halves])
    ]
    variance = 0.0
    for side in (1,) if fixed_real else (0, 1):
        first, second = (part[side] for part in parts)
        once = max(0.0, float(np.cov(first, second)[0, 1]))
        variance += (whole[side].var(ddof=1) + once) / (2.0 * len(first))
    return float(np.sqrt(variance)), *whole


def _influences(real, fake, at_real, at_fake):
    """Returns the influences at features of both sides, of the distance between `real` and `fake`."""
    a, b = FeatureStatistics().update(real), FeatureStatistics().update(fake)
    root, inverse = symmetric_roots(a.covariance)
    middle, middle_inverse = symmetric_roots(root @ b.covariance @ root)
    # The distance's gradient in S_r is I - T, in S_f I - T^-1, with the optimal map
    # T = S_r^(-1/2) (S_r^(1/2) S_f S_r^(1/2))^(1/2) S_r^(-1/2).
    return (
        _influence(at_real - a.mean, a.mean - b.mean, inverse @ middle @ inverse),
        _influence(at_fake - b.mean, b.mean - a.mean, root @ middle_inverse @ root),
    )


def _influence(centred, difference, transport):
    squares = np.einsum("nf,nf->n", centred, centred) - np.einsum("nf,nf->n", centred @ transport, centred)
    return 2.0 * centred @ difference + squares
