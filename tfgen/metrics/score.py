"""A score: a figure with its spread, its floor, and the protocol without which it says nothing."""

import dataclasses
import math

import numpy as np

from tfgen.errors import UserError

Z95 = 1.96  # standard errors to either side of a 95 % interval


@dataclasses.dataclass(frozen=True)
class Score:
    """One metric's figure.

    Attributes:
        value: the figure.
        low, high: a 95 % interval by the method that the protocol names, or None.
        floor: what real images score in the samples' place, at the same N; or None.
        protocol: dict of plain values: all that the figure depends on, the samples themselves apart.
    """

    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    protocol: dict = dataclasses.field(default_factory=dict)

    def to_json(self):
        """The five keys as plain values; what is not finite becomes null."""
        numbers = {name: _plain(getattr(self, name)) for name in ("value", "low", "high", "floor")}
        return {**numbers, "protocol": self.protocol}


def around(value, standard_error, **more):
    """The `Score` of an estimate with a normal error: value -+ 1.96 standard errors."""
    return Score(value, value - Z95 * standard_error, value + Z95 * standard_error, **more)


def share(value, count, **more):
    """The `Score` of a share of `count` independent cases, with its binomial interval (Wilson 1927)."""
    centre = (value + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(value * (1 - value) / count + Z95**2 / (4 * count**2))
    return Score(value, max(0.0, centre - half), min(1.0, centre + half), **more)


def mean_of(values, **more):
    """The `Score` of a mean over images, float [N], N at least 2."""
    values = np.asarray(values, np.float64)
    return around(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))), **more)


def check_comparable(scores, names=None):
    """Refuses to set figures side by side that come from different protocols.

    Args:
        scores: of one metric, list of `Score` or of what evaluation.json holds of one.
        names: what to call each in the sentence.

    Raises:
        UserError: the first two that differ, and in what.
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


def _differences(a, b):
    a, b = _flat(a), _flat(b)
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


def table(scores):
    """The scores as text, a line each: value, interval, floor."""
    rows = [("metric", "value", "95 % interval", "real images")]
    for name, score in scores.items():
        interval = "" if score.low is None else f"{_short(score.low)} .. {_short(score.high)}"
        rows.append((name, _short(score.value), interval, "" if score.floor is None else _short(score.floor)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)


def _short(value):
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.6g}"
