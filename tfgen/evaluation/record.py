"""The record of one run of a leaderboard: how far it is, and its outcome."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from tfgen import faults
from tfgen.errors import UserError
from tfgen.evaluation.ranking import STATUSES, Outcome, markdown, summary
from tfgen.recipes.recipe import Recipe
from tfgen.runs.layout import Layout
from tfgen.storage.atomic import write_text
from tfgen.storage.tables import load_json

LENGTHS = ("epochs", "steps", "max_minutes", "max_cpu_seconds")  # of a recipe, in whose place the budget is
STAGES = ("new", "training", "trained", "done")


@dataclasses.dataclass
class Record:
    """The file NAME-SEED.json beside a run's folder NAME-SEED.

    Attributes:
        workdir: the run's folder.
        wanted: plain values of the settings that the run is made by.
        stage: "new"; "training", where the folder is the board's own, and incomplete; "trained"; "done".
        outcome: of a run that is done, else None.
    """

    workdir: pathlib.Path
    wanted: dict[str, Any]
    stage: str = "new"
    outcome: Outcome | None = None

    @property
    def path(self) -> pathlib.Path:
        """The path of the file."""
        return self.workdir.with_name(f"{self.workdir.name}.json")

    @classmethod
    def read(cls, workdir: pathlib.Path, wanted: dict[str, Any]) -> Record:
        """Returns the record of a run, a new one where there is no file.

        Raises:
            UserError: the file is of other settings, or damaged.
        """
        new = cls(workdir, json.loads(json.dumps(wanted)))  # tuples become lists, as in the file
        return new._from_file() if new.path.is_file() else new

    def _from_file(self) -> Record:
        try:
            saved = load_json(self.path)
            same = _settings(saved["wanted"]) == _settings(self.wanted)
            stage = STAGES[STAGES.index(saved.get("stage", "done"))]
            outcome = Outcome(**saved["entry"]) if stage == "done" else None
            if outcome:
                _check(outcome)
        except faults.TEXT as error:
            raise UserError(f"{self.path} is damaged ({faults.reason(error)}); remove it to repeat its run") from error
        if not same:
            folder = self.path.parent
            constant = _has_constant_rates(saved["wanted"])
            alike = _settings(saved["wanted"], any_rates=True) == _settings(self.wanted, any_rates=True)
            if alike and constant != _has_constant_rates(self.wanted):
                raise UserError(
                    f"the learning rates of {self.path} were {'' if constant else 'not '}constant: "
                    f"{'give' if constant else 'leave out'} --constant_rates, or choose another --workdir"
                )
            raise UserError(f"{folder} holds a board of other settings ({self.path.name}); choose another --workdir")
        if stage == "trained" and not Layout(self.workdir).trainer.is_file():
            stage = "training"
        return dataclasses.replace(self, stage=stage, outcome=outcome)

    def write(self, stage: str, outcome: Outcome | None = None) -> None:
        """Writes the file for a new stage."""
        self.stage, self.outcome = stage, outcome
        entry = None if outcome is None else dataclasses.asdict(outcome)
        write_text(self.path, json.dumps({"wanted": self.wanted, "stage": stage, "entry": entry}, indent=1))


def _check(outcome):
    """Makes a table of the outcome beside itself, before hours of training; raises anything where it is damaged."""
    if outcome.status not in STATUSES or not isinstance(outcome.findings, list):
        raise ValueError(f"status is {outcome.status!r}, findings are {outcome.findings!r:.40}")
    both = [outcome, dataclasses.replace(outcome, model=f"{outcome.model} again")]
    markdown(summary(both), both, "", "")


def _settings(wanted, any_rates=False):
    """Returns what a run is made by: without what its budget replaces, whatever the recipe says of it now."""
    recipe = Recipe.from_json(wanted["recipe"]).to_json()  # fields that recipes did not have then have their defaults
    constant = any_rates or _has_constant_rates(wanted)
    unused = {*LENGTHS, *(["schedule"] if constant else [])}
    kept = {name: value for name, value in recipe.items() if name not in unused}
    return {**wanted, "recipe": kept, "constant_rates": constant}


def _has_constant_rates(wanted):
    """Returns whether learning rates were constant, as all were within a time before there was a choice."""
    return wanted.get("constant_rates", wanted["budget"]["unit"] in ("minutes", "cpu"))
