"""Conditions of a network: a label or a vector as a second named input."""

import dataclasses

import keras
import numpy as np
from keras import layers

from tfgen.data.source import Field
from tfgen.errors import UserError


@dataclasses.dataclass(frozen=True)
class Condition:
    """A second input of a network that is being built.

    Attributes:
        input: the `keras.Input`: `label` int64 [B], or a float32 [B, D] field under its own name.
        vector: the input of the layers: the label one-hot [B, num_classes], or the field itself.
        units: sizes of the dense layers that process the vector in dense networks.
    """

    input: keras.KerasTensor
    vector: keras.KerasTensor
    units: tuple[int, ...] = ()


def make_condition(name: str, field: Field, units: tuple[int, ...] = ()) -> Condition:
    """Returns a new `Condition` on a field of a data set; networks cannot share one.

    A label becomes one-hot inside the network.
    """
    if field.dtype != "int64":
        vector = keras.Input(field.shape, dtype="float32", name=name)
        return Condition(vector, vector, units)
    if field.range is None:
        raise UserError(f"condition {name!r}: expected a label with a range (0, number of classes), got none")
    classes = int(field.range[1])
    label = keras.Input((), dtype="int64", name=name)
    one_hot = layers.Embedding(classes, classes, name="one_hot", trainable=False)
    # an untrained embedding with the identity matrix: a built-in layer, which loads under every Keras backend
    vector = one_hot(label)
    one_hot.set_weights([np.eye(classes, dtype=np.float32)])
    return Condition(label, vector, units)


def network_inputs(
    primary: keras.KerasTensor, condition: Condition | None
) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
    """Returns the inputs of a network: the primary input alone, or both inputs by name."""
    return primary if condition is None else {primary.name: primary, condition.input.name: condition.input}


def joined(x: keras.KerasTensor, condition: Condition | None) -> keras.KerasTensor:
    """Returns x [B, D] with the condition's vector beside it, or x alone without a condition."""
    return x if condition is None else layers.Concatenate()([x, condition.vector])
