"""The files of a run that a report is made from, checked as they are read: damaged ones are left out with a note."""

import dataclasses
import functools
import os
import pathlib
from typing import Any

from tfgen.data.source import Examples
from tfgen.errors import UserError
from tfgen.evaluation.stored import is_number, read_evaluation
from tfgen.recipes.recipe import Recipe
from tfgen.report.plans import Plan, read_plans
from tfgen.runs.folder import Run, read_history
from tfgen.storage.paths import whole
from tfgen.storage.tables import read_json


@dataclasses.dataclass
class Evidence:
    """The contents of one run's folder.

    Attributes:
        run: the `Run`.
        name: of the run on the page.
        history, diagnosis: columns of history.csv and diagnosis.csv by name; empty without the file.
        findings: list of dict of `step` int, `name`, `message`; None without diagnosis.json.
        evaluation: the contents of evaluation.json, or None.
        charts: the charts that the model declares, as recipe.json holds them.
        problems: name of a damaged part -> a sentence on it.
    """

    run: Run
    name: str
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    diagnosis: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    findings: list | None = None
    evaluation: dict | None = None
    charts: tuple[Plan, ...] = ()
    problems: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> pathlib.Path:
        """The run's folder."""
        return self.run.folder

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return self.run.recipe

    @functools.cached_property
    def held_out(self) -> tuple[Examples, str]:
        """(held-out examples of the run's data, the name of their split), never of the test split."""
        source = self.run.source()
        split = next(name for name in ("validation", "train") if name in source.splits)
        return source.splits[split], split

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; empty if unknown."""
        return self.run.class_names or []

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the run's data, or None if unknown."""
        label = self.run.fields.get("label")
        return int(label.range[1]) if label is not None and label.range else len(self.class_names) or None

    def class_name(self, index: int) -> str:
        """Returns the name of a class, "class 3" if unknown."""
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    @property
    def mixture(self) -> dict | None:
        """`means` [K][2] and `sigma` of a run on a Gaussian mixture in the plane, or None."""
        data = self.run.record.get("data")
        found = data.get("mixture") if isinstance(data, dict) else None
        return found if isinstance(found, dict) and _is_mixture(found) else None

    @property
    def steps(self) -> int | None:
        """Number of finished steps according to the files, or None."""
        known = [columns["step"][-1] for columns in (self.history, self.diagnosis) if columns.get("step")]
        return int(max(known)) if known else None

    @property
    def scores(self) -> dict:
        """Metric -> score of evaluation.json; empty without the file."""
        return self.evaluation["metrics"] if self.evaluation else {}

    def detail(self, name: str) -> Any:
        """Returns the entry `name` of the details of evaluation.json, or None."""
        return self.evaluation["details"].get(name) if self.evaluation else None


def gather(run: Run) -> Evidence:
    """Reads a run's folder.

    Raises:
        UserError: its recipe.json is damaged.
    """
    evidence = Evidence(run, whole(run.folder).name)
    _ = run.recipe  # raises now: without a recipe there is no report
    evidence.charts = read_plans(run.record.get("charts"))
    readers = {
        "history": (run.paths.history, read_columns),
        "diagnosis": (run.paths.diagnosis, read_columns),
        "findings": (run.paths.findings, read_findings),
        "evaluation": (run.paths.evaluated, read_evaluation),
    }
    for name, (path, read) in readers.items():
        if not os.path.lexists(path):
            continue
        try:
            setattr(evidence, name, read(path))
        except UserError as error:
            evidence.problems[name] = str(error)
    return evidence


def read_columns(path: pathlib.Path) -> dict[str, list[float]]:
    """Reads a CSV file of numbers with a `step` column; a blank cell is NaN.

    Raises:
        UserError: the file is damaged; the sentence names the line.
    """
    if not (columns := read_history(path, ("step",))):
        raise UserError(f"{path} is damaged: expected a first line with a column step, got an empty file")
    return columns


def read_findings(path: pathlib.Path) -> list[dict]:
    """Reads diagnosis.json: a list of dict of `step`, `name` and `message`.

    Raises:
        UserError: the file is damaged.
    """
    findings = read_json(path, "train on to have it written anew")
    if not isinstance(findings, list) or not all(map(_is_finding, findings)):
        raise UserError(f"{path} is damaged: expected a list of findings with step, name and message")
    return findings


def _is_finding(finding):
    return isinstance(finding, dict) and is_number(finding.get("step")) and {"name", "message"} <= finding.keys()


def _is_mixture(found):
    means = found.get("means")
    pairs = isinstance(means, list) and all(isinstance(mean, list) and len(mean) == 2 for mean in means)
    return pairs and all(is_number(value) for mean in means for value in mean) and is_number(found.get("sigma"))
