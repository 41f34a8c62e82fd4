"""The relativistic average loss (RaGAN, Jolicoeur-Martineau 2018)."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def relativistic_average_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns -E[log s(D(x) - E D(G(z)))] - E[log(1 - s(D(G(z)) - E D(x)))], s the sigmoid.

    Jolicoeur-Martineau 2018, section 4.2 (RaSGAN); 2 log 2 nats at the equilibrium.
    """
    above, below = real - tf.reduce_mean(fake), fake - tf.reduce_mean(real)
    return tf.reduce_mean(tf.math.softplus(-above)) + tf.reduce_mean(tf.math.softplus(below))


@serializable
def relativistic_average_generator(fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Returns the discriminator's loss with real and fake images exchanged, Jolicoeur-Martineau 2018, section 4.2."""
    return relativistic_average_discriminator(fake, real)


relativistic_average = Loss(
    relativistic_average_discriminator, relativistic_average_generator, needs_real=True, couples=True, undecided=None
)
