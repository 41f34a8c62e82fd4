"""Objectives of variational models: terms to minimise, from the log densities of L latent samples of B images.

`objective(log_px, log_pz, log_qz, kl, step)` takes float32 [L, B] tensors of log p(x|z), log p(z), log q(z|x) and a
closed-form `kl` [B] or None, all in nats, and returns a dict of scalars (means over images) whose sum is minimised.
"""

import dataclasses

import tensorflow as tf

from tfgen.domains import Natural, NotNegative
from tfgen.values import Value, serializable


class Objective(Value):
    """A bound on log p(x), as a dict of terms to minimise."""

    @property
    def weighs_kl(self) -> bool:
        """Whether anything in it draws q(z|x) to the prior."""
        return True

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns name -> term, a float32 scalar in nats per image; arguments as in the module's docstring."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class Elbo(Objective):
    """The negative ELBO, -E_q[log p(x|z)] + beta KL(q(z|x) || p(z)).

    Kingma and Welling 2014, equation 10; beta: Higgins et al. 2017.

    Over the first `warmup_steps` steps the weight of the KL rises linearly from 0 to `beta` (Sonderby et al. 2016).
    """

    beta: NotNegative = 1.0
    warmup_steps: Natural = 0

    @property
    def weighs_kl(self) -> bool:
        return self.beta > 0.0

    def weight(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the KL at `step` (an integer from 0), a float32 scalar."""
        if not self.warmup_steps:
            return tf.constant(self.beta, tf.float32)
        return self.beta * tf.minimum(1.0, tf.cast(step + 1, tf.float32) / float(self.warmup_steps))

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        kl = tf.reduce_mean(log_qz - log_pz if kl is None else kl)
        # two names, so that a logged `kl` is always the divergence itself
        name = "kl" if self.beta == 1.0 and not self.warmup_steps else "weighted_kl"
        return {"reconstruction": -tf.reduce_mean(log_px), name: self.weight(step) * kl}


@serializable
@dataclasses.dataclass(frozen=True)
class ImportanceWeighted(Objective):
    """The importance-weighted bound, -E[log 1/L sum_l w_l], w = p(x|z) p(z) / q(z|x), Burda et al. 2016, eq. 8."""

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        samples = tf.cast(tf.shape(log_px)[0], tf.float32)
        bound = tf.reduce_logsumexp(log_px + log_pz - log_qz, axis=0) - tf.math.log(samples)
        return {"importance_weighted": -tf.reduce_mean(bound)}


def elbo(beta: float = 1.0, warmup_steps: int = 0) -> Elbo:
    """Returns the evidence lower bound, its KL weighted by `beta`."""
    return Elbo(float(beta), int(warmup_steps))


def iwae() -> ImportanceWeighted:
    """Returns the importance-weighted bound over the model's `samples`."""
    return ImportanceWeighted()
