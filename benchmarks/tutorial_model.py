"""A plugin of `tfgen.run` with one more model, `tutorial`: the networks of TensorFlow's DCGAN tutorial.

python -m tfgen.run --plugin=benchmarks.tutorial_model --model=tutorial --set=width=64
"""

import tfgen
from benchmarks import network
from tfgen.models.common import Adversarial, AdversarialOptimizer, adversarial_model, only

FAMILY, RATES = Adversarial(latent_dim=network.LATENT), AdversarialOptimizer()


@tfgen.register_model("tutorial", summary="The networks of TensorFlow's DCGAN tutorial, 28x28x1.")
def tutorial(fields, *, width: int = 64, adversarial: Adversarial = FAMILY, optimization: AdversarialOptimizer = RATES):
    """The networks of TensorFlow's DCGAN tutorial, 28x28x1, trained as every GAN here is."""

    def networks():
        return network.generator(width), network.discriminator(width)

    options = {"adversarial": adversarial, "optimization": optimization}
    return adversarial_model("tutorial", networks, only(fields, "image"), **options)
