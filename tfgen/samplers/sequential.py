"""The sampler of autoregressive models."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.samplers.base import Sampler, uniform_rows
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Sequential(Sampler):
    """One value after the other, in a model's order: x_t by the quantile u_t of p(x_t | x_1, ..., x_(t-1)).

    The network runs once per value, on as much of the data as that value depends on.
    """

    @property
    def passes(self) -> int:
        """A usual number of values, such as those of 16 x 16 pixels; the data's own number is that of the model."""
        return 256

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        fields = model.condition_fields(conditions)
        u = uniform_rows(seeds, [math.prod(model.data_shape)], "turns")
        return in_turns(u, model.data_shape, *model.turn_of(fields, networks))


def in_turns(u: tf.Tensor, shape: Sequence[int], memory: Callable, turn: Callable) -> tf.Tensor:
    """Returns x float32 [B, *shape], made of zeros by one turn for each column of u [B, turns] in [0, 1).

    Args:
        u: the quantiles.
        shape: of x.
        memory, turn: as of `turn_of` of a model.
    """
    count, turns = tf.shape(u)[0], u.shape[1]

    def advance(t: tf.Tensor, x: tf.Tensor, kept: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        x, kept = turn(x, t, u[:, t], kept)
        return t + 1, x, kept

    start = [tf.constant(0), tf.zeros([count, *shape]), memory(count)]
    # a loop in the graph, so that the size of an exported graph does not grow with the number of values
    return tf.while_loop(lambda t, x, kept: t < turns, advance, start)[1]


def sequential() -> Sequential:
    """Returns the sampler that draws one value after the other, of an autoregressive model."""
    return Sequential()
