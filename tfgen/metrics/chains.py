"""Hamiltonian chains along the path from prior to posterior, and their weights.

Pilot chains determine the step sizes, and their weights are not used: a chain whose own past determines its steps does
not leave f_b(u) = N(u; 0, I) p(x|z(u))^b invariant, and the mean of such weights is not p(x).
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfgen.machine.tracing import traced
from tfgen.metrics.checks import check_counts
from tfgen.metrics.inputs import rows_at_once
from tfgen.networks.calling import differentiating
from tfgen.noise import stream_key

ROWS = 1_000  # latents decoded at once: more of them do not fit into the processor's cache
TARGET = 0.65  # acceptance rate of the pilots (Neal 2011, section 4.4)
GAIN = 0.1  # of the log step size per unit of acceptance above or below TARGET
FIRST_STEP, SMALLEST_STEP, LARGEST_STEP = 0.5, 1e-5, 1.5  # in prior deviations; leapfrog steps diverge from 2 on
JITTER = 0.2  # relative, either way: with equal steps, a path of half a period would only mirror u

Tensors = dict[str, tf.Tensor]


def schedule(temperatures: int, steepness: float = 4.0) -> np.ndarray:
    """Returns inverse temperatures b_0 = 0 .. b_T = 1, float64 [T + 1]: a sigmoid, dense at both ends.

    Wu et al. 2017.

    Raises:
        UserError: `temperatures` is below 1.
    """
    check_counts(temperatures=temperatures)
    curve = np.tanh(0.5 * steepness * np.linspace(-1.0, 1.0, temperatures + 1))  # 2 sigmoid(s t) - 1
    return (curve - curve[0]) / (curve[-1] - curve[0])


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Returns the log of the mean of exp(values) over the last axis."""
    return np.logaddexp.reduce(values, axis=-1) - math.log(values.shape[-1])


class Target(Protocol):
    """p(x|z(u)) as the chains see it.

    Attributes:
        model: the `GenerativeModel`, whose `latent_dim` and `data_shape` count.
        network: that decodes.
        likelihood: `log_prob(x, decoded)` in nats.
    """

    model: Any
    network: keras.Model
    likelihood: Any

    def decode(self, u: tf.Tensor, conditions: Tensors) -> dict[str, tf.Tensor]:
        """Returns the likelihood's arguments from u [B, D]."""


def rows_of(target: Target) -> int:
    """Returns the number of latents to decode at once."""
    return rows_at_once([target.network], ROWS, otherwise=64 * math.prod(target.model.data_shape))


class Annealer:
    """Hamiltonian chains along the path, R of them per image, for n images at once.

    Args:
        target: p(x|z(u)).
        temperatures, chains, leapfrog_steps, pilots, seed, rows: as in `annealed_importance_sampling`.

    Raises:
        UserError: a number is below 1.
    """

    def __init__(
        self,
        target: Target,
        temperatures: int,
        chains: int,
        leapfrog_steps: int,
        pilots: int,
        seed: int,
        rows: int | None,
    ) -> None:
        check_counts(chains=chains, leapfrog_steps=leapfrog_steps, pilots=pilots)
        self.target, self.chains, self.pilots, self.seed = target, int(chains), int(pilots), int(seed)
        self.leapfrog_steps, self.latent_dim = int(leapfrog_steps), target.model.latent_dim
        self.rows, self.path = rows_of(target) if rows is None else rows, schedule(temperatures)
        self._forward = differentiating([target.network], traced(self._climb))
        self._reverse = differentiating([target.network], traced(self._descend))

    def batches(self, count: int) -> Iterator[tuple[np.ndarray, int]]:
        """Yields (index int64 [n], number of them that count), all of one size: the last is padded with its last."""
        size = min(max(1, self.rows // (self.chains + self.pilots)), max(1, count))
        for first in range(0, count, size):
            yield np.minimum(np.arange(first, first + size), count - 1), min(size, count - first)

    def forward(self, x: tf.Tensor, conditions: dict, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns log w float64 [n, chains], acceptance [n], and step sizes [T, n], one more than transitions."""
        return self._forward(x, conditions, tf.constant(index), tf.constant(self.path))

    def reverse(
        self, start: tf.Tensor, x: tf.Tensor, conditions: dict, index: tf.Tensor, steps: tf.Tensor
    ) -> tf.Tensor:
        """Returns log w float64 [n, chains] of chains from `start` [n, D] ~ p(u|x) to the prior.

        `steps` are the step sizes that `forward` returned.
        """
        return self._reverse(start, x, conditions, tf.constant(index), tf.constant(self.path), steps)

    def _climb(self, x, conditions, index, path):
        images, chains = x.shape[0], self.chains + self.pilots
        move = Hamiltonian(self.target, x, conditions, chains, self.leapfrog_steps)
        last = tf.shape(path)[0] - 1
        key = tf.constant(stream_key(self.seed, "annealing/start"), tf.int64)
        u = normal_noise(index, key, [chains, self.latent_dim])
        value, slope = move.log_likelihood(u)
        size = tf.fill([images], FIRST_STEP)

        def step(t, u, value, slope, log_w, accepted, size, sizes):
            log_w += (path[t] - path[t - 1]) * tf.cast(value, tf.float64)
            noise = self.noise("forward", index, t, chains)
            b = tf.cast(path[t], tf.float32)
            u, value, slope, acceptance = move(u, value, slope, b, size, noise)
            sizes = sizes.write(t - 1, size)
            # the pilots come last; their acceptance determines the next step size
            surplus = tf.reduce_mean(acceptance[:, self.chains :], axis=1) - TARGET
            size = tf.clip_by_value(size * tf.exp(GAIN * surplus), SMALLEST_STEP, LARGEST_STEP)
            accepted += tf.reduce_mean(acceptance[:, : self.chains], axis=1)
            return t + 1, u, value, slope, log_w, accepted, size, sizes

        sizes = tf.TensorArray(tf.float32, size=last, element_shape=[images])
        log_w, accepted = tf.zeros([images, chains], tf.float64), tf.zeros([images])
        state = (tf.constant(1), u, value, slope, log_w, accepted, size, sizes)
        _, _, value, _, log_w, accepted, size, sizes = tf.while_loop(lambda t, *_: t < last, step, state)
        log_w += (path[last] - path[last - 1]) * tf.cast(value, tf.float64)
        moves = tf.cast(tf.maximum(last - 1, 1), tf.float32)
        return log_w[:, : self.chains], accepted / moves, sizes.write(last - 1, size).stack()

    def _descend(self, start, x, conditions, index, path, sizes):
        move = Hamiltonian(self.target, x, conditions, self.chains, self.leapfrog_steps)
        last = tf.shape(path)[0] - 1
        u = tf.tile(start[:, None], [1, self.chains, 1])
        value, slope = move.log_likelihood(u)
        log_w = (path[last] - path[last - 1]) * tf.cast(value, tf.float64)

        def step(t, u, value, slope, log_w):
            noise = self.noise("reverse", index, t, self.chains)
            u, value, slope, _ = move(u, value, slope, tf.cast(path[t], tf.float32), sizes[t - 1], noise)
            return t - 1, u, value, slope, log_w + (path[t] - path[t - 1]) * tf.cast(value, tf.float64)

        return tf.while_loop(lambda t, *_: t > 0, step, (last - 1, u, value, slope, log_w))[-1]

    def noise(
        self, direction: str, index: tf.Tensor, t: tf.Tensor, chains: int
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns momenta [n, R, D] ~ N(0, I) and two uniform numbers [n, R] for the transition at temperature t."""
        key = tf.constant(stream_key(self.seed, "annealing", direction), tf.int64) + tf.cast(t, tf.int64)
        drawn = normal_noise(index, key, [chains, self.latent_dim + 2])
        uniform = 0.5 * tf.math.erfc(drawn[..., -2:] * -math.sqrt(0.5))  # one call for all: many small ones are slow
        return drawn[..., :-2], uniform[..., 0], uniform[..., 1]


class Hamiltonian:
    """A transition of R chains for each of n images that leaves f_b invariant (Neal 2011, section 3.2).

    Args:
        target: p(x|z(u)).
        x: images float32 [n, H, W, C] in [0, 1].
        conditions: field name -> tensor [n, ...].
        chains: R.
        leapfrog_steps: per transition.
    """

    def __init__(self, target: Target, x: tf.Tensor, conditions: Tensors, chains: int, leapfrog_steps: int) -> None:
        self.target, self.leapfrog_steps = target, leapfrog_steps
        self.x = tf.repeat(x, chains, axis=0)
        self.conditions = {name: tf.repeat(value, chains, axis=0) for name, value in conditions.items()}

    def log_likelihood(self, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns log p(x|z(u)) [n, R] and its gradient [n, R, D] at u [n, R, D]."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(u)
            decoded = self.target.decode(tf.reshape(u, [-1, u.shape[-1]]), self.conditions)
            value = tf.reshape(self.target.likelihood.log_prob(self.x, decoded), u.shape[:2])
        return value, tape.gradient(value, u)

    def __call__(
        self,
        u: tf.Tensor,
        value: tf.Tensor,
        slope: tf.Tensor,
        b: tf.Tensor,
        size: tf.Tensor,
        noise: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Moves u [n, R, D] at inverse temperature b.

        Args:
            u: positions of the chains.
            value, slope: log p(x|z(u)) [n, R] and its gradient [n, R, D].
            b: inverse temperature.
            size: mean step sizes [n].
            noise: as `Annealer.noise` returns it.

        Returns:
            The new u, value and slope, and the probability of acceptance [n, R].
        """
        momentum, jitter, uniform = noise
        size = (size[:, None] * (1.0 + JITTER * (2.0 * jitter - 1.0)))[..., None]

        def force(u, slope):  # d/du log f_b(u), where d/du log N(u; 0, I) = -u
            return b * slope - u

        def leap(i, u, p, value, slope):
            u += size * p
            value, slope = self.log_likelihood(u)
            half = tf.where(i < self.leapfrog_steps - 1, 1.0, 0.5)
            return i + 1, u, p + half * size * force(u, slope), value, slope

        start = (tf.constant(0), u, momentum + 0.5 * size * force(u, slope), value, slope)
        _, new_u, p, new_value, new_slope = tf.while_loop(lambda i, *_: i < self.leapfrog_steps, leap, start)

        def energy(u, p, value):
            return 0.5 * tf.reduce_sum(tf.square(u) + tf.square(p), axis=-1) - b * value

        gain = energy(u, momentum, value) - energy(new_u, p, new_value)
        # a path that has diverged is rejected
        acceptance = tf.where(tf.math.is_finite(gain), tf.exp(tf.minimum(gain, 0.0)), 0.0)
        keep = uniform < acceptance
        u, slope = tf.where(keep[..., None], new_u, u), tf.where(keep[..., None], new_slope, slope)
        return u, tf.where(keep, new_value, value), slope, acceptance


def normal_noise(index: tf.Tensor, key: tf.Tensor, shape: list) -> tf.Tensor:
    """Returns N(0, 1), float32 [n, *shape], row i from (key, index[i]) alone."""

    def draw(i):
        return tf.random.stateless_normal(shape, tf.stack([i, key]), alg="philox")

    return tf.map_fn(draw, index, fn_output_signature=tf.TensorSpec(shape, tf.float32))
