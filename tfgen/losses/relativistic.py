"""The relativistic paired loss (RpGAN, Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024)."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def relativistic_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[softplus(-(D(x) - D(G(z))))] over pairs, Jolicoeur-Martineau 2018, equation 12.

    log 2 nats at the equilibrium.
    """
    return tf.reduce_mean(tf.math.softplus(fake - real))


@serializable
def relativistic_generator(fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """Returns E[softplus(-(D(G(z)) - D(x)))] over pairs, Jolicoeur-Martineau 2018, equation 13."""
    return tf.reduce_mean(tf.math.softplus(real - fake))


relativistic = Loss(relativistic_discriminator, relativistic_generator, needs_real=True, undecided=None)
