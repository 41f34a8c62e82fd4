"""The least-squares loss (LSGAN, Mao et al. 2017)."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def least_squares_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2 on raw outputs, Mao et al. 2017, equation 9."""
    return 0.5 * (tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake)))


@serializable
def least_squares_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns E[(D(G(z)) - 1)^2] / 2, Mao et al. 2017, equation 9."""
    return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


least_squares = Loss(least_squares_discriminator, least_squares_generator, undecided=0.5)
