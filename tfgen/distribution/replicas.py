"""Training on several replicas (`tf.distribute`) so that their number does not change the result.

Every replica runs the training step on its rows of the same global batch and the same global noise. What depends on the
whole batch is put together again: gradients are summed, batch statistics and logged means are taken over all replicas.
"""

import contextlib
import functools
import threading

import tensorflow as tf

from tfgen.errors import UserError

UNEQUAL = "a batch cannot be shared equally by the replicas"


class PerThread:
    """An attribute with a value of its own in every thread: replicas of one process are traced in turns, each in its
    thread, and would see each other's."""

    def __init__(self, default=None):
        self.default = default

    def __set_name__(self, owner, name):
        self.name = f"_per_thread_{name}"

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(self._local(instance), "value", self.default)

    def __set__(self, instance, value):
        self._local(instance).value = value

    def _local(self, instance):
        return instance.__dict__.setdefault(self.name, threading.local())


def replica_context():
    """(this replica's number, how many there are); (0, 1) where no strategy is at work."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    return (context.replica_id_in_sync_group if replicas > 1 else 0), replicas


def mean_over_replicas(values):
    """The means of scalars over all replicas, float32, in one collective operation; the values as they are in one."""
    if replica_context()[1] == 1:
        return values
    stacked = tf.stack([tf.cast(value, tf.float32) for value in values])
    context = tf.distribute.get_replica_context()
    return tf.unstack(context.all_reduce(tf.distribute.ReduceOp.MEAN, stacked), num=len(values))


def clipped(optimizer, gradients):
    """Gradients such that an optimizer with clipping, which clips before it sums over replicas, clips their sum.

    The sum is clipped here; of its equal shares none is clipped again.
    """
    replicas = replica_context()[1]
    clips = any((optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm))
    if replicas == 1 or not clips:
        return gradients
    given = [gradient for gradient in gradients if gradient is not None]
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, given)
    shares = iter([gradient / replicas for gradient in optimizer._clip_gradients(total)])
    return [None if gradient is None else next(shares) for gradient in gradients]


def within(strategy):
    """The scope in which a model's variables are made; nothing where there is no strategy."""
    if strategy is None or tf.distribute.get_strategy() is strategy:
        return contextlib.nullcontext()
    return strategy.scope()


def made_within(strategy, optimizer):
    """`optimizer`, made anew where its counter was made outside of the scope of the model's strategy.

    Raises:
        UserError: it has been used already.
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
def over_all_replicas(networks):
    """While a step is traced: batch norm takes the statistics of the global batch, and dropout is each replica's own.

    No flag stays with a layer: a file that carries `synchronized` trains under the TensorFlow backend alone.
    """
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
    """What `generator.next` gives, set apart by the replica's number; the first has what one process would have."""
    seed = type(generator).next(generator, ordered)
    return seed + tf.stack([tf.cast(replica_context()[0], seed.dtype) * 1_000_003, tf.zeros([], seed.dtype)])


def distributed(strategy, make, parts):
    """The distributed data set of `make(share)`: the rows of the replicas of a `Share`, one element each, in turn.

    Each process makes its own rows alone.
    """
    from tfgen.data.pipeline import Share

    def pipeline(context):
        count = context.num_replicas_in_sync // context.num_input_pipelines
        dataset = make(Share(context.input_pipeline_id * count, count, context.num_replicas_in_sync, parts))
        if dataset.cardinality() < 0:
            return dataset
        # Keras is told how many steps there are: else processes ask each other at every step whether it was the last
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(pipeline)


def shared_out(dataset, share):
    """A data set of whole batches as one of the rows that each replica of a `Share` gets."""

    def rows(*batch):
        size = tf.shape(tf.nest.flatten(batch)[0])[0]
        equal = tf.debugging.assert_equal(size % (share.parts * share.replicas), 0, UNEQUAL)
        with tf.control_dependencies([equal]):
            places = tf.reshape(tf.range(size), [share.parts, share.replicas, -1])
        mine = tf.transpose(places, [1, 0, 2])[share.first : share.first + share.count]
        mine = tf.reshape(mine, [share.count, -1])
        found = tf.nest.map_structure(lambda field: tf.gather(field, mine), batch)
        return tf.data.Dataset.from_tensor_slices(found if len(batch) > 1 else found[0])

    return dataset.flat_map(rows)


def check_divisible(batch_size, replicas):
    """Raises UserError unless every replica gets as many rows of a batch."""
    if batch_size % replicas:
        below = batch_size // replicas * replicas
        near = f"{below} or {below + replicas}" if below else str(replicas)
        raise UserError(
            f"a batch of {batch_size} cannot be shared equally by {replicas} replicas: take a batch_size that "
            f"{replicas} divides, such as {near}"
        )


@contextlib.contextmanager
def refusing_unequal_batches():
    """Says in a sentence that a batch of `shared_out` had too few rows."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if UNEQUAL not in error.message:
            raise
        raise UserError(f"{UNEQUAL}: give batches of one size, dataset.batch(..., drop_remainder=True)") from error


class ReplicatedFit:
    """What Keras' `fit` does under a strategy, where Keras 3.15 does it for one machine only; a mixin."""

    _epoch_steps, _steps_left = None, None  # of an epoch, where they are known
    _alone = False  # whether Keras is to see no strategy

    @property
    def distribute_strategy(self):
        return tf.distribute.get_strategy() if self._alone else super().distribute_strategy

    def evaluate(self, *args, **kwargs):
        """Keras' `evaluate`, in every process on all of the data: its result does not depend on the replicas."""
        if self._distribute_strategy is None:
            return super().evaluate(*args, **kwargs)
        kwargs.pop("_use_cached_eval_dataset", None)  # which `fit` has shared out
        self._alone = True
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self._alone = False

    def shared_out(self, dataset):
        """A data set of whole batches, so that each replica gets its rows of each; as it is where there is one."""
        strategy, replicas = self._distribute_strategy, self.distribute_strategy.num_replicas_in_sync
        if strategy is None:
            return dataset
        size = tf.nest.flatten(dataset.element_spec)[0].shape[0]
        if size is not None:
            check_divisible(size // self.parts, replicas)
        return distributed(strategy, lambda share: shared_out(dataset, share), self.parts)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: a model is built when it is made, and Keras would take a batch from the data for it."""

    def _make_function(self, step_function):
        strategy = self._distribute_strategy
        if strategy is None or step_function != self.train_step:
            return super()._make_function(step_function)

        def one(iterator):
            with over_all_replicas(self.networks.values()):
                logs = strategy.run(self.update_step, args=(next(iterator),))
            # the same on every replica: they are means over all of them
            logs = {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}
            return self.averages.update_all(logs)

        def several(iterator, count):
            tf.while_loop(lambda i: i < count, lambda i: (one(iterator), i + 1)[1:], [0], parallel_iterations=1)
            return self.averages.results()

        if not self.run_eagerly:
            one, several = tf.function(one, autograph=False), tf.function(several, autograph=False)

        def function(iterator):
            if self._steps_left is None:
                return _as_far_as_it_goes(one, iterator, self.steps_per_execution)
            count = min(self.steps_per_execution, self._steps_left)
            self._steps_left -= count
            return one(iterator) if count == 1 else several(iterator, tf.constant(count))

        return function


def _as_far_as_it_goes(step, iterator, count):
    """`count` steps, or as many as there are data for; raises StopIteration if there are none."""
    logs = None
    for _ in range(count):
        try:
            logs = step(iterator)
        except tf.errors.OutOfRangeError:
            break
    if logs is None:
        raise StopIteration
    return logs
