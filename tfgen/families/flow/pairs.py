"""Pairs of noise and data within a batch that lie close to each other: minibatch optimal transport."""

import tensorflow as tf

LEAST = 1e-3  # of the mean cost, by which the auction may miss the optimum per pair


def nearest_pairs(data: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns for each row of data [N, ...] the row of noise [N, ...] that it is paired with, int32 [N], each once.

    The sum of squared distances is smallest, but for a thousandth of the mean distance per pair: an auction (Bertsekas
    1988, section 1), in which all rows without a partner bid at once. It runs in the graph, and ends since prices rise
    by at least that thousandth; rows that are not finite are paired in any order.
    """
    flat = [tf.reshape(rows, [tf.shape(rows)[0], -1]) for rows in (data, noise)]
    # |x - z|^2 = |x|^2 + |z|^2 - 2 x z, of which the sum over all pairs leaves the last term
    worth = tf.matmul(flat[0], flat[1], transpose_b=True)
    scale = tf.reduce_mean(tf.abs(worth)) + 1e-12
    worth /= scale
    # no bid is above another with NaN: the auction would not end
    return auction(tf.where(tf.math.is_finite(worth), worth, 0.0), LEAST)


def auction(worth: tf.Tensor, least: float) -> tf.Tensor:
    """Returns the object int32 [N] of each of N bidders, each object once; sum of `worth` within N `least` of the best.

    Args:
        worth: float32 [N, N], of each object (column) to each bidder (row).
        least: by which prices rise at least.
    """
    count = tf.shape(worth)[0]
    places = tf.range(count)

    def searching(owner: tf.Tensor, price: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(owner < 0)

    def bids(owner: tf.Tensor, price: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """owner [N]: the bidder who has each object, or -1."""
        has = tf.reduce_any(owner[:, None] == places[None, :], axis=0)
        value = worth - price[None, :]
        best, wanted = tf.reduce_max(value, axis=1), tf.argmax(value, axis=1, output_type=tf.int32)
        mine = tf.one_hot(wanted, count, on_value=True, off_value=False)
        second = tf.reduce_max(tf.where(mine, value.dtype.min, value), axis=1)
        second = tf.where(count > 1, second, best)
        offer = tf.gather(price, wanted) + best - second + least
        offers = tf.where(mine & ~has[:, None], offer[:, None], -float("inf"))
        highest, winner = tf.reduce_max(offers, axis=0), tf.argmax(offers, axis=0, output_type=tf.int32)
        sold = highest > -float("inf")
        return tf.where(sold, winner, owner), tf.where(sold, highest, price)

    owner, _ = tf.while_loop(searching, bids, [tf.fill([count], -1), tf.zeros([count])])
    return tf.argsort(owner)
