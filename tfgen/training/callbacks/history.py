"""history.csv: one row an epoch, the same after a resume as without one."""

import csv
import io
import numbers
import pathlib

import keras

from tfgen.storage.atomic import write_text


class HistoryCSV(keras.callbacks.Callback):
    """Writes `epoch` (from 1), `step` and the epoch's logs by name; times are left out, for they differ when repeated.

    The file is replaced whole and synced, so that a kill at any moment leaves the rows before it.

    Args:
        path: the CSV file.
        resume_epoch: epochs done before this `fit`; later rows of the file are dropped, their epochs run again.
    """

    def __init__(self, path, resume_epoch=0):
        super().__init__()
        self.path, self.resume_epoch, self.rows = pathlib.Path(path), resume_epoch, []

    def on_train_begin(self, logs=None):
        self.rows = []
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= self.resume_epoch]
            # Blank cells belong to columns that came later, perhaps in a row that has just been dropped.
            self.rows = [{name: value for name, value in row.items() if value} for row in rows]
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        number = epoch + 1
        row = {"epoch": str(number), "step": str(int(self.model.step.numpy()))}
        row |= {name: repr(float(value)) for name, value in (logs or {}).items() if isinstance(value, numbers.Real)}
        self.rows = [old for old in self.rows if int(old["epoch"]) < number] + [row]
        self._write()

    def _write(self):
        names = {name for row in self.rows for name in row} - {"epoch", "step"}
        text = io.StringIO()
        writer = csv.DictWriter(text, ["epoch", "step", *sorted(names)], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue(), sync=True)
