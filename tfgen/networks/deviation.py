"""The minibatch standard deviation (Karras et al. 2018), by which a discriminator sees how diverse a batch is."""

import keras
from keras import layers, ops

NAME = "minibatch_deviation"


def with_deviation(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns maps x [B, H, W, C] with a further one, constant: the mean of their standard deviations over the batch.

    Karras et al. 2018, section 3, with the whole batch as one group.
    """
    deviation = ops.sqrt(ops.var(x, axis=0, keepdims=True) + 1e-8)
    constant = ops.zeros_like(ops.mean(x, axis=-1, keepdims=True)) + ops.mean(deviation)
    return layers.Concatenate(name=NAME)([x, constant])


def couples_rows(network: keras.Model) -> bool:
    """Returns whether a network's outputs depend on the other rows of a batch, in inference mode too."""
    return any(layer.name == NAME for layer in network._flatten_layers())
