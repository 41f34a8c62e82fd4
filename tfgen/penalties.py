"""Gradient penalties `penalty(discriminate, real, fake, noise) -> scalar`, added to the discriminator's loss.

`discriminate` maps images [B, H, W, C] to logits [B, 1], with its conditions already bound: only images are mixed and
differentiated. `noise` provides named random streams.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tfgen.domains import NotNegative
from tfgen.noise import Noise
from tfgen.values import Value, serializable

Discriminate = Callable[[tf.Tensor], tf.Tensor]


def squared_gradient_norm(discriminate: Discriminate, images: tf.Tensor) -> tf.Tensor:
    """Returns |grad_x D(x)|^2 per image, float32 [B]."""
    with tf.GradientTape() as tape:
        tape.watch(images)  # a tensor, which a tape does not watch by itself
        logits = discriminate(images)
    gradient = tape.gradient(logits, images)
    return tf.reduce_sum(tf.square(gradient), axis=list(range(1, len(images.shape))))


class Penalty(Value):
    """A scalar that the discriminator minimises in addition to its loss."""

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the penalty, a float32 scalar, of a batch of real and one of generated images [B, H, W, C]."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class R1(Penalty):
    """The R1 penalty, weight / 2 E[|grad_x D(x)|^2] on real images: Mescheder et al. 2018, equation 9."""

    weight: NotNegative = 1.0

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norm(discriminate, real))


@serializable
@dataclasses.dataclass(frozen=True)
class Interpolated(Penalty):
    """The WGAN-GP penalty, weight E[(|grad D(u x + (1 - u) G(z))| - 1)^2]: Gulrajani et al. 2017, equation 3.

    One u ~ U(0, 1) per image.
    """

    weight: NotNegative = 10.0

    def __call__(self, discriminate: Discriminate, real: tf.Tensor, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        mix = noise.uniform("mix", tf.concat([tf.shape(real)[:1], tf.ones(len(real.shape) - 1, tf.int32)], axis=0))
        mix = tf.cast(mix, real.dtype)
        squared = squared_gradient_norm(discriminate, mix * real + (1.0 - mix) * fake)
        # the square root's derivative is infinite at zero: without the epsilon a zero gradient would give NaN
        return self.weight * tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1.0))


def r1(weight: float = 1.0) -> R1:
    """Returns the R1 penalty on real images."""
    return R1(float(weight))


def gradient_penalty(weight: float = 10.0) -> Interpolated:
    """Returns the WGAN-GP penalty on mixtures of real and generated images."""
    return Interpolated(float(weight))
