"""Several calls of Keras' `fit` as one training."""

from collections.abc import Sequence

import keras

from tfgen.distribution.cluster import any_worker, workers_of
from tfgen.training.epochs import Segment


class JoinedCallbacks(keras.callbacks.CallbackList):
    """Callbacks that see several calls of Keras' `fit` as one training, from `begin` to `finish`."""

    _logs: dict | None = None

    def begin(self) -> None:
        """Passes on the start of training, which a callback may end before the first step."""
        super().on_train_begin()
        self._agree()

    def describe(self, segments: Sequence[Segment]) -> None:
        """Sets what callbacks are to know of the calls to come: `steps`, the length of the longest epoch."""
        longest = max((batches for _, _, batches in segments), default=self.params["steps"])
        self.set_params({**self.params, "steps": longest})

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Does nothing: each call of Keras' `fit` begins so."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """Keeps the logs of the last call for `finish`."""
        self._logs = logs

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Passes on the start of an epoch, of which the model has all steps before it."""
        self.model.begin_epoch()
        super().on_epoch_begin(epoch, logs)

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
        """Passes on the end of training."""
        super().on_train_end(self._logs)
