"""Random shifts (DiffAugment, Zhao et al. 2020)."""

import dataclasses

import tensorflow as tf

from tfgen.augment.base import Augment, check_maps, per_image
from tfgen.domains import Proportion, Share
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Translate(Augment):
    """A random shift per image, up to `fraction` of its size in both axes, padded with zeros (Zhao et al. 2020).

    A `share` of the images is shifted, the others stay as they are.
    """

    needs_maps = True
    fraction: Proportion = 0.125
    share: Share = 1.0

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        check_maps(images, "translate")
        height, width = images.shape[1], images.shape[2]
        rows, columns = int(height * self.fraction + 0.5), int(width * self.fraction + 0.5)
        padded = tf.pad(images, [[0, 0], [rows, rows], [columns, columns], [0, 0]])
        shift = noise.uniform("translate", (tf.shape(images)[0], 2))
        offset = tf.cast(tf.floor(shift * tf.constant([2 * rows + 1, 2 * columns + 1], tf.float32)), tf.int32)
        y = tf.range(height)[None, :] + offset[:, :1]
        x = tf.range(width)[None, :] + offset[:, 1:]
        # two gathers of rows and columns, as a crop at an offset per image has no single operation
        shifted = tf.gather(tf.gather(padded, y, axis=1, batch_dims=1), x, axis=2, batch_dims=1)
        if self.share == 1.0:
            return shifted
        return tf.where(per_image(images, noise, "shifted") < self.share, shifted, images)


def translate(fraction: float = 0.125, share: float = 1.0) -> Translate:
    """Returns random shifts by up to `fraction` of the image, of that share of the images."""
    return Translate(float(fraction), float(share))
