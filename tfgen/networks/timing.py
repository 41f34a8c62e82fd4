"""What networks of flows know besides their data: the time, and a condition that may be left out."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from tfgen.data.source import Field
from tfgen.errors import UserError

FREQUENCIES = 32
SLOWEST, FASTEST = 0.5, 64.0  # half-waves in [0, 1]: neighbours of a hundredth differ, and it is smooth in between


def time_features(time: keras.KerasTensor, name: str = "time", fastest: float = FASTEST) -> keras.KerasTensor:
    """Returns sines and cosines of times [B] in [0, 1], float32 [B, 64] (Vaswani et al. 2017, section 3.5).

    Args:
        time: times.
        name: of the time.
        fastest: half-waves of the fastest of them.
    """
    speeds = math.pi * np.geomspace(SLOWEST, fastest, FREQUENCIES)
    angles = layers.Dense(2 * FREQUENCIES, trainable=False, dtype="float32", name=f"{name}_angles")
    angle = angles(layers.Reshape((1,), dtype="float32")(time))
    # cos(w) = sin(w + pi / 2)
    kernel, bias = np.concatenate([speeds, speeds]), np.repeat([0.0, 0.5 * math.pi], FREQUENCIES)
    angles.set_weights([kernel[None].astype(np.float32), bias.astype(np.float32)])
    return ops.sin(angle)


def null_condition(field: Field) -> int | float:
    """Returns the value that stands for no condition: the class after the last one, or a vector of zeros."""
    return int(field.range[1]) if field.dtype == "int64" and field.range else 0.0


def knowledge(
    units: int, conditions: dict[str, Field], times: Sequence[str] = ("time",), fastest: float = FASTEST
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """Returns (inputs by name, the vector [B, units] of times and conditions) of a network of a flow.

    Args:
        units: size of the vector.
        conditions: name -> field, each a label with a known number of classes, or a vector.
        times: names of the inputs that are times [B] in [0, 1].
        fastest: half-waves in [0, 1] of the fastest feature of a time.
    """
    inputs = {name: keras.Input((), name=name) for name in times}
    parts = [layers.Dense(units, name=f"of_{name}")(time_features(inputs[name], name, fastest)) for name in times]
    for name, field in conditions.items():
        inputs[name], part = _condition(name, field, units)
        parts.append(part)
    joined = layers.Activation("silu")(layers.Add()(parts) if len(parts) > 1 else parts[0])
    return inputs, layers.Dense(units, activation="silu", name="known")(joined)


def _condition(name: str, field: Field, units: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    if field.dtype != "int64":
        given = keras.Input(field.shape, dtype="float32", name=name)
        return given, layers.Dense(units, use_bias=False, name=f"of_{name}")(given)
    if field.range is None:
        raise UserError(f"condition {name!r}: expected a label with a range (0, number of classes), got none")
    label = keras.Input((), dtype="int64", name=name)
    return label, layers.Embedding(int(field.range[1]) + 1, units, name=f"of_{name}")(label)


def modulated(x: keras.KerasTensor, known: keras.KerasTensor) -> keras.KerasTensor:
    """Returns (1 + scale) x + shift, both by a dense layer of `known` for every channel of x [B, ..., C].

    Dhariwal and Nichol 2021, section 4.3. They begin at 0.
    """
    channels = x.shape[-1]
    shape = (*[1] * (len(x.shape) - 2), channels)
    gain = layers.Dense(channels, kernel_initializer="zeros", bias_initializer="ones")(known)
    shift = layers.Dense(channels, kernel_initializer="zeros")(known)
    gain, shift = (layers.Reshape(shape)(part) if len(shape) > 1 else part for part in (gain, shift))
    return layers.Add()([layers.Multiply()([x, gain]), shift])
