"""`r3gan`: the relativistic paired loss with R1 and R2, and residual networks without normalisation."""

import dataclasses
from typing import Any

import keras

from tfgen import losses, penalties
from tfgen.data.source import Field
from tfgen.domains import Count, Depth, Size
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import adversarial_model, image_shape_of, only
from tfgen.models.gan import VALUE_RANGES
from tfgen.models.options import Adversarial, AdversarialOptimizer, Output
from tfgen.networks.modern import modern_discriminator, modern_generator
from tfgen.recipes.options import Options

R1_R2 = penalties.Total((penalties.R1(), penalties.R2()))


@dataclasses.dataclass(frozen=True)
class Modern(Options):
    """Residual networks without normalisation (Huang et al. 2024).

    Attributes:
        width: channels at the image's size; doubled whenever the maps are halved
        depth: how often maps are halved; none: down to 4 to 7 pixels
        blocks: residual blocks per size
        output: the generator's last activation, and with it the range of the images
    """

    width: Size = 32
    depth: Depth | None = None
    blocks: Count = 1
    output: Output = "tanh"


def r3gan(
    fields: dict[str, Field],
    *,
    modern: Modern = Modern(),
    adversarial: Adversarial = Adversarial(loss=losses.relativistic, penalty=R1_R2),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """R3GAN: relativistic pairs, penalties on real and generated images, modern networks (Huang et al. 2024)."""
    shape = image_shape_of(fields, "r3gan")

    def networks() -> tuple[keras.Model, keras.Model]:
        size: dict[str, Any] = {"width": modern.width, "depth": modern.depth, "blocks": modern.blocks}
        generator = modern_generator(shape, adversarial.latent_dim, output=modern.output, **size)
        return generator, modern_discriminator(shape, **size)

    return adversarial_model(
        "r3gan",
        networks,
        only(fields, "image"),
        VALUE_RANGES[modern.output],
        adversarial=adversarial,
        optimization=optimization,
    )
