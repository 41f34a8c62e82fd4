"""Latent priors p(z): `sample(seed, shape)` is stateless, `log_prob(z)` sums over the last axis, in nats."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.values import Value, serializable

# a shape as TensorFlow takes it: integers, or an int32 tensor where the batch size is not static
Shape: TypeAlias = Sequence[int] | tf.Tensor

LOG_2PI = math.log(2.0 * math.pi)
TINY = 1e-30  # the least mean square of a direction


def stateless_normal(seed: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Returns standard normal numbers, float32 of `shape`, from an integer `seed` [2]."""
    # Philox is named: the default algorithm depends on the device, and a saved graph has to draw the same on all
    return tf.random.stateless_normal(shape, seed, alg="philox")


def normal_log_prob(x: tf.Tensor, mean: tf.Tensor | float, log_var: tf.Tensor | float) -> tf.Tensor:
    """Returns log N(x; mean, exp(log_var)) per element, in nats, with the shape of `x`."""
    return -0.5 * (LOG_2PI + log_var + tf.square(x - mean) * tf.exp(-log_var))


def mixture_log_prob(x: tf.Tensor, mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
    """Returns log 1/K sum_k N(x; mean_k, diag(exp(log_var_k))) in nats, [...] of x [..., D], of parameters [K, D]."""
    # (x - m)^2 / v as x^2 / v - 2 x m / v + m^2 / v, a product of matrices: the differences of all pairs would be
    # [..., K, D]. In float64, as the terms are large where v is small.
    x64, mean, log_var = (tf.cast(value, tf.float64) for value in (x, mean, log_var))
    precision = tf.exp(-log_var)
    coefficients = tf.concat([precision, -2.0 * mean * precision], axis=-1)
    constant = tf.reduce_sum(LOG_2PI + log_var + tf.square(mean) * precision, axis=-1)
    squares = tf.linalg.matmul(tf.concat([tf.square(x64), x64], axis=-1), coefficients, transpose_b=True)
    log_p = tf.reduce_logsumexp(-0.5 * (squares + constant), axis=-1)
    return tf.cast(log_p - tf.math.log(tf.cast(tf.shape(mean)[0], tf.float64)), x.dtype)


class Prior(Value):
    """p(z) over float32 [..., D].

    Attributes:
        bounded: whether its mass leaves out a part of R^D, so that a normal distribution's divergence from it is
            infinite.
    """

    bounded = False

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        """Returns z ~ p(z), float32 of `shape` [..., D], as a function of an integer `seed` [2]."""
        raise NotImplementedError

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Returns log p(z) of z [..., D], in nats, float32 [...]."""
        raise NotImplementedError

    def kl(self, mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor | None:
        """Returns KL(N(mean, diag(exp(log_var))) || p(z)) per dimension, [B, D] in nats; None without a closed form."""
        return None

    def between(self, a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
        """Returns latents [B, D] at a `fraction` [B] of the path from a to b [B, D]: here a straight line.

        Subclasses choose a path along which p(z) has its mass.
        """
        t = fraction[:, None]
        return (1.0 - t) * a + t * b

    def confined(self, z: tf.Tensor) -> tf.Tensor:
        """Returns, for each z [..., D], the nearest latent that p(z) can give: here z itself."""
        return z

    def moved(self, z: tf.Tensor, dimension: int, value: tf.Tensor | float) -> tf.Tensor:
        """Returns z [B, D] whose number `dimension` is `value`, the others as they are."""
        # a subclass keeps together what belongs together
        there = tf.one_hot(dimension, tf.shape(z)[-1], on_value=True, off_value=False)
        return tf.where(there, tf.cast(value, z.dtype), z)

    def from_normal(self, epsilon: tf.Tensor) -> tf.Tensor:
        """Returns z ~ p(z) as a smooth function of epsilon [..., D] ~ N(0, I), for chains in an unbounded space.

        Raises:
            UserError: no such function is known for this prior.
        """
        raise UserError(
            f"the prior {type(self).__name__} is not known as a function of N(0, I); "
            "expected a normal, a uniform or a spherical one"
        )


class Round(Prior):
    """A prior whose mass lies near a sphere about 0."""

    def between(self, a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
        """Returns latents [B, D] along the great circle from a to b (White 2016, section 2.1).

        sin((1-t) w) a / sin w + sin(t w) b / sin w, with w the angle between a and b.
        """
        t = fraction[:, None]
        cosine = tf.reduce_sum(tf.math.l2_normalize(a, -1) * tf.math.l2_normalize(b, -1), -1, keepdims=True)
        angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))  # rounding may leave [-1, 1], where acos is NaN
        near = tf.abs(tf.sin(angle)) < 1e-4  # parallel or opposite directions determine no great circle
        # replaced before the division: `where` alone would still pass on the NaN of 0 / 0 in the gradient
        sine = tf.where(near, 1.0, tf.sin(angle))
        along = (tf.sin((1.0 - t) * angle) * a + tf.sin(t * angle) * b) / sine
        return tf.where(near, super().between(a, b, fraction), along)


@serializable
@dataclasses.dataclass(frozen=True)
class Normal(Round):
    """p(z) = N(0, I)."""

    def kl(self, mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
        # Kingma and Welling 2014, appendix B
        return 0.5 * (tf.square(mean) + tf.exp(log_var) - 1.0 - log_var)

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        return stateless_normal(seed, shape)

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(normal_log_prob(z, 0.0, 0.0), axis=-1)

    def from_normal(self, epsilon: tf.Tensor) -> tf.Tensor:
        return epsilon


@serializable
@dataclasses.dataclass(frozen=True)
class Uniform(Prior):
    """D independent uniform numbers on [low, high)."""

    low: float = -1.0
    high: float = 1.0
    bounded = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise UserError(f"a uniform prior needs low < high, got {self.low} and {self.high}")

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, seed, self.low, self.high, alg="philox")

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        inside = tf.reduce_all((z >= self.low) & (z < self.high), axis=-1)
        density = -math.log(self.high - self.low) * tf.cast(tf.shape(z)[-1], z.dtype)
        return tf.where(inside, density, -math.inf)

    def confined(self, z: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(z, self.low, self.high)

    def from_normal(self, epsilon: tf.Tensor) -> tf.Tensor:
        # low + (high - low) Phi(epsilon), Phi the normal distribution function
        return self.low + (self.high - self.low) * 0.5 * (1.0 + tf.math.erf(epsilon * math.sqrt(0.5)))


@serializable
@dataclasses.dataclass(frozen=True)
class Spherical(Round):
    """Uniform on the sphere of radius sqrt(D), where the mass of N(0, I) lies (White 2016)."""

    bounded = True

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        return self.from_normal(stateless_normal(seed, shape))

    def from_normal(self, epsilon: tf.Tensor) -> tf.Tensor:
        # the origin, which has no direction, stays where it is
        square = tf.reduce_mean(tf.square(epsilon), axis=-1, keepdims=True)
        return epsilon * tf.math.rsqrt(tf.maximum(square, TINY))

    def confined(self, z: tf.Tensor) -> tf.Tensor:
        return self.from_normal(z)

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Raises UserError: there is no density on R^D."""
        raise UserError("a spherical prior has no density on R^D; give a variational model priors.normal()")


def normal() -> Normal:
    """Returns the prior N(0, I)."""
    return Normal()


def uniform(low: float = -1.0, high: float = 1.0) -> Uniform:
    """Returns the prior of independent uniform numbers on [low, high)."""
    return Uniform(float(low), float(high))


def spherical() -> Spherical:
    """Returns the uniform prior on the sphere of radius sqrt(D)."""
    return Spherical()
