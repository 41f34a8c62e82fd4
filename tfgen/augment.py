"""Differentiable augmentations `augment(images, noise)` of what the discriminator sees, both real and generated."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from tfgen.domains import NotNegative, Proportion
from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.values import Value, serializable


class Augment(Value):
    """A map of images [B, H, W, C] to the same shape; all its randomness comes from named streams of `noise`."""

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the augmented images, of the shape and dtype of `images`."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class InstanceNoise(Augment):
    """N(0, sigma^2) added to every pixel, in units of the networks' value range (Sonderby et al. 2016)."""

    sigma: NotNegative = 0.1

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        return images + self.sigma * tf.cast(noise.normal("instance_noise", tf.shape(images)), images.dtype)


@serializable
@dataclasses.dataclass(frozen=True)
class Translate(Augment):
    """A random shift per image, up to `fraction` of its size in both axes, padded with zeros (Zhao et al. 2020)."""

    fraction: Proportion = 0.125

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        if len(images.shape) != 4:
            raise UserError(
                f"augment: translate expects images [B, H, W, C], got shape {list(images.shape)}; leave it out"
            )
        height, width = images.shape[1], images.shape[2]
        rows, columns = int(height * self.fraction + 0.5), int(width * self.fraction + 0.5)
        padded = tf.pad(images, [[0, 0], [rows, rows], [columns, columns], [0, 0]])
        shift = noise.uniform("translate", (tf.shape(images)[0], 2))
        offset = tf.cast(tf.floor(shift * tf.constant([2 * rows + 1, 2 * columns + 1], tf.float32)), tf.int32)
        y = tf.range(height)[None, :] + offset[:, :1]
        x = tf.range(width)[None, :] + offset[:, 1:]
        # two gathers of rows and columns, as a crop at an offset per image has no single operation
        padded = tf.gather(padded, y, axis=1, batch_dims=1)
        return tf.gather(padded, x, axis=2, batch_dims=1)


@serializable
@dataclasses.dataclass(frozen=True)
class Chain(Augment):
    """Several augmentations in order, each with random streams of its own."""

    steps: tuple[Augment, ...] = ()

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        for index, step in enumerate(self.steps):
            images = step(images, noise.scope(str(index)))
        return images

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from keras.saving import deserialize_keras_object

        return cls(tuple(s if isinstance(s, Augment) else deserialize_keras_object(s) for s in config["steps"]))


def instance_noise(sigma: float = 0.1) -> InstanceNoise:
    """Returns Gaussian noise of standard deviation `sigma` on every image that the discriminator sees."""
    return InstanceNoise(float(sigma))


def translate(fraction: float = 0.125) -> Translate:
    """Returns random shifts by up to `fraction` of the image."""
    return Translate(float(fraction))


def chain(*steps: Augment | None) -> Augment | None:
    """Returns the augmentations in order as one, without those that are None; None if nothing remains."""
    given = tuple(step for step in steps if step is not None)
    return Chain(given) if len(given) > 1 else (given[0] if given else None)
