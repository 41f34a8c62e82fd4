"""`sagan`: self-attention in both residual networks, spectral normalisation in both, two time-scales."""

from tfgen import losses
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.options import Adversarial, AdversarialOptimizer
from tfgen.models.sngan import Residual, residual_model


def sagan(
    fields: dict[str, Field],
    *,
    residual: Residual = Residual(),
    adversarial: Adversarial = Adversarial(loss=losses.hinge),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Self-attention GAN (Zhang et al. 2019).

    The networks of `sngan` with self-attention after the first block of each, at half the size in the discriminator,
    and spectral normalisation in the generator too.
    """
    return residual_model("sagan", fields, residual, adversarial, optimization, attention=True)
