"""MADE's networks: dense layers whose output i depends on the inputs before i alone (Germain et al. 2015).

The layers are plain dense ones with zeros in their kernels; `apply_masks` puts the zeros there, at first and after
every update, so that saved networks need nothing of ours.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgen.likelihoods import Likelihood

HIDDEN, RAW, DIRECT = "hidden_", "raw_", "direct_"  # names of masked layers begin so


def masked_network(
    shape: Sequence[int],
    likelihood: Likelihood,
    units: Sequence[int] = (500,),
    activation: str = "relu",
    direct: bool = True,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns image [B, H, W, C] in [0, 1] -> the likelihood's outputs, each float32 [B, H, W, C].

    Which output may depend on which input is up to `apply_masks`.

    Args:
        shape: (H, W, C).
        likelihood: of the pixels.
        units: sizes of the hidden layers.
        activation: of the hidden layers.
        direct: whether outputs depend on inputs also directly, as in the paper's section 4.
        dropout: rate after each hidden layer.
    """
    image = keras.Input(tuple(shape), name="image")
    flat = x = layers.Flatten()(image)
    for i, count in enumerate(units):
        x = layers.Dense(count, activation=activation, name=f"{HIDDEN}{i}")(x)
        x = layers.Dropout(dropout)(x) if dropout else x

    def raw(name: str) -> keras.KerasTensor:
        made = layers.Dense(math.prod(shape), name=f"{RAW}{name}")(x)
        if direct and units:
            # zeros: at the start the direct way says nothing
            own = layers.Dense(math.prod(shape), use_bias=False, kernel_initializer="zeros", name=f"{DIRECT}{name}")
            made = layers.Add()([made, own(flat)])
        return layers.Reshape(tuple(shape))(made)

    return keras.Model(image, likelihood.heads(raw, "mean"), name="density")


def degrees(
    network: keras.Model, order: np.ndarray, random: np.random.RandomState | None = None
) -> Iterator[tuple[layers.Dense, np.ndarray, np.ndarray]]:
    """Yields (layer, degrees of its inputs, degrees of its outputs) of the masked layers, in their order.

    An output may depend on the inputs of its own or a smaller degree (equations 8, 9). An input has that of its turn,
    from 1; hidden units have degrees spread evenly from 1 to D - 1; an output has that of its turn, less 1.

    Args:
        network: of `masked_network`.
        order: int [D], the index of the value that is drawn in each turn.
        random: draws the degrees of hidden units, from the smallest of the layer before (section 4.2); None: even.
    """
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(1, len(order) + 1)
    before = turn
    for layer in _hidden(network):
        count, largest = layer.units, max(len(order) - 1, 1)
        if random is None:
            after = 1 + (np.arange(count) * (len(order) - 1)) // count
        else:
            after = random.randint(min(before.min(), largest), largest + 1, count)
        yield layer, before, after
        before = after
    for layer in network.layers:
        if layer.name.startswith((RAW, DIRECT)):
            yield layer, turn if layer.name.startswith(DIRECT) else before, turn - 1


def apply_masks(network: keras.Model, order: np.ndarray, random: np.random.RandomState | None = None) -> None:
    """Sets to zero the weights by which an output would depend on inputs that are not before it; traceable."""
    for layer, before, after in degrees(network, order, random):
        layer.kernel.assign(masked(layer.kernel.value, tf.constant(before), tf.constant(after)))


def masked(kernel: tf.Tensor, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Returns a kernel [a, b] with zeros where the degree of the output [b] is below that of the input [a]."""
    # made of the degrees: a mask as large as the kernel would be a constant of the graph
    return tf.where(after[None, :] >= before[:, None], kernel, tf.zeros_like(kernel))


def outputs_at(network: keras.Model, likelihood: Likelihood) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Returns `f(x, place) -> outputs [B] by name` of `masked_network` at one index of a flat example.

    The output layers, which hold most of the weights, are computed at that index alone.
    """
    hidden = _hidden(network)
    features = keras.Model(network.inputs[0], hidden[-1].output) if hidden else layers.Flatten()
    given = {name: keras.Input((1, 1, 1), name=name) for name in likelihood.parameters}
    heads = keras.Model(given, likelihood.heads(given.__getitem__))
    known = {layer.name: layer for layer in network.layers}

    def at(x: tf.Tensor, place: tf.Tensor) -> dict[str, tf.Tensor]:
        flat, h = tf.reshape(x, [tf.shape(x)[0], -1]), tf.cast(features(x), tf.float32)
        raw = {}
        for name in likelihood.parameters:
            layer = known[f"{RAW}{name}"]
            raw[name] = tf.linalg.matvec(h, tf.gather(layer.kernel.value, place, axis=1)) + layer.bias.value[place]
            if f"{DIRECT}{name}" in known:
                raw[name] += tf.linalg.matvec(flat, tf.gather(known[f"{DIRECT}{name}"].kernel.value, place, axis=1))
        made = heads({name: tf.reshape(value, [-1, 1, 1, 1]) for name, value in raw.items()})
        return {name: tf.reshape(value, [-1]) for name, value in made.items()}

    return at


def _hidden(network):
    """Returns the hidden layers in their order."""
    found = [layer for layer in network.layers if layer.name.startswith(HIDDEN)]
    return sorted(found, key=lambda layer: int(layer.name.removeprefix(HIDDEN)))
