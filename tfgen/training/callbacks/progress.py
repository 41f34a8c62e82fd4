"""The progress of a training, for a bar on a terminal."""

import numbers
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

EVERY = 0.5  # seconds between two updates: drawing a bar costs as much as a small step


class Progress(keras.callbacks.Callback):
    """A callback that says how many steps are done, and what the losses are, a few times per second.

    Args:
        show: `f(done, said)`, of `tfgen.tables.progress`.
    """

    def __init__(self, show: Callable[[int, str], None]) -> None:
        super().__init__()
        self.show = show
        self._first, self._shown = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        # the variable is read once per epoch: within it `batch` counts
        self._first = int(self.model.step.numpy())

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if time.monotonic() - self._shown >= EVERY:
            self._shown = time.monotonic()
            self.show(self._first + batch + 1, said(logs))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.show(int(self.model.step.numpy()), said(logs))


def said(logs: Mapping[str, Any] | None) -> str:
    """Returns the losses among the logs as a short text; all logs where none is called a loss."""
    numbers_ = {name: value for name, value in (logs or {}).items() if isinstance(value, numbers.Real)}
    losses = {name: value for name, value in numbers_.items() if name.endswith("loss")}
    return "  ".join(f"{name} {float(value):.4g}" for name, value in (losses or numbers_).items())
