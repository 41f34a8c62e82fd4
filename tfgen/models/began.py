"""`began`: an autoencoder as the discriminator, in an equilibrium with the generator."""

import dataclasses
from typing import Any

import keras

from tfgen import losses
from tfgen.data.source import Field
from tfgen.domains import Depth, NotNegative, Share, Size
from tfgen.families.adversarial.balanced import BalancedModel
from tfgen.models.common import adversarial_model, image_shape_of, only
from tfgen.models.options import Adversarial, AdversarialOptimizer
from tfgen.networks.began import began_discriminator, began_generator
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Autoencoding(Options):
    """A decoder as the generator, an autoencoder as the discriminator (Berthelot et al. 2017).

    Attributes:
        width: channels of the decoders, and by how much those of the encoder grow
        depth: how often maps are halved; none: down to 4 to 7 pixels
        gamma: error of generated images over that of real ones at the equilibrium
        gain: of the weight of generated images in the discriminator's loss
    """

    width: Size = 32
    depth: Depth | None = None
    gamma: Share = 0.5
    gain: NotNegative = 0.001


def began(
    fields: dict[str, Field],
    *,
    autoencoding: Autoencoding = Autoencoding(),
    adversarial: Adversarial = Adversarial(loss=losses.wasserstein),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> BalancedModel:
    """BEGAN: the discriminator is an autoencoder, and its error the criterion (Berthelot et al. 2017)."""
    shape = image_shape_of(fields, "began")

    def networks() -> tuple[keras.Model, keras.Model]:
        size: dict[str, Any] = {"width": autoencoding.width, "depth": autoencoding.depth}
        generator = began_generator(shape, adversarial.latent_dim, **size)
        return generator, began_discriminator(shape, adversarial.latent_dim, **size)

    return adversarial_model(
        "began",
        networks,
        only(fields, "image"),
        adversarial=adversarial,
        optimization=optimization,
        kind=BalancedModel,
        gamma=autoencoding.gamma,
        gain=autoencoding.gain,
    )
