"""The evidence lower bound, with a weight on its divergence."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Natural, NotNegative
from tfgen.objectives.base import Objective, divergence
from tfgen.values import serializable


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
        kl = tf.reduce_mean(divergence(log_pz, log_qz, kl))
        # two names, so that a logged `kl` is always the divergence itself
        name = "kl" if self.beta == 1.0 and not self.warmup_steps else "weighted_kl"
        return {"reconstruction": -tf.reduce_mean(log_px), name: self.weight(step) * kl}


def elbo(beta: float = 1.0, warmup_steps: int = 0) -> Elbo:
    """Returns the evidence lower bound, its KL weighted by `beta`."""
    return Elbo(beta, warmup_steps)
