"""`vae_gan`: a VAE whose reconstruction error is measured by a discriminator's features."""

import dataclasses

import keras

from tfgen import priors
from tfgen.data.source import Field
from tfgen.domains import NotNegative
from tfgen.families.variational.adversarial import VariationalGAN
from tfgen.likelihoods import Likelihood
from tfgen.models.common import autoencoder_model, image_shape_of, only
from tfgen.models.options import Autoencoding, ConvNetwork, Optimizer
from tfgen.networks import conv_decoder, conv_encoder, dcgan_discriminator, with_features
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Content(Options):
    """The learned similarity, and the prior.

    Attributes:
        prior: p(z), the distribution of the code
        content_weight: of the distance of features in the decoder's loss, beside the discriminator's verdict
        prior_weight: of KL(q || p) in the encoder's loss
    """

    prior: priors.Prior = priors.normal()
    content_weight: NotNegative = 1.0
    prior_weight: NotNegative = 1.0


def vae_gan(
    fields: dict[str, Field],
    *,
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    content: Content = Content(),
    autoencoding: Autoencoding = Autoencoding(),
    optimization: Optimizer = Optimizer(),
    kind: type[VariationalGAN] = VariationalGAN,
) -> VariationalGAN:
    """VAE whose similarity of images is learned by a discriminator (Larsen et al. 2016).

    Encoder and decoder are those of `vae`, the discriminator is that of `dcgan`.
    """
    shape, latent_dim = image_shape_of(fields, "vae_gan"), autoencoding.latent_dim

    def networks(likelihood: Likelihood) -> tuple[keras.Model, ...]:
        size = conv.width, conv.kernel_size, conv.depth
        judge = with_features(dcgan_discriminator(shape, *size, stddev=None))
        return conv_encoder(shape, latent_dim, *size), conv_decoder(shape, latent_dim, likelihood, *size), judge

    return autoencoder_model(
        "vae_gan",
        networks,
        only(fields, "image"),
        autoencoding=autoencoding,
        optimization=optimization,
        kind=kind,
        prior=content.prior,
        content_weight=content.content_weight,
        prior_weight=content.prior_weight,
    )
