"""`dragan`: DRAGAN, a variant of `dcgan`."""

from tfgen import penalties
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.models.common import variant_of
from tfgen.models.gan import dcgan
from tfgen.models.options import Adversarial, AdversarialOptimizer, ConvAdversaries


@variant_of(dcgan)
def dragan(
    fields: dict[str, Field],
    *,
    conv: ConvAdversaries = ConvAdversaries(),
    adversarial: Adversarial = Adversarial(penalty=penalties.Dragan()),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
) -> AdversarialModel:
    """DRAGAN: a gradient penalty near real images (Kodali et al. 2017).

    DCGAN's networks and the cross-entropy losses of 2014 (algorithm 1).
    """
    return dcgan(fields, conv=conv, adversarial=adversarial, optimization=optimization)
