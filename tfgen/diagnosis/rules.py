"""Rules: what measurements mean, in words. Plain Python, a function of the rows of probes alone.

The rules on every model stand here; those of a family stand with it, and a model says which are its own.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

PATIENCE = 3  # probes in a row for which a condition holds before it is said, or does not before it may be said again
CALM = "what usually helps: a lower learning rate, --precision=float32 if it was not, a gradient penalty for a critic"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the diagnosis has seen: the step at which it was sure, a short name, and a sentence with the remedies."""

    step: int
    name: str
    message: str

    def __str__(self):
        return f"step {self.step}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A condition on the latest row, and the sentence that says it.

    Attributes:
        name: of the finding.
        holds: `f(row, past) -> bool`; what a row lacks is NaN, so that no comparison is true.
        message: `f(row, past) -> str`.
        patience: probes in a row, if fewer than the diagnosis' own are enough.
    """

    name: str
    holds: Callable
    message: Callable
    patience: int = 1000


class Row(dict):
    """The measurements of a probe; one that it lacks is NaN."""

    def __missing__(self, name):
        return math.nan


class Past:
    """What the rules need of the rows before the latest."""

    def __init__(self):
        self.first, self.previous, self._lowest, self._highest = None, None, {}, {}

    def add(self, row: Row) -> None:
        self.first, self.previous = self.first or row, row
        for name, value in row.items():
            if math.isfinite(value):
                self._highest[name] = max(value, self.highest(name))
                if not value >= self.best(name)[name]:
                    self._lowest[name] = row

    def best(self, name: str) -> Row:
        """The row in which the measurement `name` was lowest."""
        return self._lowest.get(name, Row())

    def highest(self, name: str) -> float:
        """The highest value of the measurement `name`, at least 0."""
        return self._highest.get(name, 0.0)


class Judge:
    """Follows the rows of one run; what it finds depends on the rows alone.

    Args:
        rules: by which they are judged, as `rules_of` gives them.
        patience: probes in a row that a condition needs.

    Attributes:
        findings: list of `Finding`, oldest first.
    """

    def __init__(self, rules, patience=PATIENCE):
        self.rules = tuple(rules)
        self.patience, self.findings, self._past = patience, [], Past()
        self._streaks, self._said, self._row = dict.fromkeys(self.rules, 0), set(), None

    def see(self, row: Row) -> list[Finding]:
        """Judges the next row, a dict of `step` and measurements; returns the new findings."""
        if self._row is not None:
            self._past.add(self._row)
        self._row = Row(row)
        return self._add(rule for rule in self.rules if self._turns(rule))

    def _turns(self, rule):
        """Whether the rule's condition comes to hold with this row."""
        holds, said = rule.holds(self._row, self._past), rule in self._said
        if rule is not NON_FINITE and is_not_finite(self._row, self._past):
            holds = said  # nothing can be told
        self._streaks[rule] = self._streaks[rule] + 1 if holds != said else 0
        if self._streaks[rule] < min(rule.patience, self.patience):
            return False
        self._streaks[rule] = 0
        self._said ^= {rule}
        return holds

    def end(self) -> list[Finding]:
        """No more rows will come: two probes in a row are enough, for a run too short for more."""
        return self._add(rule for rule in self.rules if rule not in self._said and self._streaks[rule] >= 2)

    def diverge(self, step: int) -> list[Finding]:
        """The loss of `step` was not finite, whatever the next row shows."""
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


# On every model.


def measured(row: Row) -> dict:
    return {name: value for name, value in row.items() if name != "step"}


def is_not_finite(row: Row, past: Past) -> bool:
    return not all(math.isfinite(value) for value in measured(row).values())


def say_not_finite(row: Row, past: Past) -> str:
    bad = [name for name, value in measured(row).items() if not math.isfinite(value)]
    return f"diverged: {', '.join(bad[:3])} {'is' if len(bad) == 1 else 'are'} no longer finite; {CALM}"


def has_diverged(row: Row, past: Past) -> bool:
    """The loss of a model with one phase stands above its best by more than it ever fell and first was."""
    best = past.best("loss")["loss"]
    first = past.first["loss"] if past.first else math.nan
    return row["loss"] - best > max(abs(first), first - best)


def say_diverged(row: Row, past: Past) -> str:
    best = past.best("loss")
    return f"diverged: loss is {row['loss']:.4g}, and was {best['loss']:.4g} at step {best['step']:.0f}; {CALM}"


def standing_still(network: str) -> Rule:
    """Returns the rule that a network in training does not change from probe to probe."""

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


def rules_of(model) -> tuple[Rule, ...]:
    """Returns the rules that a model is judged by: those on every model, and its own."""
    return (NON_FINITE, DIVERGED, *map(standing_still, model.networks), *model.rules())


def judge(rows: Sequence[dict], rules: Sequence[Rule], patience: int = PATIENCE) -> list[Finding]:
    """Returns the findings in the rows of a run, oldest first."""
    follower = Judge(rules, patience)
    for row in rows:
        follower.see(row)
    return follower.findings
