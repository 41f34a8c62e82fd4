"""An ELBO whose divergence is held at a capacity that grows."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, NotNegative
from tfgen.objectives.base import Objective, divergence
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Capacity(Objective):
    """-E_q[log p(x|z)] + gamma |KL(q(z|x) || p(z)) - C|, Burgess et al. 2018, equation 8.

    C rises linearly from 0 to `nats` over the first `steps` steps. The divergence is that of each image; without a
    closed form, of each draw.
    """

    gamma: NotNegative = 1000.0
    nats: NotNegative = 25.0
    steps: Count = 100_000

    @property
    def weighs_kl(self) -> bool:
        return self.gamma > 0.0

    def capacity(self, step: tf.Tensor) -> tf.Tensor:
        """Returns C at `step` (an integer from 0) in nats, a float32 scalar."""
        return self.nats * tf.minimum(1.0, tf.cast(step, tf.float32) / float(self.steps))

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        distance = tf.abs(divergence(log_pz, log_qz, kl) - self.capacity(step))
        return {"reconstruction": -tf.reduce_mean(log_px), "weighted_kl": self.gamma * tf.reduce_mean(distance)}


def capacity(gamma: float = 1000.0, nats: float = 25.0, steps: int = 100_000) -> Capacity:
    """Returns the objective of a divergence of `nats`, to which it rises over `steps` steps."""
    return Capacity(gamma, nats, steps)
