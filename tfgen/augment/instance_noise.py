"""Instance noise (Sonderby et al. 2016)."""

import dataclasses

import tensorflow as tf

from tfgen.augment.base import Augment
from tfgen.domains import NotNegative
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class InstanceNoise(Augment):
    """N(0, sigma^2) added to every pixel, in units of the networks' value range (Sonderby et al. 2016)."""

    sigma: NotNegative = 0.1

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        return images + self.sigma * tf.cast(noise.normal("instance_noise", tf.shape(images)), images.dtype)


def instance_noise(sigma: float = 0.1) -> InstanceNoise:
    """Returns Gaussian noise of standard deviation `sigma` on every image that the discriminator sees."""
    return InstanceNoise(float(sigma))
