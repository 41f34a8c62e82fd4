"""Variants of `vae` by their objective: `beta_vae`, `beta_tc_vae`, `info_vae`, `iwae` and `miwae`."""

from typing import Literal

from tfgen import objectives
from tfgen.data.source import Field
from tfgen.families.variational.model import VariationalModel
from tfgen.models.common import variant_of
from tfgen.models.options import ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.models.vae import vae

Network = Literal["dense", "conv"]
CONV = ConvNetwork(width=32, kernel_size=4)


@variant_of(vae)
def beta_vae(
    fields: dict[str, Field],
    *,
    network: Network = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = CONV,
    variational: Variational = Variational(beta=4.0),
    optimization: Optimizer = Optimizer(),
) -> VariationalModel:
    """beta-VAE: a VAE with a larger weight on the divergence from the prior (Higgins et al. 2017).

    With `objective="capacity(...)"` the divergence is held at a capacity that grows instead (Burgess et al. 2018).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
    """
    return vae(fields, network=network, dense=dense, conv=conv, variational=variational, optimization=optimization)


@variant_of(vae)
def beta_tc_vae(
    fields: dict[str, Field],
    *,
    network: Network = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = CONV,
    variational: Variational = Variational(objective=objectives.beta_tc()),
    optimization: Optimizer = Optimizer(),
) -> VariationalModel:
    """beta-TCVAE: of the divergence from the prior, the total correlation alone weighs more (Chen et al. 2018).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
    """
    return vae(fields, network=network, dense=dense, conv=conv, variational=variational, optimization=optimization)


@variant_of(vae)
def info_vae(
    fields: dict[str, Field],
    *,
    network: Network = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = CONV,
    variational: Variational = Variational(objective=objectives.info_vae()),
    optimization: Optimizer = Optimizer(),
) -> VariationalModel:
    """InfoVAE: a discrepancy of all codes and the prior beside the divergence of each (Zhao et al. 2019).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
    """
    return vae(fields, network=network, dense=dense, conv=conv, variational=variational, optimization=optimization)


@variant_of(vae)
def iwae(
    fields: dict[str, Field],
    *,
    network: Network = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = CONV,
    variational: Variational = Variational(objective=objectives.iwae(), samples=5),
    optimization: Optimizer = Optimizer(),
) -> VariationalModel:
    """Importance-weighted autoencoder: a tighter bound, of several draws per image (Burda et al. 2016).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
    """
    return vae(fields, network=network, dense=dense, conv=conv, variational=variational, optimization=optimization)


@variant_of(vae)
def miwae(
    fields: dict[str, Field],
    *,
    network: Network = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = CONV,
    variational: Variational = Variational(objective=objectives.miwae(8), samples=16),
    optimization: Optimizer = Optimizer(),
) -> VariationalModel:
    """Multiply importance-weighted autoencoder: the mean of several such bounds (Rainforth et al. 2018).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
    """
    return vae(fields, network=network, dense=dense, conv=conv, variational=variational, optimization=optimization)
