"""The diagnosis of a running training: measures every so many steps, and says in words what goes wrong."""

import csv
import dataclasses
import json
import math
import pathlib
from collections.abc import Callable

import keras

from tfgen.data.source import Examples
from tfgen.diagnosis.probes import Probe
from tfgen.diagnosis.rules import PATIENCE, Judge, rules_of
from tfgen.diagnosis.stops import check_stops, stops_for
from tfgen.errors import UserError
from tfgen.storage.atomic import write_text

PER_PROBE = 150  # steps, about: a probe costs as much as two or three
AT_LEAST = 100  # steps of the shortest epochs' probes


class Diagnosis(keras.callbacks.Callback):
    """Watches a GAN's balance, overfitting and collapse, and a VAE's latents; prints each finding when it begins.

    It looks about every 150 steps, at the ends of epochs, within long ones and after several short ones, which costs
    less than 3 % of the time. It changes nothing: a run is the same to the bit without it.

    Args:
        train_images: images the model is trained on: an array, a dict of fields or `Examples`; the default are those
            that `fit` is given, unless as a `tf.data.Dataset`.
        validation_images: images that it is not trained on, for what concerns overfitting. Never the test split.
        train_labels, validation_labels: int [N], for a conditional model.
        folder: where `diagnosis.csv` (a row a probe) and `diagnosis.json` (the findings) go; None writes nothing.
            Rows after the step at which training goes on are dropped, as they come again.
        every: steps between two probes; the default depends on the length of an epoch.
        patience: probes in a row that show a condition before it is said.
        size: images of each kind that a probe looks at, at most.
        stop: when to end training: "divergence" or "equilibrium", both with a comma, or a list of `Stop`.
        board: a `TensorBoard` callback, to which the measurements go as `diagnosis/...`.
        verbose: whether findings are printed.

    Attributes:
        rows: list of dict, `step` and the measurements of each probe, floats.
        findings: list of `Finding`: step, name, message.
        stopped: the sentence on why training was ended, or None.

    Raises:
        UserError: images that do not fit the model; none at all.
    """

    def __init__(
        self,
        train_images=None,
        validation_images=None,
        train_labels=None,
        validation_labels=None,
        *,
        folder=None,
        every=None,
        patience=PATIENCE,
        size=128,
        stop=None,
        board=None,
        verbose=True,
    ):
        super().__init__()
        for name, value in {"every": every, "patience": patience, "size": size}.items():
            if value is not None and value < (2 if name == "size" else 1):
                raise UserError(f"{name} of Diagnosis must be at least {2 if name == 'size' else 1}, got {value!r}")
        self.data = {"train": (train_images, train_labels), "validation": (validation_images, validation_labels)}
        self.folder = None if folder is None else pathlib.Path(folder)
        self.every, self.patience, self.size, self.board, self.verbose = every, patience, size, board, verbose
        self.stops, self._asked = [], check_stops(stop)
        self.rows, self.findings, self.stopped = [], [], None
        self._probe, self._due = None, None

    # The data.

    def examples(self, split: str) -> Examples | None:
        """`Examples` of `train` or `validation`, or None where there are none of the latter."""
        images, labels = self.data[split]
        if images is None and split == "train":
            images = self.params.get("examples")
            if images is None:
                raise UserError(
                    "Diagnosis does not see the images of a tf.data.Dataset: give it some as Diagnosis(train_images)"
                )
        return None if images is None else self.model.as_examples(images, labels)

    # When to look.

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self._probe is None or self._probe.model is not self.model:
            self.train, self.held_out = self.examples("train"), self.examples("validation")
            self._probe = Probe(self.model, self.train, self.held_out, self.size, self._print)
        self.stops = stops_for(self.model, self._asked)
        for stop in self.stops:
            stop.check(self.model)
        self.stopped, self._step = None, int(self.model.step.numpy())
        self._bad_step = int(self.model.first_bad_step.numpy())
        params = self.params or {}  # Keras sets none where it is not `fit` that calls
        self.epoch_steps = params.get("steps_per_epoch") or params.get("steps")
        self._due = schedule(self.every, self.epoch_steps)
        self._resume()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        before, self._step = self._step, int(self.model.step.numpy())
        bad = int(self.model.first_bad_step.numpy())
        if bad not in (-1, self._bad_step):
            self._bad_step = bad
            self._act(self._judge.diverge(bad))
        if self._due(before, self._step):
            self._look()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._step and (not self.rows or self.rows[-1]["step"] < self._step):
            self._look(last=True)
        self._say(self._judge.end())
        self._write(sync=True)
        for stop in self.stops:
            if summary := stop.summary(self.rows):
                self._print(summary)

    # What is done then.

    def _look(self, last=False):
        row = {"step": self._step, **self._probe()}
        for stop in self.stops:
            row |= stop.measure(self, row, last)
        self.rows.append(row)
        self._write()
        if self.board is not None:
            self.board.write("diagnosis/", {name: value for name, value in row.items() if name != "step"})
        findings = self._judge.see(row)
        self._say(findings) if last else self._act(findings)

    def _act(self, findings):
        """Says what has been found, and ends training if one of the stops finds reason to."""
        self._say(findings)
        reason = next(filter(None, (stop.reason(self.rows, findings) for stop in self.stops)), None)
        if reason:
            self.stopped, self.model.stop_training = reason, True
            self._print(f"stopped after step {self._step}: {reason}")

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
        """Takes up the rows up to the present step, of the file or of an earlier `fit`."""
        rows, self.rows = self.rows if self.folder is None else read_rows(self.folder / "diagnosis.csv"), []
        self._judge, self._names, self._lines = Judge(rules_of(self.model), self.patience), ["step"], []
        for row in rows:
            before = self.rows[-1]["step"] if self.rows else 0
            if row["step"] <= self._step and self._due(before, row["step"]):  # the last of an ended run is not
                self.rows.append(row)
                self._judge.see(row)
        self.findings = list(self._judge.findings)
        if self.folder is not None:
            self._write()
            self._write_findings()

    def _write(self, sync=False):
        """Replaces the file whole. It is not synced at every probe, which would cost as much as the probe itself."""
        if self.folder is None:
            return
        new = self.rows[len(self._lines) :]
        names = {name for row in new for name in row} | set(self._names)
        if len(names) > len(self._names):  # a new column: all lines are made anew
            self._names, self._lines, new = ["step", *sorted(names - {"step"})], [], self.rows
        for row in new:
            self._lines.append(",".join(repr(row[name]) if name in row else "" for name in self._names))
        write_text(self.folder / "diagnosis.csv", "\n".join([",".join(self._names), *self._lines, ""]), sync)

    def _write_findings(self):
        findings = [dataclasses.asdict(finding) for finding in self.findings]
        write_text(self.folder / "diagnosis.json", json.dumps(findings, indent=2) + "\n")


def schedule(every: int | None, steps_per_epoch: int | None) -> Callable[[int, int], bool]:
    """`f(before, step) -> bool`: whether a probe is due after `step`, the last having been seen after `before`.

    It depends on the steps alone, so that a resumed run looks when one never killed would.
    """
    epoch = steps_per_epoch or PER_PROBE
    if every is not None:
        parts, length = 1, int(every)
    elif epoch < AT_LEAST:
        parts, length = 1, epoch * math.ceil(AT_LEAST / epoch)
    else:
        parts, length = max(1, round(epoch / PER_PROBE)), epoch
    return lambda before, step: step * parts // length > before * parts // length


def read_rows(path: pathlib.Path) -> list[dict]:
    """The rows of a diagnosis.csv, list of dict with `step` int and all else float; none where it is damaged."""
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        return [{**row, "step": int(row["step"])} for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error):
        return []
