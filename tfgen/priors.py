"""Latent priors p(z): `sample(seed, shape)` is stateless, `log_prob(z)` sums over the last axis, in nats."""

import dataclasses
import math

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.values import Value, serializable

LOG_2PI = math.log(2.0 * math.pi)


def stateless_normal(seed, shape):
    """Standard normal numbers, float32; Philox is named so that a saved graph draws the same on every device."""
    return tf.random.stateless_normal(shape, seed, alg="philox")


def normal_log_prob(x, mean, log_var):
    """log N(x; mean, exp(log_var)) of every element, in nats."""
    return -0.5 * (LOG_2PI + log_var + tf.square(x - mean) * tf.exp(-log_var))


class Prior(Value):
    """p(z) over float32 [..., D]."""

    def sample(self, seed, shape):
        """Draws z of `shape` [..., D], float32, from an integer `seed` [2]: the same seed, the same z."""
        raise NotImplementedError

    def log_prob(self, z):
        """log p(z) of z [..., D], in nats, float32 [...]."""
        raise NotImplementedError

    def from_normal(self, epsilon):
        """z ~ p(z) as a smooth function of epsilon [..., D] ~ N(0, I), for chains that want a space without borders."""
        raise UserError(
            f"the prior {type(self).__name__} is not known as a function of N(0, I); "
            "expected a normal, a uniform or a spherical one"
        )


@serializable
@dataclasses.dataclass(frozen=True)
class Normal(Prior):
    """p(z) = N(0, I)."""

    def sample(self, seed, shape):
        return stateless_normal(seed, shape)

    def log_prob(self, z):
        return tf.reduce_sum(normal_log_prob(z, 0.0, 0.0), axis=-1)

    def from_normal(self, epsilon):
        return epsilon


@serializable
@dataclasses.dataclass(frozen=True)
class Uniform(Prior):
    """D independent numbers, uniform on [low, high)."""

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self):
        if not self.low < self.high:
            raise UserError(f"a uniform prior needs low < high, got {self.low} and {self.high}")

    def sample(self, seed, shape):
        return tf.random.stateless_uniform(shape, seed, self.low, self.high, alg="philox")

    def log_prob(self, z):
        inside = tf.reduce_all((z >= self.low) & (z < self.high), axis=-1)
        density = -math.log(self.high - self.low) * tf.cast(tf.shape(z)[-1], z.dtype)
        return tf.where(inside, density, -math.inf)

    def from_normal(self, epsilon):
        # low + (high - low) Phi(epsilon), Phi the normal distribution function
        return self.low + (self.high - self.low) * 0.5 * (1.0 + tf.math.erf(epsilon * math.sqrt(0.5)))


@serializable
@dataclasses.dataclass(frozen=True)
class Spherical(Prior):
    """Uniform on the sphere of radius sqrt(D), where the mass of N(0, I) lies (White 2016)."""

    def sample(self, seed, shape):
        return self.from_normal(stateless_normal(seed, shape))

    def from_normal(self, epsilon):
        return epsilon * tf.math.rsqrt(tf.reduce_mean(tf.square(epsilon), axis=-1, keepdims=True))

    def log_prob(self, z):
        raise UserError("a spherical prior has no density on R^D; give a variational model priors.normal()")


def normal():
    """N(0, I)."""
    return Normal()


def uniform(low=-1.0, high=1.0):
    """Independent uniform numbers on [low, high)."""
    return Uniform(float(low), float(high))


def spherical():
    """Uniform on the sphere of radius sqrt(D)."""
    return Spherical()
