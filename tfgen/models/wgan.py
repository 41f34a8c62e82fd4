"""`wgan`: Wasserstein GAN, a variant of `dcgan`."""

from tfgen import losses
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import variant_of
from tfgen.models.gan import dcgan
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


@variant_of(dcgan)
def wgan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(loss=losses.wasserstein, weight_clip=0.01, discriminator_steps=5),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Wasserstein GAN with a clipped critic (Arjovsky et al. 2017).

    DCGAN's networks; the discriminator is a critic, whose weights are clipped after each update (algorithm 1).
    """
    return dcgan(fields, conv=conv, adversarial=adversarial, optimization=optimization)
