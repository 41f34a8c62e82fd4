"""Conditions of a network: a label or a vector as a second named input."""

import dataclasses

import keras
import numpy as np
from keras import layers


@dataclasses.dataclass(frozen=True)
class Condition:
    """A second input of a network that is being built.

    Attributes:
        input: the `keras.Input`: `label` int64 [B], or a float32 [B, D] field under its own name.
        vector: what the layers see: the label one-hot [B, num_classes], or the field itself.
        units: dense layers that the vector passes through in dense networks.
    """

    input: keras.KerasTensor
    vector: keras.KerasTensor
    units: tuple[int, ...] = ()


def make_condition(name, field, units=()):
    """A new `Condition` from a data set's field: every network that takes one needs its own.

    A label becomes one-hot inside the network, by an embedding that is the identity matrix and is not trained:
    the built-in layers' own way, which every Keras backend loads.
    """
    if field.dtype != "int64":
        vector = keras.Input(field.shape, dtype="float32", name=name)
        return Condition(vector, vector, units)
    classes = int(field.range[1])
    label = keras.Input((), dtype="int64", name=name)
    one_hot = layers.Embedding(classes, classes, name="one_hot", trainable=False)
    vector = one_hot(label)
    one_hot.set_weights([np.eye(classes, dtype=np.float32)])
    return Condition(label, vector, units)


def network_inputs(primary, condition):
    """The inputs of a network: the primary alone, or a dict of both by name."""
    return primary if condition is None else {primary.name: primary, condition.input.name: condition.input}
