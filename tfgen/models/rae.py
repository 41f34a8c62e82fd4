"""`rae`: a plain autoencoder with regularisation in place of noise."""

import dataclasses
from typing import Literal

from tfgen.data.source import Field
from tfgen.domains import NotNegative
from tfgen.families.variational.regularized import RegularizedAutoencoder
from tfgen.models.common import autoencoder_model, image_shape_of, only
from tfgen.models.options import Autoencoding, ConvNetwork, DenseNetwork, Optimizer
from tfgen.models.vae import coder_networks
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Regularization(Options):
    """Penalties on codes and decoder.

    Attributes:
        code_weight: of half the squared norm of a code
        decoder_weight: of the decoder's penalty
        smoothness: the decoder's penalty: its squared weights, or the squared gradient of its images by the code
    """

    code_weight: NotNegative = 1.0
    decoder_weight: NotNegative = 1e-3
    smoothness: Literal["weights", "gradient"] = "weights"


def rae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    regularization: Regularization = Regularization(),
    autoencoding: Autoencoding = Autoencoding(),
    optimization: Optimizer = Optimizer(),
    kind: type[RegularizedAutoencoder] = RegularizedAutoencoder,
) -> RegularizedAutoencoder:
    """Regularised autoencoder: small codes and a smooth decoder in place of noise (Ghosh et al. 2020).

    It has no prior: it samples once one has been fitted to its codes.

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        regularization: options of the penalties.
        autoencoding: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "rae"), autoencoding.latent_dim
    networks = coder_networks(shape, latent_dim, network, dense, conv, "latent")
    return autoencoder_model(
        "rae",
        networks,
        only(fields, "image"),
        autoencoding=autoencoding,
        optimization=optimization,
        kind=kind,
        code_weight=regularization.code_weight,
        decoder_weight=regularization.decoder_weight,
        smoothness=regularization.smoothness,
    )
