"""`aae`: an autoencoder that generates, as its codes are made to follow a prior."""

import dataclasses
from typing import Literal

import keras

from tfgen import priors
from tfgen.data.source import Field
from tfgen.domains import NotNegative, Size
from tfgen.families.variational.adversarial import AdversarialAutoencoder
from tfgen.likelihoods import Likelihood
from tfgen.models.common import autoencoder_model, image_shape_of, only
from tfgen.models.options import Autoencoding, ConvNetwork, DenseNetwork, Optimizer
from tfgen.models.vae import coder_networks
from tfgen.networks.mlp import code_discriminator
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Codes(Options):
    """Codes that follow a prior.

    Attributes:
        prior: p(z), the distribution that codes are to have
        hidden: sizes of the hidden layers of the discriminator of codes
    """

    prior: priors.Prior = priors.normal()
    hidden: tuple[Size, ...] = (256, 256)


@dataclasses.dataclass(frozen=True)
class CodesOptimizer(Optimizer):
    """The optimizers of an autoencoder and of the game of its codes, which may differ in their learning rates.

    Attributes:
        encoder_learning_rate: of the encoder against the discriminator of codes; none: learning_rate
        discriminator_learning_rate: of the discriminator of codes; none: learning_rate
    """

    encoder_learning_rate: NotNegative | None = None
    discriminator_learning_rate: NotNegative | None = None


def aae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    codes: Codes = Codes(),
    autoencoding: Autoencoding = Autoencoding(),
    optimization: CodesOptimizer = CodesOptimizer(),
    kind: type[AdversarialAutoencoder] = AdversarialAutoencoder,
) -> AdversarialAutoencoder:
    """Adversarial autoencoder: a discriminator makes codes follow the prior (Makhzani et al. 2016).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in encoder and decoder
        dense: options of dense networks.
        conv: options of convolutional networks.
        codes: options of the codes.
        autoencoding: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "aae"), autoencoding.latent_dim
    coders = coder_networks(shape, latent_dim, network, dense, conv, "latent")

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        return *coders(likelihood), code_discriminator(latent_dim, codes.hidden)

    return autoencoder_model(
        "aae",
        networks,
        only(fields, "image"),
        autoencoding=autoencoding,
        optimization=optimization,
        kind=kind,
        prior=codes.prior,
    )
