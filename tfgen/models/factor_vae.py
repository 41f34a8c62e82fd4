"""`factor_vae`: a VAE with a discriminator of codes, for latents that stand for single factors."""

import dataclasses
from typing import Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import NotNegative, Size
from tfgen.families.variational.adversarial import FactorModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import image_shape_of, only, variational_model
from tfgen.models.options import ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.models.vae import coder_networks
from tfgen.networks.mlp import code_discriminator
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Factors(Options):
    """Codes whose dimensions are independent.

    Attributes:
        tc_weight: of the total correlation of codes, by the discriminator's ratio of densities
        hidden: sizes of the hidden layers of the discriminator of codes
    """

    tc_weight: NotNegative = 10.0
    hidden: tuple[Size, ...] = (256, 256, 256)


def factor_vae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    factors: Factors = Factors(),
    variational: Variational = Variational(),
    optimization: Optimizer = Optimizer(),
    kind: type[FactorModel] = FactorModel,
) -> FactorModel:
    """FactorVAE: a discriminator of codes measures their total correlation (Kim and Mnih 2018).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in encoder and decoder
        dense: options of dense networks.
        conv: options of convolutional networks.
        factors: options of the discriminator.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "factor_vae"), variational.latent_dim
    coders = coder_networks(shape, latent_dim, network, dense, conv, "z_mean", "z_log_var")

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        return *coders(likelihood), code_discriminator(latent_dim, factors.hidden)

    return variational_model(
        "factor_vae",
        networks,
        only(fields, "image"),
        variational=variational,
        optimization=optimization,
        kind=kind,
        tc_weight=factors.tc_weight,
    )
