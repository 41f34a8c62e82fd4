"""Gaussian mixtures in the plane for counting dropped modes: ring and grid (PacGAN, Lin et al. 2018)."""

import dataclasses
import itertools
import math

import numpy as np

from tfgen.data.source import Arrays, Field, Scoring, Source

SIZES = {"train": 100_000, "validation": 10_000, "test": 10_000}  # the authors' code draws 100,000 points to train on
SEED = 0


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A mixture of K equally likely normal distributions N(mean, sigma^2 I) with `means` (x, y)."""

    means: tuple[tuple[float, float], ...]
    sigma: float

    def draw(self, count: int, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Returns points float32 [count, 2] and the indices of their modes int64 [count]."""
        modes = random.randint(0, len(self.means), count, np.int64)
        points = np.asarray(self.means)[modes] + self.sigma * random.standard_normal((count, 2))
        return points.astype(np.float32), modes


# Authors' code, github.com/fjxmlzn/PacGAN, synthetic_data_experiments/*/config.py.
RING = Mixture(tuple((math.cos(math.pi * i / 4), math.sin(math.pi * i / 4)) for i in range(8)), 0.01)
GRID = Mixture(tuple((float(x), float(y)) for x, y in itertools.product(range(-4, 5, 2), repeat=2)), 0.05)


def ring() -> Source:
    """8 normal distributions on a circle, sigma 0.01: points of the plane"""
    return from_mixture(RING, "ring")


def grid() -> Source:
    """5 x 5 normal distributions over -4..4, sigma 0.05: points of the plane"""
    return from_mixture(GRID, "grid")


def from_mixture(mixture: Mixture, name: str) -> Source:
    """Returns a `Source` of `point` float32 [2] and `label` int64, the mode; its provenance holds the mixture."""
    fields = {"point": Field("point", (2,)), "label": Field("label", range=(0, len(mixture.means)))}
    splits = {}
    for offset, (split, count) in enumerate(SIZES.items()):
        # a seed per split, and RandomState for its stream, which NumPy promises never to change
        points, modes = mixture.draw(count, np.random.RandomState(SEED + offset))
        splits[split] = Arrays({"point": points, "label": modes}, fields)
    provenance = {"source": "drawn", "seed": SEED, "mixture": dataclasses.asdict(mixture)}
    gives = ("modes", "high_quality", "mode_kl")
    scoring = Scoring("tfgen.evaluation.points:score_points", gives, samples=2_500, pictures=False)
    return Source(name, fields, splits, provenance=provenance, scoring=scoring)
