"""The input pipeline: stateless and step-indexed. A batch depends on (seed, step) alone, so any step can come first."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfgen.data.source import ALIGNMENT, Arrays, Examples
from tfgen.errors import UserError

_MIRROR_STREAM = 0x6D6972726F72  # sets the coin flips of mirroring apart from the permutations of the same seed
_PARALLEL = 2  # batches made side by side, and kept ready; fixed, as autotune stalls the end of every iteration


def steps_per_epoch(examples, batch_size):
    """Returns how many whole batches an epoch has; the rest of its permutation is left out."""
    size = len(_as_examples(examples))
    steps = size // batch_size
    if not steps:
        raise UserError(
            f"A batch of {batch_size} needs at least {batch_size} examples, but there are {size}: "
            "lower the batch size or give more data."
        )
    return steps


@dataclasses.dataclass(frozen=True)
class Share:
    """The rows of every batch that one process makes: those of `count` replicas, from number `first` on, of `replicas`.

    A batch consists of `parts` equal parts, of each of which every replica gets as many rows.
    """

    first: int = 0
    count: int = 1
    replicas: int = 1
    parts: int = 1

    def places(self, batch_size):
        """The rows of a batch that each replica here gets, int64 [count, batch_size // replicas]."""
        rows = np.arange(batch_size).reshape(self.parts, self.replicas, -1).swapaxes(0, 1)
        return rows.reshape(self.replicas, -1)[self.first : self.first + self.count]


def step_indexed(examples, *, batch_size, seed, position, last_step=None, batches=None, mirror=False, share=None):
    """Returns a `tf.data.Dataset` of batches; each iteration starts at the step that `position` holds then.

    Epoch e is the steps e * S .. (e + 1) * S - 1, S = len(examples) // batch_size, over a permutation from (seed, e).
    By default one iteration runs to the end of the epoch that it starts in; its length is unknown to Keras, which then
    warns at its end. With `batches=n` it gives exactly n batches, over the end of an epoch if need be, and
    `dataset.cardinality()` is n: `fit(dataset, shuffle=False)` wants `batches=S` for whole epochs, and what is left of
    the epoch for a resumed one. (Keras warns of `shuffle=True`, its default, with any dataset.)

    Args:
        examples: `Examples`, or a dict of NumPy arrays [N, ...].
        batch_size: examples a step.
        seed: any Python int.
        position: `tf.Variable`, int64, on the CPU (or an int): the global step, read anew by every `iter()`.
        last_step: int or `tf.Variable` int64: the steps end before it. Not together with `batches`.
        batches: how many batches every iteration gives.
        mirror: flip each image left to right with probability 1/2, from (seed, step).
        share: the `Share` of every batch that is made: `share.count` elements, one a replica. By default the whole
            batch as one.

    Returns:
        Dataset of dicts with the fields' names and dtypes: image uint8 [batch_size, H, W, C], label int64 [batch_size].

    Raises:
        UserError: there is not one whole batch.
    """
    if last_step is not None and batches is not None:
        raise ValueError("Give `last_step` or `batches`, not both.")
    examples = _as_examples(examples)
    per_epoch = steps_per_epoch(examples, batch_size)
    seed, share = _int64(seed), share or Share()
    places, count = share.places(batch_size), share.count
    take = _taker(examples, places.shape[1])

    def epoch(number, start, stop):
        first = number * per_epoch
        key = _key(seed, number)  # once an epoch: it would be a fifth of a step's work

        def batch_of(number):
            step = number // count
            rows = places[0] if count == 1 else tf.gather(places, number % count)
            batch = take(_permuted((step - first) * batch_size + rows, key, len(examples)))
            return _mirror(batch, seed, step, batch_size, rows) if mirror else batch

        begin, end = tf.maximum(start, first), tf.minimum(stop, first + per_epoch)
        numbers = tf.data.Dataset.range(begin * count, end * count)  # `count` elements a step
        return numbers.map(batch_of, num_parallel_calls=_PARALLEL, deterministic=True)

    def run(_):
        start = tf.cast(tf.convert_to_tensor(position), tf.int64)
        stop = start + batches if batches is not None else (start // per_epoch + 1) * per_epoch
        if last_step is not None:
            stop = tf.minimum(stop, tf.cast(tf.convert_to_tensor(last_step), tf.int64))
        epochs = tf.data.Dataset.range(start // per_epoch, (stop + per_epoch - 1) // per_epoch)
        return epochs.flat_map(lambda number: epoch(number, start, stop))

    dataset = tf.data.Dataset.range(1).flat_map(run)  # flat_map: `position` is read when an iteration starts
    if batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches * count))
    options = tf.data.Options()
    options.autotune.enabled = False
    # the rewriting of the graph copies what its functions capture, all the data, for as long as it takes
    options.experimental_optimization.apply_default_optimizations = False
    options.deterministic = True
    return dataset.prefetch(_PARALLEL * count).with_options(options)


def _as_examples(examples):
    return examples if isinstance(examples, Examples) else Arrays(examples)


def _int64(seed):
    """Returns the seed as a value that an int64 tensor can hold."""
    return int(np.uint64(seed % 2**64).astype(np.int64))


def _key(seed, epoch):
    """Returns the key of an epoch's permutation, int32 [3]; epochs and seeds next to each other get unrelated ones."""
    pair = tf.stack([tf.constant(seed, tf.int64), epoch])
    return tf.random.stateless_uniform([3], pair, minval=None, maxval=None, dtype=tf.int32, alg="philox")


def _permuted(places, key, size):
    """Returns what the permutation of 0 .. size - 1 with this key has at `places`, int64 [B].

    `tf.random.experimental.index_shuffle` with the key (seed, epoch) reads 32 bits of the seed, and its four rounds
    leave neighbouring epochs' orders correlated (0.12 for 10,000 examples): hence a drawn key and more rounds.
    """
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=key, max_index=tf.constant(size - 1, tf.int64), rounds=8)


def _taker(examples, batch_size):
    """Returns a function int64 [B] -> dict of tensors [B, ...], in TensorFlow where the examples are in memory."""
    if isinstance(examples, Arrays):
        return _array_taker(examples)
    fields = examples.fields()
    dtypes = [tf.as_dtype(field.dtype) for field in fields.values()]

    def decode(indices):
        batch = examples.gather(indices)
        return [np.ascontiguousarray(batch[name], field.dtype) for name, field in fields.items()]

    def take(indices):
        tensors = tf.numpy_function(decode, [indices], dtypes)
        for tensor, field in zip(tensors, fields.values(), strict=True):
            tensor.set_shape((batch_size, *field.shape))
        return dict(zip(fields, tensors, strict=True))

    return take


def _array_taker(examples):
    tensors = {name: _tensor(examples, name) for name in examples.arrays}
    with tf.device("CPU:0"):
        index = None if examples.index is None else tf.constant(examples.index)

    def take(indices):
        rows = indices if index is None else tf.gather(index, indices)
        return {name: tf.gather(tensor, rows) for name, tensor in tensors.items()}

    return take


def _tensor(examples, name):
    """Returns the whole array of a field as one eager tensor, which a dataset's function captures by reference.

    An aligned array is used in place. Another is copied once, and `examples.arrays` then shows the copy, so that the
    original goes when its maker lets go of it: one copy of the data either way, and none in a graph.
    """
    if name not in examples.tensors:
        array = examples.arrays[name]
        flags = array.flags
        with tf.device("CPU:0"):  # a GPU's memory is for the networks
            if array.size and flags.c_contiguous and flags.writeable and array.ctypes.data % ALIGNMENT == 0:
                tensor = tf.experimental.dlpack.from_dlpack(array.__dlpack__())
            else:
                tensor = tf.constant(array)
                examples.arrays[name] = np.asarray(memoryview(tensor))
        examples.tensors[name] = tensor
    return examples.tensors[name]


def _mirror(batch, seed, step, batch_size, rows):
    """Flips about half of the images left to right; the coins depend on (seed, step) and the row of the whole batch."""
    images = batch["image"]
    key = tf.stack([tf.constant(seed ^ _MIRROR_STREAM, tf.int64), step])
    coins = tf.random.stateless_uniform([batch_size, 1, 1, 1], key, alg="philox") < 0.5
    coins = coins if images.shape[0] == batch_size else tf.gather(coins, rows)
    return {**batch, "image": tf.where(coins, tf.reverse(images, [2]), images)}
