"""Gradient accumulation: one update from several micro-batches, in the memory of one of them.

The update is that of the whole batch, as far as the loss is a mean over examples: noise is drawn for the whole batch,
and each micro-batch takes its rows. What couples the examples of a batch sees micro-batches instead: batch
normalisation's statistics, relativistic average losses. Dropout draws one mask per micro-batch.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.machine.tracing import traced
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Gradient, Step, added

# terms by name, their sum or None, and its gradients
Differentiated = tuple[dict[str, tf.Tensor], tf.Tensor | None, list[Gradient]]
Differentiate = Callable[[Phase, Fields, Step, list[tf.Tensor]], Differentiated]


def check(count: int, needs_whole_batch: str | None = None, batch_size: int | None = None, replicas: int = 1) -> None:
    """Raises UserError where `count` is below 1 or does not divide a batch, or the model needs the whole batch.

    Args:
        count: micro-batches per batch.
        needs_whole_batch: why the model cannot see its batch in parts, the start of a sentence, or None.
        batch_size: images per batch, or None where it is unknown.
        replicas: that share the batch equally.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UserError(f"accumulate must be an integer of at least 1, got {count!r}")
    if count > 1 and needs_whole_batch:
        raise UserError(f"{needs_whole_batch}, which accumulate={count} is to avoid; leave one of the two out")
    if batch_size is not None and batch_size // replicas % count:
        share = f", of which each of {replicas} replicas has {batch_size // replicas}," if replicas > 1 else ""
        raise UserError(f"accumulate={count} does not divide a batch of {batch_size}{share} equally")


def in_parts(differentiate: Differentiate, count: int) -> Differentiate:
    """Returns `differentiate` itself for one part, else a function that calls it on `count` micro-batches."""
    return differentiate if count == 1 else functools.partial(accumulated, differentiate, count)


def accumulated(
    differentiate: Differentiate, count: int, phase: Phase, batch: Fields, step: Step, variables: list[tf.Tensor]
) -> Differentiated:
    """Returns what `differentiate(phase, batch, step, variables)` does, in micro-batches one after the other.

    Args:
        differentiate: gives (terms, their sum, its gradients by the tensors `variables`) on the rows of a micro-batch;
            the gradients of all micro-batches add up to that of the mean.
        count: micro-batches per batch; divides B.
        phase: the `Phase` that runs.
        batch: field name -> tensor [B, ...].
        step: the `Step` of the whole batch, which gets the means of what the micro-batches log.
        variables: tensors, by which the loss is differentiated.

    Raises:
        UserError: as in `check`.
    """
    size = next(iter(batch.values())).shape[0]
    check(count, batch_size=size)  # a size that is known only when it runs is checked by tf.split

    def of_part(rows: Fields, index: tf.Tensor) -> tuple:
        part = step.micro_batch(index, count)
        return *differentiate(phase, rows, part, variables), part.logs

    if step.noise.replicas == 1 and not tf.executing_eagerly():
        # traced once, not per part; a collective operation of several replicas cannot run inside such a function
        of_part = traced(of_part)
    gradients: list[Gradient] = [None] * len(variables)
    logs: list[tuple] = []
    finished: list[Any] = []
    for index in range(count):
        # without these dependencies TensorFlow would run the parts side by side, in the memory of the whole batch
        with tf.control_dependencies(finished):
            rows = {name: tf.identity(tf.split(value, count)[index]) for name, value in batch.items()}
            terms, total, found, logged = of_part(rows, tf.constant(index))
            gradients = [added(a, b) for a, b in zip(gradients, found, strict=True)]
            finished = [tf.group(total, *(gradient for gradient in gradients if gradient is not None))]
        logs.append((terms, total, logged))
    terms, total, logged = tf.nest.map_structure(lambda *values: tf.add_n(values) / count, *logs)
    step.logs.update(logged)
    return terms, total, gradients
