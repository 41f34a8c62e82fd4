"""Distances within sets of rows and between them, for probes."""

import tensorflow as tf

from tfgen.diagnosis.probes import ratio


def distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the Euclidean distances [N, M] between the rows of a [N, F] and b [M, F]."""
    centre = tf.reduce_mean(b, axis=0)  # small squares: their difference would lose digits
    a, b = a - centre, b - centre
    squares = tf.reduce_sum(a * a, axis=1)[:, None] + tf.reduce_sum(b * b, axis=1)[None, :]
    return tf.sqrt(tf.maximum(squares - 2.0 * tf.matmul(a, b, transpose_b=True), 0.0))


def mean_of_pairs(pairs: tf.Tensor) -> tf.Tensor:
    """Returns the mean distance of two different rows, from the distances [N, N] of all pairs."""
    rows = tf.cast(tf.shape(pairs)[0], tf.float32)
    return tf.reduce_sum(tf.linalg.set_diag(pairs, tf.zeros([tf.shape(pairs)[0]]))) / (rows * (rows - 1.0))


def nearest(pairs: tf.Tensor, rank: int | None = None) -> tf.Tensor:
    """Returns the distance to the nearest other row, from the distances [N, N] of all pairs: that of `rank` (0 .. N-1).

    By default the median.
    """
    others = tf.linalg.set_diag(pairs, tf.fill([tf.shape(pairs)[0]], pairs.dtype.max))
    return tf.sort(tf.reduce_min(others, axis=1))[tf.shape(pairs)[0] // 2 if rank is None else rank]


def energy_distance(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the energy distance of the rows of a and b [N, ...] (Székely and Rizzo 2013): 0 if equal, at most 1.

    It is (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / 2 E|X - Y|.
    """
    a, b = (tf.reshape(rows, [tf.shape(rows)[0], -1]) for rows in (a, b))
    within = mean_of_pairs(distances(a, a)) + mean_of_pairs(distances(b, b))
    return 1.0 - ratio(within, 2.0 * tf.reduce_mean(distances(a, b)), 1e-6)
