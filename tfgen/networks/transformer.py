"""A small transformer of flows (Peebles and Xie 2023), and a dense network for points, in built-in layers."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.networks.timing import FASTEST, knowledge, modulated


def gated(x: keras.KerasTensor, known: keras.KerasTensor) -> keras.KerasTensor:
    """Returns x [B, N, C] times a dense layer of `known` for every channel, at first 0."""
    gate = layers.Dense(x.shape[-1], kernel_initializer="zeros")(known)
    return layers.Multiply()([x, layers.Reshape((1, x.shape[-1]))(gate)])


def block(x: keras.KerasTensor, known: keras.KerasTensor, heads: int, dropout: float) -> keras.KerasTensor:
    """Returns tokens x [B, N, C] after attention and a dense network, each modulated: Peebles and Xie 2023, figure 3.

    adaLN-Zero: a block is at first the identity.
    """
    width = x.shape[-1]
    y = modulated(layers.LayerNormalization(center=False, scale=False)(x), known)
    x = layers.Add()([x, gated(layers.MultiHeadAttention(heads, width // heads)(y, y), known)])
    y = modulated(layers.LayerNormalization(center=False, scale=False)(x), known)
    y = layers.Dense(4 * width, activation="gelu")(y)
    y = layers.Dense(width)(layers.Dropout(dropout)(y) if dropout else y)
    return layers.Add()([x, gated(y, known)])


def transformer(
    shape: Sequence[int],
    width: int = 128,
    blocks: int = 4,
    patch: int = 2,
    heads: int = 4,
    dropout: float = 0.0,
    conditions: dict[str, Field] | None = None,
    name: str = "image",
    times: Sequence[str] = ("time",),
    fastest: float = FASTEST,
) -> keras.Model:
    """Returns {`name` [B, H, W, C], time [B], conditions} -> `made` float32 [B, H, W, C].

    Args:
        shape: (H, W, C); sides that are no multiples of `patch` are filled up with zeros.
        width: size of the tokens.
        blocks: of attention and dense layers.
        patch: side of the patches that become tokens, in pixels.
        heads: of the attention; they divide `width`.
        dropout: rate, within the dense layers.
        conditions: name -> field, labels or vectors.
        name: of the input that is to be moved.
        times: names of the inputs that are times.
        fastest: half-waves of the fastest feature of a time.

    Raises:
        UserError: `heads` does not divide `width`, or the patch is larger than the image.
    """
    if width % heads:
        raise UserError(f"heads must divide the width of a transformer, got heads={heads} and width={width}")
    if patch > min(shape[:2]):
        raise UserError(f"patch must fit into {shape[0]}x{shape[1]}, got {patch}")
    rows, columns = (-(-side // patch) for side in shape[:2])
    given = keras.Input(tuple(shape), name=name)
    inputs, known = knowledge(width, conditions or {}, times, fastest)
    edges = tuple((0, count * patch - side) for count, side in zip((rows, columns), shape[:2]))
    x = layers.ZeroPadding2D(edges)(given) if any(map(any, edges)) else given
    x = _tokens(x, patch, width)
    for _ in range(blocks):
        x = block(x, known, heads, dropout)
    x = modulated(layers.LayerNormalization(center=False, scale=False)(x), known)
    x = layers.Dense(patch * patch * shape[-1], kernel_initializer="zeros")(x)
    x = layers.Reshape((rows, columns, patch, patch, shape[-1]))(x)
    x = layers.Reshape((rows * patch, columns * patch, shape[-1]))(layers.Permute((1, 3, 2, 4, 5))(x))
    x = layers.Cropping2D(edges)(x) if any(map(any, edges)) else x
    made = layers.Activation("linear", dtype="float32", name="made")(x)
    return keras.Model({name: given, **inputs}, made, name="flow")


def _tokens(x: keras.KerasTensor, patch: int, width: int) -> keras.KerasTensor:
    """Returns a linear map of the patches of x [B, H, W, C] as [B, N, width], with a bias for every place.

    The biases are the vectors of the places; they begin at sines and cosines of row and column.
    """
    rows, columns, channels = x.shape[1] // patch, x.shape[2] // patch, x.shape[3]
    x = layers.Reshape((rows, patch, columns, patch, channels))(x)
    x = layers.Reshape((rows * columns, patch * patch * channels))(layers.Permute((1, 3, 2, 4, 5))(x))
    embedding = layers.EinsumDense("bnp,pd->bnd", (rows * columns, width), bias_axes="nd", name="patches")
    made = embedding(x)
    embedding.set_weights([embedding.get_weights()[0], _places(rows, columns, width)])
    return made


def _places(rows: int, columns: int, width: int) -> np.ndarray:
    """Returns sines and cosines of the row and the column of every place, float32 [rows x columns, width]."""
    count = max(-(-width // 4), 1)
    speeds = 0.5 * math.pi * np.exp(-math.log(32.0) * np.arange(count) / count)
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2, 1)
    angles = (grid * speeds).reshape(len(grid), -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], -1)[:, :width].astype(np.float32)


def dense_flow(
    shape: Sequence[int],
    width: int = 128,
    blocks: int = 2,
    conditions: dict[str, Field] | None = None,
    name: str = "point",
    times: Sequence[str] = ("time",),
    fastest: float = FASTEST,
) -> keras.Model:
    """Returns {`name` [B, ...], time [B], conditions} -> `made` float32 [B, ...], by residual dense layers.

    Args:
        shape: of an example.
        width: size of the layers.
        blocks: residual blocks of two layers.
        conditions: name -> field, labels or vectors.
        name: of the input that is to be moved.
        times: names of the inputs that are times.
        fastest: half-waves of the fastest feature of a time.
    """
    given = keras.Input(tuple(shape), name=name)
    inputs, known = knowledge(width, conditions or {}, times, fastest)
    x = layers.Dense(width)(layers.Flatten()(given) if len(shape) > 1 else given)
    for _ in range(blocks):
        y = modulated(layers.LayerNormalization(center=False, scale=False)(x), known)
        y = layers.Dense(width, activation="silu")(y)
        x = layers.Add()([x, layers.Dense(width, kernel_initializer="zeros")(layers.Activation("silu")(y))])
    x = layers.Dense(math.prod(shape), kernel_initializer="zeros")(layers.Activation("silu")(x))
    made = layers.Activation("linear", dtype="float32", name="made")(layers.Reshape(tuple(shape))(x))
    return keras.Model({name: given, **inputs}, made, name="flow")
