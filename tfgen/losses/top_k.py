"""Top-k training (Sinha et al. 2020): the generator learns from the samples that the discriminator likes most."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count, Share
from tfgen.losses.base import Selection
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class TopK(Selection):
    """The k largest logits of a batch of B, k = max(share B, B 0.5^(t / half_life)) in step t: algorithm 1.

    Sinha et al. 2020 let k fall by a factor per epoch, down to a half or three quarters of B.
    """

    share: Share = 0.75
    half_life: Count = 2000

    def __call__(self, fake: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        count = tf.cast(tf.shape(fake)[0], tf.float32)
        part = tf.maximum(self.share, 0.5 ** (tf.cast(step, tf.float32) / self.half_life))
        # 0.6 of 25 is 15, and a little more in float32
        k = tf.cast(tf.maximum(tf.math.ceil(part * count * (1.0 - 1e-6)), 1.0), tf.int32)
        return tf.math.top_k(fake[:, 0], k).values[:, None]


def top_k(share: float = 0.75, half_life: int = 2000) -> TopK:
    """Returns the selection of the best samples, finally `share` of a batch."""
    return TopK(float(share), half_life)
