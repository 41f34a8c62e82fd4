"""The gradient penalty of WGAN-GP (Gulrajani et al. 2017)."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, NotNegative
from tfgen.noise import Noise
from tfgen.penalties.base import Discriminate, Penalty, one_per_image, squared_distance_to_norm
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Interpolated(Penalty):
    """The WGAN-GP penalty, weight E[(|grad D(u x + (1 - u) G(z))| - 1)^2]: Gulrajani et al. 2017, equation 3.

    One u ~ U(0, 1) per image.
    """

    weight: NotNegative = 10.0
    every: Count = 1

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        mix = tf.cast(noise.uniform("mix", one_per_image(real)), real.dtype)
        return self.weight * squared_distance_to_norm(discriminate, mix * real + (1.0 - mix) * fake, 1.0)


def gradient_penalty(weight: float = 10.0, every: int = 1) -> Interpolated:
    """Returns the WGAN-GP penalty on mixtures of real and generated images."""
    return Interpolated(float(weight), every)
