"""A VAE whose posterior is a flow of a normal distribution (Kingma et al. 2016)."""

from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.families.variational.model import Drawn, VariationalModel, repeated
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class InverseFlowModel(VariationalModel):
    """z = f(z_0; h), z_0 ~ N(z_mean, diag(exp(z_log_var))), and log q(z|x) = log q(z_0|x) - log |df / dz_0|.

    The flow f is inverse autoregressive, so that draws take one pass; the density is known at draws, not elsewhere.

    Args:
        encoder: `image` -> {`z_mean`, `z_log_var`, `context`} [B, D]; `context` is h.
        decoder: as of `VariationalModel`.
        flow: {`latent`, `context`} -> {`latent`, `log_det`} [B, D]; see `tfgen.networks.inverse_flow`.
        **options: of `VariationalModel`.

    Raises:
        UserError: the objective is also of the mean and the variance of q(z|x).
    """

    kept = ("encoder", "decoder", "flow")
    samples_kl = True

    def __init__(self, encoder: keras.Model, decoder: keras.Model, flow: keras.Model, **options: Any) -> None:
        super().__init__(encoder, decoder, networks={"flow": flow}, **options)
        if self.objective.needs_whole_batch:
            raise UserError(
                f"{self.name}: the objective {type(self.objective).__name__} is of a normal q(z|x), and here it is a "
                "flow of one: expected elbo, capacity, iwae or miwae"
            )

    @property
    def phases(self) -> list[Phase]:
        """One update of encoder, flow and decoder."""
        return [Phase("elbo", ("encoder", "decoder", "flow"), "elbo", self.elbo_terms)]

    def flowed(self, z: tf.Tensor, context: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns f(z; h) [L, B, D] and log |df / dz| [L, B], of z [L, B, D] and h [B, D]."""
        samples = int(z.shape[0])
        rows = tf.reshape(z, [-1, self.latent_dim])
        made = step.run("flow", {"latent": rows, **repeated({"context": context}, samples)})
        log_det = tf.reduce_sum(tf.cast(made["log_det"], tf.float32), axis=-1)
        return tf.reshape(tf.cast(made["latent"], tf.float32), tf.shape(z)), tf.reshape(log_det, tf.shape(z)[:2])

    def draw(self, posterior: Fields, step: Step, samples: int) -> tf.Tensor:
        """Returns z ~ q(z|x), [L, B, D]."""
        first = tf.ensure_shape(super().draw(posterior, step, samples), [samples, None, self.latent_dim])
        return self.flowed(first, posterior["context"], step)[0]

    def drawn(self, batch: Fields, step: Step, samples: int) -> Drawn:
        """Returns draws, and in `posterior` their `log_q` [L, B] too."""
        x, batch = self.prepared(batch, step)
        posterior = self.posterior(batch, step)
        first = tf.ensure_shape(super().draw(posterior, step, samples), [samples, None, self.latent_dim])
        z, log_det = self.flowed(first, posterior["context"], step)
        log_q = super().log_posterior(first, posterior) - log_det
        return Drawn(x, batch, {**posterior, "log_q": log_q}, z, samples)

    def log_posterior(self, z: tf.Tensor, posterior: Fields) -> tf.Tensor:
        """Returns log q(z|x) [L, B] in nats, of the draws that `drawn` made."""
        return posterior["log_q"]

    def kl(self, posterior: Fields) -> tf.Tensor | None:
        """None: that of a flow has no closed form."""
        return None

    def at_mean(self, posterior: Fields, step: Step) -> tf.Tensor:
        """Returns f(z_mean; h) [B, D], the code of an image."""
        return self.flowed(posterior["z_mean"][None], posterior["context"], step)[0][0]

    def reconstructed(self, batch: Fields, step: Step) -> Fields:
        """Returns the decoder's outputs at the code of a prepared batch."""
        return self.decode(self.at_mean(self.codes(batch, step), step), batch, step)

    def encode(
        self,
        images: Any,
        label: Any = None,
        *,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
    ) -> Fields:
        """Returns the code `latent` = f(z_mean; h), and the encoder's outputs; arguments as of the base."""
        codes = super().encode(images, label, conditions=conditions, networks=networks)
        return {"latent": self.at_mean(codes, self.inference("encode", networks)), **codes}

    encode_images = encode
