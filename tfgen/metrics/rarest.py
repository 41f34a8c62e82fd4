"""The interval of the proportion of the rarest class, a minimum over classes."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.score import Limits, wilson

DRAWS, STEPS = 2_000, 12  # of a bisection: the limit is then within 3 % of the interval
TAIL = 0.025


def rarest_limits(shares: ArrayLike, count: int, seed: int = 0) -> Limits:
    """Returns a 95 % interval of the mean of the smallest of `shares` over draws of `count` samples.

    A minimum over classes is no proportion of one class: where several are about equally rare, it is below the
    proportion of each, varies less, and which class it is changes from draw to draw. How many rival for it cannot be
    seen. So each limit is that of the classes for which it is farthest from what was found:

    * below, the rarest class stands alone, and its proportion is binomial (Wilson 1927);
    * above, all classes that were found below some proportion have it. The limit is the mean minimum for the lowest
      such proportion under which a minimum as low as the one found has a probability of 2.5 % (a test inverted, with
      half of the ties, by simulation).

    Of classes that are equally frequent, whose minimum has the highest mean of all, about 97.5 % are covered.

    Args:
        shares: of the samples that are of each class, [classes], at least one.
        count: number of samples.
        seed: integer of the simulated draws.
    """
    shares = np.asarray(shares, np.float64)
    value = float(shares.min())
    below, above = value, float(shares.max())
    for _ in range(STEPS):
        least = (below + above) / 2.0
        drawn = _smallest(np.maximum(shares, least), count, seed)
        lower, ties = np.mean(drawn < value - 0.5 / count), np.mean(np.abs(drawn - value) < 0.5 / count)
        below, above = (least, above) if lower + ties / 2.0 > TAIL else (below, least)
    drawn = _smallest(np.maximum(shares, above), count, seed)
    # the mean of equal classes is the limit itself: two errors of the simulation keep it inside
    high = float(drawn.mean() + 2.0 * drawn.std() / np.sqrt(DRAWS))
    return wilson(value, count)[0], min(1.0, max(value, high))


def _smallest(weights, count, seed):
    """Returns the smallest proportion in each of `DRAWS` draws, float64 [DRAWS]."""
    return np.random.default_rng(seed).multinomial(count, weights / weights.sum(), size=DRAWS).min(axis=1) / count
