"""Stateless randomness: every draw of a training step has a name, and no state to save."""

import hashlib

import tensorflow as tf


def stream_key(*parts):
    """A signed 64-bit integer from the names of a stream, the same in every process."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


class Noise:
    """The random streams of one training step.

    A draw depends on (seed, step, name) alone, and is made for the global batch: of `replicas` equal shares, the one
    numbered `replica` is returned, so that one and many replicas train on the same noise.
    """

    def __init__(self, seed, step, path="", replica=0, replicas=1):
        self.seed, self.step, self.path = seed, tf.cast(step, tf.int64), path
        self.replica, self.replicas = replica, replicas

    def scope(self, name):
        """The same step's noise below `name`, as a folder holds files."""
        return Noise(self.seed, self.step, f"{self.path}{name}/", self.replica, self.replicas)

    def stream(self, name):
        """The int64 [2] seed of the stream `name`, for any `tf.random.stateless_*` function."""
        return tf.stack([self.step, tf.constant(stream_key(self.seed, self.path + name), tf.int64)])

    def draw(self, name, shape, sample):
        """`sample(seed, shape)` for the global batch, of which this replica's rows [shape[0], ...] are returned."""
        shape = tf.convert_to_tensor(shape, tf.int32)
        rows = shape[0]
        drawn = sample(self.stream(name), tf.concat([[rows * self.replicas], shape[1:]], axis=0))
        return drawn if self.replicas == 1 else drawn[self.replica * rows : (self.replica + 1) * rows]

    def normal(self, name, shape):
        """N(0, 1), float32, of `shape` [B, ...]."""
        return self.draw(name, shape, lambda seed, full: tf.random.stateless_normal(full, seed, alg="philox"))

    def uniform(self, name, shape):
        """U[0, 1), float32, of `shape` [B, ...]."""
        return self.draw(name, shape, lambda seed, full: tf.random.stateless_uniform(full, seed, alg="philox"))
