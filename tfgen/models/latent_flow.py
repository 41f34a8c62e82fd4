"""`latent_flow`: a flow of the codes of an autoencoder."""

import dataclasses

import keras

from tfgen.data.source import Field
from tfgen.domains import Depth, NotNegative, Size
from tfgen.families.flow.latent import LatentFlow
from tfgen.models.common import compiled, image_shape_of, only, seeded
from tfgen.models.flow import flow_conditions, flow_network, flow_options
from tfgen.models.options import Flow, FlowNetwork, LatentOptimizer
from tfgen.networks.codes import code_decoder, code_encoder
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Coder(Options):
    """The autoencoder of a flow of codes.

    Attributes:
        code_channels: of the maps that are the code
        code_width: channels of the autoencoder's largest maps; doubled with every halving
        code_depth: how often an image is halved to its code
        code_noise: standard deviation of noise on the codes, whose own is 1, from which the decoder learns
        edge_weight: of the error of differences of neighbouring pixels, beside that of the pixels
    """

    code_channels: Size = 8
    code_width: Size = 32
    code_depth: Depth = 2
    code_noise: NotNegative = 0.15
    edge_weight: NotNegative = 1.0


def latent_flow(
    fields: dict[str, Field],
    *,
    coder: Coder = Coder(),
    flow_net: FlowNetwork = FlowNetwork(width=64),
    flow: Flow = Flow(),
    optimization: LatentOptimizer = LatentOptimizer(),
    kind: type[LatentFlow] = LatentFlow,
) -> LatentFlow:
    """Flow of the codes of an autoencoder, which is trained first (Rombach et al. 2022).

    Args:
        fields: of the data set.
        coder: options of the autoencoder.
        flow_net: options of the flow's network.
        flow: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, conditions = image_shape_of(fields, "latent_flow"), flow_conditions(fields, flow, "latent_flow")
    size = (coder.code_channels, coder.code_width, coder.code_depth)

    def networks() -> tuple[keras.Model, keras.Model, keras.Model]:
        encoder, decoder = code_encoder(shape, *size), code_decoder(shape, *size)
        code_shape = tuple(encoder.output_shape[1:])
        return encoder, decoder, flow_network(code_shape, flow_net, conditions, "code")

    with seeded(flow.seed):
        built = networks()
    model = kind(
        *built,
        fields=only(fields, "image", *conditions),
        name="latent_flow",
        code_noise=coder.code_noise,
        edge_weight=coder.edge_weight,
        **flow_options(flow, conditions),
    )
    return compiled(model, optimization)
