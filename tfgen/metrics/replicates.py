"""Replicates: what a score would vary by if other images were drawn, from random halves of those that there are.

The splits into halves follow from the number of images and the seed alone. So replicates of two scores against the same
real images are paired: the noise of the real images is in both, and cancels in their difference.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from tfgen.errors import UserError

SPLITS = 100  # the error of a standard error is then about 7 %


@dataclasses.dataclass(frozen=True)
class Splits:
    """Random splits of the real images and of the samples into two halves each.

    A replicate is (T(first halves) - T(second halves)) / 2. Halves are disjoint, and so independent: its variance is
    half of that of T at half the size, which is the variance of T at the whole size where that falls as 1 / N. This
    delete-half jackknife is consistent also for what is no smooth function of single images, such as nearest
    neighbours and minima, where the bootstrap and the delete-one jackknife are not (Shao and Wu 1989).

    Attributes:
        real, fake: number of real images and of samples, at least 2.
        seed: integer.
    """

    real: int
    fake: int
    seed: int = 0

    def __post_init__(self):
        if min(self.real, self.fake) < 2:
            raise UserError(f"halves need at least 2 images of both kinds, got {self.real} and {self.fake}")

    @functools.cached_property
    def real_halves(self) -> np.ndarray:
        """Whether an image is in the first half, bool [SPLITS, real]."""
        return _halves(self.real, (self.seed, self.real, 0))

    @functools.cached_property
    def fake_halves(self) -> np.ndarray:
        """The same of the samples, bool [SPLITS, fake]."""
        return _halves(self.fake, (self.seed, self.fake, 1))

    def linear(self, real: np.ndarray | None = None, fake: np.ndarray | None = None) -> np.ndarray:
        """Returns the replicates of a mean over images, or of a score to first order, float64 [SPLITS].

        Args:
            real, fake: what each image contributes, of which the mean counts (its influence on the score), float [N]
                and [M]; None for a side that the score does not depend on, or that is held fixed.
        """
        found = np.zeros(SPLITS)
        for influence, side in ((real, "real_halves"), (fake, "fake_halves")):
            if influence is not None:
                found += _contrast(getattr(self, side), np.asarray(influence, np.float64))
        return found

    def of_samples(self, score: Callable[[np.ndarray], float]) -> np.ndarray:
        """Returns the replicates of a score of samples alone; `score(rows)` is that of samples bool [M]."""
        return np.array([(score(half) - score(~half)) / 2.0 for half in self.fake_halves])


def standard_error(replicates: np.ndarray) -> float:
    """Returns the standard error of a score from its replicates: their root mean square."""
    return float(np.sqrt(np.mean(np.square(replicates))))


def scaled(replicates: np.ndarray, error: float) -> np.ndarray:
    """Returns replicates of a known standard error: those of a score to first order, which are off in the second."""
    found = standard_error(replicates)
    return replicates * (error / found) if found > 0.0 else replicates


def _halves(count, seed):
    rng = np.random.default_rng(seed)
    ordered = np.arange(count) < count // 2
    return np.stack([rng.permutation(ordered) for _ in range(SPLITS)])


def _contrast(halves, influence):
    centred = influence - influence.mean()
    first = halves @ centred  # the sum over the second half is its negative
    sizes = halves.sum(axis=1)
    return first * (1.0 / sizes + 1.0 / (len(centred) - sizes)) / 2.0
