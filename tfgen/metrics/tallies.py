"""Counts behind the scores from nearest neighbours, from chunks of the squared distances of two sets of features."""

from typing import Protocol

import numpy as np

from tfgen.metrics.pairwise import ROUNDING, Own


class Tally(Protocol):
    """Takes chunks of squared distances, and gives scores."""

    def add(self, rows: slice, least: np.ndarray) -> None:
        """Counts the rows of real images; `least` are lower bounds of squared distances [rows, M], for reading only."""

    def scores(self) -> dict[str, float]:
        """Returns the scores by name."""


class PrecisionRecall:
    """Counts for precision and recall: points that may lie on a surface, within rounding, are covered."""

    def __init__(self, real: Own, fake: Own, k: int) -> None:
        self.real_radii, self.fake_radii = real.radius(k), fake.radius(k)
        self.precise, self.recalled = np.zeros(len(self.fake_radii), bool), 0

    def add(self, rows: slice, least: np.ndarray) -> None:
        self.precise |= (least <= self.real_radii[rows, None]).any(axis=0)
        self.recalled += int(np.count_nonzero((least <= self.fake_radii).any(axis=1)))

    def scores(self) -> dict[str, float]:
        return {"precision": float(self.precise.mean()), "recall": float(self.recalled / len(self.real_radii))}


class DensityCoverage:
    """Counts for density and coverage: points that may lie on a surface, within rounding, are outside."""

    def __init__(self, real: Own, fake: Own, k: int) -> None:
        self.limits = real.radius(k) - 2.0 * ROUNDING * real.norms
        self.margins = 2.0 * ROUNDING * fake.norms
        self.k, self.inside, self.covered = k, 0, 0

    def add(self, rows: slice, least: np.ndarray) -> None:
        most = least + self.margins
        self.inside += int(np.count_nonzero(most < self.limits[rows, None]))
        self.covered += int(np.count_nonzero(most.min(axis=1) < self.limits[rows]))

    def scores(self) -> dict[str, float]:
        density = self.inside / (self.k * len(self.margins))
        return {"density": float(density), "coverage": float(self.covered / len(self.limits))}


class Clipped:
    """Counts for clipped precision and recall: points that may lie on a surface, within rounding, are covered."""

    def __init__(self, real: Own, fake: Own, k: int) -> None:
        self.real, self.fake, self.k = real, fake, k
        self.real_radii, self.fake_radii = clipped(real.radius(k)), clipped(fake.radius(k))
        self.held_by_real, self.held_by_fake = np.zeros(len(self.fake_radii), int), np.zeros(len(self.real_radii), int)

    def add(self, rows: slice, least: np.ndarray) -> None:
        self.held_by_real += np.count_nonzero(least <= np.minimum(self.real_radii[rows, None], self.fake.reach), axis=0)
        self.held_by_fake[rows] = np.count_nonzero(
            least <= np.minimum(self.fake_radii, self.real.reach[rows, None]), axis=1
        )

    def scores(self) -> dict[str, float]:
        usual = self.real.held(self.real_radii), self.fake.held(self.fake_radii)
        return {
            "clipped_precision": clipped_share(self.held_by_real, usual[0], self.k),
            "clipped_recall": clipped_share(self.held_by_fake, usual[1], self.k),
        }


def clipped(radii: np.ndarray) -> np.ndarray:
    """Returns squared radii, none above their median."""
    return np.minimum(radii, np.median(radii))


def clipped_share(balls: np.ndarray, usual: np.ndarray, k: int) -> float:
    """Returns the mean of min(1, balls / k) over points, relative to that of the set whose balls they are, at most 1.

    Args:
        balls: number of balls of a set that hold each point, int [M].
        usual: number of the other balls of this set that hold each of its own points, int [N].
        k: number of balls that hold a usual point.
    """
    most = np.minimum(usual, k).mean()
    return float(min(1.0, np.minimum(balls, k).mean() / most)) if most > 0.0 else 0.0
