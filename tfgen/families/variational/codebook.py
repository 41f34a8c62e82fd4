"""The arithmetic of a codebook: K vectors e_k that follow the vectors of which they are the nearest.

N vectors z float32 [N, D], a table float32 [K, D]; everything is a function of its arguments.
"""

from typing import NamedTuple

import tensorflow as tf

TINY = 1e-12  # uses, below which a code has never been used


class Averages(NamedTuple):
    """Moving averages of what a step adds to the codes.

    Attributes:
        counts: vectors per code, float32 [K].
        sums: of these vectors, float32 [K, D].
    """

    counts: tf.Tensor
    sums: tf.Tensor


def nearest(z: tf.Tensor, table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the numbers of the nearest codes, int64 [N] (van den Oord et al. 2017, equation 1), and |z - e|² [N]."""
    # |z|² belongs to no code, and is added to what remains only
    scores = tf.reduce_sum(tf.square(table), axis=-1) - 2.0 * tf.matmul(z, table, transpose_b=True)
    codes = tf.argmin(scores, axis=-1)
    return codes, tf.reduce_sum(tf.square(z - tf.gather(table, codes)), axis=-1)


def moved(averages: Averages, z: tf.Tensor, codes: tf.Tensor, decay: float) -> Averages:
    """Returns the averages after a step, decay a + (1 - decay) new (van den Oord et al. 2017, appendix A.1)."""
    # a product, whose sums have one order; scattered sums may have any
    hot = tf.one_hot(codes, tf.shape(averages.counts)[0])
    new = Averages(tf.reduce_sum(hot, axis=0), tf.matmul(hot, z, transpose_a=True))
    return Averages(*(decay * old + (1.0 - decay) * added for old, added in zip(averages, new, strict=True)))


def centres(averages: Averages, table: tf.Tensor) -> tf.Tensor:
    """Returns e_k = sum_k / count_k; codes that have never been used stay as in `table`."""
    counts = averages.counts[:, None]
    return tf.where(counts > TINY, averages.sums / tf.maximum(counts, TINY), table)


def revived(averages: Averages, candidates: tf.Tensor, below: float) -> Averages:
    """Returns averages in which codes that are used less than `below` times the mean begin anew.

    Such a code has the mean use, and stands at its candidate, of [K, D]. (Dhariwal et al. 2020, section 3.1.)
    """
    mean = tf.reduce_mean(averages.counts)
    dead = averages.counts < below * mean
    counts = tf.where(dead, mean, averages.counts)
    return Averages(counts, tf.where(dead[:, None], mean * candidates, averages.sums))


def drawn_rows(z: tf.Tensor, errors: tf.Tensor, u: tf.Tensor, count: int) -> tf.Tensor:
    """Returns `count` rows of z [N, D], drawn in proportion to their errors [N], without repetition among the first N.

    Rows that their code fits badly are where a code is missing; as in the beginning of k-means++ (Arthur and
    Vassilvitskii 2007, section 2.2). The draw is that of the largest log error - log(-log u) (Gumbel), u [N] in [0, 1).
    """
    keys = tf.math.log(errors + TINY) - tf.math.log(-tf.math.log(tf.clip_by_value(u, 1e-7, 1.0 - 1e-7)))
    order = tf.math.top_k(keys, tf.minimum(count, tf.shape(z)[0])).indices
    return tf.gather(z, tf.gather(order, tf.range(count) % tf.shape(order)[0]))


def perplexity(counts: tf.Tensor) -> tf.Tensor:
    """Returns exp of the entropy of codes [K] by their counts, a scalar: K if all are used alike, 1 if one alone is."""
    p = counts / tf.maximum(tf.reduce_sum(counts), TINY)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(p, p)))
