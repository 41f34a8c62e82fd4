"""Checkpoints: every variable that training changes, written whole or not at all, and read back to the bit."""

import json
import pathlib
import shutil
import time

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.storage.atomic import replacing_folder, sync_to_disk
from tfgen.training.callbacks.guards import NonFiniteError, describe

DAMAGE = (tf.errors.OpError, OSError, ValueError, TypeError, LookupError, AssertionError)


class Checkpoints:
    """The last few checkpoints of a model in `folder`, one subfolder `step_00000120` each.

    Args:
        model: a compiled `GenerativeModel`.
        folder: made when the first checkpoint is written.
        keep: how many are kept.
    """

    def __init__(self, model, folder, keep=3):
        self.model, self.folder, self.keep = model, pathlib.Path(folder), keep
        self._checkpoint = tf.train.Checkpoint(state=model.state())
        self.newest = None

    def steps(self):
        """Steps of the complete checkpoints, oldest first."""
        found = self.folder.glob("step_*") if self.folder.is_dir() else ()
        return sorted(int(path.name[5:]) for path in found if path.name[5:].isdigit())

    def path(self, step):
        return self.folder / f"step_{step:08d}"

    def save(self, within_epoch=True):
        """Writes a checkpoint of the present step, unless there is one, and drops the oldest.

        Within an epoch it holds the means of what has been logged since the epoch began, too.

        Raises:
            UserError: the disk is full or cannot be written to, or a weight is not finite; the earlier checkpoints are
            left as they were.
        """
        step = int(self.model.step)
        if step == self.newest:
            return
        if bad := self.model.non_finite_weights():
            raise NonFiniteError(describe(step, {}, bad))
        with replacing_folder(self.path(step)) as partial:
            partial.mkdir()
            try:
                self._checkpoint.write(str(partial / "variables"))
            except tf.errors.OpError as error:
                raise UserError(
                    f"cannot write a checkpoint to {self.folder}: {error.message.splitlines()[0]}; "
                    "the earlier checkpoints are kept: make room and give the same command again"
                ) from error
            averages = self.model.averages.values() if within_epoch else {}
            (partial / "state.json").write_text(json.dumps({"step": step, "averages": averages}))
            for path in partial.iterdir():
                sync_to_disk(path)
        self.newest = step
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)

    def restore(self):
        """Restores the newest checkpoint that can be read; returns its step, or None if there is none.

        Raises:
            UserError: there are checkpoints, and all are damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                self._read(self.path(step))
            except DAMAGE as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
                print(f"checkpoint {self.path(step)} is damaged ({reason}); trying the one before it", flush=True)
                continue
            self.newest = step
            return step
        if steps:
            raise UserError(
                f"every checkpoint in {self.folder} is damaged; --resume=never starts anew, and keeps the folder"
            )
        return None

    def _read(self, path):
        saved = json.loads((path / "state.json").read_text())
        averages, step = saved["averages"], saved["step"]
        self._checkpoint.read(str(path / "variables")).assert_consumed()
        if int(self.model.step) != step:
            raise ValueError(f"it holds step {int(self.model.step)}")
        self.model.averages.resume(averages)


def restore_latest(model, folder):
    """Restores a model from the newest readable checkpoint in `folder`; returns its step, or None if there is none."""
    return Checkpoints(model, folder).restore()


class SaveCheckpoints(keras.callbacks.Callback):
    """Saves at the end of each epoch, and within it every `every` steps, or every `seconds` where that is None.

    Stands last, so that a checkpoint at an epoch's end implies that its history row and samples have been written.
    """

    def __init__(self, checkpoints, steps_per_epoch, last_step, every=None, seconds=60.0):
        super().__init__()
        self.checkpoints, self.steps_per_epoch, self.last_step = checkpoints, steps_per_epoch, last_step
        self.every, self.seconds = every, seconds

    def on_train_begin(self, logs=None):
        self._saved_step, self._saved_at = int(self.model.step), time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if self.every is None and time.monotonic() - self._saved_at < self.seconds:
            return
        step = int(self.model.step)
        ends = step % self.steps_per_epoch == 0 or step >= self.last_step
        due = self.every is None or step - self._saved_step >= self.every
        if due and not ends:  # the epoch's end saves, after its history row
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        self._save(within_epoch=int(self.model.step) % self.steps_per_epoch != 0)  # an epoch may be cut short

    def _save(self, within_epoch=True):
        self.checkpoints.save(within_epoch)
        self._saved_step, self._saved_at = int(self.model.step), time.monotonic()
