"""`acgan`: images of a chosen class, by a discriminator that names the class."""

import dataclasses
from typing import Any

import keras

from tfgen.data.source import Field
from tfgen.domains import NotNegative
from tfgen.families.adversarial.classifying import AuxiliaryClassifierModel
from tfgen.models.common import adversarial_model, condition_field, image_shape_of, make_condition, only
from tfgen.models.gan import VALUE_RANGES, conv_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Classifier(Options):
    """The classifier of a discriminator.

    Attributes:
        class_weight: of the cross-entropies of the classes, beside the adversarial losses
        generated_class_weight: of that of generated images in the discriminator's update; 0: it learns from real ones
    """

    class_weight: NotNegative = 1.0
    generated_class_weight: NotNegative = 1.0


def acgan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    classifier: Classifier = Classifier(),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[AuxiliaryClassifierModel] = AuxiliaryClassifierModel,
) -> AuxiliaryClassifierModel:
    """Auxiliary classifier GAN: the discriminator also names the class (Odena et al. 2017).

    The networks are those of `dcgan`; the label is an input of the generator alone.
    """
    shape, field = image_shape_of(fields, "acgan"), condition_field(fields, "label", "acgan")
    classes = int(field.range[1]) if field.range else 0

    def given() -> Any:
        return make_condition("label", field)

    def networks() -> tuple[keras.Model, keras.Model]:
        heads = {"class_logits": classes}
        return conv_networks(shape, adversarial.latent_dim, conv, given, judged_with=lambda: None, heads=heads)

    return adversarial_model(
        "acgan",
        networks,
        only(fields, "image", "label"),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
        class_weight=classifier.class_weight,
        generated_class_weight=classifier.generated_class_weight,
    )
