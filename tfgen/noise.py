"""Stateless randomness: every draw of a training step has a name, and there is no state to save."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

BATCHES = 2**40  # further than any step: the seeds of numbered batches are those of no other step


def stream_key(*parts: Any) -> int:
    """Returns a signed 64-bit integer as a function of the names of a stream, the same in every process."""
    # not `hash`, which Python salts per process
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


class Noise:
    """The random streams of one training step.

    A draw depends on (seed, step, name) alone and is made for the global batch; each replica takes its own rows of it,
    so that the number of replicas does not change the noise.

    Args:
        seed: of the run, any integer.
        step: global step, a number or a scalar tensor.
        path: prefix of all names, empty or ending with a slash.
        replica: number of this replica, from 0.
        replicas: number of replicas.
    """

    def __init__(
        self, seed: int, step: int | tf.Tensor, path: str = "", replica: int | tf.Tensor = 0, replicas: int = 1
    ) -> None:
        self.seed, self.step, self.path = seed, tf.cast(step, tf.int64), path
        self.replica, self.replicas = replica, replicas

    def scope(self, name: str) -> "Noise":
        """Returns the noise of the same step with the names below `name`/."""
        return Noise(self.seed, self.step, f"{self.path}{name}/", self.replica, self.replicas)

    def share(self, index: int | tf.Tensor, count: int) -> "Noise":
        """Returns the noise of micro-batch `index` of `count`: for replica r of R, share r count + index of R count."""
        return Noise(self.seed, self.step, self.path, self.replica * count + index, self.replicas * count)

    def numbered(self, index: int | tf.Tensor) -> "Noise":
        """Returns the noise of batch `index` of those that one step sees, an evaluation's; 0: that of the step."""
        return Noise(self.seed, self.step + BATCHES * tf.cast(index, tf.int64), self.path, self.replica, self.replicas)

    def stream(self, name: str) -> tf.Tensor:
        """Returns the int64 [2] seed of the stream `name`, for any `tf.random.stateless_*` function."""
        return tf.stack([self.step, tf.constant(stream_key(self.seed, self.path + name), tf.int64)])

    def draw(
        self, name: str, shape: Sequence[int] | tf.Tensor, sample: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Returns this replica's rows [shape[0], ...] of `sample(seed, shape)` for the global batch."""
        shape = tf.convert_to_tensor(shape, tf.int32)
        rows = shape[0]
        # whole and then cut: a replica that drew its rows alone could not draw the same numbers as one process
        drawn = sample(self.stream(name), tf.concat([[rows * self.replicas], shape[1:]], axis=0))
        return drawn if self.replicas == 1 else drawn[self.replica * rows : (self.replica + 1) * rows]

    def normal(self, name: str, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
        """Returns N(0, 1), float32, of `shape` [B, ...]."""
        return self.draw(name, shape, lambda seed, full: tf.random.stateless_normal(full, seed, alg="philox"))

    def uniform(self, name: str, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
        """Returns U[0, 1), float32, of `shape` [B, ...]."""
        return self.draw(name, shape, lambda seed, full: tf.random.stateless_uniform(full, seed, alg="philox"))
