"""`bigan`: a GAN with an encoder."""

import keras

from tfgen import priors
from tfgen.data.source import Field
from tfgen.families.adversarial.bidirectional import BidirectionalModel
from tfgen.models.common import adversarial_model, image_shape_of, make_condition, only
from tfgen.models.gan import VALUE_RANGES, Projected, conv_networks
from tfgen.models.options import Adversarial, AdversarialOptimizer
from tfgen.networks import conv_encoder
from tfgen.networks.calling import single_output


def bigan(
    fields: dict[str, Field],
    *,
    conv: Projected = Projected(),
    adversarial: Adversarial = Adversarial(prior=priors.normal()),
    optimization: AdversarialOptimizer = AdversarialOptimizer(),
    kind: type[BidirectionalModel] = BidirectionalModel,
) -> BidirectionalModel:
    """Bidirectional GAN, whose encoder inverts the generator (Donahue et al. 2017).

    The networks are those of `dcgan` and `vae`; the discriminator takes the latent as `cgan`'s takes a condition.
    """
    shape, latent_dim = image_shape_of(fields, "bigan"), adversarial.latent_dim

    def networks() -> tuple[keras.Model, ...]:
        judged_with = lambda: make_condition("latent", Field("vector", (latent_dim,)))  # noqa: E731
        pair = conv_networks(shape, latent_dim, conv, judged_with=judged_with, projection=conv.projection)
        encoder = conv_encoder(shape, latent_dim, conv.width, conv.kernel_size, conv.depth, outputs=("latent",))
        return *pair, single_output(encoder)

    return adversarial_model(
        "bigan",
        networks,
        only(fields, "image"),
        VALUE_RANGES[conv.output],
        adversarial=adversarial,
        optimization=optimization,
        kind=kind,
    )
