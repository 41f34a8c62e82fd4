"""`wae`: an autoencoder whose codes follow the prior, all together."""

import dataclasses
from typing import Literal

from tfgen import objectives, priors
from tfgen.data.source import Field
from tfgen.domains import NotNegative
from tfgen.families.variational.autoencoder import AutoencodingModel
from tfgen.families.variational.model import VariationalModel
from tfgen.families.variational.regularized import WassersteinAutoencoder
from tfgen.models.common import autoencoder_model, image_shape_of, only
from tfgen.models.options import Autoencoding, ConvNetwork, DenseNetwork, Optimizer
from tfgen.models.vae import coder_networks
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Matching(Options):
    """Codes that follow a prior by their maximum mean discrepancy.

    Attributes:
        prior: p(z), the distribution that codes are to have
        scale: weight of the discrepancy of codes and prior
        kernel: of the discrepancy, inverse multiquadratic or Gaussian
    """

    prior: priors.Prior = priors.normal()
    scale: NotNegative = 100.0
    kernel: Literal["imq", "rbf"] = "imq"


def wae(
    fields: dict[str, Field],
    *,
    encoder: Literal["deterministic", "gaussian"] = "deterministic",
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    matching: Matching = Matching(),
    autoencoding: Autoencoding = Autoencoding(),
    optimization: Optimizer = Optimizer(),
) -> AutoencodingModel:
    """Wasserstein autoencoder: the codes of all images together follow the prior (Tolstikhin et al. 2018).

    WAE-MMD of the paper; with a discriminator of codes in place of the discrepancy it is `aae`.

    Args:
        fields: of the data set.
        encoder: one code per image, or a normal distribution of codes
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        matching: options of the codes.
        autoencoding: options of the family.
        optimization: options of the optimizers.
    """
    shape, latent_dim = image_shape_of(fields, "wae"), autoencoding.latent_dim
    outputs = {"deterministic": ["latent"], "gaussian": ["z_mean", "z_log_var"]}[encoder]
    networks = coder_networks(shape, latent_dim, network, dense, conv, *outputs)
    scale, kernel = matching.scale, matching.kernel
    # one draw of a normal distribution per image: then it is a VAE without a divergence of single images
    more = {"objective": objectives.wae(scale, kernel)} if encoder == "gaussian" else {"scale": scale, "kernel": kernel}
    return autoencoder_model(
        "wae",
        networks,
        only(fields, "image"),
        autoencoding=autoencoding,
        optimization=optimization,
        kind=VariationalModel if encoder == "gaussian" else WassersteinAutoencoder,
        prior=matching.prior,
        **more,
    )
