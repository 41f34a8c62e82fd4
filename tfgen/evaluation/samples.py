"""Samples against real images: the metrics, their floors (real images in the samples' place), and controls."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import threadpoolctl

from tfgen import metrics
from tfgen.errors import UserError, nearest
from tfgen.evaluation import corruptions
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.real import Side, as_side
from tfgen.machine.processor import cores
from tfgen.metrics import influences
from tfgen.metrics.kernels import KernelReference
from tfgen.metrics.neighbour_replicates import neighbour_replicates
from tfgen.metrics.neighbours import NeighbourReference
from tfgen.metrics.replicates import Splits, scaled, standard_error
from tfgen.metrics.score import POSITIVE, Score, around, clipped, effective_count, share

if TYPE_CHECKING:
    from tfgen.extractors.base import Extractor

Found = tuple[dict[str, Score], dict]
CONTROLS = 2_000  # images of each control
WORKERS = 2


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
    """

    real: Side
    fake: Side
    floor: Side
    train: Side
    protocol: dict
    seed: int = 0
    other_classes: str | None = None
    general: bool = False

    @functools.cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """(index int64 [N], distance float64 [N]) of the training image nearest to each sample."""
        return metrics.nearest(self.train.features, self.fake.features)

    @functools.cached_property
    def kernel_reference(self) -> KernelReference:
        """The reference features for kernel distances; the controls use it again."""
        return KernelReference(self.real.features)

    @functools.cached_property
    def splits(self) -> Splits:
        """The halves of the real images and of the samples that replicates are of."""
        return Splits(len(self.real), len(self.fake), self.seed)

    def stated(self, **parameters: Any) -> dict:
        """Returns the protocol of one score, with its own parameters."""
        return {**self.protocol, "fake": {"count": len(self.fake)}, "parameters": parameters}


# The function of every family: contest -> (metric -> Score, details).

BOTH, SAMPLES = "drawing both sides", "drawing samples"  # what an interval is of
HALVES = "1.96 standard errors by halves of the images (delete-half jackknife)"
BINOMIAL = f"{SAMPLES}: binomial (Wilson)"


def frechet(contest: Contest) -> Found:
    """Returns `fd`, the Fréchet distance."""
    real, fake, floor = contest.real.features, contest.fake.features, contest.floor.features
    value, floor_value = metrics.frechet_distance(real, fake), metrics.frechet_distance(real, floor)
    if min(len(real), len(fake)) < influences.FEWEST:
        few = contest.stated(interval=f"none: fewer than {influences.FEWEST} images of a kind")
        return {"fd": Score(value, floor=floor_value, protocol=few)}, {}
    error, *each = metrics.frechet_error(real, fake, seed=contest.seed)
    stated = contest.stated(interval=f"{BOTH}: 1.96 standard errors by the influence of each image; spread, not bias")
    moved = scaled(contest.splits.linear(*each), error)
    return {"fd": around(value, error, POSITIVE, floor=floor_value, protocol=stated, replicates=moved)}, {}


def extrapolated(contest: Contest) -> Found:
    """Returns `fd_infinity`, the Fréchet distance extrapolated to infinitely many samples."""
    real, fake, floor = contest.real.features, contest.fake.features, contest.floor.features
    # each point of the fit needs more images than there are features
    points = max(2, min(5, min(map(len, (real, fake, floor))) // (real.shape[1] + 1)))
    limit, error = metrics.frechet_infinity(real, fake, points, contest.seed)
    limit_floor, _ = metrics.frechet_infinity(real, floor, points, contest.seed)
    interval = f"{BOTH}: 1.96 standard errors by the influence of each image"
    stated = contest.stated(points=points, seed=contest.seed, interval=interval)
    return {"fd_infinity": around(limit, error, floor=limit_floor, protocol=stated)}, {}


def kernel(contest: Contest) -> Found:
    """Returns `kid`, the kernel distance over all pairs: random subsets would add noise."""
    value, error, moved = contest.kernel_reference.replicated(contest.fake.features, contest.splits)
    floor = contest.kernel_reference.value(contest.floor.features)
    interval = f"{BOTH}: 1.96 standard errors by a jackknife over 5,000 images at most"
    stated = contest.stated(subsets="none: all pairs", interval=interval)
    return {"kid": around(value, error, floor=floor, protocol=stated, replicates=moved)}, {}


def neighbours(contest: Contest) -> Found:
    """Returns `precision`, `recall`, `density` and `coverage`."""
    k_pr, k_dc = 3, 5  # the papers' own
    reference = NeighbourReference(contest.real.features, k_pr, k_dc)
    values, floors = reference.scores(contest.fake.features), reference.scores(contest.floor.features)
    moved = neighbour_replicates(contest.real.features, contest.fake.features, contest.splits, k_pr, k_dc) or {}
    scores: dict[str, Score] = {}
    for name in ("precision", "recall", "density", "coverage"):
        cases = {"precision": len(contest.fake), "density": None}.get(name, len(contest.real))
        parameters = {"k": k_pr if name in ("precision", "recall") else k_dc}
        scores[name] = by_halves(values[name], moved.get(name), cases, floors[name], contest.stated(**parameters))
    return scores, {}


def by_halves(value: float, moved: np.ndarray | None, cases: int | None, floor: float, protocol: dict) -> Score:
    """Returns the `Score` with an interval by its replicates: a share of `cases`, or any number at least 0 (None)."""
    if moved is None:
        return Score(value, floor=floor, protocol=protocol | {"interval": "none: too few images for halves"})
    more: dict[str, Any] = {"floor": floor, "protocol": protocol | {"interval": f"{BOTH}: {HALVES}"}}
    error = standard_error(moved)
    if cases is None:
        return around(value, error, POSITIVE, replicates=moved, **more)
    return share(value, effective_count(value, error, cases), replicates=moved, **more)


def inception(contest: Contest) -> Found:
    """Returns `inception_score`."""
    mean, spread = metrics.inception_score(contest.fake.probabilities)
    low, high = clipped(mean - spread, mean + spread, (1.0, float(np.asarray(contest.fake.probabilities).shape[1])))
    floor, _ = metrics.inception_score(contest.floor.probabilities)
    stated = contest.stated(splits=10, interval="-+ the standard deviation over 10 splits")
    return {"inception_score": Score(mean, low, high, floor, stated)}, {}


def classes(contest: Contest) -> Found:
    """Returns `smallest_class`, the proportion of the rarest class, and the histogram of classes as a detail."""
    probabilities = np.asarray(contest.fake.probabilities)
    number, count = probabilities.shape[1], len(contest.fake)
    shares = metrics.class_histogram(probabilities, number)
    floors = metrics.class_histogram(contest.floor.probabilities, number)
    found = np.eye(number)[probabilities.argmax(axis=1)]
    moved = contest.splits.of_samples(lambda rows: found[rows].mean(axis=0).min())
    value = float(shares.min())
    smallest = share(
        value,
        effective_count(value, standard_error(moved), count),
        floor=float(floors.min()),
        protocol=contest.stated(interval=f"{SAMPLES}: {HALVES}"),
        replicates=moved,
    )
    each = [share(float(value), count) for value in shares]
    histogram = {"samples": shares.tolist(), "real": floors.tolist()}
    limits = {"low": [one.low for one in each], "high": [one.high for one in each]}
    return {"smallest_class": smallest}, {"class_histogram": histogram | limits}


def memorisation(contest: Contest) -> Found:
    """Returns `authenticity`, and `fd_train`, the Fréchet distance to the training images."""
    train, fake, real = contest.train.features, contest.fake.features, contest.real.features
    authentic = metrics.authentic(train, *contest.nearest)
    scores = {
        "authenticity": of_samples(
            contest, authentic, metrics.authenticity(train, real), contest.stated(train_count=len(train))
        ),
        "fd_train": Score(
            metrics.frechet_distance(train, fake),
            floor=metrics.frechet_distance(train, real),
            protocol=contest.stated(train_count=len(train)),
        ),
    }
    return scores, {}


def of_samples(contest: Contest, cases: np.ndarray, floor: float, protocol: dict) -> Score:
    """Returns the `Score` of the share of samples for which `cases` bool [M] is true, independent of each other."""
    moved = contest.splits.linear(fake=cases)
    stated = protocol | {"interval": BINOMIAL}
    return share(float(np.mean(cases)), len(cases), floor=floor, protocol=stated, replicates=moved)


def agreement(contest: Contest) -> Found:
    """Returns `label_agreement`, the proportion of samples that are classified as the label they were made for."""
    fake, real = contest.fake, contest.real
    agreed = np.asarray(fake.probabilities).argmax(axis=1) == np.asarray(fake.labels)
    floor = metrics.label_agreement(real.probabilities, real.labels)
    return {"label_agreement": of_samples(contest, agreed, floor, contest.stated())}, {}


def conditional(contest: Contest) -> Found:
    """Returns `fd_per_class`, the mean over classes."""
    fake, real, floor = contest.fake, contest.real, contest.floor
    scores, details = {}, {}
    per_class = metrics.per_class_frechet(real.features, real.labels, fake.features, fake.labels)
    floors = metrics.per_class_frechet(real.features, real.labels, floor.features, floor.labels)
    means = [float(np.mean(list(values.values()))) for values in (per_class, floors)]
    scores["fd_per_class"] = Score(means[0], floor=means[1], protocol=contest.stated(classes=len(per_class)))
    details["fd_per_class"] = {str(label): value for label, value in per_class.items()}
    return scores, details


@dataclasses.dataclass(frozen=True)
class Family:
    """A group of scores that are computed together.

    Attributes:
        function: computes the scores, as above.
        gives: names of the scores.
        classes, labels: whether it needs class probabilities, and labels on both sides.
        own: whether the classes have to be those of the data.
        long: whether it takes longer than the others.
    """

    function: Callable[[Contest], Found]
    gives: tuple[str, ...]
    classes: bool = False
    labels: bool = False
    own: bool = False
    long: bool = False


FAMILIES = (
    Family(frechet, ("fd",)),
    Family(extrapolated, ("fd_infinity",)),
    Family(kernel, ("kid",)),
    Family(neighbours, ("precision", "recall", "density", "coverage")),
    Family(inception, ("inception_score",), classes=True),
    Family(classes, ("smallest_class",), classes=True, own=True),
    Family(memorisation, ("authenticity", "fd_train"), long=True),
    Family(agreement, ("label_agreement",), classes=True, own=True, labels=True),
    Family(conditional, ("fd_per_class",), labels=True),
)
SAMPLE_METRICS = tuple(name for family in FAMILIES for name in family.gives)


def check_names(names: Iterable[str] | None) -> None:
    """Raises UserError for an unknown metric, with the nearest name."""
    for name in names or ():
        if name not in SAMPLE_METRICS:
            close = nearest(name, SAMPLE_METRICS) or f"; expected some of {', '.join(SAMPLE_METRICS)}"
            raise UserError(f"unknown metric {name!r}{close}")


def score_samples(
    contest: Contest, names: Sequence[str] | None = None, say: Callable[[str], object] = print
) -> tuple[dict[str, Score], dict, dict[str, float]]:
    """Returns all scores that fit, or those in `names`.

    Where `names` are not given, scores that need more images than there are are left out, with a sentence each.

    Returns:
        (metric -> `Score`, details, family -> seconds).

    Raises:
        UserError: an unknown name; a metric in `names` needs labels, probabilities or samples that are missing; fewer
            than two images of either kind.
    """
    check_names(names)
    wanted: dict[Family, list[str]] = {}
    for family in FAMILIES:
        chosen = [name for name in family.gives if names is None or name in names]
        missing = _missing(contest, family)
        if chosen and missing and names is not None:
            raise UserError(f"{chosen[0]} needs {missing}")
        if chosen and not missing:
            wanted[family] = chosen
    scores: dict[str, Score] = {}
    details: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    # threads suffice: NumPy releases Python's lock while it computes
    with products_of_a_share(), concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        order = sorted(wanted, key=lambda family: not family.long)  # the longest first, or it would end alone
        running = {family: pool.submit(_timed, family.function, contest) for family in order}
        for family, chosen in wanted.items():
            try:
                found, more, took = running[family].result()
            except UserError as error:
                if names is not None or "fd" in family.gives:  # which two images of either kind suffice for
                    pool.shutdown(cancel_futures=True)
                    raise
                say(f"  {', '.join(chosen)}: left out: {error}")
                continue
            seconds[family.function.__name__] = took
            scores |= {name: score for name, score in found.items() if name in chosen}
            details |= more
            say(f"  {', '.join(chosen)}: {took:.1f} s")
    return scores, details, seconds


def products_of_a_share() -> contextlib.AbstractContextManager:
    """Returns a context in which each of `WORKERS` threads has its part of the cores for matrix products.

    Measured: with all cores for each of them, the same products take twice as long. A number of threads in the
    environment is left as it is.
    """
    if any(name in os.environ for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")):
        return contextlib.nullcontext()
    return threadpoolctl.threadpool_limits(max(1, cores() // WORKERS), user_api="blas")


def _timed(function, contest):
    start = time.perf_counter()
    return *function(contest), round(time.perf_counter() - start, 2)


def _missing(contest, family):
    if family.classes and contest.fake.probabilities is None:
        return "class probabilities, which this extractor does not give"
    if family.classes and contest.other_classes and (family.own or not contest.general):
        return f"a classifier of these classes: {contest.other_classes}"
    if family.labels and (contest.fake.labels is None or contest.real.labels is None):
        return "labels of the samples and of the real images"
    return None


def control(contest: Contest, other: Side) -> dict[str, float]:
    """Returns the `fd` and `kid` of one control."""
    distance = metrics.frechet_distance(contest.real.features, other.features)
    return {"fd": distance, "kid": contest.kernel_reference.value(other.features)}


def controls(
    contest: Contest, originals: Side, extractor: Extractor, images: np.ndarray, cache: Cache, key: dict
) -> dict[str, dict[str, float]]:
    """Returns the scores of known faults in the samples' place: noise, blur, a missing class, copied training images.

    Args:
        contest: the `Contest`.
        originals: a part of `contest.floor`, at most `CONTROLS` rows.
        extractor: the `Extractor`.
        images: the pictures of `originals`, uint8 [N, H, W, C].
        cache: `Cache` for the features of the corrupted pictures.
        key: plain values that identify the pictures.

    Returns:
        fault -> `count`, `fd`, `kid` and, of the copies, `authenticity`.
    """
    faults = {}
    for name, corrupt in corruptions.LADDER.items():

        def computed(corrupt=corrupt):
            return {"features": as_side(extractor, corrupt(images)).features}

        features = cache.get({**key, "corruption": name, "count": len(images)}, computed)["features"]
        faults[name] = control(contest, Side(features))
    classified = originals.labels is not None or not contest.other_classes
    dropped = corruptions.without_a_class(originals) if classified else None
    if dropped is not None:
        faults["a class dropped"] = control(contest, dropped)
    # The floor consists of training images: copies of them have its distances, and only authenticity differs.
    copies = control(contest, originals)
    authenticity = metrics.authenticity(contest.train.features, originals.features)
    found = {"real": copies, **faults, "copies of training images": {**copies, "authenticity": authenticity}}
    return {name: {"count": len(images), **values} for name, values in found.items()}
