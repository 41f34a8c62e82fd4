"""The difference of a score between two runs, or two groups of runs, that were measured against the same real images.

A score's replicates r_1, ..., r_S are half the differences between its values on two halves of the images, one per
random split: the mean of r^2 is the score's variance over draws of the images. Runs that were measured against the same
real images share the splits, and so r^A - r^B is a replicate of the difference, in which the noise that the real images
give to both cancels.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

Limits = tuple[float, float]


def mean_difference(
    a: Sequence[float], b: Sequence[float], a_replicates: ArrayLike | None = None, b_replicates: ArrayLike | None = None
) -> tuple[float, float | None]:
    """Returns the difference between the means of a score over two groups of runs, and half of its 95 % interval.

    Of one run each, the interval is over draws of the images, by the replicates. Of several runs, it is over trainings,
    with the samples of each, by Student's t for unequal variances (Welch 1947), plus the part of the real images, which
    all runs share: the variance of the mean replicates less what the samples alone give to them. A group of one run is
    taken to vary as the other does.

    Args:
        a, b: the score of each run, independently trained.
        a_replicates, b_replicates: [runs, S], on the same S splits of the real images; None where unknown, and then the
            interval of several runs is over trainings alone.

    Returns:
        (mean of a - mean of b, half interval); None for the half of one run each without replicates.
    """
    value = float(np.mean(a) - np.mean(b))
    parts = _of_trainings(a, b)
    if a_replicates is not None and b_replicates is not None:
        groups = [np.asarray(group, np.float64) for group in (a_replicates, b_replicates)]
        total = float(np.mean((groups[0].mean(axis=0) - groups[1].mean(axis=0)) ** 2))
        parts.append((max(0.0, total - _of_samples(*groups)), groups[0].shape[1]))
    return value, _half(parts) if parts else None


def independent_limits(a: float, a_limits: Limits, b: float, b_limits: Limits) -> Limits:
    """Returns the interval of a - b from those of two independent estimates: Newcombe 1998, method 10.

    Args:
        a, b: the estimates.
        a_limits, b_limits: (low, high) of each, which need not be symmetric.
    """
    value = a - b
    return value - math.hypot(a - a_limits[0], b_limits[1] - b), value + math.hypot(a_limits[1] - a, b - b_limits[0])


def student(degrees: float) -> float:
    """Returns the 97.5 % quantile of Student's t with so many degrees of freedom, at least 1, whole or not."""
    # t = sqrt(degrees) tan(angle) has the density cos(angle)^(degrees - 1), up to a constant
    angles = np.linspace(0.0, np.pi / 2, 100_001)
    density = np.cos(angles) ** (degrees - 1.0)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(math.sqrt(degrees) * math.tan(np.interp(0.95, below / below[-1], angles)))


def _of_means(a, b, variance_of):
    """Returns the parts (variance, degrees of freedom) of mean(a) - mean(b) that differ from run to run."""
    groups = [group for group in (a, b) if len(group) > 1]
    if len(groups) == 1:
        return [(variance_of(groups[0]) * (1 / len(a) + 1 / len(b)), len(groups[0]) - 1)]
    return [(variance_of(group) / len(group), len(group) - 1) for group in groups]


def _of_trainings(a, b):
    return _of_means(a, b, lambda values: float(np.var(values, ddof=1)))


def _of_samples(a, b):
    """Returns the part of the mean replicates' variance that the runs' own samples give; 0 of one run each."""
    parts = _of_means(a, b, lambda replicates: float(replicates.var(axis=0, ddof=1).mean()))
    return sum(variance for variance, _ in parts)


def _half(parts):
    """Returns half of the interval of a sum of independent parts (variance, degrees of freedom), by Satterthwaite."""
    variance = sum(part for part, _ in parts)
    if variance == 0.0:
        return 0.0
    return student(variance**2 / sum(part**2 / degrees for part, degrees in parts)) * math.sqrt(variance)
