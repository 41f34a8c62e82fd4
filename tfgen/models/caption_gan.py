"""`caption_gan`: images of what a caption says."""

import dataclasses
from typing import Any, Literal

import keras
from keras import layers

from tfgen import texts
from tfgen.data.source import Field
from tfgen.domains import NotNegative, Share, Size
from tfgen.errors import UserError
from tfgen.families.adversarial.matching import MatchingModel
from tfgen.models.common import adversarial_model, condition_field, image_shape_of, make_condition, only
from tfgen.models.gan import VALUE_RANGES, Projected, conv_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer
from tfgen.networks.conditions import Condition
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Captioning(Options):
    """How the networks take captions.

    Attributes:
        text_encoder: turns captions into vectors
        caption_units: size to which each network reduces the vector
        conditional_norm: captions set gains and shifts of the generator's batch normalisation, and are no input of it
        caption_at: where the discriminator sees the caption: a channel of the image, beside its last maps, or nowhere
            but in the projection
        mismatch: weight of real images with wrong captions, among all that the discriminator is to reject
        hardness: how much wrong captions that resemble the right one are preferred; 0: any other is as likely
        interpolation: weight of samples under means of two captions in the generator's loss
    """

    text_encoder: texts.TextEncoder = texts.hashed_ngrams()
    caption_units: Size = 128
    conditional_norm: bool = False
    caption_at: Literal["image", "maps", "projection"] = "maps"
    mismatch: Share = 0.5
    hardness: NotNegative = 0.0
    interpolation: NotNegative = 0.0


def caption_gan(
    fields: dict[str, Field],
    *,
    condition: str = "caption",
    conv: Projected = Projected(),
    captioning: Captioning = Captioning(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[MatchingModel] = MatchingModel,
) -> MatchingModel:
    """Images from captions, by a discriminator that knows wrong captions (Reed et al. 2016).

    The networks are those of `dcgan`. A caption becomes a vector by `text_encoder`, outside of the networks; a field of
    vectors, of any other encoder, is taken as it is. Each network reduces the vector by a dense layer with leaky ReLU.

    Args:
        fields: of the data set; without the field `caption`, texts are expected.
        condition: the field of captions, texts or vectors
        conv: options of the networks.
        captioning: how they take captions.
        adversarial: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape = image_shape_of(fields, "caption_gan")
    fields = {"caption": Field("text"), **fields}
    field, encoder = condition_field(fields, condition, "caption_gan", ("text", "vector")), None
    if field.kind == "text":
        encoder = captioning.text_encoder
        field = Field("vector", (encoder.size,))
    if captioning.caption_at == "projection" and not conv.projection:
        raise UserError("caption_at=projection needs a projection, in which alone D sees captions: give projection=128")
    captioning.idle("on vectors, which are taken as they are", "text_encoder")

    captioning.idle("with mismatch=0 and interpolation=0, where no other caption is drawn", "hardness")
    draws = captioning.mismatch > 0 or captioning.interpolation > 0
    hardness = captioning.hardness if draws else 0.0

    def given() -> Condition:
        return reduced(make_condition(condition, field), captioning.caption_units)

    def networks() -> tuple[keras.Model, keras.Model]:
        place = captioning.caption_at
        judge: dict[str, Any] = {"projection": conv.projection, "late": place == "maps"}
        judge["concatenated"] = place != "projection"
        return conv_networks(
            shape, adversarial.latent_dim, conv, given, conditional_norm=captioning.conditional_norm, **judge
        )

    return adversarial_model(
        "caption_gan",
        networks,
        only(fields, "image", condition),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
        text_encoder=encoder,
        mismatch=captioning.mismatch,
        hardness=hardness,
        interpolation=captioning.interpolation,
    )


def reduced(condition: Condition, units: int) -> Condition:
    """Returns a condition whose vector has `units` numbers, after a dense layer with leaky ReLU."""
    x = layers.Dense(units)(condition.vector)
    return dataclasses.replace(condition, vector=layers.LeakyReLU(negative_slope=0.2)(x))
