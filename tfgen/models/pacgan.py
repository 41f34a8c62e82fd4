"""`pacgan`: a discriminator that sees several samples at once, of images or points."""

from typing import Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import Count
from tfgen.families.adversarial.packing import PackedModel
from tfgen.models.common import adversarial_model, data_of, only
from tfgen.models.gan import VALUE_RANGES, Multilayer, conv_networks, dense_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


def pacgan(
    fields: dict[str, Field],
    *,
    packing: Count = 2,
    network: Literal["conv", "dense"] = "conv",
    conv: ConvAdversaries = ConvAdversaries(),
    dense: Multilayer = Multilayer(dropout=0.0, normalize=True),
    adversarial: Adversarial = Adversarial(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> PackedModel:
    """PacGAN: the discriminator sees several samples at once, and so their diversity (Lin et al. 2018).

    The networks are those of `dcgan` or `gan`; the discriminator's input has the channels of `packing` samples.

    Args:
        fields: of the data set.
        packing: samples per answer of the discriminator
        network: convolutions as in `dcgan`, or dense layers as in `gan`, as for points
        conv: options of the convolutional networks.
        dense: options of the dense networks.
        adversarial: options of the family.
        optimization: options of the optimizers.
    """
    name, shape = data_of(fields, "pacgan")
    network = network if name == "image" else "dense"
    chosen, other = (conv, dense) if network == "conv" else (dense, conv)
    other.idle(f"with network={network}")
    if name != "image":
        dense.idle(f"on {name}s, which have no bounds", "output")
    packs = (*shape[:-1], packing * shape[-1])

    def networks() -> tuple[keras.Model, ...]:
        if network == "conv":
            return conv_networks(shape, adversarial.latent_dim, conv, judged_shape=packs)
        return dense_networks(name, shape, adversarial.latent_dim, dense, judged_shape=packs)

    output = chosen.output if name == "image" else "tanh"
    return adversarial_model(
        "pacgan",
        networks,
        only(fields, name),
        VALUE_RANGES[output],
        adversarial=adversarial,
        optimization=optimization,
        kind=PackedModel,
        packing=packing,
    )
