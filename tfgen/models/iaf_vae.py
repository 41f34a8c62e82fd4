"""`iaf_vae`: a VAE whose posterior is a flow."""

import dataclasses
from typing import Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import Count, Size
from tfgen.families.variational.inverse_flow import InverseFlowModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import image_shape_of, only, variational_model
from tfgen.models.options import ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.models.vae import coder_networks
from tfgen.networks.inverse_flow import inverse_flow
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class PosteriorFlow(Options):
    """A flow of the posterior.

    Attributes:
        flows: number of autoregressive steps from the normal distribution to the posterior
        flow_width: channels of their convolutions
    """

    flows: Count = 2
    flow_width: Size = 32


def iaf_vae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    flow: PosteriorFlow = PosteriorFlow(),
    variational: Variational = Variational(),
    optimization: Optimizer = Optimizer(),
    kind: type[InverseFlowModel] = InverseFlowModel,
) -> InverseFlowModel:
    """VAE whose posterior is an inverse autoregressive flow (Kingma et al. 2016).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in encoder and decoder
        dense: options of dense networks.
        conv: options of convolutional networks.
        flow: options of the flow.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "iaf_vae"), variational.latent_dim
    coders = coder_networks(shape, latent_dim, network, dense, conv, "z_mean", "z_log_var", "context")

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        return *coders(likelihood), inverse_flow(latent_dim, flow.flows, flow.flow_width)

    return variational_model(
        "iaf_vae", networks, only(fields, "image"), variational=variational, optimization=optimization, kind=kind
    )
