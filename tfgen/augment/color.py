"""Random colours (DiffAugment, Zhao et al. 2020)."""

import dataclasses

import tensorflow as tf

from tfgen.augment.base import Augment, check_maps, per_image
from tfgen.domains import Share
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Color(Augment):
    """Brightness, saturation and contrast, drawn per image (Zhao et al. 2020, appendix).

    x + U(-s/2, s/2); then the distance to the pixel's gray times U(1 - s, 1 + s); then the distance to the image's mean
    times U(1 - s/2, 1 + s/2). Gray images have no saturation. In units of a value range (-1, 1).
    """

    needs_maps = True
    strength: Share = 1.0

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        check_maps(images, "color")
        s = self.strength
        images = images + s * (per_image(images, noise, "brightness") - 0.5)
        gray = tf.reduce_mean(images, axis=3, keepdims=True)
        images = gray + (images - gray) * (1.0 + s * (2.0 * per_image(images, noise, "saturation") - 1.0))
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        return mean + (images - mean) * (1.0 + s * (per_image(images, noise, "contrast") - 0.5))


def color(strength: float = 1.0) -> Color:
    """Returns random brightness, saturation and contrast; `strength` 1 is that of the paper."""
    return Color(float(strength))
