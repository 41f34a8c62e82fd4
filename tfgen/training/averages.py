"""Means of logged values over an epoch, which survive a resume in the middle of it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from tfgen.distribution.replicas import within


class Averages:
    """Named `keras.metrics.Mean`, created when a name is first seen.

    A plain object, so that Keras neither saves the metrics with a model nor refuses new ones once it is built.
    """

    def __init__(self) -> None:
        self._means: dict[str, keras.metrics.Mean] = {}
        self._pending: dict[str, Sequence[float]] = {}
        self._resumed = False

    def update(self, name: str, value: tf.Tensor, weight: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Adds a scalar and returns the mean since the epoch began, float32; callable inside a `tf.function`.

        Args:
            name: of the mean.
            value: a scalar.
            weight: of the value in the mean: rows of a batch, where batches differ in size.
        """
        if name not in self._means:
            self._create(name)
        mean = self._means[name]
        mean.update_state(tf.cast(value, tf.float32), tf.cast(weight, tf.float32))
        return mean.result()

    def update_all(self, logs: Mapping[str, tf.Tensor], weight: float | tf.Tensor = 1.0) -> dict[str, tf.Tensor]:
        """Adds a dict of scalars and returns their means, as `update` does for one."""
        return {name: self.update(name, value, weight) for name, value in logs.items()}

    def results(self) -> dict[str, tf.Tensor]:
        """Returns name -> mean since the epoch began."""
        return {name: mean.result() for name, mean in self._means.items()}

    def seen(self) -> dict[str, float]:
        """Returns name -> mean of those names that have been updated since the epoch began."""
        return {name: float(mean.result()) for name, mean in self._means.items() if float(mean.count.numpy())}

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metrics, in the order in which they were created."""
        return list(self._means.values())

    def reset(self, makes: bool = True) -> None:
        """Starts an epoch: from zero, or once from the values that `resume` was given.

        Args:
            makes: whether means that a checkpoint holds are made now. If not, each is made when it is first updated,
                and one of a phase that does not run again in this epoch is missing from the epoch's row.
        """
        if not self._resumed:
            self._pending.clear()  # what no mean took is of the epoch that has ended
        self._resumed = False
        for mean in self._means.values():
            mean.reset_state()
        for name in [name for name in self._pending if makes and name not in self._means]:
            self._create(name)  # of a phase that may not run again in this process
        for name in list(self._means):
            self._apply(name)

    def values(self) -> dict[str, list[float]]:
        """Returns name -> [sum, count], as plain numbers for a checkpoint."""
        return {name: [float(v.numpy()) for v in mean.variables] for name, mean in self._means.items()}

    def resume(self, values: Mapping[str, Sequence[float]]) -> None:
        """Makes the next epoch, which has been trained in part before, start from `values` instead of from zero."""
        self._pending, self._resumed = dict(values), True

    def _create(self, name: str) -> None:
        strategy = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None

        def create() -> None:
            with within(strategy):
                self._means[name] = keras.metrics.Mean(name=name, dtype="float32")
                # the metric may belong to a name that a checkpoint has, but is first seen now
                self._apply(name)

        # A `tf.function` that creates variables is traced twice, with or without `tf.init_scope`; another thread is
        # outside of the trace.
        with ThreadPoolExecutor(1) as other:
            other.submit(create).result()

    def _apply(self, name: str) -> None:
        for variable, value in zip(self._means[name].variables, self._pending.pop(name, ()), strict=False):
            variable.assign(value)
