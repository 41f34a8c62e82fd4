"""The differences between evaluations on the same real images, with intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfgen.errors import UserError, nearest
from tfgen.evaluation.contest import SAMPLES
from tfgen.evaluation.evaluation import Evaluation
from tfgen.metrics.differences import independent_limits, mean_difference
from tfgen.metrics.score import ANY, SHARES, Score, check_comparable, clipped, without_interval

PAIRED = "paired: both met the same real images, whose noise cancels (replicates, Student's t)"
OF_TRAININGS = "over trainings (Student's t, unequal variances), and over the real images that all of them met"
TRAININGS_ALONE = "over trainings alone (Student's t, unequal variances): replicates are missing"
UNPAIRED = "unpaired, from the intervals of both as if independent: replicates are missing; evaluate both anew"
OF_SAMPLES = "from the intervals of both: they are of drawing samples, of which two runs have none in common"
AT_AN_END = "unpaired, as one of both is at an end of its range, where replicates do not vary"
UNKNOWN = "none: neither replicates nor intervals of both"


def compare(
    a: Evaluation | Mapping[str, Any], b: Evaluation | Mapping[str, Any], metrics: Iterable[str] | None = None
) -> dict[str, Score]:
    """Returns the difference a - b of every metric that both evaluations have.

    The interval is paired: what the real images give to both scores alike cancels, so that it is mostly narrower than
    those of the two scores. Scores of the samples alone have nothing in common that could cancel: the interval follows
    from those of both. It is of these two runs, not of others that are trained anew by their recipes. Evaluations
    without replicates, as earlier versions wrote them, have the wider interval of independent scores; the protocol's
    `interval` says which it is. A difference lies within the error if `within_error` of it is True.

    Args:
        a, b: each an `Evaluation`, or the contents of an evaluation.json.
        metrics: names; by default, all that both have.

    Returns:
        metric -> `Score` of the difference; low and high are None where an interval of either is missing.

    Raises:
        UserError: one of the metrics was measured by different protocols (other real images, another extractor, another
            number of samples); `metrics` holds a name that is not in both.
    """
    contents = [one.to_json() if isinstance(one, Evaluation) else one for one in (a, b)]
    known = [name for name in contents[0]["metrics"] if name in contents[1]["metrics"]]
    for name in metrics or ():
        if name not in known:
            raise UserError(f"there is no {name!r} in both evaluations{nearest(name, known)}")
    found = {}
    for name in known if metrics is None else metrics:
        groups = [[one["metrics"][name]] for one in contents]
        check_comparable([groups[0][0], groups[1][0]], [f"{name} of the first evaluation", "of the second"])
        found[name] = difference(name, *groups, *([replicates_of(one, name)] for one in contents))
    return {name: score for name, score in found.items() if score is not None}


def difference(
    name: str,
    a: Sequence[dict],
    b: Sequence[dict],
    a_replicates: Sequence[Sequence[float]] = (),
    b_replicates: Sequence[Sequence[float]] = (),
) -> Score | None:
    """Returns the difference between the means of a metric over two groups of runs, or None if a value is missing.

    Args:
        name: of the metric.
        a, b: its scores, one per run, in the form of evaluation.json and of the same protocol.
        a_replicates, b_replicates: its replicates, one list per run, empty where there are none.
    """
    values = [[score["value"] for score in group] for group in (a, b)]
    if not all(values) or not _known(*values[0], *values[1]):
        return None
    groups = [a_replicates, b_replicates] if _of_same_splits([*a_replicates, *b_replicates], len(a) + len(b)) else []
    value, half = mean_difference(*values, *groups)
    limits = None if half is None else (value - half, value + half)
    kind = OF_TRAININGS if groups else TRAININGS_ALONE
    if len(a) == len(b) == 1:
        independent = _of_intervals(a[0], b[0])
        kind = PAIRED
        if independent and str(a[0]["protocol"].get("interval")).startswith(SAMPLES):
            limits, kind = independent, OF_SAMPLES
        elif not groups:
            limits, kind = independent, UNPAIRED if independent else UNKNOWN
        # replicates of a share at an end of its range do not vary, though other images could give another share
        elif independent and not all(any(group[0]) for group in groups):
            limits, kind = independent, AT_AN_END
    low, high = (None, None) if limits is None else clipped(*limits, (-1.0, 1.0) if name in SHARES else ANY)
    return Score(value, low, high, protocol={**without_interval(a[0]["protocol"]), "interval": kind})


def within_error(difference: Score | None) -> bool | None:
    """Returns whether the interval of a difference holds 0, or None without an interval."""
    if difference is None or difference.low is None or difference.high is None:
        return None
    return difference.low <= 0.0 <= difference.high


def in_words(value: float, low: float | None, high: float | None) -> tuple[str, str, str]:
    """Returns a difference and its limits as text, to two digits of the interval's half; limits are "" without one."""
    if low is None or high is None:
        return f"{value:+.4g}", "", ""
    half = (high - low) / 2
    places = max(0, 1 - math.floor(math.log10(half))) if half > 0 else 4
    value_text, low_text, high_text = (f"{number:+.{places}f}" for number in (value, low, high))
    return value_text, low_text, high_text


def replicates_of(contents: Mapping[str, Any], name: str) -> list[float]:
    """Returns the replicates of a metric in the contents of an evaluation.json; empty without them."""
    return (contents.get("replicates") or {}).get(name) or []


def _known(*values):
    return all(value is not None and math.isfinite(value) for value in values)


def _of_same_splits(replicates, runs):
    lengths = {len(one) for one in replicates}
    return len(replicates) == runs and len(lengths) == 1 and 0 not in lengths and all(_known(*r) for r in replicates)


def _of_intervals(a, b):
    if not _known(a["low"], a["high"], b["low"], b["high"]):
        return None
    return independent_limits(a["value"], (a["low"], a["high"]), b["value"], (b["low"], b["high"]))
