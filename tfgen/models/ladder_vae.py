"""`ladder_vae`: a VAE with several layers of latents."""

import dataclasses
from typing import Any

from tfgen.data.source import Field
from tfgen.domains import Count, Depth, Natural, NotNegative, Size
from tfgen.families.variational.ladder import LadderModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import image_shape_of, only, variational_model
from tfgen.models.options import Bounded, Optimizer
from tfgen.networks.ladder import ladder_networks, mixture_table
from tfgen.networks.shapes import halvings
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Ladder(Options):
    """The layers of latents and the networks between them.

    Attributes:
        latents: channels of the maps of every layer below the top, from the lowest; none: 4 in each of two layers, or
            one where maps are halved once; the top has latent_dim numbers
        width: channels at half of the image's size; doubled with every further halving
        depth: how often maps are halved; none: down to 4 to 7 pixels
        blocks: residual blocks per size, on the way up and down
        top_components: the top's prior is a mixture of so many learned normal distributions; 0: N(0, I)
        free_bits: nats of each layer's divergence that cost nothing in training
    """

    latents: tuple[Size, ...] | None = None
    width: Size = 16
    depth: Depth | None = None
    blocks: Count = 1
    top_components: Natural = 0
    free_bits: NotNegative = 0.0


def ladder_vae(
    fields: dict[str, Field],
    *,
    ladder: Ladder = Ladder(),
    variational: Bounded = Bounded(),
    optimization: Optimizer = Optimizer(),
    kind: type[LadderModel] = LadderModel,
) -> LadderModel:
    """Ladder VAE: several layers of latents, from maps to a vector at the top (Sønderby et al. 2016).

    Args:
        fields: of the data set.
        ladder: options of the layers.
        variational: options of the family.
        optimization: options of the optimizer.
        kind: the class to build.
    """
    shape = image_shape_of(fields, "ladder_vae")
    depth = halvings(shape) if ladder.depth is None else ladder.depth

    latents = (4,) * min(depth, 2) if ladder.latents is None else ladder.latents

    def networks(likelihood: Likelihood) -> tuple:
        top, mixed = variational.latent_dim, ladder.top_components
        made = ladder_networks(shape, likelihood, latents, top, ladder.width, depth, ladder.blocks)
        return (*made, mixture_table(top, mixed)) if mixed else made

    free: dict[str, Any] = {}
    if variational.objective is None or variational.objective.of_divergences:
        free = {"free_bits": ladder.free_bits}
    ladder.idle("with an objective of single draws, which has no divergences", "free_bits")
    return variational_model(
        "ladder_vae",
        networks,
        only(fields, "image"),
        variational=variational,
        optimization=optimization,
        kind=kind,
        **free,
    )
