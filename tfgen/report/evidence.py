"""What a run's folder holds for a report, checked as it is read: a damaged part is left out, and said."""

import csv
import dataclasses
import json
import math
import numbers

from tfgen.errors import UserError
from tfgen.runs.folder import load_run


@dataclasses.dataclass
class Evidence:
    """The files of one run.

    Attributes:
        run: the `Run`. name: what the page calls it.
        history, diagnosis: columns of history.csv and diagnosis.csv, dict of lists of float; empty where there is none.
        findings: list of dict of `step` int, `name`, `message`; None where there is no diagnosis.json.
        evaluation: what evaluation.json holds, or None.
        problems: sentences on parts that are damaged, by the attribute that misses them.
    """

    run: object
    name: str
    history: dict = dataclasses.field(default_factory=dict)
    diagnosis: dict = dataclasses.field(default_factory=dict)
    findings: list | None = None
    evaluation: dict | None = None
    problems: dict = dataclasses.field(default_factory=dict)

    @property
    def folder(self):
        return self.run.folder

    @property
    def recipe(self):
        return self.run.recipe

    @property
    def class_names(self):
        """Names of the classes, list of str, perhaps empty."""
        names = self.run.record.get("class_names")
        return [str(name) for name in names] if isinstance(names, list) else []

    def class_name(self, index):
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    @property
    def mixture(self):
        """`means` [K][2] and `sigma` of a run on a mixture in the plane, or None."""
        data = self.run.record.get("data")
        found = data.get("mixture") if isinstance(data, dict) else None
        return found if isinstance(found, dict) and _is_mixture(found) else None

    @property
    def steps(self):
        """Steps that are done as far as the files tell, or None."""
        known = [columns["step"][-1] for columns in (self.history, self.diagnosis) if columns.get("step")]
        return int(max(known)) if known else None

    @property
    def scores(self):
        """Of evaluation.json, dict by metric, perhaps empty."""
        return self.evaluation["metrics"] if self.evaluation else {}

    def detail(self, name):
        """What evaluation.json details under `name`, or None."""
        return self.evaluation["details"].get(name) if self.evaluation else None


def gather(folder):
    """The `Evidence` in a run's folder.

    Raises:
        UserError: it is not the folder of a run, or its recipe.json is damaged.
    """
    run = load_run(folder)
    evidence = Evidence(run, run.folder.resolve().name)
    _ = run.recipe  # without it nothing can be said
    folder = run.folder
    readers = {
        "history": (run.paths.history, read_columns),
        "diagnosis": (folder / "diagnosis.csv", read_columns),
        "findings": (folder / "diagnosis.json", read_findings),
        "evaluation": (run.paths.evaluation, read_evaluation),
    }
    for name, (path, read) in readers.items():
        if not path.is_file():
            continue
        try:
            setattr(evidence, name, read(path))
        except UserError as error:
            evidence.problems[name] = str(error)
    return evidence


def read_columns(path):
    """A CSV of numbers with a `step` column: dict of lists of float, NaN for a blank cell.

    Raises:
        UserError: it is no such file; the sentence names the line.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is damaged: expected a table of numbers ({error})") from None
    if not rows or "step" not in rows[0]:
        raise UserError(f"{path} is damaged: expected a first line with a column step")
    columns = {name: [] for name in rows[0]}
    for line, row in enumerate(rows[1:], start=2):
        try:
            if len(row) != len(rows[0]):
                raise ValueError
            for name, cell in zip(rows[0], row):
                columns[name].append(float(cell) if cell else math.nan)
        except ValueError:
            raise UserError(f"{path} is damaged: line {line} is no row of {len(rows[0])} numbers") from None
    if not all(map(math.isfinite, columns["step"])):
        raise UserError(f"{path} is damaged: a row has no step")
    return columns


def read_findings(path):
    """What diagnosis.json holds: list of dict of `step`, `name` and `message`."""
    findings = _json(path)
    if not isinstance(findings, list) or not all(map(_is_finding, findings)):
        raise UserError(f"{path} is damaged: expected a list of findings with step, name and message")
    return findings


def read_evaluation(path):
    """What evaluation.json holds, with every part of it there."""
    remedy = "evaluate anew with python -m tfgen.evaluate"
    found = _json(path, remedy)
    if not isinstance(found, dict) or not isinstance(found.get("metrics"), dict):
        raise UserError(f"{path} is damaged or not written by tfgen: expected an object with metrics; {remedy}")
    for name, score in found["metrics"].items():
        if not _is_score(score):
            raise UserError(f"{path} is damaged: {name!r} has not value, low, high, floor and protocol; {remedy}")
    parts = {name: found.get(name) if isinstance(found.get(name), dict) else {} for name in ("subject", "details")}
    controls = found.get("controls")
    known = isinstance(controls, dict) and all(map(_is_numbers, controls.values()))
    return {**parts, "metrics": found["metrics"], "controls": controls if known else {}}


def is_number(value):
    """Whether JSON gave a number that a float holds; NaN is one."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not abs(value) > 1e300


def _json(path, remedy="train on to have it written anew"):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is no JSON ({error}); {remedy}") from None


def _is_finding(finding):
    return isinstance(finding, dict) and is_number(finding.get("step")) and {"name", "message"} <= finding.keys()


def _is_score(score):
    keys = ("value", "low", "high", "floor")
    return (
        isinstance(score, dict)
        and isinstance(score.get("protocol"), dict)
        and all(key in score and (score[key] is None or is_number(score[key])) for key in keys)
    )


def _is_mixture(found):
    means = found.get("means")
    pairs = isinstance(means, list) and all(isinstance(mean, list) and len(mean) == 2 for mean in means)
    return pairs and all(is_number(value) for mean in means for value in mean) and is_number(found.get("sigma"))


def _is_numbers(values):
    return isinstance(values, dict) and all(map(is_number, values.values()))
