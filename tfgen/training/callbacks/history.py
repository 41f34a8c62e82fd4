"""history.csv: one row per epoch, identical with and without a resume."""

import csv
import io
import numbers
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from tfgen.storage.atomic import write_text


class HistoryCSV(keras.callbacks.Callback):
    """A CSV file with `epoch` (from 1), `step` and the logs of each epoch; without times, which differ between runs.

    Args:
        path: the CSV file.
        resume_epoch: epochs completed before this `fit`; later rows of the file are dropped, as their epochs run again.
    """

    def __init__(self, path: str | os.PathLike[str], resume_epoch: int = 0) -> None:
        super().__init__()
        self.path, self.resume_epoch = pathlib.Path(path), resume_epoch
        self.rows: list[dict[str, str]] = []

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.rows = []
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= self.resume_epoch]
            # Blank cells belong to columns of later rows, which may have just been dropped.
            self.rows = [{name: value for name, value in row.items() if value} for row in rows]
            self._write()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        number = epoch + 1
        row = {"epoch": str(number), "step": str(int(self.model.step.numpy()))}
        # repr: the shortest text that reads back as the same float
        row |= {name: repr(float(value)) for name, value in (logs or {}).items() if isinstance(value, numbers.Real)}
        self.rows = [old for old in self.rows if int(old["epoch"]) < number] + [row]
        self._write()

    def _write(self):
        names = {name for row in self.rows for name in row} - {"epoch", "step"}
        text = io.StringIO()
        writer = csv.DictWriter(text, ["epoch", "step", *sorted(names)], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        # the whole file, atomically and synced: a kill at any moment leaves the earlier rows
        write_text(self.path, text.getvalue(), sync=True)
