"""A small U-Net of flows (Ho et al. 2020, appendix B; Dhariwal and Nichol 2021), in built-in layers."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from tfgen.data.source import Field
from tfgen.networks.dcgan import channels_at, cropped
from tfgen.networks.shapes import margins
from tfgen.networks.timing import FASTEST, knowledge, modulated


def residual(x: keras.KerasTensor, channels: int, known: keras.KerasTensor, dropout: float) -> keras.KerasTensor:
    """Returns x + f(x), f of two 3 x 3 convolutions, scaled and shifted by `known` between them; at first x itself."""
    y = layers.Activation("silu")(normalised(x))
    y = layers.Conv2D(channels, 3, padding="same")(y)
    y = layers.Activation("silu")(modulated(normalised(y), known))
    y = layers.Dropout(dropout)(y) if dropout else y
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(y)
    return layers.Add()([x if x.shape[-1] == channels else layers.Conv2D(channels, 1)(x), y])


def normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns x [B, H, W, C] after group normalisation, of 16 channels or more each."""
    channels = x.shape[-1]
    return layers.GroupNormalization(math.gcd(channels, max(channels // 16, 1)))(x)


def attended(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns x + the attention of maps x [B, H, W, C] to themselves, at first x itself."""
    height, width, channels = x.shape[1:]
    heads = math.gcd(channels, max(channels // 32, 1))
    y = layers.Reshape((height * width, channels))(normalised(x))
    attention = layers.MultiHeadAttention(heads, channels // heads, name=None)
    y = layers.Dense(channels, kernel_initializer="zeros")(attention(y, y))
    return layers.Add()([x, layers.Reshape((height, width, channels))(y)])


def unet(
    shape: Sequence[int],
    width: int = 32,
    depth: int = 2,
    blocks: int = 1,
    doublings: int = 2,
    attention: int = 8,
    dropout: float = 0.0,
    conditions: dict[str, Field] | None = None,
    name: str = "image",
    times: Sequence[str] = ("time",),
    fastest: float = FASTEST,
) -> keras.Model:
    """Returns {`name` [B, H, W, C], time [B], conditions} -> `made` float32 [B, H, W, C].

    Args:
        shape: (H, W, C).
        width: channels of the largest maps.
        depth: how often maps are halved.
        blocks: residual blocks at each size, on both ways; one more on the way up.
        doublings: how often channels double with the halvings, at most.
        attention: self-attention after the blocks of maps of at most so many pixels per side; 0: nowhere.
        dropout: rate, within the blocks.
        conditions: name -> field, labels or vectors.
        name: of the input that is to be moved.
        times: names of the inputs that are times.
        fastest: half-waves of the fastest feature of a time.
    """
    given = x = keras.Input(tuple(shape), name=name)
    inputs, known = knowledge(4 * width, conditions or {}, times, fastest)
    edges = margins(shape, depth)

    def seen(x: keras.KerasTensor, level: int) -> keras.KerasTensor:
        x = residual(x, channels_at(level, width, doublings), known, dropout)
        return attended(x) if max(x.shape[1:3]) <= attention else x

    x = layers.ZeroPadding2D(edges)(x) if any(map(any, edges)) else x
    x = layers.Conv2D(width, 3, padding="same")(x)
    skips = [x]
    for level in range(depth + 1):
        for _ in range(blocks):
            x = seen(x, level)
            skips.append(x)
        if level < depth:
            x = layers.Conv2D(x.shape[-1], 3, 2, padding="same")(x)
            skips.append(x)
    x = seen(x, depth)
    for level in reversed(range(depth + 1)):
        for _ in range(blocks + 1):
            x = seen(layers.Concatenate()([x, skips.pop()]), level)
        x = layers.UpSampling2D(2)(x) if level else x
    x = layers.Activation("silu")(normalised(x))
    x = layers.Conv2D(shape[-1], 3, padding="same", kernel_initializer="zeros")(x)
    made = layers.Activation("linear", dtype="float32", name="made")(cropped(x, shape, depth))
    return keras.Model({name: given, **inputs}, made, name="flow")
