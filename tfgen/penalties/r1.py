"""The R1 penalty (Mescheder et al. 2018)."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, NotNegative
from tfgen.noise import Noise
from tfgen.penalties.base import Discriminate, Penalty, squared_gradient_norm
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class R1(Penalty):
    """The R1 penalty, weight / 2 E[|grad_x D(x)|^2] on real images: Mescheder et al. 2018, equation 9."""

    weight: NotNegative = 1.0
    every: Count = 1

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norm(discriminate, real))


def r1(weight: float = 1.0, every: int = 1) -> R1:
    """Returns the R1 penalty on real images, in every step or, scaled, in every 16th with every=16."""
    return R1(float(weight), every)
