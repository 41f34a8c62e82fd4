"""Gaussian mixtures in the plane, on which lost modes can be counted: ring and grid (PacGAN, Lin et al. 2018)."""

import dataclasses
import itertools
import math

import numpy as np

from tfgen.data.source import Arrays, Field, Source

SIZES = {"train": 100_000, "validation": 10_000, "test": 10_000}  # the authors' code draws 100,000 to train on
SEED = 0


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely N(mean, sigma^2 I), for each of the K `means` (x, y)."""

    means: tuple[tuple[float, float], ...]
    sigma: float

    def draw(self, count, random):
        """Returns points float32 [count, 2] and the number of each one's mode int64 [count], by a `RandomState`."""
        modes = random.randint(0, len(self.means), count, np.int64)
        points = np.asarray(self.means)[modes] + self.sigma * random.standard_normal((count, 2))
        return points.astype(np.float32), modes


# Authors' code, github.com/fjxmlzn/PacGAN, synthetic_data_experiments/*/config.py.
RING = Mixture(tuple((math.cos(math.pi * i / 4), math.sin(math.pi * i / 4)) for i in range(8)), 0.01)
GRID = Mixture(tuple((float(x), float(y)) for x, y in itertools.product(range(-4, 5, 2), repeat=2)), 0.05)


def ring():
    """8 normal distributions on a circle, sigma 0.01: points of the plane"""
    return from_mixture(RING, "ring")


def grid():
    """5 x 5 normal distributions over -4..4, sigma 0.05: points of the plane"""
    return from_mixture(GRID, "grid")


def from_mixture(mixture, name):
    """Returns a `Source` of `point` float32 [2] and `label` int64, the mode; its provenance has the mixture."""
    fields = {"point": Field((2,), "float32"), "label": Field((), "int64", (0, len(mixture.means)))}
    splits = {}
    for offset, (split, count) in enumerate(SIZES.items()):
        points, modes = mixture.draw(count, np.random.RandomState(SEED + offset))
        splits[split] = Arrays({"point": points, "label": modes}, fields)
    provenance = {"source": "drawn", "seed": SEED, "mixture": dataclasses.asdict(mixture)}
    return Source(name, fields, splits, provenance=provenance)
