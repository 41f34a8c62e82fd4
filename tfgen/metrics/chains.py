"""Hamiltonian chains along the path from prior to posterior, and the weights that they gather.

Step sizes are found by pilot chains, which count for nothing else: chains whose own past decides their steps no longer
leave f_b(u) = N(u; 0, I) p(x|z(u))^b as it is, and the mean of their weights is not p(x).
"""

import math

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.metrics.posteriors import compiled, decoder_rows
from tfgen.training.noise import stream_key

TARGET = 0.65  # acceptance that the pilots seek (Neal 2011, section 4.4)
GAIN = 0.1  # of log step size, for each unit of acceptance too many or too few
FIRST_STEP, SMALLEST_STEP, LARGEST_STEP = 0.5, 1e-5, 1.5  # in prior deviations; leapfrogs diverge from 2 on
JITTER = 0.2  # steps differ by so much either way, or a path of half a period would only mirror


def schedule(temperatures, steepness=4.0):
    """Inverse temperatures b_0 = 0 .. b_T = 1, float64 [T + 1], by a sigmoid: dense at both ends (Wu et al. 2017)."""
    if temperatures < 1:
        raise UserError(f"temperatures must be at least 1, got {temperatures}")
    curve = np.tanh(0.5 * steepness * np.linspace(-1.0, 1.0, temperatures + 1))  # 2 sigmoid(s t) - 1
    return (curve - curve[0]) / (curve[-1] - curve[0])


def log_mean_exp(values):
    """log of the mean of exp(values) over the last axis."""
    return np.logaddexp.reduce(values, axis=-1) - math.log(values.shape[-1])


class Annealer:
    """Hamiltonian chains along the path, R of them an image, for n images at once."""

    def __init__(self, target, temperatures, chains, leapfrog_steps, pilots, seed, rows):
        counts = {"chains": chains, "leapfrog_steps": leapfrog_steps, "pilots": pilots}
        for name, value in counts.items():
            if value < 1:
                raise UserError(f"{name} must be at least 1, got {value}")
        self.target, self.chains, self.pilots, self.seed = target, int(chains), int(pilots), int(seed)
        self.leapfrog_steps, self.latent_dim = int(leapfrog_steps), target.model.latent_dim
        self.rows, self.path = rows or decoder_rows(target.model), schedule(temperatures)
        self._forward, self._reverse = compiled(self._climb), compiled(self._descend)

    def batches(self, count):
        """(index int64 [n], how many of them count): all of one size, the last filled up with copies of its last."""
        size = min(max(1, self.rows // (self.chains + self.pilots)), max(1, count))
        for first in range(0, count, size):
            yield np.minimum(np.arange(first, first + size), count - 1), min(size, count - first)

    def forward(self, x, label, index):
        """log w float64 [n, chains], acceptance [n], and the step sizes [T, n] of the transitions and of one more."""
        return self._forward(x, label, tf.constant(index), tf.constant(self.path))

    def reverse(self, start, x, label, index, steps):
        """log w float64 [n, chains] of chains from `start` [n, D] ~ p(u|x) to the prior, with the forward's steps."""
        return self._reverse(start, x, label, tf.constant(index), tf.constant(self.path), steps)

    def _climb(self, x, label, index, path):
        images, chains = x.shape[0], self.chains + self.pilots
        move = Hamiltonian(self.target, x, label, chains, self.leapfrog_steps)
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
            # the pilots come last; from their acceptance, the next step
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

    def _descend(self, start, x, label, index, path, sizes):
        move = Hamiltonian(self.target, x, label, self.chains, self.leapfrog_steps)
        last = tf.shape(path)[0] - 1
        u = tf.tile(start[:, None], [1, self.chains, 1])
        value, slope = move.log_likelihood(u)
        log_w = (path[last] - path[last - 1]) * tf.cast(value, tf.float64)

        def step(t, u, value, slope, log_w):
            noise = self.noise("reverse", index, t, self.chains)
            u, value, slope, _ = move(u, value, slope, tf.cast(path[t], tf.float32), sizes[t - 1], noise)
            return t - 1, u, value, slope, log_w + (path[t] - path[t - 1]) * tf.cast(value, tf.float64)

        return tf.while_loop(lambda t, *_: t > 0, step, (last - 1, u, value, slope, log_w))[-1]

    def noise(self, direction, index, t, chains):
        """Momenta [n, R, D] ~ N(0, I), and two uniform numbers [n, R] each, of the transition at temperature t."""
        key = tf.constant(stream_key(self.seed, "annealing", direction), tf.int64) + tf.cast(t, tf.int64)
        drawn = normal_noise(index, key, [chains, self.latent_dim + 2])
        uniform = 0.5 * tf.math.erfc(drawn[..., -2:] * -math.sqrt(0.5))  # one call for all: many small ones are slow
        return drawn[..., :-2], uniform[..., 0], uniform[..., 1]


class Hamiltonian:
    """One transition of R chains for each of n images that leaves f_b as it is (Neal 2011, section 3.2)."""

    def __init__(self, target, x, label, chains, leapfrog_steps):
        self.target, self.leapfrog_steps = target, leapfrog_steps
        self.x = tf.repeat(x, chains, axis=0)
        self.label = None if label is None else tf.repeat(label, chains, axis=0)

    def log_likelihood(self, u):
        """log p(x|z(u)) [n, R] and its gradient [n, R, D]."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(u)
            decoded = self.target.decode(tf.reshape(u, [-1, u.shape[-1]]), self.label)
            value = tf.reshape(self.target.likelihood.log_prob(self.x, decoded), u.shape[:2])
        return value, tape.gradient(value, u)

    def __call__(self, u, value, slope, b, size, noise):
        """Moves u [n, R, D] at inverse temperature b with steps of about `size` [n].

        Returns:
            The new u, its log-likelihood and gradient, and the probability of acceptance [n, R].
        """
        momentum, jitter, uniform = noise
        size = (size[:, None] * (1.0 + JITTER * (2.0 * jitter - 1.0)))[..., None]

        def force(u, slope):  # d/du log f_b
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
        acceptance = tf.where(tf.math.is_finite(gain), tf.exp(tf.minimum(gain, 0.0)), 0.0)
        keep = uniform < acceptance
        u, slope = tf.where(keep[..., None], new_u, u), tf.where(keep[..., None], new_slope, slope)
        return u, tf.where(keep, new_value, value), slope, acceptance


def normal_noise(index, key, shape):
    """N(0, 1) of `shape` for every image, from (key, index) alone: float32 [n, *shape]."""

    def draw(i):
        return tf.random.stateless_normal(shape, tf.stack([i, key]), alg="philox")

    return tf.map_fn(draw, index, fn_output_signature=tf.TensorSpec(shape, tf.float32))
