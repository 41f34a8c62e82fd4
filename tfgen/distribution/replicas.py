"""Training on several replicas (`tf.distribute`) with a result that does not depend on their number.

Every replica runs the training step on its rows of the same global batch and the same global noise. Quantities of the
whole batch are reduced over all replicas: gradients are summed, batch statistics and logged values are averaged.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.machine.tracing import traced

if TYPE_CHECKING:
    from keras import Model as Fit  # `ReplicatedFit` is mixed into one

    from tfgen.data.pipeline import Share
else:
    Fit = object

UNEQUAL = "a batch cannot be shared equally by the replicas"


def replica_context() -> tuple[int | tf.Tensor, int]:
    """Returns (index of this replica, number of replicas); (0, 1) without a strategy."""
    context = tf.distribute.get_replica_context()  # None in the cross-replica context
    replicas = context.num_replicas_in_sync if context else 1
    return (context.replica_id_in_sync_group if replicas > 1 else 0), replicas


def mean_over_replicas(values: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
    """Returns the means of scalars over all replicas, float32; unchanged with one replica."""
    if replica_context()[1] == 1 or not values:
        return values
    # stacked, since the cost of a collective operation is mostly its latency
    stacked = tf.stack([tf.cast(value, tf.float32) for value in values])
    context = tf.distribute.get_replica_context()
    return tf.unstack(context.all_reduce(tf.distribute.ReduceOp.MEAN, stacked), num=len(values))


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the sum of a tensor over all replicas; its gradient is the sum of the replicas' gradients."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def clipped(optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor | None]) -> Sequence[tf.Tensor | None]:
    """Returns gradients with which an optimizer that clips applies the clipped sum over replicas.

    Keras clips the gradients of each replica before it sums them. Here the sum is clipped and divided by the number of
    replicas; these equal parts are within the limits, so that Keras does not clip them again.
    """
    replicas = replica_context()[1]
    clips = any((optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm))
    if replicas == 1 or not clips:
        return gradients
    given = [gradient for gradient in gradients if gradient is not None]
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, given)
    shares = iter([gradient / replicas for gradient in optimizer._clip_gradients(total)])
    return [None if gradient is None else next(shares) for gradient in gradients]


def within(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager:
    """Returns the scope in which to make a model's variables; an empty context without a strategy."""
    if strategy is None or tf.distribute.get_strategy() is strategy:
        return contextlib.nullcontext()
    return strategy.scope()


def made_within(
    strategy: tf.distribute.Strategy | None, optimizer: keras.optimizers.Optimizer
) -> keras.optimizers.Optimizer:
    """Returns `optimizer`, or a new one of its configuration if it was made outside of the scope of `strategy`.

    Raises:
        UserError: it was made outside of the scope and has variables already.
    """
    if strategy is None or getattr(optimizer, "_distribution_strategy", strategy) is strategy:
        return optimizer
    if optimizer.built:
        raise UserError(
            f"the optimizer {optimizer.name!r} was built outside of strategy.scope(), and the model within: give the "
            "model a new one"
        )
    with within(strategy):
        return type(optimizer).from_config(optimizer.get_config())


@contextlib.contextmanager
def over_all_replicas(networks: Iterable[keras.Model]) -> Iterator[None]:
    """Makes batch norm use the statistics of the global batch, and dropout differ per replica, within the context.

    The context has to enclose the tracing of a step.
    """
    # restored at the end: a saved model with `synchronized` layers trains with the TensorFlow backend only
    layers = [layer for network in networks for layer in network._flatten_layers()]
    norms = [layer for layer in layers if getattr(layer, "synchronized", None) is False]
    seeds = [generator for layer in layers for generator in getattr(layer, "_seed_generators", ())]
    for layer in norms:
        layer.synchronized = True
    for generator in seeds:
        generator.next = functools.partial(_own_seed, generator)
    try:
        yield
    finally:
        for layer in norms:
            layer.synchronized = False
        for generator in seeds:
            vars(generator).pop("next", None)


def _own_seed(generator, ordered=True):
    """Returns the seed of `generator.next`, offset by the replica's index; that of replica 0 is unchanged."""
    seed = type(generator).next(generator, ordered)
    return seed + tf.stack([tf.cast(replica_context()[0], seed.dtype) * 1_000_003, tf.zeros([], seed.dtype)])


def distributed(
    strategy: tf.distribute.Strategy, make: Callable[["Share"], tf.data.Dataset], parts: int
) -> tf.data.Dataset:
    """Returns the distributed data set of `make(share)`, whose elements are the rows of one replica of a `Share` each.

    Each process makes the rows of its own replicas only.
    """
    from tfgen.data.pipeline import Share

    def pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = context.num_replicas_in_sync // context.num_input_pipelines
        dataset = make(Share(context.input_pipeline_id * count, count, context.num_replicas_in_sync, parts))
        if dataset.cardinality() < 0:
            return dataset
        # `fit` knows the number of steps: with a finite data set, the processes would ask each other at every step
        # whether it was the last
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(pipeline)


def shared_out(dataset: tf.data.Dataset, share: "Share") -> tf.data.Dataset:
    """Returns a data set of whole batches as one of the rows of each replica of a `Share`."""

    def rows(*batch: Any) -> tf.data.Dataset:
        size = tf.shape(tf.nest.flatten(batch)[0])[0]
        equal = tf.debugging.assert_equal(size % (share.parts * share.replicas), 0, UNEQUAL)
        with tf.control_dependencies([equal]):
            places = tf.reshape(tf.range(size), [share.parts, share.replicas, -1])
        mine = tf.transpose(places, [1, 0, 2])[share.first : share.first + share.count]
        mine = tf.reshape(mine, [share.count, -1])
        found = tf.nest.map_structure(lambda field: tf.gather(field, mine), batch)
        return tf.data.Dataset.from_tensor_slices(found if len(batch) > 1 else found[0])

    return dataset.flat_map(rows)


def check_divisible(batch_size: int, replicas: int) -> None:
    """Checks that all replicas get the same number of rows of a batch.

    Raises:
        UserError: they do not; the message gives the nearest batch sizes.
    """
    if batch_size % replicas:
        below = batch_size // replicas * replicas
        near = f"{below} or {below + replicas}" if below else str(replicas)
        raise UserError(
            f"a batch of {batch_size} cannot be shared equally by {replicas} replicas: take a batch_size that "
            f"{replicas} divides, such as {near}"
        )


@contextlib.contextmanager
def refusing_unequal_batches() -> Iterator[None]:
    """Replaces TensorFlow's error on an unequal batch of `shared_out`, within the context, by a `UserError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if UNEQUAL not in error.message:
            raise
        raise UserError(f"{UNEQUAL}: give batches of one size, dataset.batch(..., drop_remainder=True)") from error


class ReplicatedFit(Fit):
    """A mixin with the parts of `fit` that Keras 3.15 supports without a strategy or on one machine only."""

    _epoch_steps: int | None = None  # steps of an epoch, if known
    _steps_left: int | None = None  # remaining steps of the epoch, if known
    train_function: Any  # that Keras makes of `train_step`, and of `test_step`
    test_function: Any
    _alone = False  # hides the strategy from Keras

    @property
    def distribute_strategy(self) -> tf.distribute.Strategy:
        """The strategy that Keras sees: the model's, or the default strategy during `evaluate`."""
        return tf.distribute.get_strategy() if self._alone else super().distribute_strategy

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Runs Keras' `evaluate` in every process on all data: the result does not depend on the replicas."""
        if self._distribute_strategy is None:
            return super().evaluate(*args, **kwargs)
        kwargs.pop("_use_cached_eval_dataset", None)  # the cached data set of `fit` is a distributed one
        self._alone = True
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self._alone = False

    def shared_out(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns a data set of whole batches as one of the rows of each replica; unchanged without a strategy."""
        strategy, replicas = self._distribute_strategy, self.distribute_strategy.num_replicas_in_sync
        if strategy is None:
            return dataset
        size = tf.nest.flatten(dataset.element_spec)[0].shape[0]
        if size is not None:
            check_divisible(size // self.parts, replicas)
        return distributed(strategy, lambda share: shared_out(dataset, share), self.parts)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: the model is built at construction, and Keras would take a batch of the data for it."""

    def _make_function(self, step_function):
        strategy = self._distribute_strategy
        if step_function != self.train_step or (strategy is None and self.same_phases_always):
            return super()._make_function(step_function)
        one = self._one_step if self.same_phases_always else self._one_scheduled_step()
        one = traced(one) if self.same_phases_always and not self.run_eagerly else one

        # the steps of one execution in a graph loop, which returns to Python once
        def several(iterator, count):
            body = lambda i: (one(iterator), i + 1)[1:]  # noqa: E731
            tf.while_loop(lambda i: i < count, body, [0], parallel_iterations=1)
            return self.averages.results()

        def in_turn(iterator, count):
            return [one(iterator) for _ in range(int(count))][-1]

        several = traced(several) if self.same_phases_always and not self.run_eagerly else in_turn

        def function(iterator):
            if self._steps_left is None:
                return _as_far_as_it_goes(one, iterator, self.steps_per_execution)
            count = min(self.steps_per_execution, self._steps_left)
            self._steps_left -= count
            return one(iterator) if count == 1 else several(iterator, tf.constant(count))

        return function

    def make_train_function(self, force: bool = False) -> None:
        """Makes Keras' function of an iterator that trains."""
        super().make_train_function(force=force)
        # on several replicas, and where phases come and go, the function asks for the batches itself
        asks = self._distribute_strategy is not None or not self.same_phases_always
        self.train_function = self._up_to_the_end(self.train_function, asks or self._epoch_steps is not None)

    def make_test_function(self, force: bool = False) -> None:
        """Makes Keras' function of an iterator that tests."""
        super().make_test_function(force=force)
        self.test_function = self._up_to_the_end(self.test_function, False)

    def _up_to_the_end(self, function, all_there):
        """Returns Keras' function of an iterator, which does nothing where there is no further batch.

        Keras asks for the batch within the graph of a step. At the end of the data, or where a batch is refused, what
        does not depend on the batch (counters, averages) would be updated all the same.

        Args:
            function: of an iterator; one that this method has returned before counts as the one within.
            all_there: whether the iterator has all batches that are asked for.
        """
        function = getattr(function, "of_batches", function)
        if all_there or self.steps_per_execution > 1:  # then Keras' graph asks whether there is one
            return function

        def of_iterator(iterator):
            return function([next(iterator)])

        of_iterator.of_batches = function
        return of_iterator

    def _one_step(self, batches, phases=None):
        """Runs one training step on every replica; returns the means since the start of the epoch.

        Args:
            batches: an iterator; or a list of the batch, where it has been asked for.
            phases: of the step; by default those that run where the model stands.
        """
        phases = self.running_phases() if phases is None else phases
        data, strategy = next(iter(batches)), self._distribute_strategy
        if strategy is None:
            return self.train_step(data, phases)
        with over_all_replicas(self.networks.values()):
            logs = strategy.run(self.train_step, args=(data, phases, False))
        # equal on all replicas, as they are means over all of them
        logs = {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}
        own = strategy.experimental_local_results(tf.nest.flatten(data)[0])[0]  # each replica has as many rows
        return self.averages.update_all(logs, tf.shape(own)[0] * strategy.num_replicas_in_sync)

    def _one_scheduled_step(self):
        """Returns a training step of the phases that run at the current step; each set of phases has its own trace."""
        steps = {}

        def one(iterator):
            phases = self.running_phases()
            names = tuple(phase.name for phase in phases)
            if names not in steps:
                step = functools.partial(self._one_step, phases=phases)
                steps[names] = step if self.run_eagerly else traced(step)
            steps[names](iterator)
            return self.averages.seen()

        return one


def _as_far_as_it_goes(step, iterator, count):
    """Runs `count` steps, fewer at the end of the data; raises StopIteration without any data."""
    logs = None
    for _ in range(count):
        try:
            data = next(iterator)  # not within the graph of the step: see `_up_to_the_end`
        except StopIteration:
            break
        logs = step([data])
    if logs is None:
        raise StopIteration
    return logs
