"""Generative adversarial networks: `gan` of images or points, `dcgan` and `cgan` of images."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import Proportion, Size
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import adversarial_model, condition_field, data_of, image_shape_of, make_condition, only
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries, DenseAdversaries
from tfgen.networks import dcgan_discriminator, dcgan_generator, dense_generator, maxout_discriminator
from tfgen.networks.shapes import halvings

# Range of images inside the networks, by the generator's last activation: the values that it can reach.
VALUE_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


@dataclasses.dataclass(frozen=True)
class Multilayer(DenseAdversaries):
    """Networks of `gan`: any number of layers.

    Attributes:
        units: sizes of the generator's hidden layers
        maxout_units: sizes of the discriminator's hidden layers, each with 5 pieces
        dropout: rate in the discriminator
        normalize: batch normalisation in the generator
    """

    units: tuple[Size, ...] = (512, 512)
    maxout_units: tuple[Size, ...] = (240, 240)
    dropout: Proportion = 0.3
    normalize: bool = False


@dataclasses.dataclass(frozen=True)
class Projected(ConvAdversaries):
    """Networks of `cgan`: DCGAN's, and a projection of the condition.

    Attributes:
        projection: dimensions of an inner product of condition and features in the discriminator; 0: none
    """

    projection: int = 0


def uniform_weights(scale: float | None) -> dict[str, Any]:
    """Returns initial weights U(-scale, scale) as layers' arguments, or none where `scale` is None."""
    if scale is None:
        return {}
    # a description, from which each layer makes an initializer: one object would give layers of one shape equal weights
    config = {"minval": -scale, "maxval": scale}
    return {"kernel_initializer": {"class_name": "RandomUniform", "config": config}}


def conv_networks(
    shape: tuple[int, ...],
    latent_dim: int,
    conv: ConvAdversaries,
    condition: Callable[[], Any] = lambda: None,
    judged_with: Callable[[], Any] | None = None,
    conditional_norm: bool = False,
    judged_shape: tuple[int, ...] | None = None,
    **judge: Any,
) -> tuple[keras.Model, keras.Model]:
    """Builds the generator and the discriminator of `dcgan`.

    Args:
        shape: (H, W, C) of the images.
        latent_dim: size of z.
        conv: options of the networks.
        condition: makes the condition's input, for each of the two networks anew; None: unconditional.
        judged_with: makes that of the discriminator, where it has another.
        conditional_norm: as of `dcgan_generator`.
        judged_shape: of what the discriminator sees, where that is not an image.
        **judge: further arguments of `dcgan_discriminator`: `projection`, `heads`.
    """
    size: dict[str, Any] = {
        "width": conv.width,
        "kernel_size": conv.kernel_size,
        "depth": conv.depth,
        "stddev": conv.stddev,
    }
    size["full_size"] = conv.full_size
    levels = (halvings(shape) if conv.depth is None else conv.depth) + conv.full_size
    conv.idle("on a single convolution, which has no batch norm", "normalize")
    # read only where it has an effect, so that it is refused where it has none
    normalize: dict[str, Any] = {"normalize": conv.normalize} if levels > 1 else {}
    made: dict[str, Any] = {**size, "output": conv.output, "conditional_norm": conditional_norm}
    generator = dcgan_generator(shape, latent_dim, **made, condition=condition())
    discriminator = dcgan_discriminator(
        judged_shape or shape,
        **{**size, "width": conv.discriminator_width or conv.width},
        **normalize,
        dropout=conv.dropout,
        hidden_units=conv.hidden_units,
        normalised=conv.spectral,
        deviation=conv.minibatch_deviation,
        condition=(judged_with or condition)(),
        **judge,
    )
    return generator, discriminator


def dense_networks(
    name: str, shape: tuple[int, ...], latent_dim: int, dense: Multilayer, judged_shape: tuple[int, ...] | None = None
) -> tuple[keras.Model, keras.Model]:
    """Builds the generator and the discriminator of `gan`.

    Args:
        name: of the field that they make and judge, image or point.
        shape: of one example of it.
        latent_dim: size of z.
        dense: options of the networks.
        judged_shape: of what the discriminator sees, where that is not one example.
    """
    start, activation = uniform_weights(dense.initial_scale), dense.output if name == "image" else None
    normalize = bool(dense.units) and dense.normalize
    generator = dense_generator(shape, latent_dim, dense.units, activation, normalize=normalize, name=name, **start)
    pieces = [(count, 5) for count in dense.maxout_units]
    dropout = dense.dropout if pieces else 0.0
    return generator, maxout_discriminator(judged_shape or shape, pieces, dropout, name=name, **start)


def gan(
    fields: dict[str, Field],
    *,
    dense: Multilayer = Multilayer(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[AdversarialModel] = AdversarialModel,
) -> AdversarialModel:
    """Generative adversarial network with dense networks (Goodfellow et al. 2014)."""
    name, shape = data_of(fields, "gan")
    dense.idle(f"on {name}s, which have no bounds", "output")

    def networks() -> tuple[keras.Model, keras.Model]:
        return dense_networks(name, shape, adversarial.latent_dim, dense)

    return adversarial_model(
        "gan",
        networks,
        only(fields, name),
        VALUE_RANGES[dense.output if name == "image" else "tanh"],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
    )


def dcgan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[AdversarialModel] = AdversarialModel,
) -> AdversarialModel:
    """Deep convolutional GAN (Radford et al. 2016).

    Two options go beyond the paper's networks: `full_size` adds convolutions of `width` channels at the image's own
    size to both networks, and `hidden_units` a dense layer before the discriminator's logit.
    """
    shape = image_shape_of(fields, "dcgan")

    def networks() -> tuple[keras.Model, keras.Model]:
        return conv_networks(shape, adversarial.latent_dim, conv)

    return adversarial_model(
        "dcgan",
        networks,
        only(fields, "image"),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
    )


def cgan(
    fields: dict[str, Field],
    *,
    condition: str = "label",
    network: Literal["conv", "dense"] = "conv",
    conv: Projected = Projected(),
    dense: DenseAdversaries = DenseAdversaries(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[AdversarialModel] = AdversarialModel,
) -> AdversarialModel:
    """Conditional GAN: images of a chosen class (Mirza and Osindero 2014).

    `condition` names the field that both networks take: `label`, which they turn into one-hot vectors, or any
    float32 [B, D] field. The dense networks are those of the paper; the convolutional networks are those of `dcgan`,
    optionally with a projection discriminator (Miyato and Koyama 2018) of `projection` dimensions.

    Args:
        fields: of the data set.
        condition: the field on which both networks are conditioned
        network: convolutions as in `dcgan`, or the paper's dense layers
        conv: options of the convolutional networks.
        dense: options of the dense networks.
        adversarial: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, field = image_shape_of(fields, "cgan"), condition_field(fields, condition, "cgan")
    chosen, other = (conv, dense) if network == "conv" else (dense, conv)
    other.idle(f"with network={network}")

    def given(units: tuple[int, ...] = ()) -> Any:
        return make_condition(condition, field, units)

    def dense_networks() -> tuple[keras.Model, keras.Model]:
        start, dropout, latent_dim = uniform_weights(dense.initial_scale), dense.dropout, adversarial.latent_dim
        generator = dense_generator(shape, latent_dim, (200,), dense.output, given((1000,)), (1200,), dropout, **start)
        return generator, maxout_discriminator(shape, ((240, 5),), dropout, given(), ((240, 4),), **start)

    def networks() -> tuple[keras.Model, keras.Model]:
        if network == "dense":
            return dense_networks()
        return conv_networks(shape, adversarial.latent_dim, conv, given, projection=conv.projection)

    return adversarial_model(
        "cgan",
        networks,
        only(fields, "image", condition),
        VALUE_RANGES[chosen.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
    )
