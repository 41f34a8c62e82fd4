"""history.csv: one row per epoch, identical with and without a resume."""

import numbers
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from tfgen.storage.atomic import write_text
from tfgen.storage.tables import Row, recovered, table_text

COUNTS = ("epoch", "step")


class HistoryCSV(keras.callbacks.Callback):
    """A CSV file with `epoch` (from 1), `step` and the logs of each epoch; without times, which differ between runs.

    Args:
        path: the CSV file.
        resume_epoch: epochs completed before this `fit`; later rows of the file are dropped, as their epochs run again.
    """

    def __init__(self, path: str | os.PathLike[str], resume_epoch: int = 0) -> None:
        super().__init__()
        self.path, self.resume_epoch = pathlib.Path(path), resume_epoch
        self.rows: list[Row] = []

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        existed = os.path.lexists(self.path)
        self.rows = [row for row in recovered(self.path, COUNTS) if row["epoch"] <= self.resume_epoch]
        if existed:
            self._write()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        number = epoch + 1
        row: Row = {"epoch": number, "step": int(self.model.step.numpy())}
        row |= {name: float(value) for name, value in (logs or {}).items() if isinstance(value, numbers.Real)}
        self.rows = [old for old in self.rows if old["epoch"] < number] + [row]
        self._write()

    def _write(self):
        # columns of the rows that are left alone
        names = {name for row in self.rows for name in row} - {*COUNTS}
        # the whole file, atomically and synced: a kill at any moment leaves the earlier rows
        write_text(self.path, table_text([*COUNTS, *sorted(names)], self.rows), sync=True)
