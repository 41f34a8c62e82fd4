"""What every sampler is, and rows of noise that follow from seeds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.noise import stream_key
from tfgen.values import Value


class Sampler(Value):
    """An algorithm that turns noise into a model's samples."""

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return 1

    def conditions(self, model: Any) -> tuple[str, ...]:
        """Returns the names of the model's conditions that have an effect on its samples."""
        return model.conditions

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        """Returns samples, float32 [B, ...]: images in [0, 1], other data as the model makes it. Traceable.

        Args:
            model: the `GenerativeModel`.
            seeds: int64 [B].
            conditions: field name -> tensor [B, ...], as a data set holds them; or None.
            networks: name -> network, to use instead of the model's own; or None.
        """
        raise NotImplementedError

    def latents(self, model: Any, seeds: tf.Tensor, networks: Mapping[str, keras.Model] | None = None) -> tf.Tensor:
        """Returns the latents float32 [B, D] that `draw` decodes; arguments as there.

        Raises:
            UserError: the sampler has none.
        """
        raise UserError(f"{self!r} draws no latents: leave out stochastic")


def rows_from_seeds(
    seeds: tf.Tensor, name: str, shape: Sequence[int], sample: Callable[[tf.Tensor, list[int]], tf.Tensor]
) -> tf.Tensor:
    """Returns float32 [B, *shape], row i by `sample(seed, shape)` from the integer seeds[i] (int64 [B]) and `name`."""
    key = tf.constant(stream_key("sample", name), tf.int64)

    def draw(seed: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(sample(tf.stack([seed, key]), list(shape)), shape)

    # row by row: a sample must not depend on the batch that it is drawn in
    spec = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(draw, tf.cast(seeds, tf.int64), fn_output_signature=spec)


def normal_rows(seeds: tf.Tensor, shape: Sequence[int], name: str, index: tf.Tensor | int = 0) -> tf.Tensor:
    """Returns standard normal numbers by `rows_from_seeds`, others for each `index` of a loop."""
    offset = tf.stack([tf.constant(0, tf.int64), tf.cast(index, tf.int64)])
    return rows_from_seeds(
        seeds, name, shape, lambda seed, full: tf.random.stateless_normal(full, seed + offset, alg="philox")
    )


def uniform_rows(seeds: tf.Tensor, shape: Sequence[int], name: str) -> tf.Tensor:
    """Returns numbers of U[0, 1) by `rows_from_seeds`."""
    return rows_from_seeds(seeds, name, shape, lambda s, full: tf.random.stateless_uniform(full, s, alg="philox"))
