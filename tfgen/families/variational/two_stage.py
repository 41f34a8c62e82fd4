"""Two-stage VAE: a second VAE learns the codes of the first, which stays as it is meanwhile (Dai and Wipf 2019)."""

from typing import Any

import keras
import tensorflow as tf

from tfgen import priors
from tfgen.families.variational.model import Densities, VariationalModel
from tfgen.samplers import normal_rows
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class TwoStageModel(VariationalModel):
    """p(u) = N(0, I), p(z|u) and q(u|z) by a second pair of networks; p(x|z) and q(z|x) as of `VariationalModel`.

    Two phases, one stage of training each: `elbo`, a VAE whose prior p(z) is that of `prior`; and `second`, a VAE of
    its codes. Samples are u, z, x in turn, and bounds are those of p(u) p(z|u) p(x|z).

    Args:
        encoder: as of `VariationalModel`.
        decoder: as of `VariationalModel`.
        second_encoder: `code` [B, D] -> `mean`, `log_var` [B, D] of q(u|z).
        second_decoder: `latent` [B, D] -> `mean`, `log_var` [B, D] of p(z|u).
        **options: of `VariationalModel`.
    """

    default_optimizers = {"elbo": {"learning_rate": 1e-3}, "second": {"learning_rate": 1e-3}}
    kept = ("encoder", "decoder", "second_encoder", "second_decoder")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        second_encoder: keras.Model,
        second_decoder: keras.Model,
        **options: Any,
    ) -> None:
        second = {"second_encoder": second_encoder, "second_decoder": second_decoder}
        super().__init__(encoder, decoder, networks=second, **options)

    @property
    def phases(self) -> list[Phase]:
        """The VAE of images, and that of its codes."""
        trains = ("second_encoder", "second_decoder")
        return [*super().phases, Phase("second", trains, "second", self.second_terms)]

    def elbo_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms of the first VAE, whose prior is `prior`."""
        drawn = self.drawn(batch, step, self.samples)
        return {**self.bound_terms(self.densities(drawn, step), step), **self.code_terms(drawn, step)}

    def second_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the negative ELBO of z ~ q(z|x), in nats per image."""
        z = tf.stop_gradient(self.drawn(batch, step, 1).z)
        log_pz, log_pu, log_qu = self.second_densities(z, step)
        return {"second_reconstruction": -tf.reduce_mean(log_pz), "second_kl": tf.reduce_mean(log_qu - log_pu)}

    def second_densities(self, z: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns log p(z|u), log p(u), log q(u|z), float32 [L, B] in nats, of one u ~ q(u|z) for each z [L, B, D]."""
        rows = tf.reshape(tf.transpose(z, [1, 0, 2]), [-1, self.latent_dim])  # replicas take rows of the first axis
        q = float32(step.run("second_encoder", {"code": rows}))
        u = q["mean"] + tf.exp(0.5 * q["log_var"]) * step.noise.normal("u", tf.shape(rows))
        p = float32(step.run("second_decoder", {"latent": u}))
        found = (
            tf.reduce_sum(priors.normal_log_prob(rows, p["mean"], p["log_var"]), axis=-1),
            tf.reduce_sum(priors.normal_log_prob(u, 0.0, 0.0), axis=-1),
            tf.reduce_sum(priors.normal_log_prob(u, q["mean"], q["log_var"]), axis=-1),
        )
        of_images = [tf.shape(z)[1], tf.shape(z)[0]]
        log_pz, log_pu, log_qu = (tf.transpose(tf.reshape(value, of_images)) for value in found)
        return log_pz, log_pu, log_qu

    def log_densities(self, batch: Fields, step: Step, samples: int) -> Densities:
        """Returns log p(x|z), log p(z, u), log q(z, u|x) [L, B]; a divergence in closed form does not exist."""
        drawn = self.drawn(batch, step, samples)
        log_pz, log_pu, log_qu = self.second_densities(drawn.z, step)
        log_qz = self.log_posterior(drawn.z, drawn.posterior)
        return self.log_likelihoods(drawn, step), log_pz + log_pu, log_qz + log_qu, None

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns z ~ p(z|u), u ~ N(0, I), float32 [B, latent_dim], row i from seeds[i] alone."""
        u = normal_rows(seeds, [self.latent_dim], "second")
        p = float32(self.infer("second_decoder", {"latent": u}, networks))
        return p["mean"] + tf.exp(0.5 * p["log_var"]) * normal_rows(seeds, [self.latent_dim], "latent")


def float32(outputs: Fields) -> Fields:
    """Returns the outputs of a network as float32."""
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}
