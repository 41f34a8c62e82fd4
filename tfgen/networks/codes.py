"""Encoder and decoder of small maps, of which a flow learns (Rombach et al. 2022), in built-in layers."""

from collections.abc import Sequence

import keras
from keras import layers

from tfgen.networks.dcgan import channels_at, cropped
from tfgen.networks.shapes import grid

MOST = 2  # doublings of the channels, at most


def _convolved(x: keras.KerasTensor, channels: int, stride: int = 1) -> keras.KerasTensor:
    return layers.Activation("silu")(layers.Conv2D(channels, 3, stride, padding="same")(x))


def code_encoder(image_shape: Sequence[int], channels: int = 8, width: int = 32, depth: int = 2) -> keras.Model:
    """Returns image [B, H, W, C] -> codes float32 [B, h, w, channels] of mean 0 and variance 1 in every channel.

    Args:
        image_shape: (H, W, C).
        channels: of the codes.
        width: channels of the largest maps; doubled with every halving, up to four times as many.
        depth: how often maps are halved.
    """
    image = keras.Input(tuple(image_shape), name="image")
    x = _convolved(image, width)
    for level in range(1, depth + 1):
        x = _convolved(_convolved(x, channels_at(level, width, MOST), 2), channels_at(level, width, MOST))
    x = layers.Conv2D(channels, 3, padding="same", dtype="float32")(x)
    # standardised by their own statistics in training, and by the moving means of these once it is done, which a short
    # stage has to reach as well: hence the momentum
    standard = layers.BatchNormalization(
        center=False, scale=False, momentum=0.9, epsilon=1e-8, dtype="float32", name="code"
    )
    return keras.Model(image, standard(x), name="encoder")


def code_decoder(image_shape: Sequence[int], channels: int = 8, width: int = 32, depth: int = 2) -> keras.Model:
    """Returns code [B, h, w, channels] -> image float32 [B, H, W, C], in -1 .. 1; arguments as in `code_encoder`."""
    code = keras.Input((*grid(image_shape, depth), channels), name="code")
    x = _convolved(code, channels_at(depth, width, MOST))
    for level in range(depth, 0, -1):
        x = _convolved(x, channels_at(level, width, MOST))
        x = _convolved(layers.UpSampling2D(2)(x), channels_at(level - 1, width, MOST))
    x = layers.Conv2D(image_shape[-1], 3, padding="same")(_convolved(x, width))
    image = layers.Activation("tanh", dtype="float32", name="image")(cropped(x, image_shape, depth))
    return keras.Model(code, image, name="decoder")
