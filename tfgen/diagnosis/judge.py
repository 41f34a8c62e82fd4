"""Judge: the application of rules to the rows of a run."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tfgen.diagnosis.beginnings import rules_from_start
from tfgen.diagnosis.conditions import condition_rules
from tfgen.diagnosis.general import DIVERGED, dead_units, divergence, said_of_bad_step, standing_still
from tfgen.diagnosis.rules import PATIENCE, Finding, Past, Row, Rule
from tfgen.optimizers.rates import rate_at
from tfgen.training.phases import updates_of

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel


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
        """Applies the rules to the next row, `step` and measurements; returns the new findings.

        A row of step 0 is what later ones are compared with, and is not judged itself.
        """
        if row["step"] == 0:
            self._past.start = Row(row)
            return []
        if self._row is not None:
            self._past.add(self._row)
        self._row = Row(row)
        over = [rule for rule in self.rules if rule.ends(self._row, self._past)]
        return self._add(rule for rule in self.rules if (not over or rule in over) and self._turns(rule))

    def _turns(self, rule):
        """Returns whether the rule's condition is established with this row."""
        holds, said = rule.holds(self._row, self._past), rule in self._said
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
        known = next((rule for rule in self.rules if rule.name == DIVERGED), None)
        if known is None or known in self._said:
            return []
        self._said.add(known)
        self.findings.append(said_of_bad_step(step))
        return self.findings[-1:]

    def _add(self, rules):
        step = int(self._row["step"]) if self._row else 0
        new = [Finding(step, rule.name, rule.message(self._row, self._past)) for rule in rules]
        self.findings += new
        return new


def rules_of(model: "GenerativeModel") -> tuple[Rule, ...]:
    """Returns the rules for a model: those for every model, and its own."""
    try:
        own = tuple(model.rules())
    except Exception as error:  # a model's own code is no reason to lose the rules on every model
        print(f"the model's rules failed and are left out: {str(error) or type(error).__name__:.200}", flush=True)
        own = ()
    still = (standing_still(name, functools.partial(at_rest, model, name)) for name in model.networks)
    general = (*divergence(model.phases, model.networks, model.stages), *still, *map(dead_units, model.networks))
    return (*general, *rules_from_start(model), *condition_rules(model), *own)


def at_rest(model: "GenerativeModel", network: str, row: Row) -> bool:
    """Returns whether the schedules of all rates that a network trains with are near their end at the step of a row.

    That is a hundredth of what they have been: an update then moves weights by less than float32 can hold.
    """
    names = {phase.optimizer for phase in model.phases if network in phase.trains}
    used = {name: optimizer for name, optimizer in model.optimizers.items() if name in names}
    for name, optimizer in used.items():
        count = updates_of(name, model.phases, model.stages, int(row["step"]))
        before = max(rate_at(optimizer, count * part // 8) for part in range(8))
        if rate_at(optimizer, count) > 0.01 * before:
            return False
    return bool(used)


def judge(rows: Iterable[Mapping[str, float]], rules: Sequence[Rule], patience: int = PATIENCE) -> list[Finding]:
    """Returns the findings in the rows of a run, oldest first."""
    follower = Judge(rules, patience)
    for row in rows:
        follower.see(row)
    return follower.findings
