"""The diagnosis of a training in progress: measurements every few steps, and findings in words."""

import dataclasses
import itertools
import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import keras
from numpy.typing import ArrayLike

from tfgen.data.source import Examples
from tfgen.diagnosis.beginnings import NEEDED, remarks_on_length, remarks_on_model, too_few_steps
from tfgen.diagnosis.general import bad_of, meaningful, training_columns
from tfgen.diagnosis.judge import Judge, rules_of
from tfgen.diagnosis.probes import Probe
from tfgen.diagnosis.rules import PATIENCE, Finding, Row
from tfgen.diagnosis.stops import Stop, check_stops, stops_for
from tfgen.errors import UserError
from tfgen.storage.atomic import write_text
from tfgen.storage.tables import recovered, table_line

PER_PROBE = 150  # steps, about: a probe takes as long as two or three of them
AT_LEAST = 100  # steps between two probes where epochs are shorter
YOUNG = 1000  # steps, about, after which probes are half as many: faults show early, and a long training costs less

Images = ArrayLike | dict[str, ArrayLike] | Examples


class Board(Protocol):
    """What measurements can be written to."""

    def write(self, prefix: str, logs: Mapping[str, Any] | None) -> None:
        """Writes numbers as `prefix` + name at the current step."""


class Diagnosis(keras.callbacks.Callback):
    """A callback that prints findings on the data, a GAN's balance, overfitting and collapse, or a VAE's latents.

    Before the first step it looks at the training images, and measures the model as it is then.

    A probe takes place about every 150 steps, and every 300 after the first thousand: at the ends of epochs, within
    long ones and after several short ones. It does not change the training: a run without it has the same bits. It
    takes about 1 % of the training time, and the first measurement, whose graph is built, about as long as 50 steps.

    Args:
        train_images: images that the model is trained on: an array, a dict of fields or `Examples`; by default those
            given to `fit`, unless they are a `tf.data.Dataset`.
        validation_images: images that the model is not trained on, to detect overfitting. Never the test split.
        train_labels, validation_labels: int [N], for a conditional model.
        folder: for `diagnosis.csv` (one row per probe) and `diagnosis.json` (the findings); None writes nothing. A
            resumed training drops the rows after its first step, as it repeats them.
        every: steps between two probes; by default depending on the length of an epoch.
        patience: number of consecutive probes that have to show a condition before it becomes a finding.
        size: images of each split per probe, at most.
        stop: when to end training: "divergence" or "equilibrium", both with a comma, or a list of `Stop`.
        board: a `TensorBoard` callback or another logger, to which the measurements are written as `diagnosis/...`.
        verbose: whether findings are printed.

    Attributes:
        start: dict, the measurements of the model before its first step; None where that was not seen.
        rows: list of dict, `step` and the measurements of each probe of the training, floats.
        findings: list of `Finding`: step, name, message.
        stopped: the sentence on why training was ended, or None.

    Raises:
        UserError: a number is too small, or the images are missing or do not fit the model.
    """

    def __init__(
        self,
        train_images: Images | None = None,
        validation_images: Images | None = None,
        train_labels: ArrayLike | None = None,
        validation_labels: ArrayLike | None = None,
        *,
        folder: str | os.PathLike | None = None,
        every: int | None = None,
        patience: int = PATIENCE,
        size: int = 128,
        stop: str | Stop | Sequence[str | Stop] | None = None,
        board: "Board | None" = None,
        verbose: bool = True,
    ) -> None:
        super().__init__()
        for name, value in {"every": every, "patience": patience, "size": size}.items():
            if value is not None and value < (2 if name == "size" else 1):
                raise UserError(f"{name} of Diagnosis must be at least {2 if name == 'size' else 1}, got {value!r}")
        self.data = {"train": (train_images, train_labels), "validation": (validation_images, validation_labels)}
        self.folder = None if folder is None else pathlib.Path(folder)
        self.every, self.patience, self.size, self.board, self.verbose = every, patience, size, board, verbose
        self.stops: list[Stop] = []
        self._asked = check_stops(stop)
        self.start: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] = []
        self.remarks: list[Finding] = []
        self._of_model: list[Finding] = []
        self.findings: list[Finding] = []
        self.stopped: str | None = None
        self._probe: Probe | None = None
        self._trials: list[Any] = []
        self._remarked: set[str] = set()

    # The data.

    def training_examples(self) -> Examples:
        """Returns the `Examples` that the model is trained on.

        Raises:
            UserError: they are not known.
        """
        images, labels = self.data["train"]
        images = self.params.get("examples") if images is None else images
        if images is None:
            raise UserError(
                "Diagnosis does not see the images of a tf.data.Dataset: give it some as Diagnosis(train_images)"
            )
        return self.model.as_examples(images, labels)

    def held_out_examples(self) -> Examples | None:
        """Returns the `Examples` that the model is not trained on, or None without any."""
        images, labels = self.data["validation"]
        return None if images is None else self.model.as_examples(images, labels)

    # Probes at the right steps.

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self._probe is None or self._probe.model is not self.model:
            self.train, self.held_out = self.training_examples(), self.held_out_examples()
            self._probe = Probe(self.model, self.train, self.held_out, self.size, self._print)
            self._trials = list(self.model.trials())
            self._of_model = remarks_on_model(self.model, self.train, self._probe.conditions)
        self.stops = stops_for(self.model, self._asked)
        for stop in self.stops:
            stop.check(self.model)
        self.stopped, self._bad_step = None, int(self.model.first_bad_step.numpy())
        self._read_step()
        params = self.params or {}  # Keras sets none if the caller is not `fit`
        self.epoch_steps = params.get("steps_per_epoch") or params.get("steps")
        self._due = schedule(self.every, self.epoch_steps)
        before = self._said_before() if self._step else []
        of_length = remarks_on_length(self.model, self.train, self.epoch_steps, params.get("to_come"), before)
        self.remarks = [*self._of_model, *of_length]
        findings = self._resume()
        if not self._step:
            self._begin()
        elif self.folder is not None and self.rows and self.rows[-1]["step"] == self._step:  # perhaps stopped here
            self._stop_for(findings)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # reading a variable between two steps takes a tenth of a millisecond: only where something may have happened
        self._most += self.model.steps_per_execution
        if not self._due(self._step, self._most) and shows_no_fault(logs):
            return
        before = self._step
        self._read_step()
        bad = int(self.model.first_bad_step.numpy())
        if bad not in (-1, self._bad_step):
            self._bad_step = bad
            self._act(self._judge.diverge(bad))
        if self._due(before, self._step):
            self._look()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._read_step()
        if self._step and (not self.rows or self.rows[-1]["step"] < self._step):
            self._look(last=True)
        self._say(self._judge.end())
        if self._step and not self._judge.findings:
            self._say(too_few_steps(len(self.rows), self._step, self._every(), min(NEEDED, self.patience)))
        self._write(sync=True)
        for stop in self.stops:
            if summary := stop.summary(self.rows):
                self._print(summary)

    def _read_step(self):
        self._step = self._most = int(self.model.step)  # `_most` is the last step that may have been made since

    def _every(self):
        """Returns the number of steps until the first probe."""
        return next(step for step in itertools.count(1) if self._due(0, step))

    # Findings.

    def _begin(self):
        """Reports the remarks, and measures the model before its first step."""
        self.start = self._meaningful({"step": 0, **self._probe()})
        self._judge.see(self.start)
        self._write()
        unsaid = self.model.unsaid([finding.message for finding in self.remarks])
        for finding in self.remarks:
            if finding.message in unsaid:
                self._print(f"diagnosis, {finding}")

    def _look(self, last=False):
        row = self._meaningful({"step": self._step, **self._probe()})
        row |= self._tried(row, last)
        for stop in self.stops:
            row |= self._meaningful(stop.measure(self, row, last))
        self.rows.append(row)
        self._write()
        if self.board is not None:
            self.board.write("diagnosis/", {name: value for name, value in row.items() if name != "step"})
        findings = self._judge.see(row)
        self._say(findings) if last else self._act(findings)

    def _tried(self, row, last):
        """Returns the measurements of the model's trials that are due; one that fails is left out from then on."""
        measured = {}
        for trial in list(self._trials):
            try:
                measured |= self._meaningful(trial.measure(self, row, last))
            except Exception as error:  # a trial trains networks, which may be a user's own code
                self._trials.remove(trial)
                name = type(trial).__name__
                self._print(f"the trial {name} failed and is left out: {str(error) or type(error).__name__:.200}")
        return measured

    def _meaningful(self, row):
        """Returns a row without measurements that have no value; the first time, each is named."""
        kept = self._kept(row)
        empty = sorted(set(row) - set(kept) - self._remarked)
        if empty and not bad_of(
            Row(row), training_columns(self.model.phases, self.model.networks)[1]
        ):  # else nothing has a value, which is said as a divergence
            self._remarked |= set(empty)
            self._print(f"diagnosis, step {self._step}: {', '.join(empty)} has no finite value, and is left out")
        return kept

    def _kept(self, row):
        losses, weights = training_columns(self.model.phases, self.model.networks)
        return meaningful(row, [*losses, *weights])

    def _act(self, findings):
        """Reports findings, and ends training if one of the stops has a reason to."""
        self._say(findings)
        self._stop_for(findings)

    def _stop_for(self, findings):
        reason = next(filter(None, (stop.reason(self.rows, findings) for stop in self.stops)), None)
        if reason:
            self.stopped, self.model.stop_training = reason, True
            self._print(f"stopped after step {self._step}: {reason}")

    def best_step(self, until: float = math.inf) -> int | None:
        """Returns the step up to `until` whose weights a stop has chosen to keep, or None."""
        rows = [row for row in self.rows if row["step"] <= until]
        best = next(filter(None, (stop.best(rows) for stop in self.stops)), None)
        return None if best is None else int(best["step"])

    def _say(self, findings):
        self.findings += findings
        for finding in findings:
            self._print(f"diagnosis, {finding}")
        if self.folder is not None and findings:
            self._write_findings()

    def _print(self, text):
        if self.verbose:
            print(f"\n{text}", flush=True)

    # Files.

    def _resume(self):
        """Restores the rows up to the present step, from the file or an earlier `fit`.

        Returns:
            list of the findings of the last of these rows.
        """
        kept = [self.start, *self.rows] if self.start else self.rows
        rows, self.rows = kept if self.folder is None else recovered(self.folder / "diagnosis.csv"), []
        self._judge, self._names, self._lines = Judge(rules_of(self.model), self.patience), ["step"], []
        self.start = next((self._kept(row) for row in rows if row["step"] == 0 and self._step), None)
        if self.start:
            self._judge.see(self.start)
        findings: list[Finding] = []
        for row in rows:
            before = self.rows[-1]["step"] if self.rows else 0
            known = 0 < row["step"] <= self._step
            if known and self._due(before, row["step"]):  # not due: the last row of an ended run
                self.rows.append(self._kept(row))
                findings = self._judge.see(self.rows[-1])
        self.findings = [*self.remarks, *self._judge.findings]
        if self.folder is not None:
            self._write()
            self._write_findings()
        return findings

    def _said_before(self):
        """Returns the findings of the training up to now, from the file or an earlier `fit`."""
        if self.folder is None:
            return self.findings
        try:
            said = json.loads((self.folder / "diagnosis.json").read_text())
            return [Finding(int(one["step"]), str(one["name"]), str(one["message"])) for one in said]
        except (OSError, ValueError, TypeError, KeyError):  # none, or a damaged one: it is written anew
            return []

    def _write(self, sync=False):
        """Writes diagnosis.csv atomically; not synced at every probe, which would take as long as the probe itself."""
        if self.folder is None:
            return
        rows = [self.start, *self.rows] if self.start else self.rows
        new = rows[len(self._lines) :]
        names = {name for row in new for name in row} | set(self._names)
        if len(names) > len(self._names):  # a new column changes all lines
            self._names, self._lines, new = ["step", *sorted(names - {"step"})], [], rows
        self._lines += [table_line(self._names, row) for row in new]
        text = "".join([table_line(self._names), *self._lines])
        write_text(self.folder / "diagnosis.csv", text, sync)

    def _write_findings(self):
        findings = [dataclasses.asdict(finding) for finding in self.findings]
        write_text(self.folder / "diagnosis.json", json.dumps(findings, indent=2) + "\n")


def shows_no_fault(logs: Mapping[str, Any] | None) -> bool:
    """Returns whether there are logs, which are means over an epoch so far, and all of them are finite numbers."""
    values = list((logs or {}).values())
    return bool(values) and all(isinstance(value, float) and math.isfinite(value) for value in values)


def schedule(every: int | None, steps_per_epoch: int | None) -> Callable[[int, int], bool]:
    """Returns `f(before, step)`: whether a probe is due after `step`, when `before` is the last step known.

    It depends on the steps alone, so that a resumed run has its probes at the same steps.

    Args:
        every: steps between two probes, or None for about `PER_PROBE`, and twice as many after `YOUNG` steps.
        steps_per_epoch: or None if unknown.
    """
    epoch = PER_PROBE if steps_per_epoch is None else steps_per_epoch
    if every is not None:
        parts, length = 1, int(every)
    elif epoch < AT_LEAST:
        parts, length = 1, epoch * math.ceil(AT_LEAST / epoch)
    else:
        parts, length = max(1, round(epoch / PER_PROBE)), epoch
    young = None if every is not None else length * math.ceil(YOUNG / length)

    def probes(step: int) -> int:
        """Returns the number of probes up to a step."""
        later = 0 if young is None else max(0, step - young)
        return (step - later) * parts // length + later * parts // (2 * length)

    return lambda before, step: probes(step) > probes(before)
