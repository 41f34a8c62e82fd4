"""Means of logged values over an epoch, which survive a resume in the middle of it."""

from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from tfgen.distribution.replicas import within


class Averages:
    """Named `keras.metrics.Mean`, created when a name is first seen.

    A plain object, so that Keras neither saves the metrics with a model nor refuses new ones once it is built.
    """

    def __init__(self):
        self._means = {}
        self._pending = {}

    def update(self, name, value):
        """Adds `value` and returns the mean so far; callable inside a `tf.function`."""
        if name not in self._means:
            self._create(name)
        mean = self._means[name]
        mean.update_state(tf.cast(value, tf.float32))
        return mean.result()

    def update_all(self, logs):
        """As `update`, for a dict of values."""
        return {name: self.update(name, value) for name, value in logs.items()}

    def results(self):
        """The means so far, by name."""
        return {name: mean.result() for name, mean in self._means.items()}

    def metrics(self):
        return list(self._means.values())

    def reset(self):
        for mean in self._means.values():
            mean.reset_state()
        for name in list(self._means):
            self._apply(name)

    def values(self):
        """The accumulated sum and count of every name, as plain numbers for a checkpoint."""
        return {name: [float(v.numpy()) for v in mean.variables] for name, mean in self._means.items()}

    def resume(self, values):
        """Starts the next epoch, which has been reached in part before, from `values` instead of from zero."""
        self._pending = dict(values)

    def _create(self, name):
        """In a thread of its own: a `tf.function` that creates variables, `tf.init_scope` or not, is traced twice."""
        strategy = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None

        def create():
            with within(strategy):
                self._means[name] = keras.metrics.Mean(name=name, dtype="float32")
                self._apply(name)

        with ThreadPoolExecutor(1) as other:
            other.submit(create).result()

    def _apply(self, name):
        for variable, value in zip(self._means[name].variables, self._pending.pop(name, ()), strict=False):
            variable.assign(value)
