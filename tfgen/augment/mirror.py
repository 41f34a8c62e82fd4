"""Random mirror images."""

import dataclasses

import tensorflow as tf

from tfgen.augment.base import Augment, check_maps, per_image
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Mirror(Augment):
    """Left and right exchanged in half of the images, chosen at random (Karras et al. 2020, appendix B)."""

    needs_maps = True

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        check_maps(images, "mirror")
        return tf.where(per_image(images, noise, "mirror") < 0.5, tf.reverse(images, axis=[2]), images)


def mirror() -> Mirror:
    """Returns random mirror images."""
    return Mirror()
