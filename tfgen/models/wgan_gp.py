"""`wgan_gp`: WGAN-GP, a variant of `dcgan`."""

from tfgen import losses, penalties
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import variant_of
from tfgen.models.gan import dcgan
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


@variant_of(dcgan)
def wgan_gp(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(
        loss=losses.wasserstein, penalty=penalties.Interpolated(), discriminator_steps=5
    ),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017).

    DCGAN's networks; batch normalisation in the critic would couple images that the penalty takes one by one, so
    recipes leave it out (section 4).
    """
    return dcgan(fields, conv=conv, adversarial=adversarial, optimization=optimization)
