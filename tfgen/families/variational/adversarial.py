"""Autoencoders with a discriminator: of codes (Makhzani 2016; Kim and Mnih 2018), or of images (Larsen et al. 2016)."""

from typing import Any

import keras
import tensorflow as tf

from tfgen import losses, objectives, priors
from tfgen.domains import NotNegative
from tfgen.errors import UserError
from tfgen.families.variational import probes
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.model import Drawn, VariationalModel
from tfgen.priors import Prior
from tfgen.samplers import Sampler, latent
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step

LOSS = losses.non_saturating


class AdversarialAutoencoder(Autoencoder):
    """AAE: a discriminator of codes makes those of images follow the prior, so that the decoder generates.

    Three updates per step (Makhzani et al. 2016, section 2): of encoder and decoder by the reconstruction error, of D,
    which tells z ~ p(z) from codes, and of the encoder against D.

    Args:
        encoder: `image` -> `latent` [B, D]; the deterministic q(z|x) of section 2.
        decoder: `latent` -> image, as of `Autoencoder`.
        discriminator: `latent` -> logit [B, 1].
        prior: p(z), of `tfgen.priors`.
        **options: of `Autoencoder`.
    """

    default_optimizers = {
        "autoencoder": {"learning_rate": 1e-3},
        "discriminator": {"learning_rate": 1e-3, "beta_1": 0.5},
        "encoder": {"learning_rate": 1e-3, "beta_1": 0.5},
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        *,
        prior: Prior = priors.normal(),
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, networks={"discriminator": discriminator}, **options)
        self.prior = prior

    @property
    def phases(self) -> list[Phase]:
        """Reconstruction, discriminator, encoder."""
        return [
            Phase("autoencoder", ("encoder", "decoder"), "autoencoder", self.reconstruction_terms),
            Phase("discriminator", ("discriminator",), "discriminator", self.discriminator_terms),
            Phase("encoder", ("encoder",), "encoder", self.encoder_terms),
        ]

    @property
    def sampler(self) -> Sampler | None:
        """One pass of the decoder."""
        return latent(self.fitted_prior)

    def judge(self, codes: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns D's logits [B, 1] of codes [B, D]."""
        return tf.cast(step.run("discriminator", {"latent": codes}), tf.float32)

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -E[log D(z)] - E[log(1 - D(E(x)))], z ~ p(z)."""
        codes = self.code(batch, step)
        z = step.noise.draw("latent", tf.shape(codes), self.known_prior.sample)
        real, fake = self.judge(z, step), self.judge(codes, step)
        step.log("prior_score", tf.reduce_mean(tf.sigmoid(real)))
        step.log("code_score", tf.reduce_mean(tf.sigmoid(fake)))
        return {"discriminator_loss": LOSS.discriminator_loss(real, fake)}

    def encoder_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -E[log D(E(x))]."""
        return {"encoder_loss": LOSS.generator_loss(self.judge(self.code(batch, step), step))}

    def probes(self) -> list:
        """Returns those of the base, and the probe of the distribution of codes."""
        return [*super().probes(), probes.code_distance]


class VariationalGAN(VariationalModel):
    """VAE/GAN: the features of a discriminator of images take the place of the pixels' likelihood.

    Three updates per step (Larsen et al. 2016, algorithm 1), with L_llike = -E[log N(f(x); f(x~), I)], f the features
    of D, x~ = Dec(z), z ~ q(z|x): of the encoder by L_prior + L_llike, of the decoder by gamma L_llike and against D,
    of D by real images, x~, and Dec(z) of z ~ p(z).

    Args:
        encoder: as of `VariationalModel`.
        decoder: as of `VariationalModel`.
        discriminator: `image` -> {`logit` [B, 1], `features` [B, D]}.
        content_weight: gamma.
        prior_weight: weight of L_prior, 1 in the paper.
        **options: of `VariationalModel`.
    """

    default_optimizers = {
        name: {"learning_rate": 1e-3, "beta_1": 0.5} for name in ("encoder", "decoder", "discriminator")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        *,
        content_weight: NotNegative = 1.0,
        prior_weight: NotNegative = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, networks={"discriminator": discriminator}, **options)
        if self.objective != objectives.elbo() or self.samples != 1:
            raise UserError("a VAE/GAN has losses of its own, of one draw per image: leave out objective and samples")
        self.content_weight, self.prior_weight = content_weight, prior_weight

    @property
    def phases(self) -> list[Phase]:
        """Encoder, decoder, discriminator."""
        terms = {
            "encoder": self.encoder_terms,
            "decoder": self.decoder_terms,
            "discriminator": self.discriminator_terms,
        }
        return [Phase(name, (name,), name, function) for name, function in terms.items()]

    def judge(self, images: tf.Tensor, step: Step) -> Fields:
        """Returns D's `logit` and `features`, float32, of images in [0, 1]."""
        outputs = step.run("discriminator", {self.data_field: self.to_value_range(images)})
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    def reconstructions(self, batch: Fields, step: Step) -> tuple[tf.Tensor, Fields, tf.Tensor]:
        """Returns images x in [0, 1], q(z|x), and x~ of one draw of z."""
        x, batch = self.prepared(batch, step)
        posterior = self.posterior(batch, step)
        z = self.draw(posterior, step, 1)[0]
        return x, posterior, self.image_of(self.decode(z, batch, step))

    def made(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns Dec(z), z ~ p(z)."""
        shape = [tf.shape(batch[self.data_field])[0], self.latent_dim]
        z = step.noise.draw("latent", shape, self.prior.sample)
        return self.image_of(self.decode(z, batch, step))

    def content_loss(self, real: Fields, copies: Fields) -> tf.Tensor:
        """Returns -E[log N(f(x); f(x~), I)] without its constant, a scalar."""
        return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(real["features"] - copies["features"]), axis=-1))

    def encoder_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns L_prior and L_llike."""
        x, posterior, copies = self.reconstructions(batch, step)
        kl = self.kl(posterior)
        if kl is None:  # from the same z
            z = self.draw(posterior, step, 1)
            kl = (self.log_posterior(z, posterior) - self.log_prior(z))[0]
        kl, name = tf.reduce_mean(kl), "kl"
        if self.prior_weight != 1.0:  # a logged `kl` is always the divergence itself
            step.log("kl", kl)
            kl, name = self.prior_weight * kl, "weighted_kl"
        return {name: kl, "content": self.content_loss(self.judge(x, step), self.judge(copies, step))}

    def decoder_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns gamma L_llike, and the loss against D of reconstructions and of samples."""
        x, _, copies = self.reconstructions(batch, step)
        of_copies, of_samples = self.judge(copies, step), self.judge(self.made(batch, step), step)
        fooling = LOSS.generator_loss(of_copies["logit"]) + LOSS.generator_loss(of_samples["logit"])
        content = self.content_loss(self.judge(x, step), of_copies)
        return {"decoder_content": self.content_weight * content, "decoder_loss": 0.5 * fooling}

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -E[log D(x)] - (E[log(1 - D(x~))] + E[log(1 - D(Dec(z)))]) / 2."""
        x, _, copies = self.reconstructions(batch, step)
        real, of_copies, of_samples = (self.judge(seen, step)["logit"] for seen in (x, copies, self.made(batch, step)))
        for name, logit in {"real": real, "copy": of_copies, "fake": of_samples}.items():
            step.log(f"{name}_score", tf.reduce_mean(tf.sigmoid(logit)))
        both = LOSS.discriminator_loss(real, of_copies) + LOSS.discriminator_loss(real, of_samples)
        return {"discriminator_loss": 0.5 * both}


class FactorModel(VariationalModel):
    """FactorVAE: a discriminator of codes measures their total correlation, which has a weight of its own.

    -ELBO + gamma E[log D(z) / (1 - D(z))], z ~ q(z|x), where D tells codes from codes whose dimensions were permuted
    among the images, each by itself (Kim and Mnih 2018, equation 2 and algorithm 2).

    Args:
        encoder: as of `VariationalModel`.
        decoder: as of `VariationalModel`.
        discriminator: `latent` -> logit [B, 1].
        tc_weight: gamma.
        **options: of `VariationalModel`.
    """

    default_optimizers = {
        "elbo": {"learning_rate": 1e-3},
        "discriminator": {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.9},
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        *,
        tc_weight: NotNegative = 10.0,
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, networks={"discriminator": discriminator}, **options)
        self.tc_weight = tc_weight

    @property
    def phases(self) -> list[Phase]:
        """Encoder and decoder, then the discriminator."""
        return [*super().phases, Phase("discriminator", ("discriminator",), "discriminator", self.discriminator_terms)]

    @property
    def needs_whole_batch(self) -> str | None:
        """That of the permutation."""
        return super().needs_whole_batch or "codes are permuted among all images of a batch"

    def judge(self, codes: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns log D(z) / (1 - D(z)), float32 [B, 1], of codes [B, D]."""
        return tf.cast(step.run("discriminator", {"latent": codes}), tf.float32)

    def code_terms(self, drawn: Drawn, step: Step) -> Fields:
        """Returns those of the base, and gamma times the total correlation by D's ratio of densities."""
        total = tf.reduce_mean(self.judge(drawn.z[0], step))
        return {**super().code_terms(drawn, step), "weighted_tc": self.tc_weight * total}

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -E[log D(z)] - E[log(1 - D(permuted z))]."""
        own = self.drawn(batch, step, 1).z[0]
        # of all replicas' rows, and the same on each
        codes, order = step.gather(own), tf.argsort(step.gather(step.noise.uniform("order", tf.shape(own))), axis=0)
        real, permuted = self.judge(codes, step), self.judge(permuted_codes(codes, order), step)
        step.log("code_score", tf.reduce_mean(tf.sigmoid(real)))
        step.log("permuted_score", tf.reduce_mean(tf.sigmoid(permuted)))
        return {"discriminator_loss": LOSS.discriminator_loss(real, permuted)}


def permuted_codes(codes: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Returns z [N, D] whose number (i, d) is codes[order[i, d], d]: the product of the marginals."""
    return tf.transpose(tf.gather(tf.transpose(codes), tf.transpose(order), batch_dims=1))
