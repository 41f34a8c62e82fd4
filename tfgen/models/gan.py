"""Generative adversarial networks: `gan` of images or points, `dcgan` and `cgan` of images."""

from typing import Literal

import keras

from tfgen.models.common import (
    adversarial_model,
    also_takes,
    at_least_one,
    below_one,
    condition_field,
    data_of,
    image_shape_of,
    make_condition,
    only,
)
from tfgen.networks import dcgan_discriminator, dcgan_generator, dense_generator, maxout_discriminator


def uniform_weights(scale):
    """Initial weights U(-scale, scale), or Keras' own where `scale` is None."""
    return {} if scale is None else {"kernel_initializer": keras.initializers.RandomUniform(-scale, scale)}


@also_takes(adversarial_model)
def gan(
    fields,
    *,
    latent_dim: int = 100,
    units: tuple[int, ...] = (512, 512),
    maxout_units: tuple[int, ...] = (240, 240),
    dropout: float = 0.3,
    initial_scale: float | None = None,
    normalize: bool = False,
    output: Literal["tanh", "sigmoid"] = "tanh",
    **options,
):
    """Generative adversarial network with dense networks (Goodfellow et al. 2014).

    `normalize` puts batch norm into G. In data sets of points its output is unbounded, and `output` has no say.
    """
    at_least_one(units=tuple(units), maxout_units=tuple(maxout_units))
    below_one(dropout=dropout)
    (name, shape), start = data_of(fields, "gan"), uniform_weights(initial_scale)
    activation = output if name == "image" else None

    def networks():
        generator = dense_generator(shape, latent_dim, units, activation, normalize=normalize, name=name, **start)
        pieces = [(count, 5) for count in maxout_units]
        return generator, maxout_discriminator(shape, pieces, dropout, name=name, **start)

    # the networks see the range that the generator's output can reach
    value_range = (-1.0, 1.0) if output == "tanh" else (0.0, 1.0)
    return adversarial_model("gan", networks, only(fields, name), value_range, latent_dim=latent_dim, **options)


@also_takes(adversarial_model)
def dcgan(
    fields,
    *,
    latent_dim: int = 100,
    width: int = 64,
    kernel_size: int = 5,
    depth: int | None = None,
    stddev: float | None = 0.02,
    normalize: bool = True,
    dropout: float = 0.0,
    full_size: bool = False,
    hidden_units: int | None = None,
    **options,
):
    """Deep convolutional GAN (Radford et al. 2016).

    The paper's networks have no map of features at the image's own size, and no dense layer before the discriminator's
    logit: `full_size` gives both the one, with `width` channels, and `hidden_units` is the other's size.
    """
    at_least_one(width=width, kernel_size=kernel_size, depth=depth, hidden_units=hidden_units)
    below_one(dropout=dropout)
    shape = image_shape_of(fields, "dcgan")

    def networks():
        size = {"width": width, "kernel_size": kernel_size, "depth": depth, "stddev": stddev, "full_size": full_size}
        judge = {"normalize": normalize, "dropout": dropout, "hidden_units": hidden_units}
        generator = dcgan_generator(shape, latent_dim, **size)
        return generator, dcgan_discriminator(shape, **size, **judge)

    return adversarial_model("dcgan", networks, only(fields, "image"), latent_dim=latent_dim, **options)


@also_takes(adversarial_model)
def cgan(
    fields,
    *,
    condition: str = "label",
    network: Literal["conv", "dense"] = "conv",
    latent_dim: int = 100,
    width: int = 64,
    kernel_size: int = 5,
    depth: int | None = None,
    stddev: float | None = 0.02,
    normalize: bool = True,
    dropout: float = 0.0,
    full_size: bool = False,
    hidden_units: int | None = None,
    projection: int = 0,
    initial_scale: float | None = None,
    output: Literal["tanh", "sigmoid"] = "tanh",
    **options,
):
    """Conditional GAN: images of a chosen class (Mirza and Osindero 2014).

    `condition` names the field that the networks are given: `label`, which they turn into one-hot vectors, or any
    float32 [B, D] field, one-hot or not. The dense networks are the paper's; the convolutional ones those of `dcgan`,
    with a `projection` of so many dimensions in the discriminator (Miyato and Koyama 2018) where it is not 0.
    """
    at_least_one(width=width, kernel_size=kernel_size, depth=depth, hidden_units=hidden_units)
    below_one(dropout=dropout)
    shape, field = image_shape_of(fields, "cgan"), condition_field(fields, condition, "cgan")
    start = uniform_weights(initial_scale)

    def given(units=()):
        return make_condition(condition, field, units)

    def dense():
        generator = dense_generator(shape, latent_dim, (200,), output, given((1000,)), (1200,), dropout, **start)
        image_units, joint = ((240, 5),), ((240, 4),)
        return generator, maxout_discriminator(shape, image_units, dropout, given(), joint, **start)

    def conv():
        size = {"width": width, "kernel_size": kernel_size, "depth": depth, "stddev": stddev, "full_size": full_size}
        judge = {"normalize": normalize, "dropout": dropout, "hidden_units": hidden_units, "projection": projection}
        generator = dcgan_generator(shape, latent_dim, **size, condition=given())
        return generator, dcgan_discriminator(shape, **size, **judge, condition=given())

    value_range = (-1.0, 1.0) if output == "tanh" else (0.0, 1.0)
    fields = only(fields, "image", condition)
    networks = {"dense": dense, "conv": conv}[network]
    return adversarial_model("cgan", networks, fields, value_range, latent_dim=latent_dim, **options)
