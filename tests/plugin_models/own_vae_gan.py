"""VAE-GAN (Larsen et al. 2016): the decoder of a VAE is the generator of a GAN; three phases."""

import tensorflow as tf

import tfgen
from plugin_models import networks


class VAEGAN(tfgen.VariationalModel):
    """The ELBO, a discriminator of decoded images, and the decoder against it."""

    default_optimizers = {**tfgen.VariationalModel.default_optimizers, "discriminator": {"learning_rate": 1e-3}}

    def __init__(self, encoder, decoder, discriminator, **options):
        super().__init__(encoder, decoder, networks={"discriminator": discriminator}, **options)

    @property
    def phases(self):
        judge = tfgen.Phase("discriminator", ("discriminator",), "discriminator", self.discriminator_terms)
        return [*super().phases, judge, tfgen.Phase("generator", ("decoder",), "elbo", self.generator_terms)]

    def judge_fakes(self, batch, step):
        """D on the decoder's images of z ~ p(z)."""
        z = step.noise.draw("latent", [tf.shape(batch["image"])[0], self.latent_dim], self.prior.sample)
        return step.run("discriminator", {"image": self.decode(z, {}, step)["image"]})

    def discriminator_terms(self, batch, step):
        real, fake = step.run("discriminator", batch), self.judge_fakes(batch, step)
        return {"discriminator_loss": tfgen.losses.non_saturating.discriminator_loss(real, fake)}

    def generator_terms(self, batch, step):
        return {"generator_loss": tfgen.losses.non_saturating.generator_loss(self.judge_fakes(batch, step))}


@tfgen.register_model("own_vae_gan")
def own_vae_gan(fields, *, latent_dim: int = 4, width: int = 16, learning_rate: float = 1e-3, seed: int = 0):
    """VAE whose decoder is a GAN's generator."""
    shape = fields["image"].shape
    parts = *networks.coders(shape, latent_dim, width), networks.discriminator(shape, width)
    model = VAEGAN(*parts, fields={"image": fields["image"]}, seed=seed)
    model.compile(*(tfgen.make_optimizer("adam", learning_rate) for _ in model.default_optimizers))
    return model
