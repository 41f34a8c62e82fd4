"""Self-attention of feature maps (SAGAN, Zhang et al. 2019), in built-in layers."""

import math

import keras
from keras import layers

from tfgen.networks.spectral import spectral


def self_attention(x: keras.KerasTensor, name: str, normalised: bool = True) -> keras.KerasTensor:
    """Returns x + gamma o, o the attention of x [B, H, W, C] to itself: Zhang et al. 2019, equations 1 to 3.

    Queries and keys have C / 8 channels, values C / 2; keys and values are pooled to half the size, as in the authors'
    code. gamma begins at 0; here it is a number per channel, since a built-in layer has no single one.

    Args:
        x: maps of even height and width.
        name: prefix of its layers.
        normalised: spectral normalisation of its convolutions.
    """
    height, width, channels = x.shape[1:]

    def projected(count: int, kind: str) -> keras.KerasTensor:
        return spectral(layers.Conv2D(count, 1, use_bias=False, name=f"{name}_{kind}"), normalised)(x)

    def rows(maps: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Reshape((math.prod(maps.shape[1:3]), maps.shape[3]))(maps)

    query = rows(projected(max(channels // 8, 1), "query"))
    key, value = (
        rows(layers.MaxPooling2D(2, padding="same")(projected(max(channels // part, 1), kind)))
        for part, kind in ((8, "key"), (2, "value"))
    )
    seen = layers.Attention(name=f"{name}_weights")([query, value, key])  # softmax(Q K^T) V
    seen = layers.Reshape((height, width, seen.shape[-1]))(seen)
    seen = spectral(layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_output"), normalised)(seen)
    gamma = layers.DepthwiseConv2D(1, use_bias=False, depthwise_initializer="zeros", name=f"{name}_gamma")
    return layers.Add()([x, gamma(seen)])
