"""Checkpoints of every variable that training changes, written atomically and restored exactly."""

import dataclasses
import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen import faults
from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.storage.atomic import ANY, replacing_folder, sweep, sync_to_disk
from tfgen.storage.origin import STATE, Origin, path_of, steps_of
from tfgen.storage.tables import load_json
from tfgen.training.callbacks.guards import NonFiniteError, describe

# what TensorFlow raises on truncated, corrupt or incompatible files, and JSON on its own
DAMAGE = (tf.errors.OpError, AssertionError, *faults.TEXT)


class Checkpoints:
    """The last `keep` checkpoints of a model in `folder`, each in a subfolder such as `step_00000120`.

    Attributes:
        best: `f(step) -> step or None`, the step up to `step` whose weights are to be kept beyond that; set by a
            training that keeps the best. Its checkpoint stays as long as that of `step` does, from which a training
            may go on.

    Args:
        model: a compiled `GenerativeModel`.
        folder: created with the first checkpoint.
        keep: number of checkpoints to keep.
        origin: of the training, which each checkpoint records; one of another origin is not restored.
    """

    def __init__(self, model: Any, folder: str | os.PathLike[str], keep: int = 3, origin: Origin | None = None) -> None:
        check("keep of Checkpoints", keep, Count)
        self.model, self.folder, self.keep, self.origin = model, pathlib.Path(folder), keep, origin
        self._checkpoint = tf.train.Checkpoint(state=model.state())
        self._swept = False
        self.best: Callable[[int], int | None] = lambda step: None
        self.newest: int | None = None  # step of the newest checkpoint

    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, in ascending order."""
        return steps_of(self.folder)

    def path(self, step: int) -> pathlib.Path:
        """Returns the subfolder of the checkpoint of `step`."""
        return path_of(self.folder, step)

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
            state: dict[str, Any] = {"step": step, "averages": self.model.averages.values() if within_epoch else {}}
            if self.origin is not None:
                state["origin"] = dataclasses.asdict(self.origin)
            (partial / STATE).write_text(json.dumps(state))
            # on the disk before the rename, which could otherwise survive a power failure without the files
            for path in partial.iterdir():
                sync_to_disk(path)
        self.newest = step
        self._tidy(step)

    def _tidy(self, step):
        # a later one is damaged, or `restore` would have begun there: it takes no place of a good one
        steps = [earlier for earlier in self.steps() if earlier <= step]
        best = {self.best(kept) for kept in steps[-self.keep :]}
        for old in [earlier for earlier in steps[: -self.keep] if earlier not in best]:
            shutil.rmtree(self.path(old), ignore_errors=True)
        if not self._swept:
            self._swept = True
            sweep(self.folder, ANY)

    def restore(self, after: int = -1) -> int | None:
        """Restores the newest readable checkpoint of this origin; returns its step, or None without any checkpoint.

        Args:
            after: the checkpoint has to be of a later step than this one; without such a one the model may have been
                changed by one that turned out to be damaged.

        Raises:
            UserError: there are checkpoints, and all are damaged or of another recipe.
        """
        steps = [step for step in self.steps() if step > after]
        for step in reversed(steps):
            if problem := self.read(step):
                print(f"checkpoint {self.path(step)} {problem}; trying the one before it", flush=True)
                continue
            self.newest = step
            return step
        if steps and after < 0:
            raise UserError(
                f"every checkpoint in {self.folder} is damaged{' or of another recipe' if self.origin else ''}; "
                "--resume=never starts again and keeps the folder"
            )
        return None

    def read(self, step: int) -> str | None:
        """Restores the checkpoint of `step`; returns what is wrong with it, the end of a sentence, or None."""
        try:
            self._read(self.path(step), step)
        except DAMAGE as error:
            return str(error) if isinstance(error, Foreign) else f"is damaged ({faults.reason(error)})"
        return None

    def _read(self, path, step):
        saved = load_json(path / STATE)
        origin = Origin.read(saved)
        if None not in (origin, self.origin) and not origin.agrees(self.origin):
            raise Foreign("is of another recipe or of other data")
        averages = saved["averages"]
        if saved["step"] != step:
            raise ValueError(f"it says step {saved['step']!s:.40}")
        for name, (total, count) in averages.items():
            averages[name] = [float(total), float(count)]
        self._checkpoint.read(str(path / "variables")).assert_consumed()
        if int(self.model.step) != step:
            raise ValueError(f"it holds step {int(self.model.step)}")
        self.model.averages.resume(averages)


class Foreign(ValueError):
    """A checkpoint is of another training than the one that is asked for."""


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
        check("every of SaveCheckpoints", every, Count | None)
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
