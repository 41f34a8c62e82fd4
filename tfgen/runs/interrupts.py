"""Ctrl-C, SIGTERM and SIGHUP during training: it ends after the current step, and everything is saved."""

import contextlib
import os
import signal
import types
from collections.abc import Iterator

import keras

from tfgen.machine.stopping import listened


class Interrupted(keras.callbacks.Callback):
    """Ends training after the current step once `caught` is set.

    Attributes:
        caught: whether a signal has come.
    """

    caught = False

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stops training once a signal has come."""
        if self.caught:
            self.model.stop_training = True


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupted]:
    """Context in which Ctrl-C, SIGTERM or SIGHUP ends training after the current step, and a second one at once."""
    callback, before = Interrupted(), {}

    def catch(number: int, frame: types.FrameType | None) -> None:
        if callback.caught:
            raise KeyboardInterrupt
        callback.caught = True
        # not print: the signal may have interrupted one, and buffered streams are not reentrant
        with contextlib.suppress(OSError):  # of a terminal that is closed
            os.write(2, b"\nstopping after this step; once more to stop at once\n")

    with contextlib.suppress(ValueError):  # not in the main thread: leave signals alone
        for number in listened():
            before[number] = signal.signal(number, catch)
    try:
        yield callback
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
