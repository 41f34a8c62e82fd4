"""`cvae`: a VAE of a chosen class."""

from typing import Literal

from tfgen.data.source import Field
from tfgen.families.variational.model import VariationalModel
from tfgen.models.common import condition_field, image_shape_of, make_condition, only, variational_model
from tfgen.models.options import ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.models.vae import coder_networks


def cvae(
    fields: dict[str, Field],
    *,
    condition: str = "label",
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    variational: Variational = Variational(),
    optimization: Optimizer = Optimizer(),
    kind: type[VariationalModel] = VariationalModel,
) -> VariationalModel:
    """Conditional VAE: images of a chosen class (Sohn et al. 2015).

    Both networks see the condition: q(z|x, y), p(x|z, y); the prior is that of `vae`, the same for all classes, as in
    M2 of Kingma et al. 2014.

    Args:
        fields: of the data set.
        condition: the field on which both networks are conditioned
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, field = image_shape_of(fields, "cvae"), condition_field(fields, condition, "cvae")
    networks = coder_networks(
        shape,
        variational.latent_dim,
        network,
        dense,
        conv,
        "z_mean",
        "z_log_var",
        condition=lambda: make_condition(condition, field),
    )
    used = only(fields, "image", condition)
    return variational_model("cvae", networks, used, variational=variational, optimization=optimization, kind=kind)
