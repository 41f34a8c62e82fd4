"""The R2 penalty (Mescheder et al. 2018)."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, NotNegative
from tfgen.penalties.base import Penalty, Seen, squared_gradient_norm
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class R2(Penalty):
    """The R2 penalty, weight / 2 E[|grad_x D(G(z))|^2] on generated images: Mescheder et al. 2018, equation 10."""

    weight: NotNegative = 1.0
    every: Count = 1

    def of(self, seen: Seen) -> tf.Tensor:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norm(seen.on_fake, seen.fake))


def r2(weight: float = 1.0, every: int = 1) -> R2:
    """Returns the R2 penalty on generated images, in every step or, scaled, in every 16th with every=16."""
    return R2(float(weight), every)
