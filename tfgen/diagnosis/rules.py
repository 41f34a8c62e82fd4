"""Rules: the interpretation of measurements, in words. Plain Python, a function of the rows of probes alone.

The rules for every model are here; those of a family are in its folder, and `model.rules()` returns them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

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
    """

    name: str
    holds: Callable[["Row", "Past"], bool]
    message: Callable[["Row", "Past"], str]
    patience: int = 1000


class Row(dict):
    """The measurements of a probe; a missing one is NaN."""

    def __missing__(self, name):
        return math.nan


class Past:
    """A summary of the rows before the latest, for the rules.

    Attributes:
        first, previous: the first row and the one before the latest, or None.
    """

    def __init__(self) -> None:
        self.first: Row | None = None
        self.previous: Row | None = None
        self._lowest: dict[str, Row] = {}
        self._highest: dict[str, float] = {}

    def add(self, row: Row) -> None:
        """Adds a row."""
        self.first, self.previous = self.first or row, row
        for name, value in row.items():
            if math.isfinite(value):
                self._highest[name] = max(value, self.highest(name))
                if not value >= self.best(name)[name]:
                    self._lowest[name] = row

    def best(self, name: str) -> Row:
        """Returns the row in which the measurement `name` was lowest."""
        return self._lowest.get(name, Row())

    def highest(self, name: str) -> float:
        """Returns the highest value of the measurement `name`, at least 0."""
        return self._highest.get(name, 0.0)


class Judge:
    """The application of rules to the rows of one run, in order; its findings depend on the rows alone.

    Args:
        rules: as `rules_of` returns them.
        patience: consecutive probes for which a condition has to hold.

    Attributes:
        findings: list of `Finding`, oldest first.
    """

    def __init__(self, rules: Sequence[Rule], patience: int = PATIENCE) -> None:
        self.rules, self.patience = tuple(rules), patience
        self.findings: list[Finding] = []
        self._past = Past()
        self._streaks = dict.fromkeys(self.rules, 0)
        self._said: set[Rule] = set()
        self._row: Row | None = None

    def see(self, row: Mapping[str, float]) -> list[Finding]:
        """Applies the rules to the next row, `step` and measurements; returns the new findings."""
        if self._row is not None:
            self._past.add(self._row)
        self._row = Row(row)
        return self._add(rule for rule in self.rules if self._turns(rule))

    def _turns(self, rule):
        """Returns whether the rule's condition is established with this row."""
        holds, said = rule.holds(self._row, self._past), rule in self._said
        if rule is not NON_FINITE and is_not_finite(self._row, self._past):
            holds = said  # NaN decides nothing
        self._streaks[rule] = self._streaks[rule] + 1 if holds != said else 0
        if self._streaks[rule] < min(rule.patience, self.patience):
            return False
        self._streaks[rule] = 0
        self._said ^= {rule}
        return holds

    def end(self) -> list[Finding]:
        """Returns the findings at the end of training, where two consecutive probes suffice: a run may be short."""
        return self._add(rule for rule in self.rules if rule not in self._said and self._streaks[rule] >= 2)

    def diverge(self, step: int) -> list[Finding]:
        """Returns the finding that the loss of `step` was not finite, whatever the next row shows."""
        if NON_FINITE in self._said:
            return []
        self._said.add(NON_FINITE)
        self.findings.append(Finding(step, NON_FINITE.name, f"diverged: the loss of step {step} is not finite; {CALM}"))
        return self.findings[-1:]

    def _add(self, rules):
        step = int(self._row["step"]) if self._row else 0
        new = [Finding(step, rule.name, rule.message(self._row, self._past)) for rule in rules]
        self.findings += new
        return new


# Rules for every model.


def measured(row: Row) -> dict[str, float]:
    """Returns the measurements of a row, without its step."""
    return {name: value for name, value in row.items() if name != "step"}


def is_not_finite(row: Row, past: Past) -> bool:
    """Returns whether a measurement is NaN or infinite."""
    return not all(math.isfinite(value) for value in measured(row).values())


def say_not_finite(row: Row, past: Past) -> str:
    """Returns the message of `is_not_finite`."""
    bad = [name for name, value in measured(row).items() if not math.isfinite(value)]
    return f"diverged: {', '.join(bad[:3])} {'is' if len(bad) == 1 else 'are'} no longer finite; {CALM}"


def has_diverged(row: Row, past: Past) -> bool:
    """Returns whether the loss exceeds its best by more than it ever fell and by more than its first value.

    Only models with a single phase have a `loss`.
    """
    best = past.best("loss")["loss"]
    first = past.first["loss"] if past.first else math.nan
    return row["loss"] - best > max(abs(first), first - best)


def say_diverged(row: Row, past: Past) -> str:
    """Returns the message of `has_diverged`."""
    best = past.best("loss")
    return f"diverged: loss is {row['loss']:.4g}, and was {best['loss']:.4g} at step {best['step']:.0f}; {CALM}"


def standing_still(network: str) -> Rule:
    """Returns the rule for a network in training whose weights do not change from probe to probe."""

    def holds(row, past):
        now = row[f"{network}_weights"]
        return past.previous is not None and abs(now - past.previous[f"{network}_weights"]) <= 1e-7 * abs(now)

    def message(row, past):
        return (
            f"the {network} does not change: its weights are those of the last probe; its learning rate is too "
            f"small, or its gradient (norm {row[f'{network}_gradient']:.2g}) vanishes; what usually helps: raise its "
            "learning rate"
        )

    return Rule(f"{network}_stands_still", holds, message, patience=2)


NON_FINITE = Rule("diverged", is_not_finite, say_not_finite, patience=1)
DIVERGED = Rule("diverged", has_diverged, say_diverged, patience=2)


def rules_of(model: "GenerativeModel") -> tuple[Rule, ...]:
    """Returns the rules for a model: those for every model, and its own."""
    try:
        own = tuple(model.rules())
    except Exception as error:  # a model's own code is no reason to lose the rules on every model
        print(f"the model's rules failed and are left out: {str(error) or type(error).__name__:.200}", flush=True)
        own = ()
    return (NON_FINITE, DIVERGED, *map(standing_still, model.networks), *own)


def judge(rows: Sequence[Mapping[str, float]], rules: Sequence[Rule], patience: int = PATIENCE) -> list[Finding]:
    """Returns the findings in the rows of a run, oldest first."""
    follower = Judge(rules, patience)
    for row in rows:
        follower.see(row)
    return follower.findings
