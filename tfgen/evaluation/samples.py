"""Samples against real images: the metrics, their floors (real images in the samples' place), and controls."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import threadpoolctl

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.evaluation import corruptions
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.contest import Contest
from tfgen.evaluation.real import Side, as_side
from tfgen.evaluation.sample_scores import FAMILIES, Family, check_names
from tfgen.machine.processor import cores
from tfgen.metrics.score import Score

if TYPE_CHECKING:
    from tfgen.extractors.base import Extractor

CONTROLS = 2_000  # images of each control
WORKERS = 2


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
            scores |= {name: score for name, score in found.items() if name in chosen or name not in family.gives}
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
    if family.asked and not contest.agreed:
        return "samples of captions, and data whose captions can be checked, as captions(fashion_mnist_mini)"
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
