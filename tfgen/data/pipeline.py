"""The stateless, step-indexed input pipeline: a batch is a function of (seed, step), so it can start at any step.

Epoch e consists of the steps e * S .. (e + 1) * S - 1, S = len(examples) // batch_size, over a permutation from
(seed, e). By default one iteration of `step_indexed` runs to the end of its first epoch; Keras does not know its length
and warns at the end. With `batches=n` an iteration has exactly n batches, also beyond the end of an epoch, and
`dataset.cardinality()` is n: pass `batches=S` to `fit(dataset, shuffle=False)` for whole epochs, and the remaining
number of steps for a resumed epoch. (Keras warns about `shuffle=True`, its default, with any dataset.)
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfgen.data.rows import Rows, in_file, writable
from tfgen.data.source import ALIGNMENT, Arrays, Examples
from tfgen.errors import UserError

_MIRROR_STREAM = 0x6D6972726F72  # separates the random numbers of mirroring from those of permutations
_PART_STREAM = 0x646F6D61696E  # separates the order of one domain from that of another
_PARALLEL = 2  # batches made in parallel and prefetched; a constant, as autotune stalls the end of every iteration


def in_order(examples: Examples, batch_size: int) -> tf.data.Dataset:
    """Returns the batches of all examples in their order, the last one with what is left over."""
    size = len(examples)
    take = _taker(examples, None)

    def batch_of(number):
        return take(tf.range(number * batch_size, tf.minimum((number + 1) * batch_size, size)))

    numbers = tf.data.Dataset.range(-(-size // batch_size))
    return (
        numbers.map(batch_of, num_parallel_calls=_PARALLEL, deterministic=True)
        .prefetch(_PARALLEL)
        .with_options(_options())
    )


def steps_per_epoch(examples: Examples | Mapping[str, np.ndarray], batch_size: int) -> int:
    """Returns the number of whole batches per epoch; the remaining examples of each permutation are left out.

    Of two domains an epoch is one of the first.

    Raises:
        UserError: there are fewer than `batch_size` examples, of any of two domains.
    """
    parts = _as_examples(examples).parts()
    for part in parts:
        if len(part) < batch_size:
            of = f" of {', '.join(part.fields())}" if len(parts) > 1 else ""
            raise UserError(
                f"A batch of {batch_size} needs at least {batch_size} examples, but there are {len(part)}{of}: "
                "lower the batch size or give more data."
            )
    return len(parts[0]) // batch_size


@dataclasses.dataclass(frozen=True)
class Share:
    """The rows of every batch that one process makes: those of replicas `first` .. `first + count - 1` of `replicas`.

    A batch consists of `parts` equal parts, and every replica gets the same number of rows of each part.
    """

    first: int = 0
    count: int = 1
    replicas: int = 1
    parts: int = 1

    def places(self, batch_size: int) -> np.ndarray:
        """Returns the rows of a batch of each replica of this process, int64 [count, batch_size // replicas]."""
        rows = np.arange(batch_size).reshape(self.parts, self.replicas, -1).swapaxes(0, 1)
        return rows.reshape(self.replicas, -1)[self.first : self.first + self.count]


def step_indexed(
    examples: Examples | Mapping[str, np.ndarray],
    *,
    batch_size: int,
    seed: int,
    position: int | tf.Variable,
    last_step: int | tf.Variable | None = None,
    batches: int | None = None,
    mirror: bool = False,
    share: Share | None = None,
) -> tf.data.Dataset:
    """Returns a `tf.data.Dataset` of batches; each iteration starts at the current step in `position`.

    The module's docstring describes the length of an iteration.

    Args:
        examples: `Examples`, or a dict of NumPy arrays [N, ...].
        batch_size: examples per step.
        seed: any integer.
        position: the global step, `tf.Variable` int64 on the CPU, or an int; every `iter()` reads it again.
        last_step: int or `tf.Variable` int64: the steps end before it. Not together with `batches`.
        batches: number of batches per iteration.
        mirror: flip all images of an example left to right with probability 1/2, as a function of (seed, step).
        share: the `Share` of every batch to make, one element per replica. By default one element, the whole batch.

    Returns:
        Dataset of dicts with the fields' names and dtypes: image uint8 [batch_size, H, W, C], label int64 [batch_size].

    Raises:
        UserError: there are fewer than `batch_size` examples.
        ValueError: `last_step` and `batches` are both given.
    """
    if last_step is not None and batches is not None:
        raise ValueError("Give `last_step` or `batches`, not both.")
    share = Share() if share is None else share
    first, *others = [
        _Epochs(part, batch_size, _int64(seed ^ number * _PART_STREAM), mirror, share)
        for number, part in enumerate(_as_examples(examples).parts())
    ]

    def run(_):
        start = tf.cast(tf.convert_to_tensor(position), tf.int64)
        stop = start + batches if batches is not None else (start // first.steps + 1) * first.steps
        if last_step is not None:
            stop = tf.minimum(stop, tf.cast(tf.convert_to_tensor(last_step), tf.int64))
        if not others:
            return first.between(start, stop)
        # the epochs are those of the first part; the others repeat, or end their own epochs later
        sets = tuple(epoch.between(start, stop) for epoch in (first, *others))
        return tf.data.Dataset.zip(sets).map(lambda *parts: {k: v for part in parts for k, v in part.items()})

    dataset = tf.data.Dataset.range(1).flat_map(run)  # flat_map, so that an iteration reads `position` at its start
    if batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches * share.count))
    return dataset.prefetch(_PARALLEL * share.count).with_options(_options())


class _Epochs:
    """The data sets of the single epochs."""

    def __init__(self, examples, batch_size, seed, mirror, share):
        self.steps = steps_per_epoch(examples, batch_size)
        self.size, self.batch_size, self.seed, self.mirror = len(examples), batch_size, seed, mirror
        self.places, self.count = share.places(batch_size), share.count
        self.take = _taker(examples, self.places.shape[1])
        self.images = [name for name, field in examples.fields().items() if field.kind == "image"]

    def between(self, start, stop):
        """Returns the batches of the steps in [start, stop), over all epochs that they touch."""
        epochs = tf.data.Dataset.range(start // self.steps, (stop + self.steps - 1) // self.steps)
        return epochs.flat_map(lambda number: self(number, start, stop))

    def __call__(self, number, start, stop):
        """Returns the batches of epoch `number` whose steps lie in [start, stop)."""
        first = number * self.steps
        key = _key(self.seed, number)  # once per epoch: per batch it would take a fifth of a step's time

        def batch_of(number):
            step = number // self.count
            rows = self.places[0] if self.count == 1 else tf.gather(self.places, number % self.count)
            batch = self.take(_permuted((step - first) * self.batch_size + rows, key, self.size))
            return _mirror(batch, self.images, self.seed, step, self.batch_size, rows) if self.mirror else batch

        begin, end = tf.maximum(start, first), tf.minimum(stop, first + self.steps)
        numbers = tf.data.Dataset.range(begin * self.count, end * self.count)  # `count` elements per step
        return numbers.map(batch_of, num_parallel_calls=_PARALLEL, deterministic=True)


def _options():
    options = tf.data.Options()
    options.autotune.enabled = False
    # rewriting the graph would make a temporary copy of all tensors that its functions capture: all the data
    options.experimental_optimization.apply_default_optimizations = False
    options.deterministic = True
    return options


def side_by_side(
    train: Callable[..., tf.data.Dataset], held_out: Callable[..., tf.data.Dataset], share: Share | None = None
) -> tf.data.Dataset:
    """Returns pairs of batches {"train": ..., "validation": ...}, from two functions of a `Share`."""
    if share is None:
        pair = train(), held_out()
    else:
        pair = train(share=share), held_out(share=dataclasses.replace(share, parts=1))
    return tf.data.Dataset.zip({"train": pair[0], "validation": pair[1]})


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
    """Returns a function int64 [B] -> dict of tensors [B, ...], in TensorFlow where the examples are in memory.

    Args:
        examples: the `Examples`.
        batch_size: B, or None where it varies.
    """
    if isinstance(examples, Arrays) and not any(map(_stays_in_file, examples.arrays.values())):
        return _array_taker(examples)
    fields = examples.fields()
    dtypes = [tensor_dtype(str(field.dtype)) for field in fields.values()]

    def decode(indices):
        batch = examples.gather(indices)
        return [np.ascontiguousarray(batch[name], field.dtype) for name, field in fields.items()]

    def take(indices):
        tensors = tf.numpy_function(decode, [indices], dtypes)
        for tensor, field in zip(tensors, fields.values(), strict=True):
            tensor.set_shape((batch_size, *field.shape))
        return dict(zip(fields, tensors, strict=True))

    return take


def tensor_dtype(name: str) -> tf.DType:
    """Returns the dtype of tensors for a NumPy dtype's name; those of texts, Python objects there, are strings."""
    return tf.string if name == "object" else tf.as_dtype(name)


def _array_taker(examples):
    tensors = {name: _tensor(examples, name) for name in examples.arrays}
    with tf.device("CPU:0"):
        index = None if examples.index is None else tf.constant(examples.index)

    def take(indices):
        rows = indices if index is None else tf.gather(index, indices)
        return {name: tf.gather(tensor, rows) for name, tensor in tensors.items()}

    return take


def _stays_in_file(array):
    """Whether the rows of an array are read batch by batch: a file that TensorFlow cannot use in place."""
    return isinstance(array, Rows) or (in_file(array) and not _is_usable(array))


def _is_usable(array):
    """Whether TensorFlow can use an array in place."""
    return bool(
        array.dtype != object and array.size and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0
    )


def _tensor(examples, name):
    """Returns the whole array of a field as one eager tensor, which a dataset's function captures by reference.

    An aligned array is used in place, a read-only one too. Another is copied once, and `examples.arrays` then shows the
    copy, so that the original goes when its maker lets go of it: one copy of the data either way, and none in a graph.
    """
    if name not in examples.tensors:
        array = examples.arrays[name]
        with tf.device("CPU:0"):  # a GPU's memory is for the networks
            if _is_usable(array):
                tensor = tf.experimental.dlpack.from_dlpack(writable(array).__dlpack__())
            else:
                tensor = tf.constant(array)
                if array.dtype != object:  # texts have no memory that both could use
                    examples.arrays[name] = np.asarray(memoryview(tensor))
        examples.tensors[name] = tensor
    return examples.tensors[name]


def _mirror(batch, names, seed, step, batch_size, rows):
    """Flips about half of the examples left to right, all images of one together.

    The coins depend on (seed, step) and the row of the whole batch.
    """
    key = tf.stack([tf.constant(seed ^ _MIRROR_STREAM, tf.int64), step])
    coins = tf.random.stateless_uniform([batch_size, 1, 1, 1], key, alg="philox") < 0.5
    whole = all(batch[name].shape[0] == batch_size for name in names)
    coins = coins if whole else tf.gather(coins, rows)
    return {**batch, **{name: tf.where(coins, tf.reverse(batch[name], [2]), batch[name]) for name in names}}
