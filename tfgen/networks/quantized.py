"""Networks of a VQ-VAE (van den Oord et al. 2017, section 4.1): residual, between an image and a grid of vectors."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from tfgen.likelihoods import Likelihood
from tfgen.networks.dcgan import cropped
from tfgen.networks.shapes import grid


def grid_encoder(
    image_shape: Sequence[int], size: int, width: int = 32, depth: int = 2, blocks: int = 2
) -> keras.Model:
    """Returns image [B, H, W, C] -> `latent` float32 [B, h, w, size]: `depth` halvings, then residual blocks.

    Args:
        image_shape: (H, W, C).
        size: of the vectors.
        width: channels of all maps.
        depth: how often maps are halved.
        blocks: residual blocks, of 3 x 3 and 1 x 1 convolutions.
    """
    image = keras.Input(tuple(image_shape), name="image")
    x = image
    for _ in range(depth):
        x = layers.Conv2D(width, 4, 2, "same", activation="relu")(x)
    x = _residual(layers.Conv2D(width, 3, padding="same")(x), width, blocks)
    return keras.Model(image, {"latent": layers.Conv2D(size, 1, dtype="float32", name="latent")(x)}, name="encoder")


def grid_decoder(
    image_shape: Sequence[int], size: int, likelihood: Likelihood, width: int = 32, depth: int = 2, blocks: int = 2
) -> keras.Model:
    """Returns latent [B, h w size] -> the likelihood's outputs, each float32 [B, H, W, C].

    The latent is a grid of vectors, row by row. Arguments as in `grid_encoder`.
    """
    shape = (*grid(image_shape, depth), size)
    latent = keras.Input((math.prod(shape),), name="latent")
    x = layers.Conv2D(width, 3, padding="same")(layers.Reshape(shape)(latent))
    x = _residual(x, width, blocks)
    for _ in range(depth - 1):
        x = layers.Conv2DTranspose(width, 4, 2, "same", activation="relu")(x)

    def raw(name: str) -> keras.KerasTensor:
        # the last doubling is the output layer itself, one per parameter of the likelihood
        made = layers.Conv2DTranspose(image_shape[-1], 4, 2 if depth else 1, "same", name=f"raw_{name}")(x)
        return cropped(made, image_shape, depth)

    return keras.Model(latent, likelihood.heads(raw), name="decoder")


def code_table(codes: int, size: int) -> keras.Model:
    """Returns code int64 [B], numbers below `codes` -> vector float32 [B, size]; no gradient moves the vectors."""
    code = keras.Input((), dtype="int64", name="code")
    table = layers.Embedding(codes, size, trainable=False, dtype="float32", name="vectors")
    return keras.Model(code, table(code), name="codebook")


def _residual(x, width, blocks):
    """Returns x after residual blocks, ReLU, 3 x 3, ReLU, 1 x 1, and a last ReLU."""
    for _ in range(blocks):
        y = layers.Conv2D(width, 3, padding="same")(layers.ReLU()(x))
        x = layers.Add()([x, layers.Conv2D(width, 1)(layers.ReLU()(y))])
    return layers.ReLU()(x)
