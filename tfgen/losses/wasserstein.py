"""The Wasserstein loss (Arjovsky et al. 2017), for a critic under a Lipschitz constraint."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.values import serializable


@serializable
def wasserstein_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[D(G(z))] - E[D(x)], Arjovsky et al. 2017, equation 2; needs a Lipschitz constraint on D."""
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


@serializable
def wasserstein_generator(fake: tf.Tensor, real: tf.Tensor | None = None) -> tf.Tensor:
    """Returns -E[D(G(z))], Arjovsky et al. 2017, equation 2; also the generator's hinge loss (Miyato et al. 2018)."""
    return -tf.reduce_mean(fake)


wasserstein = Loss(wasserstein_discriminator, wasserstein_generator, undecided=None)
