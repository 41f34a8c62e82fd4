"""`srgan`: a picture from one several times smaller."""

import dataclasses

from tfgen.data.source import Field
from tfgen.domains import Count, NotNegative, Proportion, Size
from tfgen.families.translation.model import PairedTranslation
from tfgen.models.options import AdversarialOptimizer, Paired
from tfgen.models.translation import paired_model, pictures_of
from tfgen.networks import dcgan_discriminator
from tfgen.networks.translation import upscaling_resnet
from tfgen.recipes.options import Options

FACTOR = 4  # of the enlargement, where the data do not say it


@dataclasses.dataclass(frozen=True)
class Upscaling(Options):
    """SRResNet and a discriminator of whole images.

    Attributes:
        width: channels of the generator's maps
        blocks: residual blocks of the generator
        judge_width: channels of the discriminator's largest maps
        judge_dropout: rate of the discriminator's dropout
        hidden_units: size of the dense layer before the discriminator's logit; none: no such layer
        stddev: standard deviation of the discriminator's initial weights; none: Keras' own initializers
    """

    width: Size = 64
    blocks: Count = 16
    judge_width: Size = 64
    judge_dropout: Proportion = 0.0
    hidden_units: Size | None = 1024
    stddev: NotNegative | None = 0.02


def srgan(
    fields: dict[str, Field],
    *,
    network: Upscaling = Upscaling(),
    paired: Paired = Paired(pixel_loss="l2", pixel_weight=1.0, content_weight=1.0, adversarial_weight=1e-3),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[PairedTranslation] = PairedTranslation,
) -> PairedTranslation:
    """Pictures from pictures four times smaller, or of any whole factor (Ledig et al. 2017).

    With adversarial_weight=0 and content_weight=0 it is SRResNet, trained by the squared difference of pixels alone.
    """
    fields = pictures_of(fields, "source", "srgan", FACTOR)
    source, shape = fields["source"].shape, fields["image"].shape
    network.idle("with adversarial_weight=0", "judge_width", "judge_dropout", "hidden_units", "stddev")
    return paired_model(
        "srgan",
        fields,
        lambda: upscaling_resnet(source, shape, network.width, network.blocks),
        lambda: dcgan_discriminator(
            shape,
            network.judge_width,
            4,
            stddev=network.stddev,
            dropout=network.judge_dropout,
            full_size=True,
            hidden_units=network.hidden_units,
        ),
        paired,
        optimization,
        kind,
    )
