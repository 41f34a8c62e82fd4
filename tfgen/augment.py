"""Differentiable augmentations `augment(images, noise)`: the same for real and for fake images, before D."""

import dataclasses

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.values import Value, serializable


class Augment(Value):
    """Maps images float32 [B, H, W, C] to the same shape; all randomness comes from named streams of `noise`."""

    def __call__(self, images, noise):
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class InstanceNoise(Augment):
    """Adds N(0, sigma^2) to every pixel, in units of the networks' value range (Sonderby et al. 2016)."""

    sigma: float = 0.1

    def __call__(self, images, noise):
        return images + self.sigma * tf.cast(noise.normal("instance_noise", tf.shape(images)), images.dtype)


@serializable
@dataclasses.dataclass(frozen=True)
class Translate(Augment):
    """Shifts every image by up to `fraction` of its size both ways, zeros outside (DiffAugment, Zhao et al. 2020)."""

    fraction: float = 0.125

    def __call__(self, images, noise):
        if len(images.shape) != 4:
            raise UserError("augment: translate shifts images, and there are none in this data set: leave it out")
        height, width = images.shape[1], images.shape[2]
        rows, columns = int(height * self.fraction + 0.5), int(width * self.fraction + 0.5)
        padded = tf.pad(images, [[0, 0], [rows, rows], [columns, columns], [0, 0]])
        shift = noise.uniform("translate", (tf.shape(images)[0], 2))
        offset = tf.cast(tf.floor(shift * tf.constant([2 * rows + 1, 2 * columns + 1], tf.float32)), tf.int32)
        y = tf.range(height)[None, :] + offset[:, :1]
        x = tf.range(width)[None, :] + offset[:, 1:]
        padded = tf.gather(padded, y, axis=1, batch_dims=1)
        return tf.gather(padded, x, axis=2, batch_dims=1)


@serializable
@dataclasses.dataclass(frozen=True)
class Chain(Augment):
    """One augmentation after the other."""

    steps: tuple = ()

    def __call__(self, images, noise):
        for index, step in enumerate(self.steps):
            images = step(images, noise.scope(str(index)))
        return images

    @classmethod
    def from_config(cls, config):
        from keras.saving import deserialize_keras_object

        return cls(tuple(s if isinstance(s, Augment) else deserialize_keras_object(s) for s in config["steps"]))


def instance_noise(sigma=0.1):
    """Gaussian noise of standard deviation `sigma` on every image that the discriminator sees."""
    return InstanceNoise(float(sigma))


def translate(fraction=0.125):
    """Random shifts by up to `fraction` of the image."""
    return Translate(float(fraction))


def chain(*steps):
    """Several augmentations in order; None is left out; None if nothing remains."""
    steps = tuple(step for step in steps if step is not None)
    return Chain(steps) if len(steps) > 1 else (steps[0] if steps else None)
