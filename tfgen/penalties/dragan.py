"""The penalty of DRAGAN (Kodali et al. 2017)."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, NotNegative
from tfgen.noise import Noise
from tfgen.penalties.base import Discriminate, Penalty, squared_distance_to_norm
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Dragan(Penalty):
    """The DRAGAN penalty, weight E[(|grad D(x + d)| - 1)^2], d ~ N(0, stddev^2 I): Kodali et al. 2017, section 2.3.

    The authors' code takes half the standard deviation of the batch for that of d, which would couple its images.
    """

    weight: NotNegative = 10.0
    stddev: NotNegative = 0.25
    every: Count = 1

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        near = real + self.stddev * tf.cast(noise.normal("near", tf.shape(real)), real.dtype)
        return self.weight * squared_distance_to_norm(discriminate, near, 1.0)


def dragan(weight: float = 10.0, stddev: float = 0.25, every: int = 1) -> Dragan:
    """Returns the DRAGAN penalty near real images; `stddev` in units of the networks' value range."""
    return Dragan(float(weight), float(stddev), every)
