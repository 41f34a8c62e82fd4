"""What a rule is: the interpretation of measurements, in words. Plain Python, a function of the rows of probes alone.

The rules for every model are in `general`; those of a family are in its folder, and `model.rules()` returns them.
"""

import collections
import dataclasses
import math
from collections.abc import Callable

RECENT = 4  # rows before the latest, for rules on how a measurement moves
PATIENCE = 3  # consecutive probes for which a condition has to hold to become a finding, or to fail to end it
CALM = "what usually helps: a lower learning rate, --precision=float32 if it was not, a gradient penalty for a critic"


@dataclasses.dataclass(frozen=True)
class Finding:
    """A result of the diagnosis: the step at which it was established, a short name, and a sentence with remedies."""

    step: int
    name: str
    message: str

    def __str__(self):
        return f"step {self.step}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A condition on the latest row, and its message.

    Attributes:
        name: of the finding.
        holds: `f(row, past) -> bool`; a missing measurement is NaN, so that no comparison with it is true.
        message: `f(row, past) -> str`.
        patience: consecutive probes, if fewer than those of the diagnosis are enough.
        ends: `f(row, past) -> bool`: whether the row shows nothing that another rule could judge. The message says so.
    """

    name: str
    holds: Callable[["Row", "Past"], bool]
    message: Callable[["Row", "Past"], str]
    patience: int = 1000
    ends: Callable[["Row", "Past"], bool] = lambda row, past: False


class Row(dict):
    """The measurements of a probe; a missing one is NaN."""

    def __missing__(self, name):
        return math.nan


class Past:
    """A summary of the rows before the latest, for the rules.

    Attributes:
        start: the row of the model as it was before its first step, of step 0; without it all of it is missing.
        first, previous: the first row of a model in training and the one before the latest, or None.
        recent: the last `RECENT` rows, oldest first.
    """

    def __init__(self) -> None:
        self.start = Row()
        self.recent: collections.deque[Row] = collections.deque(maxlen=RECENT)
        self.first: Row | None = None
        self.previous: Row | None = None
        self._lowest: dict[str, Row] = {}
        self._latest: dict[str, Row] = {}
        self._highest: dict[str, float] = {}

    def add(self, row: Row) -> None:
        """Adds a row."""
        self.first, self.previous = self.first or row, row
        self.recent.append(row)
        for name, value in row.items():
            if math.isfinite(value):
                self._latest[name] = row
                self._highest[name] = max(value, self.highest(name))
                if not value >= self.best(name)[name]:
                    self._lowest[name] = row

    def latest(self, name: str, row: Row) -> Row:
        """Returns the last row that has the measurement `name`: `row`, the latest of all, or one before."""
        return row if name in row else self._latest.get(name, Row())

    def best(self, name: str) -> Row:
        """Returns the row in which the measurement `name` was lowest."""
        return self._lowest.get(name, Row())

    def lowest(self, name: str) -> Row:
        """Returns the row in which the measurement `name` was lowest, the one before the first step included."""
        return min((self.start, self.best(name)), key=lambda row: row[name] if math.isfinite(row[name]) else math.inf)

    def swing(self, row: Row, name: str) -> float:
        """Returns the mean |change| of a measurement from row to row, `RECENT` rows up to `row`; NaN for fewer."""
        values = [before[name] for before in self.recent] + [row[name]]
        changes = [abs(b - a) for a, b in zip(values, values[1:], strict=False)]
        return sum(changes) / RECENT if len(changes) == RECENT else math.nan

    def highest(self, name: str) -> float:
        """Returns the highest value of the measurement `name`, at least 0."""
        return self._highest.get(name, 0.0)
