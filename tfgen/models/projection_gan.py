"""`projection_gan`: images of a chosen class, by conditional batch normalisation and a projection discriminator."""

from typing import Any

import keras

from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import adversarial_model, condition_field, image_shape_of, make_condition, only
from tfgen.models.gan import VALUE_RANGES, Projected, conv_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer


def projection_gan(
    fields: dict[str, Field],
    *,
    condition: str = "label",
    conv: Projected = Projected(projection=128),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[AdversarialModel] = AdversarialModel,
) -> AdversarialModel:
    """GAN with a projection discriminator and conditional batch norm (Miyato and Koyama 2018).

    The networks are those of `dcgan`. In the generator the condition gives the gains and shifts of batch normalisation;
    the discriminator's logit is y' V phi(x) + psi(phi(x)) (equation 3), the condition no input of its layers.

    Args:
        fields: of the data set.
        condition: the field on which both networks are conditioned
        conv: options of the networks.
        adversarial: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, field = image_shape_of(fields, "projection_gan"), condition_field(fields, condition, "projection_gan")

    def given() -> Any:
        return make_condition(condition, field)

    def networks() -> tuple[keras.Model, keras.Model]:
        judge: dict[str, Any] = {"projection": conv.projection, "concatenated": not conv.projection}
        return conv_networks(shape, adversarial.latent_dim, conv, given, conditional_norm=True, **judge)

    return adversarial_model(
        "projection_gan",
        networks,
        only(fields, "image", condition),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
    )
