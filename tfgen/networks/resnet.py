"""Residual networks of SNGAN (Miyato et al. 2018, appendix B.4) and SAGAN (Zhang et al. 2019)."""

from collections.abc import Sequence

import keras
from keras import layers

from tfgen.networks.attention import self_attention
from tfgen.networks.dcgan import cropped
from tfgen.networks.shapes import grid, halvings
from tfgen.networks.spectral import spectral

GLOROT = "glorot_uniform"


def convolution(x: keras.KerasTensor, channels: int, size: int, normalised: bool) -> keras.KerasTensor:
    """Returns a convolution of stride 1 of x, of kernels of `size`, with spectral normalisation or without."""
    return spectral(layers.Conv2D(channels, size, padding="same", kernel_initializer=GLOROT), normalised)(x)


def block_up(x: keras.KerasTensor, channels: int, normalised: bool) -> keras.KerasTensor:
    """Returns a residual block of twice the size: batch norm, ReLU, upsampling, 3 x 3; batch norm, ReLU, 3 x 3."""
    y = layers.UpSampling2D(2)(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
    y = convolution(y, channels, 3, normalised)
    y = convolution(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y)), channels, 3, normalised)
    return layers.Add()([convolution(layers.UpSampling2D(2)(x), channels, 1, normalised), y])


def block_down(x: keras.KerasTensor, channels: int, halve: bool, first: bool, normalised: bool) -> keras.KerasTensor:
    """Returns a residual block: ReLU (not the `first`), 3 x 3, ReLU, 3 x 3, average pooling where it is to `halve`."""
    y = convolution(x if first else layers.ReLU()(x), channels, 3, normalised)
    y = convolution(layers.ReLU()(y), channels, 3, normalised)
    same = not halve and x.shape[-1] == channels
    shortcut = x if same else convolution(x, channels, 1, normalised)
    if halve:
        y, shortcut = (layers.AveragePooling2D(2, padding="same")(part) for part in (y, shortcut))
    return layers.Add()([shortcut, y])


def resnet_generator(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    depth: int | None = None,
    attention: bool = False,
    normalised: bool = False,
    output: str = "tanh",
) -> keras.Model:
    """Returns latent [B, latent_dim] -> image float32 [B, H, W, C]: Miyato et al. 2018, table 4.

    Args:
        image_shape: (H, W, C).
        latent_dim: size of the latent.
        width: channels of all maps.
        depth: number of doublings; by default from 4 to 7 pixels.
        attention: self-attention after the first of them.
        normalised: spectral normalisation.
        output: activation of the output.
    """
    depth = halvings(image_shape) if depth is None else depth
    rows, columns = grid(image_shape, depth)
    latent = keras.Input((latent_dim,), name="latent")
    x = spectral(layers.Dense(rows * columns * width, kernel_initializer=GLOROT), normalised)(latent)
    x = layers.Reshape((rows, columns, width))(x)
    for level in range(depth):
        x = block_up(x, width, normalised)
        if attention and level == 0:
            x = self_attention(x, "attention", normalised)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = convolution(x, image_shape[-1], 3, normalised)
    image = layers.Activation(output, dtype="float32", name="image")(cropped(x, image_shape, depth))
    return keras.Model(latent, image, name="generator")


def resnet_discriminator(
    image_shape: Sequence[int], width: int = 64, depth: int | None = None, attention: bool = False
) -> keras.Model:
    """Returns image [B, H, W, C] -> logit float32 [B, 1], with spectral normalisation: Miyato et al. 2018, table 4.

    Args:
        image_shape: (H, W, C).
        width: channels of all maps.
        depth: number of halvings; by default down to 4 to 7 pixels. A block at the last size follows.
        attention: self-attention after the first halving.
    """
    depth = halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x: keras.KerasTensor = image
    for level in range(depth + 1):
        x = block_down(x, width, level < depth, level == 0, normalised=True)
        if attention and level == 0:
            x = self_attention(x, "attention")
    places = x.shape[1] * x.shape[2]
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    # the sum over all places, as in the paper: with the mean, logits of a normalised network would be tiny
    x = layers.Rescaling(float(places))(x)
    return keras.Model(image, spectral(layers.Dense(1, dtype="float32", name="logit"))(x), name="discriminator")
