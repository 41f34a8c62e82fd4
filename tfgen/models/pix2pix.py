"""`pix2pix`: a picture from a picture, learnt from pairs."""

import dataclasses
from typing import Any

from tfgen.data.source import Field
from tfgen.domains import Depth, NotNegative, Proportion, Size
from tfgen.families.translation.model import PairedTranslation
from tfgen.models.options import AdversarialOptimizer, Paired
from tfgen.models.translation import paired_model, pictures_of
from tfgen.networks.translation import Norm, patch_discriminator, unet
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class UNet(Options):
    """U-Net and PatchGAN.

    Attributes:
        width: channels of the largest maps of both networks
        depth: how often the U-Net halves maps; none: down to one or two pixels
        dropout: rate in the three deepest layers of the U-Net's decoder
        translate_dropout: whether dropout stays on when it translates, which makes several pictures of one
        norm: normalisation in both networks
        stddev: standard deviation of the initial weights; none: Keras' own initializers
        patch_depth: convolutions of stride 2 in the discriminator: patches of 16, 34, 70, 142 pixels for 1, 2, 3, 4
        sees_source: whether the discriminator sees the source beside the image
    """

    width: Size = 64
    depth: Depth | None = None
    dropout: Proportion = 0.5
    translate_dropout: bool = False
    norm: Norm = "batch"
    stddev: NotNegative | None = 0.02
    patch_depth: Depth = 2
    sees_source: bool = True


def pix2pix(
    fields: dict[str, Field],
    *,
    network: UNet = UNet(),
    paired: Paired = Paired(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[PairedTranslation] = PairedTranslation,
) -> PairedTranslation:
    """Pictures of pictures, learnt from pairs: U-Net and PatchGAN (Isola et al. 2017).

    With adversarial_weight=0 it is a U-Net that is trained by the pixel loss alone.
    """
    fields = pictures_of(fields, "source", "pix2pix")
    source, shape = fields["source"].shape, fields["image"].shape
    shared: dict[str, Any] = {"width": network.width, "norm": network.norm, "stddev": network.stddev}
    network.idle("with dropout=0", "translate_dropout")
    network.idle("with adversarial_weight=0", "patch_depth", "sees_source")
    return paired_model(
        "pix2pix",
        fields,
        lambda: unet(source, shape, depth=network.depth, dropout=network.dropout, **shared),
        lambda: patch_discriminator(
            shape, source if network.sees_source else None, depth=network.patch_depth, **shared
        ),
        paired,
        optimization,
        kind,
        **({"translate_dropout": network.translate_dropout} if network.dropout else {}),
    )
