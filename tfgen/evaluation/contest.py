"""What a sample metric is given, and scores whose intervals say what they are of."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgen import metrics
from tfgen.evaluation.real import Side
from tfgen.metrics.influences import FrechetSpread
from tfgen.metrics.kernels import KernelReference
from tfgen.metrics.replicates import Splits, standard_error
from tfgen.metrics.score import POSITIVE, SHARE, Limits, Score, around, effective_count, share

BOTH, SAMPLES = "drawing both sides", "drawing samples"  # what an interval is of
ERRORS = "1.96 standard errors by"
HALVES = f"{ERRORS} halves of the images (delete-half jackknife)"
INFLUENCE = "by the influence of each image; spread, not bias"
BINOMIAL = f"{SAMPLES}: binomial (Wilson)"
FEW = "none: too few images for halves"


@dataclasses.dataclass(frozen=True)
class Contest:
    """The arguments of a sample metric.

    Attributes:
        real: the reference images.
        fake: the samples.
        floor: as many training images as there are samples, scored in their place.
        train: all training images.
        protocol: the part of the protocol that all scores share.
        seed: of bootstraps and subsets.
        other_classes: why the classifier's classes are not those of the data, or None if they are.
        general: whether the classifier is made for any picture, as the inception score takes it.
        agreed: attribute -> whether each sample shows what its caption asks for, bool [M]; {} where nobody can tell.
        agreed_real: the same of the reference images and their own captions.
    """

    real: Side
    fake: Side
    floor: Side
    train: Side
    protocol: dict
    seed: int = 0
    other_classes: str | None = None
    general: bool = False
    agreed: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    agreed_real: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """(index int64 [N], distance float64 [N]) of the training image nearest to each sample."""
        return metrics.nearest(self.train.features, self.fake.features)

    @functools.cached_property
    def frechet_spread(self) -> FrechetSpread:
        """The Fréchet distance and how far it spreads."""
        return metrics.frechet_spread(self.real.features, self.fake.features, seed=self.seed)

    @functools.cached_property
    def kernel_reference(self) -> KernelReference:
        """The reference features for kernel distances; the controls use it again."""
        return KernelReference(self.real.features)

    @functools.cached_property
    def splits(self) -> Splits:
        """The halves of the real images and of the samples that replicates are of, whatever the seed is."""
        return Splits(len(self.real), len(self.fake))

    def stated(self, interval: str | None = None, **parameters: Any) -> dict:
        """Returns the protocol of one score, with its own parameters, and what its interval is of."""
        known = {} if interval is None else {"interval": interval}
        return {**self.protocol, "fake": {"count": len(self.fake)}, "parameters": parameters, **known}


def share_by_halves(value: float, moved: np.ndarray | None, cases: int, **more: Any) -> Score:
    """Returns the `Score` of a proportion of `cases` that depend on each other, with its replicates (None: too few).

    The interval is a binomial one, of as many independent cases as give the replicates' standard error.
    """
    if moved is None:
        return _without(value, FEW, **more)
    count = effective_count(value, standard_error(moved), cases)
    return share(value, count, replicates=moved, **_stating(f"{BOTH}: {HALVES}, as a binomial (Wilson)", **more))


def mean_by_halves(value: float, moved: np.ndarray | None, cases: int, limits: Limits = POSITIVE, **more: Any) -> Score:
    """Returns the `Score` of a mean within `limits` over `cases`, with its replicates (None: too few)."""
    if moved is None:
        return _without(value, FEW, **more)
    stated = _stating(f"{BOTH}: {HALVES}", **more)
    if not moved.any() and value in SHARE:  # nothing has been seen that varies: as a share of none, or of all
        return share(value, cases, replicates=moved, **stated)
    return around(value, standard_error(moved), limits, replicates=moved, **stated)


def share_of_samples(contest: Contest, cases: np.ndarray, **more: Any) -> Score:
    """Returns the `Score` of the share of samples for which `cases` bool [M] is true, independent of each other."""
    moved = contest.splits.linear(fake=cases)
    return share(float(np.mean(cases)), len(cases), replicates=moved, **_stating(BINOMIAL, **more))


def _without(value, why, **more):
    return Score(value, **_stating(why, **more))


def _stating(interval, protocol, **more):
    return {"protocol": {**protocol, "interval": interval}, **more}
