"""A score: a value with its interval, its floor, and the protocol that it depends on."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgen import tables
from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.metrics.replicates import Splits, scaled

Limits = tuple[float, float]  # the lowest and the highest value that a score can have
ANY: Limits = (-math.inf, math.inf)
POSITIVE: Limits = (0.0, math.inf)
SHARE: Limits = (0.0, 1.0)
# scores that are shares
SHARES = (
    *("clipped_precision", "clipped_recall", "precision", "recall", "coverage"),
    *("smallest_class", "authenticity", "label_agreement", "test_accuracy", "supervised_accuracy"),
    *("caption_agreement", "caption_agreement_class", "caption_agreement_light", "caption_agreement_large"),
    *("caption_agreement_right", "caption_agreement_low"),
)
FEWEST = 2  # examples that have a covariance, or a spread
REAL_IMAGES = "real images"  # what floors are of
Z95 = 1.96  # standard errors to either side of a 95 % interval


@dataclasses.dataclass(frozen=True)
class Score:
    """The value of one metric.

    Attributes:
        value: of the metric.
        low, high: a 95 % interval by the method that the protocol names, or None.
        floor: the value for real images in the samples' place, at the same N, or for what `other_floor` names; or None.
        protocol: dict of plain values: all that the value depends on, except for the samples themselves. Its
            `interval` says of what the interval is, and by which method, or why there is none.
        replicates: what the value would vary by, float [S], paired with those of other scores against the same real
            images (`tfgen.metrics.replicates`); or None.
    """

    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    protocol: dict = dataclasses.field(default_factory=dict)
    replicates: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)

    def to_json(self) -> dict:
        """Returns the first five attributes as plain values; numbers that are not finite become None."""
        numbers = {name: _plain(getattr(self, name)) for name in ("value", "low", "high", "floor")}
        return {**numbers, "protocol": self.protocol}


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Held-out examples for the scores of a model itself, and the protocol of these scores.

    Attributes:
        data: of the model's kind, as the data set holds it [N, ...].
        fields: name -> array of all fields.
        protocol: the part that all scores share.
        source: the data set.
        split: name of the split.
    """

    data: np.ndarray
    fields: dict[str, np.ndarray]
    protocol: dict
    source: Source
    split: str

    def conditions(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns the fields with the given names, those of a model's conditions."""
        return {name: self.fields[name] for name in names}

    def stated(self, **parameters: Any) -> dict:
        """Returns the protocol of one score, with its own parameters."""
        return {**self.protocol, "parameters": parameters}


def asked(settings: Any, *names: str) -> bool:
    """Returns whether one of these scores is asked for: whether `settings.metrics` names it, or names none at all."""
    metrics = getattr(settings, "metrics", None)
    return metrics is None or not set(names).isdisjoint(metrics)


def around(value: float, standard_error: float, limits: Limits = ANY, **more: Any) -> Score:
    """Returns the `Score` of an estimate with a normal error: value -+ 1.96 standard errors, within `limits`."""
    low, high = clipped(value - Z95 * standard_error, value + Z95 * standard_error, limits)
    return Score(value, low, high, **more)


def clipped(low: float, high: float, limits: Limits) -> tuple[float, float]:
    """Returns the part of an interval within the values that a score can have."""
    return min(max(low, limits[0]), limits[1]), max(min(high, limits[1]), limits[0])


def share(value: float, count: float, **more: Any) -> Score:
    """Returns the `Score` of a proportion of `count` independent cases, with a binomial interval (Wilson 1927).

    It has an upper limit above a proportion of 0, and a lower one below 1, where standard errors are 0.
    """
    return Score(value, *wilson(value, count), **more)


def wilson(value: float, count: float) -> Limits:
    """Returns the 95 % interval of a proportion of `count` independent cases (Wilson 1927)."""
    centre = (value + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(value * (1 - value) / count + Z95**2 / (4 * count**2))
    # exact at the ends, where the difference is a rounding error
    return clipped(0.0 if value <= 0 else centre - half, 1.0 if value >= 1 else centre + half, SHARE)


def effective_count(value: float, standard_error: float, cases: int) -> float:
    """Returns the number of independent cases whose proportion would have this standard error, at most `cases`.

    Cases that depend on each other, such as images in one neighbourhood, count for fewer (Kish 1965). A proportion of 0
    or 1, whose error cannot be seen, is taken for one of `cases`.
    """
    variance = value * (1.0 - value)
    if standard_error <= 0.0 or variance <= 0.0:
        return float(cases)
    return min(float(cases), variance / standard_error**2)


def mean_of(values: ArrayLike, limits: Limits = ANY, **more: Any) -> Score:
    """Returns the `Score` of the mean of values within `limits`, float [N], one per example; of one no interval."""
    values = np.asarray(values, np.float64)
    if len(values) == 1:
        more["protocol"] = {"interval": "one example: none", **more.get("protocol", {})}
        return Score(float(values[0]), **more)
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    more["replicates"] = scaled(Splits(len(values), len(values)).linear(real=values), error)
    more["protocol"] = {"interval": "drawing examples: 1.96 standard errors of their mean", **more.get("protocol", {})}
    return around(float(values.mean()), error, limits, **more)


def check_comparable(scores: Sequence[Score | dict], names: Sequence[str] | None = None) -> None:
    """Raises UserError unless all scores have the same protocol; how an interval was computed may differ.

    Args:
        scores: of one metric, each a `Score` or its JSON form.
        names: of the scores, for the message.

    Raises:
        UserError: two protocols differ; the message names the first difference.
    """
    protocols = [score["protocol"] if isinstance(score, dict) else score.protocol for score in scores]
    names = names or [f"figure {i + 1}" for i in range(len(protocols))]
    for name, protocol in zip(names[1:], protocols[1:]):
        differing = _differences(protocols[0], protocol)
        if differing:
            key, (one, other) = next(iter(differing.items()))
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            raise UserError(
                f"{names[0]} and {name} were measured by different protocols and cannot be compared: "
                f"{key} is {one} and {other}{more}; evaluate both alike"
            )


def other_floor(protocol: Mapping[str, Any]) -> str | None:
    """Returns what a score's floor is of, such as a translation's source; None of real images."""
    parameters = protocol.get("parameters")
    named = parameters.get("floor") if isinstance(parameters, Mapping) else None
    return named if isinstance(named, str) else None


def without_interval(protocol: dict) -> dict:
    """Returns a protocol without what it says of the interval, on which no value depends."""
    parts = {key: without_interval(part) if isinstance(part, dict) else part for key, part in protocol.items()}
    return {key: part for key, part in parts.items() if key != "interval"}


def _differences(a, b):
    a, b = _flat(without_interval(a)), _flat(without_interval(b))
    return {key: (a.get(key), b.get(key)) for key in sorted({*a, *b}) if a.get(key) != b.get(key)}


def _flat(values, prefix=""):
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _plain(value):
    return float(value) if value is not None and math.isfinite(value) else None


def table(scores: dict[str, Score]) -> str:
    """Returns the scores as text, one line per score: value, interval, floor, and what that is of if not real."""
    rows = [("metric", "value", "95 % interval", REAL_IMAGES)]
    for name, score in scores.items():
        interval = "" if score.low is None else f"{_short(score.low)} .. {_short(score.high)}"
        floor, other = "" if score.floor is None else _short(score.floor), other_floor(score.protocol)
        rows.append((name, _short(score.value), interval, f"{floor} ({other})" if floor and other else floor))
    return tables.table(rows[1:], rows[0])


def _short(value):
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.6g}"
