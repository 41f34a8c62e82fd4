"""`two_stage_vae`: a VAE whose codes a second VAE learns."""

from typing import Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import Size
from tfgen.families.variational.two_stage import TwoStageModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import image_shape_of, only, variational_model
from tfgen.models.options import ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.models.vae import coder_networks
from tfgen.networks.mlp import code_coders


def two_stage_vae(
    fields: dict[str, Field],
    *,
    hidden: tuple[Size, ...] = (256, 256),
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    variational: Variational = Variational(),
    optimization: Optimizer = Optimizer(),
    kind: type[TwoStageModel] = TwoStageModel,
) -> TwoStageModel:
    """Two-stage VAE: a second VAE learns the codes of the first (Dai and Wipf 2019).

    A recipe gives the stages, such as `stages="elbo:2000,second"`; without them both are trained at once.

    Args:
        fields: of the data set.
        hidden: sizes of the hidden layers of the second encoder and decoder
        network: convolutions or dense layers, in the first encoder and decoder
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "two_stage_vae"), variational.latent_dim
    coders = coder_networks(shape, latent_dim, network, dense, conv, "z_mean", "z_log_var")

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        return *coders(likelihood), *code_coders(latent_dim, hidden)

    used = only(fields, "image")
    return variational_model(
        "two_stage_vae", networks, used, variational=variational, optimization=optimization, kind=kind
    )
