"""The hinge loss (Lim and Ye 2017; Miyato et al. 2018)."""

import tensorflow as tf

from tfgen.losses.base import Loss
from tfgen.losses.wasserstein import wasserstein_generator
from tfgen.values import serializable


@serializable
def hinge_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Returns E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))], Lim and Ye 2017; Miyato et al. 2018, equation 16."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


hinge = Loss(hinge_discriminator, wasserstein_generator)
