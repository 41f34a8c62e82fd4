"""`lsgan`: least-squares GAN, a variant of `dcgan`."""

from tfgen import losses
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import variant_of
from tfgen.models.gan import dcgan
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


@variant_of(dcgan)
def lsgan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(loss=losses.least_squares),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """Least-squares GAN (Mao et al. 2017).

    DCGAN's networks under the least-squares loss, whose gradient does not
    vanish on samples far from the decision boundary.
    """
    return dcgan(fields, conv=conv, adversarial=adversarial, optimization=optimization)
