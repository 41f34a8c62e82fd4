"""Gradient penalties `penalty(discriminate, real, fake, noise) -> scalar`, added to the discriminator's loss.

`discriminate` maps images [B, H, W, C] to logits [B, 1], conditions already bound: only the image is mixed or
differentiated. `noise` gives named random streams.
"""

import dataclasses

import tensorflow as tf

from tfgen.values import Value, serializable


def squared_gradient_norm(discriminate, images):
    """|grad_x D(x)|^2 of every image, float32 [B]."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminate(images)
    gradient = tape.gradient(logits, images)
    return tf.reduce_sum(tf.square(gradient), axis=list(range(1, len(images.shape))))


class Penalty(Value):
    """A scalar that the discriminator minimises besides its loss."""

    def __call__(self, discriminate, real, fake, noise):
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class R1(Penalty):
    """weight / 2 E[|grad_x D(x)|^2] on real images, Mescheder et al. 2018, equation 9."""

    weight: float = 1.0

    def __call__(self, discriminate, real, fake, noise):
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norm(discriminate, real))


@serializable
@dataclasses.dataclass(frozen=True)
class Interpolated(Penalty):
    """weight E[(|grad D(u x + (1 - u) G(z))| - 1)^2], u ~ U(0, 1) an image: Gulrajani et al. 2017, equation 3."""

    weight: float = 10.0

    def __call__(self, discriminate, real, fake, noise):
        mix = noise.uniform("mix", tf.concat([tf.shape(real)[:1], tf.ones(len(real.shape) - 1, tf.int32)], axis=0))
        mix = tf.cast(mix, real.dtype)
        squared = squared_gradient_norm(discriminate, mix * real + (1.0 - mix) * fake)
        # the square root's derivative is infinite at zero
        return self.weight * tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1.0))


def r1(weight=1.0):
    """R1 penalty on real images."""
    return R1(float(weight))


def gradient_penalty(weight=10.0):
    """WGAN-GP's penalty between real and fake images."""
    return Interpolated(float(weight))
