"""`made` and `pixelcnn`: autoregressive models with an exact likelihood."""

import dataclasses
import functools
from typing import Annotated, Any, Literal

from tfgen import augment as augments
from tfgen import likelihoods
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.domains import Interval, Proportion, Seed, Size
from tfgen.errors import UserError
from tfgen.families.autoregressive.agnostic import OrderAgnosticModel
from tfgen.families.autoregressive.model import GatedModel, MaskedModel
from tfgen.models.common import compiled, image_shape_of, only
from tfgen.models.options import Activation, Optimizer
from tfgen.networks.masked import masked_network
from tfgen.networks.pixelcnn import pixelcnn_network
from tfgen.networks.seeding import seeded
from tfgen.recipes.options import Options

Layers = Annotated[int, Interval(0, 64)]
Half = Annotated[int, Interval(1, 32)]  # of a kernel's side, without its middle
Dilation = Annotated[int, Interval(1, 64)]


@dataclasses.dataclass(frozen=True)
class Autoregressive(Options):
    """Options of every `AutoregressiveModel`.

    Attributes:
        likelihood: the distribution of a gray pixel, given those before it
        binarize: black and white pixels, by a threshold of 1/2 or drawn at every step; none: gray ones
        augment: of training images; none: as they are
        ema: decay of the moving average of the network, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    likelihood: likelihoods.Likelihood = likelihoods.discretized_logistic()
    binarize: Literal["none", "static", "dynamic"] = "none"
    augment: augments.Augment | None = None
    ema: Ema | None = None
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class MaskedDense(Options):
    """MADE's network.

    Attributes:
        units: sizes of the hidden layers
        activation: of the hidden layers
        direct: outputs depend on the inputs before them also directly, not by way of the hidden layers alone
        dropout: rate after each hidden layer
        order: of the pixels: row by row, or one drawn at random from the seed
        masks: training takes so many masks in turn, each with its own order if it is random; p(x) is the mean over them
    """

    units: tuple[Size, ...] = (500,)
    activation: Activation = "relu"
    direct: bool = True
    dropout: Proportion = 0.0
    order: Literal["raster", "random"] = "raster"
    masks: Size = 1


@dataclasses.dataclass(frozen=True)
class GatedConv(Options):
    """The network of the gated PixelCNN.

    Attributes:
        width: channels of the maps
        blocks: gated layers after the first
        first_half: rows above, and columns to either side, that the first layer sees
        half: as many of each further layer
        dilations: how far apart the pixels above are that a further layer sees, in turn
        head_width: channels before the outputs
    """

    width: Size = 32
    blocks: Layers = 5
    first_half: Half = 3
    half: Half = 1
    dilations: tuple[Dilation, ...] = (1,)
    head_width: Size = 64


def made(
    fields: dict[str, Field],
    *,
    masked: MaskedDense = MaskedDense(),
    autoregressive: Autoregressive = Autoregressive(),
    optimization: Optimizer = Optimizer(),
    kind: type[MaskedModel] = MaskedModel,
) -> MaskedModel | OrderAgnosticModel:
    """MADE: a dense network masked so that each pixel depends on those before it (Germain et al. 2015).

    Args:
        fields: of the data set.
        masked: options of the network.
        autoregressive: options of the family.
        optimization: options of the optimizer.
        kind: the class to build.
    """
    shape, likelihood = image_shape_of(fields, "made"), pixels_of(autoregressive)
    hidden: dict[str, Any] = {}
    if masked.units:
        hidden = {"activation": masked.activation, "direct": masked.direct, "dropout": masked.dropout}
    else:
        masked.idle("without hidden layers", "activation", "direct", "dropout")
    with seeded(autoregressive.seed):
        network = masked_network(shape, likelihood, masked.units, **hidden)
    chosen: Any = kind if masked.masks == 1 else functools.partial(OrderAgnosticModel, masks=masked.masks)
    return _assembled("made", chosen, network, fields, autoregressive, optimization, order=masked.order)


def pixelcnn(
    fields: dict[str, Field],
    *,
    gated: GatedConv = GatedConv(),
    autoregressive: Autoregressive = Autoregressive(),
    optimization: Optimizer = Optimizer(),
    kind: type[GatedModel] = GatedModel,
) -> GatedModel:
    """Gated PixelCNN: convolutions of the pixels above and to the left (van den Oord et al. 2016).

    Args:
        fields: of the data set.
        gated: options of the network.
        autoregressive: options of the family.
        optimization: options of the optimizer.
        kind: the class to build.
    """
    shape, likelihood = image_shape_of(fields, "pixelcnn"), pixels_of(autoregressive)
    first, size = 2 * gated.first_half + 1, 1
    if gated.blocks:
        size = 2 * gated.half + 1
    else:
        gated.idle("without blocks", "half", "dilations")
    if not gated.dilations:
        raise UserError("dilations has no number: give dilations=[1] for neighbours, or [1, 2, 4, 8] for a wider view")
    kernels = gated.blocks, first, size
    with seeded(autoregressive.seed):
        network = pixelcnn_network(shape, likelihood, gated.width, *kernels, gated.head_width, gated.dilations)
    return _assembled("pixelcnn", kind, network, fields, autoregressive, optimization)


def pixels_of(options: Autoregressive) -> likelihoods.Likelihood:
    """Returns the likelihood of the options `likelihood` and `binarize`.

    Raises:
        UserError: a Bernoulli likelihood of gray pixels, which is none.
    """
    if options.binarize != "none":
        options.idle("with binarize, whose pixels are 0 or 1", "likelihood")
        return likelihoods.bernoulli(options.binarize)
    if not options.likelihood.exact:
        raise UserError(
            "likelihood=bernoulli is no likelihood of gray pixels, which an exact model needs: give "
            "binarize=static|dynamic, or likelihood=discretized_logistic"
        )
    return options.likelihood


def _assembled(name, kind, network, fields, options, optimization, **more):
    """Returns the compiled model of a network."""
    more.update(augment=options.augment, ema=options.ema, seed=options.seed)
    model = kind(network, likelihood=pixels_of(options), fields=only(fields, "image"), name=name, **more)
    return compiled(model, optimization)
