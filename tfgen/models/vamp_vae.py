"""`vamp_vae`: a VAE with a learned prior."""

from typing import Literal

import keras

from tfgen.data.source import Field
from tfgen.domains import Size
from tfgen.families.variational.vamp import VampModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import image_shape_of, only, variational_model
from tfgen.models.options import Bounded, ConvNetwork, DenseNetwork, Optimizer
from tfgen.models.vae import coder_networks
from tfgen.networks import picture_table


def vamp_vae(
    fields: dict[str, Field],
    *,
    components: Size = 50,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    variational: Bounded = Bounded(),
    optimization: Optimizer = Optimizer(),
    kind: type[VampModel] = VampModel,
) -> VampModel:
    """VAE whose prior is the mean of its posteriors at learned images (Tomczak and Welling 2018).

    Args:
        fields: of the data set.
        components: number of learned images; each costs a pass of the encoder per step
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "vamp_vae"), variational.latent_dim
    coders = coder_networks(shape, latent_dim, network, dense, conv, "z_mean", "z_log_var")

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        return *coders(likelihood), picture_table(shape, components)

    used = only(fields, "image")
    return variational_model("vamp_vae", networks, used, variational=variational, optimization=optimization, kind=kind)
