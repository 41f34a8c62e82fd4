"""Gradient accumulation: one update from several micro-batches, in the memory of one of them.

The update is that of the whole batch, as far as the loss is a mean over examples: noise is drawn for the whole batch,
and each micro-batch takes its rows. What couples the examples of a batch sees micro-batches instead: batch
normalisation's statistics, relativistic average losses. Dropout draws a mask for each.
"""

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.training.noise import Noise


def check(model, count, batch_size=None):
    """Refuses a number of micro-batches that the model, or the batch, does not allow.

    Raises:
        UserError: less than 1, or no divisor of `batch_size`, or the model's phases share a pass of a network.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UserError(f"accumulate must be an integer of at least 1, got {count!r}")
    if count > 1 and getattr(model, "shared_pass", False):
        raise UserError(
            f"shared_pass keeps the generator's pass of the whole batch, which accumulate={count} is to avoid; leave "
            "one of the two out"
        )
    if batch_size is not None and batch_size % count:
        raise UserError(f"accumulate={count} does not divide a batch of {batch_size} equally")


def share(noise, index, count):
    """The `Noise` of micro-batch `index` of `count`: of replica r of R it is share r count + index of R count."""
    return Noise(noise.seed, noise.step, noise.path, noise.replica * count + index, noise.replicas * count)


def accumulated(model, phase, batch, noise, variables):
    """As `model.differentiate`, in `model.accumulate` micro-batches one after the other.

    Returns:
        (terms, their sum, its gradients by the tensors `variables`), means over the micro-batches; watched values too.

    Raises:
        UserError: as in `check`.
    """
    size, count = next(iter(batch.values())).shape[0], model.accumulate
    check(model, count, size)  # a size that is known only when it runs is checked by tf.split

    def of_part(rows, index):
        model._watched = {}
        # `differentiate` divides by the number of shares, so that gradients add up to the mean
        found = model.differentiate(phase, rows, share(noise, index, count), variables)
        return *found, model._watched

    if (
        noise.replicas == 1 and not tf.executing_eagerly()
    ):  # traced once instead of once a micro-batch; replicas could not meet within it
        of_part = tf.function(of_part, autograph=False)
    gradients, logs, finished = [None] * len(variables), [], []
    for index in range(count):
        with tf.control_dependencies(finished):  # else TensorFlow would run them side by side, in the whole's memory
            rows = {name: tf.identity(tf.split(value, count)[index]) for name, value in batch.items()}
            *said, found, watched = of_part(rows, tf.constant(index))
            gradients = [_sum(a, b) for a, b in zip(gradients, found, strict=True)]
            finished = [tf.group(said[1], *(gradient for gradient in gradients if gradient is not None))]
        logs.append((*said, watched))
    terms, total, model._watched = tf.nest.map_structure(lambda *values: tf.add_n(values) / count, *logs)
    return terms, total, gradients


def _sum(a, b):
    """The sum of two gradients, each a tensor, `tf.IndexedSlices` (of an embedding) or None."""
    if a is None or b is None:
        return a if b is None else b
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)
