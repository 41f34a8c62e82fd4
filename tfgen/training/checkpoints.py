"""Checkpoints of every variable that training changes, written atomically and restored exactly."""

import json
import os
import pathlib
import shutil
import time
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.storage.atomic import replacing_folder, sync_to_disk
from tfgen.training.callbacks.guards import NonFiniteError, describe

# what TensorFlow and `json` raise on truncated, corrupt or incompatible files
DAMAGE = (tf.errors.OpError, OSError, ValueError, TypeError, LookupError, AssertionError)


class Checkpoints:
    """The last `keep` checkpoints of a model in `folder`, each in a subfolder such as `step_00000120`.

    Args:
        model: a compiled `GenerativeModel`.
        folder: created with the first checkpoint.
        keep: number of checkpoints to keep.
    """

    def __init__(self, model: Any, folder: str | os.PathLike[str], keep: int = 3) -> None:
        self.model, self.folder, self.keep = model, pathlib.Path(folder), keep
        self._checkpoint = tf.train.Checkpoint(state=model.state())
        self.newest: int | None = None  # step of the newest checkpoint

    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, in ascending order."""
        return checkpoint_steps(self.folder)

    def path(self, step: int) -> pathlib.Path:
        """Returns the subfolder of the checkpoint of `step`."""
        return self.folder / f"step_{step:08d}"

    def save(self, within_epoch: bool = True) -> None:
        """Writes a checkpoint of the current step, unless there is one, and deletes the oldest.

        Within an epoch it includes the means of the logs since the start of the epoch.

        Raises:
            UserError: the disk is full or read-only, or a weight is not finite; the earlier checkpoints are unchanged.
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
                    "the earlier checkpoints are kept: free some space and repeat the command"
                ) from error
            averages = self.model.averages.values() if within_epoch else {}
            (partial / "state.json").write_text(json.dumps({"step": step, "averages": averages}))
            # on the disk before the rename, which could otherwise survive a power failure without the files
            for path in partial.iterdir():
                sync_to_disk(path)
        self.newest = step
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)

    def restore(self) -> int | None:
        """Restores the newest readable checkpoint; returns its step, or None without any checkpoint.

        Raises:
            UserError: all checkpoints are damaged.
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
                f"every checkpoint in {self.folder} is damaged; --resume=never starts again and keeps the folder"
            )
        return None

    def _read(self, path):
        saved = json.loads((path / "state.json").read_text())
        averages, step = saved["averages"], saved["step"]
        self._checkpoint.read(str(path / "variables")).assert_consumed()
        if int(self.model.step) != step:
            raise ValueError(f"it holds step {int(self.model.step)}")
        self.model.averages.resume(averages)


def checkpoint_steps(folder: pathlib.Path) -> list[int]:
    """Returns the steps of the complete checkpoints in a folder, in ascending order."""
    found = folder.glob("step_*") if folder.is_dir() else ()
    return sorted(int(path.name[5:]) for path in found if path.name[5:].isdigit())


def restore_latest(model: Any, folder: str | os.PathLike[str]) -> int | None:
    """Restores a model from the newest readable checkpoint in `folder`; returns its step, or None without any."""
    return Checkpoints(model, folder).restore()


class SaveCheckpoints(keras.callbacks.Callback):
    """Checkpoints at the end of each epoch, and within it every `every` steps, or every `seconds` if that is None.

    Put it last, so that a checkpoint at the end of an epoch implies that its history row and samples are written.

    Args:
        checkpoints: the `Checkpoints` to save to.
        steps_per_epoch: number of steps per epoch.
        last_step: global step at which training ends.
        every: steps between two checkpoints within an epoch, or None.
        seconds: between two checkpoints within an epoch.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        steps_per_epoch: int,
        last_step: int,
        every: int | None = None,
        seconds: float = 60.0,
    ) -> None:
        super().__init__()
        self.checkpoints, self.steps_per_epoch, self.last_step = checkpoints, steps_per_epoch, last_step
        self.every, self.seconds = every, seconds

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._saved_step, self._saved_at = int(self.model.step), time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.every is None and time.monotonic() - self._saved_at < self.seconds:
            return
        step = int(self.model.step)
        ends = step % self.steps_per_epoch == 0 or step >= self.last_step
        due = self.every is None or step - self._saved_step >= self.every
        if due and not ends:  # otherwise `on_epoch_end` saves, after the history row
            self._save()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._save(within_epoch=int(self.model.step) % self.steps_per_epoch != 0)  # training may stop within an epoch

    def _save(self, within_epoch=True):
        self.checkpoints.save(within_epoch)
        self._saved_step, self._saved_at = int(self.model.step), time.monotonic()
