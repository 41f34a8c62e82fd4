"""Callbacks that stop training: after a time limit, and at a loss or a weight that is not finite."""

import math
import numbers
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfgen.domains import Positive, check
from tfgen.errors import UserError


class NonFiniteError(UserError):
    """A loss or a weight became NaN or infinite."""


class StopAfter(keras.callbacks.Callback):
    """A time limit: training stops after the step during which the time ran out, and writes its files as at any end.

    Args:
        minutes: time limit, greater than zero.
        since: `time.monotonic()` at which the time starts, such as the start of the process; by default that of `fit`.

    Attributes:
        stopped: whether the time ran out.
    """

    flag, clock, unit = "max_minutes", staticmethod(time.monotonic), 60.0

    def __init__(self, minutes: float, since: float | None = None) -> None:
        super().__init__()
        check(self.flag, minutes, Positive)
        self.limit, self.since, self.stopped = minutes, since, False
        self._start = 0.0  # set by `on_train_begin`

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.stopped = False
        self._start = self.clock() if self.since is None else self.since

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if not self.stopped and self.clock() - self._start >= self.unit * self.limit:
            self.stopped = self.model.stop_training = True
            print(
                f"\n{self.flag}={self.limit:g} are over: stopped after step {int(self.model.step.numpy())}; "
                f"the same command with a larger --{self.flag} resumes from there",
                flush=True,
            )


class StopAfterCPU(StopAfter):
    """A limit of the CPU time of this process: of all its threads together, and from its start on.

    Args:
        seconds: greater than zero.
    """

    flag, clock, unit = "max_cpu_seconds", staticmethod(time.process_time), 1.0

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, since=0.0)


class StopOnNonFinite(keras.callbacks.Callback):
    """A check that raises `NonFiniteError` as soon as a loss, or at the end of an epoch a weight, is not finite.

    Put it before any callback that writes checkpoints, so that the last good one is kept.
    """

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.model.first_bad_step.assign(-1)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # the step records it in the graph: `logs` are means, and a check of the weights costs too much per step
        step = int(self.model.first_bad_step.numpy())
        if step >= 0:
            self._stop(step, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.model.non_finite_weights():
            self._stop(int(self.model.step.numpy()), logs)

    def _stop(self, step, logs):
        raise NonFiniteError(describe(step, logs or {}, self.model.non_finite_weights()))


def describe(step: int, logs: Mapping[str, Any], weights: Sequence[str]) -> str:
    """Returns a sentence with the step, the loss terms and the first weights that are not finite.

    Args:
        step: global step.
        logs: name -> logged value.
        weights: paths of the weights that are not finite.
    """
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
