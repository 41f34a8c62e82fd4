"""`cyclegan`: pictures of one domain as pictures of another, without pairs."""

import dataclasses
from typing import Any

from tfgen import losses
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.domains import Count, Depth, NotNegative, Seed, Size
from tfgen.families.translation.cycle import CycleTranslation
from tfgen.models.common import compiled, seeded
from tfgen.models.options import AdversarialOptimizer
from tfgen.models.translation import pictures_of
from tfgen.networks.translation import Norm, patch_discriminator, translating_resnet
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Translators(Options):
    """Two translators and two discriminators of patches.

    Attributes:
        width: channels of the largest maps of all networks
        blocks: residual blocks of a translator
        norm: normalisation in all networks
        stddev: standard deviation of the initial weights; none: Keras' own initializers
        patch_depth: convolutions of stride 2 in a discriminator: patches of 16, 34, 70, 142 pixels for 1, 2, 3, 4
    """

    width: Size = 64
    blocks: Count = 9
    norm: Norm = "instance"
    stddev: NotNegative | None = 0.02
    patch_depth: Depth = 3


@dataclasses.dataclass(frozen=True)
class Cycle(Options):
    """Losses of two translators.

    Attributes:
        loss: the adversarial losses, of a discriminator and of its translator
        adversarial_weight: of the translators' adversarial losses
        cycle_weight: of the mean absolute difference after the way there and back
        identity_weight: of the mean absolute change of pictures of the domain that a translator makes
        ema: decay of the moving average of the translators, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    loss: losses.Loss = losses.least_squares
    adversarial_weight: NotNegative = 1.0
    cycle_weight: NotNegative = 10.0
    identity_weight: NotNegative = 0.0
    ema: Ema | None = None
    seed: Seed = 0


def cyclegan(
    fields: dict[str, Field],
    *,
    network: Translators = Translators(),
    cycle: Cycle = Cycle(),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[CycleTranslation] = CycleTranslation,
) -> CycleTranslation:
    """Pictures of one domain as pictures of another, without pairs (Zhu et al. 2017)."""
    fields = pictures_of(fields, "other", "cyclegan")
    shapes = {"image": fields["image"].shape, "other": fields["other"].shape}
    shared: dict[str, Any] = {"width": network.width, "norm": network.norm, "stddev": network.stddev}
    with seeded(cycle.seed):
        networks = [
            translating_resnet(shapes[source], shapes[target], blocks=network.blocks, name=way, **shared)
            for way, (source, target, _) in CycleTranslation.ways.items()
        ]
        networks += [patch_discriminator(shapes[name], depth=network.patch_depth, **shared) for name in shapes]
    for name, judge in zip(shapes, networks[2:], strict=True):
        judge.name = f"of_{name}"
    model = kind(
        *networks,
        loss=cycle.loss,
        adversarial_weight=cycle.adversarial_weight,
        cycle_weight=cycle.cycle_weight,
        identity_weight=cycle.identity_weight,
        ema=cycle.ema,
        seed=cycle.seed,
        fields=fields,
        name="cyclegan",
    )
    return compiled(model, optimization)
