"""Networks of BEGAN (Berthelot et al. 2017): a decoder as the generator, an autoencoder as the discriminator."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from tfgen.networks.dcgan import cropped
from tfgen.networks.shapes import grid, halvings


def decoded(code: keras.KerasTensor, image_shape: Sequence[int], width: int, depth: int) -> keras.KerasTensor:
    """Returns an image of a code [B, D]: two 3 x 3 convolutions with ELU per size, nearest upsampling between them."""
    rows, columns = grid(image_shape, depth)
    x = layers.Reshape((rows, columns, width))(layers.Dense(rows * columns * width)(code))
    for level in range(depth + 1):
        x = layers.UpSampling2D(2)(x) if level else x
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", activation="elu")(x)
    return cropped(layers.Conv2D(image_shape[-1], 3, padding="same")(x), image_shape, depth)


def encoded(x: keras.KerasTensor, latent_dim: int, width: int, depth: int) -> keras.KerasTensor:
    """Returns the code of an image: two 3 x 3 convolutions with ELU per size, channels growing by `width` with each."""
    for level in range(depth + 1):
        for _ in range(2):
            x = layers.Conv2D((level + 1) * width, 3, padding="same", activation="elu")(x)
        if level < depth:
            x = layers.Conv2D((level + 2) * width, 3, 2, "same", activation="elu")(x)
    return layers.Dense(latent_dim)(layers.Flatten()(x))


def began_generator(
    image_shape: Sequence[int], latent_dim: int, width: int = 32, depth: int | None = None
) -> keras.Model:
    """Returns latent [B, latent_dim] -> image float32 [B, H, W, C], not bounded: Berthelot et al. 2017, figure 1."""
    latent = keras.Input((latent_dim,), name="latent")
    x = decoded(latent, image_shape, width, halvings(image_shape) if depth is None else depth)
    return keras.Model(latent, layers.Activation("linear", dtype="float32", name="image")(x), name="generator")


def began_discriminator(
    image_shape: Sequence[int], latent_dim: int, width: int = 32, depth: int | None = None
) -> keras.Model:
    """Returns image [B, H, W, C] -> {logit float32 [B, 1], reconstruction}, the logit minus the mean absolute error.

    Berthelot et al. 2017, equation 1: L(v) = |v - D(v)|, here per pixel.
    """
    depth = halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = decoded(encoded(image, latent_dim, width, depth), image_shape, width, depth)
    made = layers.Activation("linear", dtype="float32", name="reconstruction")(x)
    off = ops.cast(image, "float32") - made
    # not `abs`, whose bound would be taken for that of an activation before a cross-entropy
    error = ops.mean(ops.maximum(off, -off), axis=[1, 2, 3])
    logit = layers.Reshape((1,), dtype="float32", name="logit")(-error)
    return keras.Model(image, {"logit": logit, "reconstruction": made}, name="discriminator")
