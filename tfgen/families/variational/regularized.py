"""Autoencoders whose codes are not random: with a penalty on codes and decoder, or on their distribution."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfgen import priors
from tfgen.domains import NotNegative
from tfgen.families.variational import probes
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.objectives.discrepancy import InfoVae, Kernel, discrepancy
from tfgen.priors import Prior
from tfgen.samplers import Sampler, latent
from tfgen.training.step import Fields, Step


class RegularizedAutoencoder(Autoencoder):
    """RAE: a plain autoencoder whose codes stay small and whose decoder is smooth (Ghosh et al. 2020).

    -log p(x|E(x)) + code_weight |E(x)|^2 / 2 + decoder_weight L_REG, equation 7, with L_REG the squared norm of the
    decoder's weights or of the Jacobian of its images by z.

    Args:
        encoder: as of `Autoencoder`.
        decoder: as of `Autoencoder`.
        code_weight: beta.
        decoder_weight: lambda.
        smoothness: what L_REG is, "weights" (RAE-L2) or "gradient" (RAE-GP).
        **options: of `Autoencoder`.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        code_weight: NotNegative = 1e-4,
        decoder_weight: NotNegative = 1e-6,
        smoothness: Literal["weights", "gradient"] = "weights",
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, **options)
        self.code_weight, self.decoder_weight, self.smoothness = code_weight, decoder_weight, smoothness

    @property
    def cannot_sample(self) -> str:
        """A sentence on why the model cannot sample."""
        return (
            "a regularised autoencoder has no prior, and its codes follow no known distribution; reconstruct, give a "
            "prior that is fitted to them (--prior=gmm:10), or train a vae"
        )

    def reconstruction_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms of equation 7 in nats, means over images."""
        x, batch = self.prepared(batch, step)
        code = next(iter(self.codes(batch, step).values()))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(code)
            decoded = self.decode(code, batch, step)
            image = decoded["image"]
        smooth = {"weights": self.squared_weights, "gradient": lambda: self.squared_jacobian(tape, image, code, step)}
        return {
            "reconstruction": -tf.reduce_mean(self.likelihood.log_prob(x, decoded)),
            "code_penalty": 0.5 * self.code_weight * tf.reduce_mean(tf.reduce_sum(tf.square(code), axis=-1)),
            "decoder_penalty": self.decoder_weight * smooth[self.smoothness](),
        }

    def squared_weights(self) -> tf.Tensor:
        """Returns the sum of the decoder's squared weights, a scalar."""
        return tf.add_n([tf.reduce_sum(tf.square(v.value)) for v in self.decoder.trainable_variables])

    def squared_jacobian(self, tape: tf.GradientTape, image: tf.Tensor, code: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns an unbiased estimate of the mean of |d image / d z|^2, a scalar.

        E|v' J|^2 = |J|^2 for v ~ N(0, I) (Hutchinson 1990): one gradient instead of one per pixel.
        """
        direction = step.noise.normal("direction", tf.shape(image))
        product = tape.gradient(image, code, output_gradients=direction)
        return tf.reduce_mean(tf.reduce_sum(tf.square(product), axis=-1))


class WassersteinAutoencoder(Autoencoder):
    """WAE-MMD: a plain autoencoder whose codes, all together, follow the prior (Tolstikhin et al. 2018, algorithm 2).

    -log p(x|E(x)) + scale MMD^2(codes, p(z)). Under a Gaussian likelihood the first term is the squared error; with a
    Gaussian encoder it is a `VariationalModel` with the objective `wae`.

    Args:
        encoder: as of `Autoencoder`.
        decoder: as of `Autoencoder`.
        prior: p(z), of `tfgen.priors`.
        scale: lambda.
        kernel: of the discrepancy, "imq" or "rbf".
        **options: of `Autoencoder`.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        prior: Prior = priors.normal(),
        scale: NotNegative = 10.0,
        kernel: Kernel = "imq",
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, **options)
        self.prior, self.scale, self.kernel = prior, scale, kernel

    @property
    def needs_whole_batch(self) -> str | None:
        """That of the discrepancy."""
        return InfoVae.needs_whole_batch

    @property
    def sampler(self) -> Sampler | None:
        """One pass of the decoder."""
        return latent(self.fitted_prior)

    def reconstruction_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -log p(x|E(x)) and the weighted discrepancy, of the codes of all replicas."""
        x, batch = self.prepared(batch, step)
        codes = next(iter(self.codes(batch, step).values()))
        z = step.noise.draw("prior", tf.shape(codes), self.known_prior.sample)
        error = -tf.reduce_mean(self.likelihood.log_prob(x, self.decode(codes, batch, step)))
        return {
            "reconstruction": error,
            "weighted_mmd": self.scale * discrepancy(step.gather(codes), step.gather(z), self.kernel),
        }

    def probes(self) -> list:
        """Returns those of the base, and the probe of the distribution of codes."""
        return [*super().probes(), probes.code_distance]
