"""The scores of samples against real images: one function per family of scores, and the table of these."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfgen import metrics
from tfgen.data.source import Source
from tfgen.errors import UserError, nearest
from tfgen.evaluation.contest import (
    BOTH,
    FEW,
    INFLUENCE,
    SAMPLES,
    Contest,
    mean_by_halves,
    share_by_halves,
    share_of_samples,
)
from tfgen.metrics import influences
from tfgen.metrics.neighbour_replicates import neighbour_replicates
from tfgen.metrics.neighbours import NeighbourReference
from tfgen.metrics.rarest import rarest_limits
from tfgen.metrics.replicates import scaled
from tfgen.metrics.score import SHARE, Z95, Score, around, clipped, share

Found = tuple[dict[str, Score], dict]
CAPTIONS = "caption_agreement"


# The function of every family: contest -> (metric -> Score, details).

K_CLIPPED, K_PR, K_DC = 5, 3, 5  # the papers' own


def frechet(contest: Contest) -> Found:
    """Returns `fd`, the Fréchet distance."""
    real, fake = contest.real.features, contest.fake.features
    floor = metrics.frechet_distance(real, contest.floor.features)
    if min(len(real), len(fake)) < influences.FEWEST:
        return {"fd": Score(metrics.frechet_distance(real, fake), None, None, floor, contest.stated(interval=FEW))}, {}
    return {"fd": spread(contest, contest.frechet_spread, BOTH, floor, contest.stated())}, {}


def spread(contest: Contest, found: influences.FrechetSpread, of: str, floor: float, protocol: dict) -> Score:
    """Returns the `Score` of a Fréchet distance."""
    moved = scaled(contest.splits.linear(found.real, found.fake), found.standard_error)
    return Score(found.value, found.low, found.high, floor, protocol | {"interval": f"{of}: {INFLUENCE}"}, moved)


def extrapolated(contest: Contest) -> Found:
    """Returns `fd_infinity`, the Fréchet distance extrapolated to infinitely many samples."""
    real, fake, floor = contest.real.features, contest.fake.features, contest.floor.features
    # each point of the fit needs more images than there are features
    points = max(2, min(5, min(map(len, (real, fake, floor))) // (real.shape[1] + 1)))
    limit, error = metrics.frechet_infinity(real, fake, points, contest.seed)
    limit_floor, _ = metrics.frechet_infinity(real, floor, points, contest.seed)
    interval = f"{BOTH}: 1.96 standard errors {INFLUENCE}"
    stated = contest.stated(points=points, seed=contest.seed, interval=interval)
    moved = scaled(contest.splits.linear(contest.frechet_spread.real, contest.frechet_spread.fake), error)
    return {"fd_infinity": around(limit, error, floor=limit_floor, protocol=stated, replicates=moved)}, {}


def kernel(contest: Contest) -> Found:
    """Returns `kid`, the kernel distance over all pairs: random subsets would add noise."""
    found = contest.kernel_reference.spread(contest.fake.features, contest.splits)
    floor = contest.kernel_reference.value(contest.floor.features)
    interval = f"{BOTH}: by the influence of each image and pair, of 5,000 images at most"
    stated = contest.stated(subsets="none: all pairs", interval=interval)
    return {"kid": Score(found.value, found.low, found.high, floor, stated, found.replicates)}, {}


def neighbours(contest: Contest) -> Found:
    """Returns `clipped_precision`, `clipped_recall`, `precision`, `recall`, `density` and `coverage`."""
    real, fake = contest.real.features, contest.fake.features
    reference = NeighbourReference(real, K_PR, K_DC, K_CLIPPED)
    values, floors = reference.scores(fake), reference.scores(contest.floor.features)
    moved = neighbour_replicates(real, fake, contest.splits, K_PR, K_DC, K_CLIPPED) or {}

    def score(name, k, made, cases, **more):
        stated = contest.stated(k=k)
        return made(values[name], moved.get(name), len(cases), floor=floors[name], protocol=stated, **more)

    return {
        "clipped_precision": score("clipped_precision", K_CLIPPED, mean_by_halves, fake, limits=SHARE),
        "clipped_recall": score("clipped_recall", K_CLIPPED, mean_by_halves, real, limits=SHARE),
        "precision": score("precision", K_PR, share_by_halves, fake),
        "recall": score("recall", K_PR, share_by_halves, real),
        "density": score("density", K_DC, mean_by_halves, fake),
        "coverage": score("coverage", K_DC, share_by_halves, real),
    }, {}


def inception(contest: Contest) -> Found:
    """Returns `inception_score`, and its standard deviation over the splits, which papers print, as a detail."""
    splits, quantile = 10, 2.262  # 97.5 % quantile of Student's t with 9 degrees of freedom
    classes = np.asarray(contest.fake.probabilities).shape[1]
    mean, spread = metrics.inception_score(contest.fake.probabilities, splits)
    half = quantile * spread / (splits - 1) ** 0.5
    low, high = clipped(mean - half, mean + half, (1.0, float(classes)))
    floor, _ = metrics.inception_score(contest.floor.probabilities, splits)
    stated = contest.stated(splits=splits, interval=f"{SAMPLES}: Student's t over the {splits} splits")
    return {"inception_score": Score(mean, low, high, floor, stated)}, {"inception_score_std_over_splits": spread}


def classes(contest: Contest) -> Found:
    """Returns `smallest_class`, the proportion of the rarest class, and the histogram of classes as a detail."""
    probabilities = np.asarray(contest.fake.probabilities)
    number, count = probabilities.shape[1], len(contest.fake)
    shares = metrics.class_histogram(probabilities, number)
    floors = metrics.class_histogram(contest.floor.probabilities, number)
    found, value = np.eye(number)[probabilities.argmax(axis=1)], float(shares.min())
    low, high = rarest_limits(shares, count)
    moved = contest.splits.of_samples(lambda rows: found[rows].mean(axis=0).min())
    stated = contest.stated(interval=f"{SAMPLES}: binomial below (Wilson), multinomial draws above")
    smallest = Score(value, low, high, float(floors.min()), stated, scaled(moved, (high - low) / (2.0 * Z95)))
    each = [share(float(value), count) for value in shares]
    histogram = {"samples": shares.tolist(), "real": floors.tolist()}
    histogram |= {"low": [one.low for one in each], "high": [one.high for one in each]}
    return {"smallest_class": smallest}, {"class_histogram": histogram}


def memorisation(contest: Contest) -> Found:
    """Returns `authenticity`."""
    train, real = contest.train.features, contest.real.features
    stated, authentic = contest.stated(train_count=len(train)), metrics.authentic(train, *contest.nearest)
    floor = metrics.authenticity(train, real)
    return {"authenticity": share_of_samples(contest, authentic, floor=floor, protocol=stated)}, {}


def frechet_to_training(contest: Contest) -> Found:
    """Returns `fd_train`, the Fréchet distance to the training images, which are held fixed."""
    train, fake, real = contest.train.features, contest.fake.features, contest.real.features
    stated, floor = contest.stated(train_count=len(train)), metrics.frechet_distance(train, real)
    if min(len(train), len(fake)) < influences.FEWEST:
        to_train = Score(metrics.frechet_distance(train, fake), None, None, floor, stated | {"interval": FEW})
    else:
        found = metrics.frechet_spread(train, fake, fixed_real=True, seed=contest.seed)
        to_train = spread(contest, found, SAMPLES, floor, stated)
    return {"fd_train": to_train}, {}


def agreement(contest: Contest) -> Found:
    """Returns `label_agreement`, the proportion of samples that are classified as the label they were made for."""
    fake, real = contest.fake, contest.real
    agreed = np.asarray(fake.probabilities).argmax(axis=1) == np.asarray(fake.labels)
    floor = metrics.label_agreement(real.probabilities, real.labels)
    return {"label_agreement": share_of_samples(contest, agreed, floor=floor, protocol=contest.stated())}, {}


def captions(contest: Contest) -> Found:
    """Returns `caption_agreement`, the proportion of samples that show all that their captions ask for.

    `caption_agreement_NAME` is the proportion of those that show what is asked for of one attribute.
    """
    stated = contest.stated(attributes=list(contest.agreed))
    whole, whole_real = (np.logical_and.reduce(list(cases.values())) for cases in (contest.agreed, contest.agreed_real))
    pairs = {CAPTIONS: (whole, whole_real)}
    pairs |= {f"{CAPTIONS}_{name}": (cases, contest.agreed_real[name]) for name, cases in contest.agreed.items()}
    return {
        name: share_of_samples(contest, cases, floor=float(np.mean(real)), protocol=stated)
        for name, (cases, real) in pairs.items()
    }, {}


def conditional(contest: Contest) -> Found:
    """Returns `fd_per_class`, the mean over classes."""
    fake, real, floor = contest.fake, contest.real, contest.floor
    per_class = metrics.per_class_frechet(real.features, real.labels, fake.features, fake.labels)
    floors = metrics.per_class_frechet(real.features, real.labels, floor.features, floor.labels)
    means = [float(np.mean(list(values.values()))) for values in (per_class, floors)]
    interval = "none: classes have too few images for the influence of each"
    stated = contest.stated(classes=len(per_class), interval=interval)
    details = {"fd_per_class": {str(label): value for label, value in per_class.items()}}
    return {"fd_per_class": Score(means[0], floor=means[1], protocol=stated)}, details


@dataclasses.dataclass(frozen=True)
class Family:
    """A group of scores that are computed together.

    Attributes:
        function: computes the scores, as above.
        gives: names of the scores.
        classes, labels, asked: whether it needs class probabilities, labels on both sides, and samples of captions
            that can be checked. Further scores than `gives` are parts of the first.
        own: whether the classes have to be those of the data.
        long: whether it takes longer than the others.
    """

    function: Callable[[Contest], Found]
    gives: tuple[str, ...]
    classes: bool = False
    labels: bool = False
    asked: bool = False
    own: bool = False
    long: bool = False


FAMILIES = (
    Family(frechet, ("fd",)),
    Family(extrapolated, ("fd_infinity",)),
    Family(kernel, ("kid",)),
    Family(neighbours, ("clipped_precision", "clipped_recall", "precision", "recall", "density", "coverage")),
    Family(inception, ("inception_score",), classes=True),
    Family(classes, ("smallest_class",), classes=True, own=True),
    Family(memorisation, ("authenticity",), long=True),
    Family(frechet_to_training, ("fd_train",)),
    Family(agreement, ("label_agreement",), classes=True, own=True, labels=True),
    Family(captions, (CAPTIONS,), asked=True),
    Family(conditional, ("fd_per_class",), labels=True),
)
SAMPLE_METRICS = tuple(name for family in FAMILIES for name in family.gives)
CAS = "classification_accuracy_score"
BY_SETTING = {CAS: "cas", "ais_nll": "ais", "bdmc_gap": "ais"}  # beside any metrics


def sample_metrics(source: Source) -> tuple[str, ...]:
    """Returns the names of the scores of samples that a data set has: those of its own measure, or of features."""
    return SAMPLE_METRICS if source.scoring is None else source.scoring.gives


def check_names(names: Iterable[str] | None, known: Sequence[str] = SAMPLE_METRICS) -> None:
    """Raises UserError for a name that is none of the `known` metrics."""
    for name in names or ():
        if name not in known:
            if setting := BY_SETTING.get(name):
                raise UserError(
                    f"{name!r} is asked for by a setting of its own, beside any metrics: tfgen.evaluate --{setting}"
                )
            close = nearest(name, known) or f"; expected some of {', '.join(known)}"
            raise UserError(f"unknown metric {name!r}{close}")


def check_needs_no_labels(names: Iterable[str] | None, cas: bool, why: str) -> None:
    """Raises UserError where a score that needs labels of samples is asked for by name; `why` there are none."""
    needing = [name for family in FAMILIES if family.labels for name in family.gives]
    found = [name for name in names or () if name in needing] + ([CAS] if cas else [])
    if found:
        raise UserError(f"{found[0]} needs labels of samples: {why}")
