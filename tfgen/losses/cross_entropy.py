"""The losses of Goodfellow et al. 2014: minimax and non-saturating."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def cross_entropy_discriminator(real: tf.Tensor, fake: tf.Tensor, real_label: float = 1.0) -> tf.Tensor:
    """Returns -E[log D(x)] - E[log(1 - D(G(z)))], Goodfellow et al. 2014, equation 1: 2 log 2 nats at the equilibrium.

    With `real_label` t < 1 the first term is -E[t log D(x) + (1 - t) log(1 - D(x))].
    """
    # -log sigmoid(a) = softplus(-a) and -log(1 - sigmoid(a)) = softplus(a): finite where the sigmoid rounds to 0 or 1
    on_real = real_label * tf.math.softplus(-real) + (1.0 - real_label) * tf.math.softplus(real)
    return tf.reduce_mean(on_real) + tf.reduce_mean(tf.math.softplus(fake))


cross_entropy_discriminator.log_odds = True  # at its optimum the logit is log p(x) / q(x)


@serializable
def minimax_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns E[log(1 - D(G(z)))], Goodfellow et al. 2014, equation 1; its gradient vanishes as D(G(z)) -> 0."""
    return -tf.reduce_mean(tf.math.softplus(fake))


@serializable
def non_saturating_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns -E[log D(G(z))], Goodfellow et al. 2014, section 3: log 2 nats at the equilibrium."""
    return tf.reduce_mean(tf.math.softplus(-fake))


minimax = Loss(cross_entropy_discriminator, minimax_generator)
non_saturating = Loss(cross_entropy_discriminator, non_saturating_generator)
