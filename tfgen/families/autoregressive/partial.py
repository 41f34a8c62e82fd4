"""Outputs of an autoregressive network at one value, computed from what is needed for it."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.networks.calling import call
from tfgen.networks.pixelcnn import halves, reach

Outputs = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Partial:
    """How the outputs at one value are computed.

    Attributes:
        at: `at(x, place, memory) -> (outputs by name, memory)` at the index `place` of a flat example: of values [B],
            of vectors [B, ...].
        memory: `memory(count) -> tensors` of an empty batch of so many examples, which `at` keeps from value to value.
    """

    at: Callable[[tf.Tensor, tf.Tensor, Any], tuple[Outputs, Any]]
    memory: Callable[[tf.Tensor], Any] = lambda count: ()


def whole(network: keras.Model, field: str, conditions: Mapping[str, tf.Tensor]) -> Partial:
    """Returns the whole pass of a network, for one value of its outputs."""

    def at(x: tf.Tensor, place: tf.Tensor, memory: Any) -> tuple[Outputs, Any]:
        return _picked(call(network, {field: x, **conditions}), place), memory

    return Partial(at)


def by_rows(network: keras.Model, shape: Sequence[int], codes: bool = False) -> Partial:
    """Returns passes of the two halves of a `pixelcnn_network`: what lies above is computed once per row.

    Args:
        network: of `pixelcnn_network`, or of `pixelcnn_of_codes`.
        shape: (H, W, D).
        codes: whether a place has one turn, its code; else each of its D channels has one.
    """
    height, width, channels = shape
    values = 1 if codes else channels
    far_above, far_left = reach(network)
    rows, columns = min(height, far_above + 1), min(width, math.ceil(far_left / values) + 1)
    above, along = halves(network, shape, rows, columns)
    maps = [tensor.shape[-1] for tensor in above.outputs]

    def maps_of(x: tf.Tensor, row: tf.Tensor) -> list[tf.Tensor]:
        top = tf.clip_by_value(row - (rows - 1), 0, height - rows)
        part = tf.slice(x, tf.stack([0, top, 0, 0]), [-1, rows, width, channels])
        part = tf.ensure_shape(part, [None, rows, width, channels])
        return [tf.cast(made[:, row - top], tf.float32) for made in tf.nest.flatten(above(part))]  # of one map no list

    def at(x: tf.Tensor, place: tf.Tensor, memory: list[tf.Tensor]) -> tuple[Outputs, list[tf.Tensor]]:
        place = tf.cast(place, tf.int32)
        row, column, value = place // (width * values), place // values % width, place % values
        first = tf.equal(place % (width * values), 0)
        # of a list of one map, both branches together return the map
        memory = tf.nest.flatten(tf.cond(first, lambda: maps_of(x, row), lambda: memory))
        left = tf.clip_by_value(column - (columns - 1), 0, width - columns)
        cut = [_cut(x[:, row], left, columns), *(_cut(made, left * values, columns * values) for made in memory)]
        outputs = {name: made[:, 0, column - left] for name, made in along(cut).items()}
        # all logits of a code; the parameters of the channel whose turn it is
        picked = outputs if codes else {name: made[:, value] for name, made in outputs.items()}
        return {name: tf.cast(made, tf.float32) for name, made in picked.items()}, memory

    return Partial(at, lambda count: [tf.zeros([count, width * values, size]) for size in maps])


def _cut(row: tf.Tensor, left: tf.Tensor, columns: int) -> tf.Tensor:
    """Returns so many columns [B, 1, columns, n] of a row [B, W, n]."""
    part = tf.slice(row, tf.stack([0, left, 0]), [-1, columns, -1])[:, None]
    return tf.ensure_shape(part, [None, 1, columns, row.shape[-1]])


def _picked(outputs: Mapping[str, tf.Tensor], place: tf.Tensor) -> Outputs:
    """Returns the outputs [B] by name at one place of the flat maps, float32."""
    flat = {name: tf.reshape(value, [tf.shape(value)[0], -1]) for name, value in outputs.items()}
    return {name: tf.cast(tf.gather(value, place, axis=1), tf.float32) for name, value in flat.items()}
