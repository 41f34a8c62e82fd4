"""Early stops of training: without improvement of a score, on divergence, and those that a family adds.

The measurements of a stop are a part of the row of its probe, and its decision depends on the rows alone: a resumed run
stops at the same step.
"""

import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tfgen.diagnosis.rules import Finding
from tfgen.domains import Count, check
from tfgen.errors import UserError, nearest
from tfgen.storage.atomic import replacing

if TYPE_CHECKING:
    from tfgen.data.source import Examples
    from tfgen.training.model import GenerativeModel

Row = dict[str, float]


class Watching(Protocol):
    """What a stop may see of the diagnosis that asks it.

    Attributes:
        model: in training.
        train, held_out: the examples of the probes; `held_out` may be None.
        rows: of the earlier probes.
        epoch_steps: steps per epoch, or None.
    """

    model: "GenerativeModel"
    train: "Examples"
    held_out: "Examples | None"
    rows: list[Row]
    epoch_steps: int | None


class Stop:
    """A reason to end training early."""

    def check(self, model: "GenerativeModel") -> None:
        """Raises UserError if this stop does not apply to the model."""

    def measure(self, diagnosis: Watching, row: Row, last: bool) -> dict[str, float]:
        """Returns further measurements for the `row` of a probe; `last`: whether it is the last of the training."""
        return {}

    def reason(self, rows: list[Row], findings: list[Finding]) -> str | None:
        """Returns the sentence on why training ends after the last of `rows`, with the new findings; else None."""
        return None

    def best(self, rows: list[Row]) -> Row | None:
        """Returns the one of `rows` whose weights are to be kept, or None for those of the end."""
        return None

    def summary(self, rows: list[Row]) -> str | None:
        """Returns a sentence for the end of training, or None."""
        return None


class StopOnDivergence(Stop):
    """A stop when a finding says that training has diverged."""

    def reason(self, rows: list[Row], findings: list[Finding]) -> str | None:
        """Returns the sentence on the divergence, or None."""
        bad = [finding for finding in findings if finding.name == "diverged"]
        return f"training has {bad[0].message.partition(';')[0]}" if bad else None


class StopOnScore(Stop):
    """A stop when a score of the samples falls no more; the weights of the best score are those to keep.

    A score is noisy: the lowest one may be luck, and the score may fall on without a lower one for a while. So training
    ends after `patience` measurements without a new best only if the straight lines through the last 2 and the last 3
    times `patience` measurements (as many as there are), by least squares weighted by the standard errors, do not fall
    either: the shorter one notices a rise early, the longer one a slow fall.

    Args:
        name: of the score.
        score: `f(model) -> (value, standard error)` against held-out images; lower is better.
        epochs: between two measurements.
        patience: number of measurements.
        file: FILE.keras that holds the model of the best score at any time, for trainings by `fit`; a run keeps the
            checkpoint instead, and writes its models from it.

    Raises:
        UserError: a number is below 1, or the file has another suffix.
    """

    def __init__(
        self,
        name: str,
        score: Callable[["GenerativeModel"], tuple[float, float]],
        epochs: int = 1,
        patience: int = 5,
        file: str | os.PathLike | None = None,
    ) -> None:
        for what, value in {"epochs": epochs, "patience": patience}.items():
            check(f"{what} of StopOnScore", value, Count)
        self.name, self.score, self.epochs, self.patience = name, score, epochs, patience
        self.file = None if file is None else pathlib.Path(file)
        if self.file is not None and self.file.suffix != ".keras":
            raise UserError(f"file of StopOnScore must be FILE.keras, got {file}")

    def check(self, model: "GenerativeModel") -> None:
        """Raises UserError if the model cannot sample."""
        if model.sampler is None:
            raise UserError(f"stop={self.name} needs samples, and {model.name} cannot generate; leave it out")

    def measure(self, diagnosis: Watching, row: Row, last: bool) -> dict[str, float]:
        """Returns the score and its error at the end of every `epochs` epochs, and of training.

        Nothing before all stages of the training have begun: until then a network that samples need makes noise.
        """
        epoch, rest = divmod(row["step"], diagnosis.epoch_steps or 1)
        if not last and (rest or epoch % self.epochs):
            return {}
        if not diagnosis.model.begun().issuperset(diagnosis.model.networks):
            return {}
        value, error = self.score(diagnosis.model)
        found = {self.name: float(value), f"{self.name}_error": float(error)}
        if self.file is not None and self.best([*diagnosis.rows, {**row, **found}]) not in diagnosis.rows:
            with replacing(self.file) as partial:
                diagnosis.model.save(partial)
        return found

    def scored(self, rows: list[Row]) -> list[Row]:
        """Returns the rows that hold the score."""
        return [row for row in rows if math.isfinite(row.get(self.name, math.nan))]

    def best(self, rows: list[Row]) -> Row | None:
        """Returns the row of the lowest score, the first of several, or None without any."""
        return min(self.scored(rows), key=lambda row: row[self.name], default=None)

    def reason(self, rows: list[Row], findings: list[Finding]) -> str | None:
        """Returns the sentence on the missing improvement, or None."""
        rows = self.scored(rows)
        values = [row[self.name] for row in rows]
        since = len(values) - 1 - values.index(min(values)) if values else 0
        if since < self.patience:
            return None
        windows = [rows[-times * self.patience :] for times in (2, 3)]
        slopes = [self.slope(window) for window in windows]
        if min(slopes) < 0.0:
            return None
        changes = [f"{slope:+.2g} over the last {len(window)}" for slope, window in zip(slopes, windows, strict=True)]
        return (
            f"no better {self.name} in {since} measurements, and it falls no more: by measurement it changes by "
            f"{' and '.join(dict.fromkeys(changes))}"
        )

    def slope(self, rows: list[Row]) -> float:
        """Returns the slope per measurement of the line through the scores of at least two rows."""
        values, errors = (np.array([row[name] for row in rows]) for name in (self.name, f"{self.name}_error"))
        weights = errors**-2 if np.all(errors > 0.0) else np.ones_like(values)
        places = np.arange(len(rows), dtype=float)
        places -= np.average(places, weights=weights)
        return float(np.sum(weights * places * values) / np.sum(weights * places**2))

    def summary(self, rows: list[Row]) -> str | None:
        """Returns the best and the last score, or None without any."""
        best = self.best(rows)
        if best is None:
            return None
        last = self.scored(rows)[-1]
        said = [f"{when} {self.said(row)} at step {row['step']}" for when, row in (("best", best), ("last", last))]
        return f"{self.name}: {', '.join(said)}"

    def said(self, row: Row) -> str:
        """Returns the score and its error as text."""
        return f"{row[self.name]:.4g} +- {row[f'{self.name}_error']:.2g}"


def check_stops(stop: str | Stop | Sequence[str | Stop] | None) -> list[str | Stop]:
    """Returns a list of names and `Stop` objects from the argument of `Diagnosis(stop=...)`.

    Raises:
        UserError: it is neither names separated by commas nor such objects.
    """
    if stop is None or stop == "none":
        return []
    if isinstance(stop, Stop):
        return [stop]
    found: list[str | Stop] = list(stop.split(",") if isinstance(stop, str) else stop)
    found = [item.strip() if isinstance(item, str) else item for item in found]
    for item in found:
        if item == "kid":
            raise UserError("stop=kid of Diagnosis needs an object, StopOnScore('kid', f)")
        if not isinstance(item, (str, Stop)):
            raise UserError(f"stop of Diagnosis expects names or Stop objects, got {item!r}")
    return found


def no_equilibrium(model: "GenerativeModel") -> UserError:
    """Returns the error that a model has no equilibrium to stop at."""
    return UserError(
        f"stop=equilibrium needs a discriminator of images alone that learns log-odds, and {model.name} has none; "
        "leave it out"
    )


def stops_for(model: "GenerativeModel", found: Sequence[str | Stop]) -> list[Stop]:
    """Returns the `Stop` objects, names replaced by the stops of every model and by those of this one.

    Raises:
        UserError: the model has no stop of this name.
    """
    known = {"divergence": StopOnDivergence, **model.stops()}
    for item in found:
        if isinstance(item, str) and item not in known:
            if item == "equilibrium":
                raise no_equilibrium(model)
            raise UserError(f"stop expects {' or '.join(known)}, got {item!r}{nearest(item, known)}")
    return [known[item]() if isinstance(item, str) else item for item in found]
