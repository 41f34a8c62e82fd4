"""Outputs of an autoregressive network at one value, computed from what is needed for it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.networks.calling import call
from tfgen.networks.pixelcnn import halves

Outputs = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Partial:
    """How the outputs at one value are computed.

    Attributes:
        at: `at(x, place, memory) -> (outputs [B] by name, memory)` at the index `place` of a flat example.
        memory: `memory(count) -> tensors` of an empty batch of so many examples, which `at` keeps from value to value.
    """

    at: Callable[[tf.Tensor, tf.Tensor, Any], tuple[Outputs, Any]]
    memory: Callable[[tf.Tensor], Any] = lambda count: ()


def whole(network: keras.Model, field: str, conditions: Mapping[str, tf.Tensor]) -> Partial:
    """Returns the whole pass of a network, for one value of its outputs."""

    def at(x: tf.Tensor, place: tf.Tensor, memory: Any) -> tuple[Outputs, Any]:
        return _picked(call(network, {field: x, **conditions}), place), memory

    return Partial(at)


def by_rows(network: keras.Model, shape: Sequence[int], reach: int) -> Partial:
    """Returns passes of the two halves of a `pixelcnn_network`: what lies above is computed once per row.

    Args:
        network: of `pixelcnn_network`, for gray pictures.
        shape: (H, W, 1).
        reach: rows above and columns to either side that a value depends on, at most.
    """
    height, width, _ = shape
    rows, columns = min(height, reach + 1), min(width, reach + 1)
    above, along = halves(network, shape, rows, columns)
    maps = [tensor.shape[-1] for tensor in above.outputs]

    def maps_of(x: tf.Tensor, row: tf.Tensor) -> list[tf.Tensor]:
        top = tf.clip_by_value(row - (rows - 1), 0, height - rows)
        part = tf.ensure_shape(tf.slice(x, tf.stack([0, top, 0, 0]), [-1, rows, width, 1]), [None, rows, width, 1])
        return [tf.cast(made[:, row - top], tf.float32) for made in above(part)]

    def at(x: tf.Tensor, place: tf.Tensor, memory: list[tf.Tensor]) -> tuple[Outputs, list[tf.Tensor]]:
        row, column = tf.cast(place // width, tf.int32), tf.cast(place % width, tf.int32)
        memory = tf.cond(tf.equal(column, 0), lambda: maps_of(x, row), lambda: memory)
        left = tf.clip_by_value(column - (columns - 1), 0, width - columns)
        cut = [tf.slice(made, tf.stack([0, left, 0]), [-1, columns, -1])[:, None] for made in (x[:, row], *memory)]
        cut = [tf.ensure_shape(made, [None, 1, columns, size]) for made, size in zip(cut, (1, *maps), strict=True)]
        return _picked(along(cut), column - left), memory

    return Partial(at, lambda count: [tf.zeros([count, width, size]) for size in maps])


def _picked(outputs: Mapping[str, tf.Tensor], place: tf.Tensor) -> Outputs:
    """Returns the outputs [B] by name at one place of the flat maps, float32."""
    flat = {name: tf.reshape(value, [tf.shape(value)[0], -1]) for name, value in outputs.items()}
    return {name: tf.cast(tf.gather(value, place, axis=1), tf.float32) for name, value in flat.items()}
