"""`infogan`: codes that mean something, found without labels."""

import dataclasses

import keras

from tfgen.data.source import Field
from tfgen.domains import Natural, NotNegative, Size
from tfgen.families.adversarial.infogan import InfoModel
from tfgen.models.common import adversarial_model, image_shape_of, only
from tfgen.models.gan import VALUE_RANGES, conv_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries
from tfgen.networks.building import with_named_inputs
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Codes(Options):
    """Codes of which images are to tell.

    Attributes:
        categories: number of values of the discrete code
        continuous: number of continuous codes, uniform on [-1, 1)
        information: weight of the mutual information of codes and images
    """

    categories: Size = 10
    continuous: Natural = 2
    information: NotNegative = 1.0


def infogan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    codes: Codes = Codes(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[InfoModel] = InfoModel,
) -> InfoModel:
    """InfoGAN: discrete and continuous codes that images tell of (Chen et al. 2016).

    The networks are those of `dcgan`. The generator has the inputs `latent`, `category` and `continuous`; what reads
    the codes off images shares all layers with the discriminator but the last.
    """
    shape = image_shape_of(fields, "infogan")
    heads = {"category": codes.categories} | ({"continuous": codes.continuous} if codes.continuous else {})

    def networks() -> tuple[keras.Model, keras.Model]:
        sizes = {"latent": adversarial.latent_dim, **heads}
        generator, discriminator = conv_networks(shape, sum(sizes.values()), conv, heads=heads)
        return with_named_inputs(generator, sizes), discriminator

    return adversarial_model(
        "infogan",
        networks,
        only(fields, "image"),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
        categories=codes.categories,
        continuous=codes.continuous,
        information=codes.information,
    )
