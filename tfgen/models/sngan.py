"""`sngan` and its networks: residual, the discriminator with spectral normalisation."""

import dataclasses
from typing import Any

import keras

from tfgen import losses
from tfgen.data.source import Field
from tfgen.domains import Depth, Size
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import adversarial_model, image_shape_of, only
from tfgen.models.gan import VALUE_RANGES
from tfgen.models.options import Adversarial, AdversarialOptimizer, Output
from tfgen.networks.resnet import resnet_discriminator, resnet_generator
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Residual(Options):
    """Residual networks (Miyato et al. 2018).

    Attributes:
        width: channels of all maps
        depth: how often maps are halved; none: down to 4 to 7 pixels
        output: the generator's last activation, and with it the range of the images
    """

    width: Size = 64
    depth: Depth | None = None
    output: Output = "tanh"


def sngan(
    fields: dict[str, Field],
    *,
    residual: Residual = Residual(),
    adversarial: Adversarial = Adversarial(loss=losses.hinge),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Residual GAN with spectral normalisation in the discriminator (Miyato et al. 2018)."""
    return residual_model("sngan", fields, residual, adversarial, optimization)


def residual_model(
    name: str,
    fields: dict[str, Field],
    residual: Residual,
    adversarial: Adversarial,
    optimization: AdversarialOptimizer,
    attention: bool = False,
) -> AdversarialModel:
    """Builds `sngan`, or with `attention` and spectral normalisation in G too `sagan`; options as there."""
    shape = image_shape_of(fields, name)

    def networks() -> tuple[keras.Model, keras.Model]:
        size: dict[str, Any] = {"width": residual.width, "depth": residual.depth, "attention": attention}
        generator = resnet_generator(
            shape, adversarial.latent_dim, normalised=attention, output=residual.output, **size
        )
        return generator, resnet_discriminator(shape, **size)

    return adversarial_model(
        name,
        networks,
        only(fields, "image"),
        VALUE_RANGES[residual.output],
        adversarial=adversarial,
        optimization=optimization,
    )
