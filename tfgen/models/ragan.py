"""`ragan`: relativistic average GAN, a variant of `dcgan`."""

from tfgen import losses
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import variant_of
from tfgen.models.gan import dcgan
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


@variant_of(dcgan)
def ragan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(loss=losses.relativistic_average),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Relativistic average GAN (Jolicoeur-Martineau 2018).

    DCGAN's networks; the discriminator compares each image with the mean answer to the other kind (section 4.2).
    """
    return dcgan(fields, conv=conv, adversarial=adversarial, optimization=optimization)
