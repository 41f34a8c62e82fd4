"""Dropout outside of training: each row of a batch with masks of its own, all else in inference mode."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen.networks.calling import mode, select_inputs
from tfgen.samplers import rows_from_seeds


def run_with_dropout(network: keras.Model, fields: dict[str, tf.Tensor], seeds: tf.Tensor) -> Any:
    """Returns the outputs of a functional network, in inference mode but for dropout.

    Args:
        network: the `keras.Model`.
        fields: name -> tensor [B, ...], of which it gets those that its inputs name.
        seeds: int64 [B]; the masks of row i follow from seeds[i] alone.
    """
    places = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]
    numbers = {id(layer): number for number, layer in enumerate(places)}

    def operation(layer: keras.layers.Layer) -> Callable[..., tf.Tensor]:
        if id(layer) in numbers:
            return lambda x, *_, **__: dropped(x, layer.rate, seeds, f"dropout {numbers[id(layer)]}")
        return lambda *values, **more: layer(*values, **{**more, **(mode(layer, False) if _is_moded(layer) else {})})

    return network._run_through_graph(select_inputs(network, fields), operation_fn=operation)


def dropped(x: tf.Tensor, rate: float, seeds: tf.Tensor, name: str) -> tf.Tensor:
    """Returns x [B, ...] with a share `rate` of each row's values at 0, the others divided by 1 - rate."""
    draw = lambda seed, shape: tf.random.stateless_uniform(shape, seed, alg="philox")  # noqa: E731
    kept = rows_from_seeds(seeds, name, x.shape[1:], draw) >= rate
    return tf.where(kept, x / tf.cast(1.0 - rate, x.dtype), tf.zeros_like(x))


def _is_moded(layer: Any) -> bool:
    return bool(getattr(layer, "_call_has_training_arg", False))
