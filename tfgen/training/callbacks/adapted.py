"""Keras' own callbacks on models with several losses, several learning rates and averages of their own."""

from collections.abc import Mapping
from typing import Any

import keras

from tfgen.errors import UserError
from tfgen.optimizers.as_one import refuse_schedule
from tfgen.training.callbacks.guarded import checked


class OnAnyLoss(keras.callbacks.Callback):
    """Keras' `TerminateOnNaN`, which looks at the log `loss` alone, on all losses of the model."""

    def __init__(self, callback: keras.callbacks.TerminateOnNaN) -> None:
        super().__init__()
        self.callback = callback

    def set_model(self, model: keras.Model) -> None:
        """Sets the model of both callbacks."""
        super().set_model(model)
        self.callback.set_model(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.model.first_bad_step.assign(-1)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # the step records it in the graph: `logs` also hold what is not a loss, and may not hold all of those
        if int(self.model.first_bad_step.numpy()) >= 0:
            self.callback.on_train_batch_end(batch, {**(logs or {}), "loss": float("nan")})


def adapted(model: Any, callbacks: Any) -> Any:
    """Returns the callbacks of a call of `fit`, as they work on `model`.

    Args:
        model: a compiled `GenerativeModel`.
        callbacks: as Keras' `fit` takes them.

    Raises:
        UserError: a callback that cannot work on it, said before the first step.
    """
    if callbacks is None or isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    given = checked(callbacks)
    for callback in given:
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            raise UserError(
                "SwapEMAWeights swaps averages that optimizers keep: leave it out, and give the model ema=0.999 for an "
                "average that samples, exports and pictures use by themselves"
            )
        if isinstance(callback, (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)):
            for name, optimizer in model.optimizers.items():
                refuse_schedule(name, optimizer)
        if getattr(callback, "mode", None) == "auto" and "loss" in str(getattr(callback, "monitor", "")):
            callback.mode = "min"  # Keras itself knows this of the name `loss` alone
    return [OnAnyLoss(c) if isinstance(c, keras.callbacks.TerminateOnNaN) else c for c in given]
