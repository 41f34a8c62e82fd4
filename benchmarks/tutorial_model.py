"""A plugin of `tfgen.run` with one more model, `tutorial`: the networks of TensorFlow's DCGAN tutorial.

python -m tfgen.run --plugin=benchmarks.tutorial_model --model=tutorial --set=width=64
"""

import tfgen
from benchmarks import network
from tfgen.models.common import adversarial_model, also_takes, only


@tfgen.register_model("tutorial", summary="The networks of TensorFlow's DCGAN tutorial, 28x28x1.")
@also_takes(adversarial_model)
def tutorial(fields, *, width: int = 64, latent_dim: int = network.LATENT, **options):
    """The networks of TensorFlow's DCGAN tutorial, 28x28x1, trained as every GAN here is."""

    def networks():
        return network.generator(width), network.discriminator(width)

    return adversarial_model("tutorial", networks, only(fields, "image"), latent_dim=latent_dim, **options)
