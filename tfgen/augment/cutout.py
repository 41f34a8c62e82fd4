"""Random rectangles of zeros (DiffAugment, Zhao et al. 2020)."""

import dataclasses

import tensorflow as tf

from tfgen.augment.base import Augment, check_maps
from tfgen.domains import Proportion
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Cutout(Augment):
    """A rectangle of zeros per image, `fraction` of its size in both axes, which may reach over its edges."""

    needs_maps = True
    fraction: Proportion = 0.5

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        check_maps(images, "cutout")
        centre = noise.uniform("cutout", (tf.shape(images)[0], 2))
        hidden = [self._hidden(images.shape[axis + 1], centre[:, axis]) for axis in (0, 1)]
        inside = hidden[0][:, :, None, None] & hidden[1][:, None, :, None]
        return tf.where(inside, tf.zeros([], images.dtype), images)

    def _hidden(self, side: int, centre: tf.Tensor) -> tf.Tensor:
        """Returns which of `side` rows (or columns) a centre in [0, 1) hides, bool [B, side]."""
        size = int(side * self.fraction + 0.5)
        first = tf.cast(tf.floor(centre * (side + 1 - size % 2)), tf.int32)[:, None] - size // 2
        place = tf.range(side)[None, :]
        return (place >= first) & (place < first + size)


def cutout(fraction: float = 0.5) -> Cutout:
    """Returns random rectangles of zeros, `fraction` of the image's size in both axes."""
    return Cutout(float(fraction))
