"""Networks of R3GAN (Huang et al. 2024): residual, without normalisation, with bilinear resampling."""

from collections.abc import Sequence

import keras
from keras import layers

from tfgen.networks.dcgan import channels_at, cropped, most_doublings
from tfgen.networks.shapes import grid, halvings


def block(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns x + f(x), f of 1 x 1, 3 x 3 and 1 x 1 convolutions with leaky ReLUs between, the last one beginning at 0.

    Huang et al. 2024, section 4: after ResNeXt, without normalisation; fix-up initialisation. The 3 x 3 convolution has
    one group here, since TensorFlow differentiates several on a CPU not twice, as R1 and R2 need.
    """
    channels = x.shape[-1]
    y = layers.Conv2D(channels, 1, kernel_initializer="he_normal")(x)
    y = layers.LeakyReLU(negative_slope=0.2)(y)
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(y)
    y = layers.LeakyReLU(negative_slope=0.2)(y)
    return layers.Add()([x, layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="zeros")(y)])


def with_channels(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Returns x with other channels, by a 1 x 1 convolution, where it has not as many."""
    return x if x.shape[-1] == channels else layers.Conv2D(channels, 1, use_bias=False)(x)


def modern_generator(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 32,
    depth: int | None = None,
    blocks: int = 1,
    output: str = "linear",
) -> keras.Model:
    """Returns latent [B, latent_dim] -> image float32 [B, H, W, C]: Huang et al. 2024, figure 4.

    Args:
        image_shape: (H, W, C).
        latent_dim: size of the latent.
        width: channels at the image's size; they double with every halving.
        depth: number of doublings; by default from 4 to 7 pixels.
        blocks: residual blocks per size.
        output: activation of the output; the paper has none.
    """
    most, depth = most_doublings(depth, True), halvings(image_shape) if depth is None else depth
    rows, columns = grid(image_shape, depth)
    latent = keras.Input((latent_dim,), name="latent")
    channels = channels_at(depth, width, most)
    x = layers.Reshape((rows, columns, channels))(layers.Dense(rows * columns * channels)(latent))
    for level in range(depth, -1, -1):
        for _ in range(blocks):
            x = block(x)
        if level:
            x = with_channels(x, channels_at(level - 1, width, most))
            x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2D(image_shape[-1], 1)(x)
    image = layers.Activation(output, dtype="float32", name="image")(cropped(x, image_shape, depth))
    return keras.Model(latent, image, name="generator")


def modern_discriminator(
    image_shape: Sequence[int], width: int = 32, depth: int | None = None, blocks: int = 1
) -> keras.Model:
    """Returns image [B, H, W, C] -> logit float32 [B, 1], the mirror image of the generator; arguments as there."""
    most, depth = most_doublings(depth, True), halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = layers.Conv2D(width, 1)(image)
    for level in range(depth + 1):
        for _ in range(blocks):
            x = block(x)
        if level < depth:
            x = layers.AveragePooling2D(2, padding="same")(x)
            x = with_channels(x, channels_at(level + 1, width, most))
    # one linear map per channel of all places, then of all channels
    x = layers.DepthwiseConv2D(x.shape[1:3], padding="valid", use_bias=False)(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(layers.Flatten()(x))
    return keras.Model(image, logit, name="discriminator")
