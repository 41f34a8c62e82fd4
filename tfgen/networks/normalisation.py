"""Keras' normalisations with derivatives of every order, as penalties on a network's gradient need them.

TensorFlow takes a variance about a mean that it holds constant (`tf.nn.moments`). The gradient is the same, as
deviations from the mean have the sum zero; the gradient of that gradient is not, and a gradient penalty trains a critic
with layer norm to something else. Here the gradient is written out, and costs what it did.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras import layers


def moments(x: tf.Tensor, axes: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (mean, variance) over axes that stay with length 1, to be differentiated any number of times.

    Args:
        x: float, of any shape.
        axes: not negative.
    """
    axes = list(axes)
    count = tf.cast(tf.reduce_prod(tf.gather(tf.shape(x), axes)), x.dtype)

    @tf.custom_gradient
    def variance(x: tf.Tensor) -> Any:
        mean = tf.reduce_mean(x, axes, keepdims=True)

        def gradient(slope: tf.Tensor) -> tf.Tensor:
            return slope * (2.0 / count) * (x - tf.reduce_mean(x, axes, keepdims=True))

        return tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True), gradient

    return tf.reduce_mean(x, axes, keepdims=True), variance(x)


def layer_norm(layer: layers.LayerNormalization, x: tf.Tensor) -> tf.Tensor:
    """Returns gamma (x - mean) / sqrt(variance + epsilon) + beta, over the layer's axes (Ba et al. 2016).

    Args:
        layer: built. x: [B, ...].
    """
    if layer.rms_scaling or x.shape.rank is None:
        return type(layer).call(layer, x)
    rank = x.shape.rank
    axes = sorted(axis % rank for axis in ([layer.axis] if isinstance(layer.axis, int) else layer.axis))
    shape = [x.shape[axis] if axis in axes else 1 for axis in range(rank)]
    return tf.cast(normalised(x, axes, layer.epsilon, layer.gamma, layer.beta, shape), layer.compute_dtype)


def group_norm(layer: layers.GroupNormalization, x: tf.Tensor) -> tf.Tensor:
    """Returns the same over all places and the channels of a group, of each image (Wu and He 2018).

    Args:
        layer: built. x: [B, ..., C].
    """
    rank = x.shape.rank
    if rank is None or layer.axis not in (-1, rank - 1):
        return type(layer).call(layer, x)
    groups, each = layer.groups, x.shape[-1] // layer.groups
    grouped = tf.reshape(x, tf.concat([tf.shape(x)[:-1], [groups, each]], 0))
    axes = [*range(1, rank - 1), rank]
    shape = [*[1] * (rank - 1), groups, each]
    made = normalised(grouped, axes, layer.epsilon, layer.gamma, layer.beta, shape)
    return tf.cast(tf.ensure_shape(tf.reshape(made, tf.shape(x)), x.shape), layer.compute_dtype)


def normalised(
    x: tf.Tensor, axes: Sequence[int], epsilon: float, gamma: Any, beta: Any, shape: Sequence[int]
) -> tf.Tensor:
    """Returns gamma (x - mean) / sqrt(variance + epsilon) + beta, by Keras' operations in its order.

    Args:
        x: float, of any shape; half precision is normalised in float32.
        axes: of the moments, not negative.
        epsilon: positive.
        gamma, beta: variables, or None for none.
        shape: that of both beside x.
    """
    wide = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)
    mean, variance = moments(wide, axes)
    scale = tf.math.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * tf.reshape(tf.cast(gamma, wide.dtype), shape)
    offset = -mean * scale
    if beta is not None:
        offset = offset + tf.reshape(tf.cast(beta, wide.dtype), shape)
    return tf.cast(wide * scale + offset, x.dtype)
