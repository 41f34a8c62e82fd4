"""Several calls of Keras' `fit` as one training."""

import keras

from tfgen.distribution.cluster import any_worker, workers_of


class JoinedCallbacks(keras.callbacks.CallbackList):
    """Callbacks that see several calls of Keras' `fit` as one training."""

    _logs: dict | None = None

    def place(self, first: bool, last: bool) -> None:
        """Says whether the next call of `fit` is the first and the last one."""
        self._first, self._last, self._logs, self._open = first, last, None, True

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Passes on the start of the first call."""
        if self._first:
            super().on_train_begin(logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Passes on the end of the last call."""
        self._logs = logs
        if self._last:
            self.finish()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Passes on the end of a batch."""
        super().on_train_batch_end(batch, logs)
        self._agree()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Passes on the end of an epoch."""
        super().on_epoch_end(epoch, logs)
        self._agree()

    def _agree(self) -> None:
        # all workers stop after the same step: the others would wait for ever in their next collective operation
        strategy = self.model.distribute_strategy
        if workers_of(strategy) > 1:
            self.model.stop_training = any_worker(strategy, self.model.stop_training)

    def finish(self) -> None:
        """Passes on the end of training, once."""
        if getattr(self, "_open", False):
            self._open = False
            super().on_train_end(self._logs)
