"""`vq_vae`: an autoencoder with a codebook, and an autoregressive prior of its codes."""

import dataclasses
from typing import Annotated

import keras

from tfgen.data.source import Field
from tfgen.domains import Depth, Interval, Natural, NotNegative, Proportion, Size
from tfgen.families.variational.quantized import QuantizedModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import autoencoder_model, image_shape_of, only
from tfgen.models.options import Autoencoding, Optimizer
from tfgen.networks.pixelcnn import pixelcnn_of_codes
from tfgen.networks.quantized import code_table, grid_decoder, grid_encoder
from tfgen.networks.shapes import grid
from tfgen.recipes.options import Options

Codes = Annotated[int, Interval(2, 1 << 16)]
FIRST, KERNEL = 5, 3  # sides of the prior's kernels


@dataclasses.dataclass(frozen=True)
class Codebook(Options):
    """Encoder, codebook and decoder.

    Attributes:
        codes: vectors in the codebook; latent_dim is the size of each
        width: channels of the maps
        depth: how often an image is halved to the grid of its codes
        blocks: residual blocks in encoder and decoder
        commitment: weight of the squared distance of the encoder's vectors to their codes
        decay: of the moving averages that the codebook follows
        restart_below: a code that is used less than this part of the mean begins anew; 0: none does
    """

    codes: Codes = 256
    width: Size = 32
    depth: Depth = 2
    blocks: Natural = 2
    commitment: NotNegative = 0.25
    decay: Proportion = 0.99
    restart_below: Proportion = 0.01


@dataclasses.dataclass(frozen=True)
class CodePrior(Options):
    """The gated PixelCNN of the grid of codes.

    Attributes:
        prior_width: channels of the maps
        prior_blocks: gated layers after the first
    """

    prior_width: Size = 64
    prior_blocks: Natural = 4


def vq_vae(
    fields: dict[str, Field],
    *,
    codebook: Codebook = Codebook(),
    prior: CodePrior = CodePrior(),
    autoencoding: Autoencoding = Autoencoding(latent_dim=16),
    optimization: Optimizer = Optimizer(),
    kind: type[QuantizedModel] = QuantizedModel,
) -> QuantizedModel:
    """VQ-VAE: codes of a codebook, and an autoregressive prior of their grid (van den Oord et al. 2017).

    A recipe gives the stages, such as `stages="autoencoder:3000,prior"`; without them both are trained at once.

    Args:
        fields: of the data set.
        codebook: options of the autoencoder.
        prior: options of the prior.
        autoencoding: options of the family; `latent_dim` is the size of each vector.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, size = image_shape_of(fields, "vq_vae"), autoencoding.latent_dim
    coder = (codebook.width, codebook.depth, codebook.blocks)
    code_shape = (*grid(shape, codebook.depth), size)

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        network = pixelcnn_of_codes(
            code_shape, codebook.codes, prior.prior_width, prior.prior_blocks, FIRST, KERNEL, prior.prior_width
        )
        coders = grid_encoder(shape, size, *coder), grid_decoder(shape, size, likelihood, *coder)
        return *coders, code_table(codebook.codes, size), network

    return autoencoder_model(
        "vq_vae",
        networks,
        only(fields, "image"),
        autoencoding=autoencoding,
        optimization=optimization,
        kind=kind,
        commitment=codebook.commitment,
        decay=codebook.decay,
        restart_below=codebook.restart_below,
    )
