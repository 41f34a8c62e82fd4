"""Callbacks that end training: when the time is up, and when a loss or a weight is no longer a number."""

import math
import numbers
import time

import keras

from tfgen.errors import UserError


class NonFiniteError(UserError):
    """Training met a NaN or an infinity."""


class StopAfter(keras.callbacks.Callback):
    """Ends training after the step during which the time ran out; checkpoints and files are written as at any end.

    Args:
        minutes: time allowed, a number greater than zero.
        since: `time.monotonic()` at which the clock started, such as the process's start; the default is `fit`'s.

    Attributes:
        stopped: whether the time ran out.
    """

    def __init__(self, minutes, since=None):
        super().__init__()
        if not minutes > 0:
            raise UserError(f"max_minutes must be greater than 0, got {minutes}")
        self.minutes, self.since, self.stopped = minutes, since, False
        self._start = since

    def on_train_begin(self, logs=None):
        self.stopped = False
        self._start = time.monotonic() if self.since is None else self.since

    def on_train_batch_end(self, batch, logs=None):
        if not self.stopped and time.monotonic() - self._start >= 60 * self.minutes:
            self.stopped = self.model.stop_training = True
            print(
                f"\nmax_minutes={self.minutes:g} are over: stopped after step {int(self.model.step.numpy())}; "
                "the same command with a larger --max_minutes goes on from there",
                flush=True,
            )


class StopOnNonFinite(keras.callbacks.Callback):
    """Raises `NonFiniteError` as soon as a loss, or at an epoch's end a weight, is not finite.

    Stands before any callback that writes checkpoints, so that the last good one is kept.
    """

    def on_train_begin(self, logs=None):
        self.model.first_bad_step.assign(-1)

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.first_bad_step.numpy())
        if step >= 0:
            self._stop(step, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.model.non_finite_weights():
            self._stop(int(self.model.step.numpy()), logs)

    def _stop(self, step, logs):
        raise NonFiniteError(describe(step, logs or {}, self.model.non_finite_weights()))


def describe(step, logs, weights):
    """The sentence that names the step, the loss terms and the first weights that are not finite."""
    bad = [f"{n} is {v:g}" for n, v in logs.items() if isinstance(v, numbers.Real) and not math.isfinite(v)]
    terms = ", ".join(bad) or "every logged loss is finite"
    more = f" and {len(weights) - 3} more" if len(weights) > 3 else ""
    layers = (
        f"non-finite weights first in {', '.join(weights[:3])}{more}" if weights else "all weights are still finite"
    )
    return (
        f"training stopped at step {step}: {terms}; {layers}; the last good checkpoint is kept; "
        "lower the learning rate, or use --precision=float32 if it was not"
    )
