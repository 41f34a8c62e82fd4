"""Interpolants: x_t = a(t) x_1 + s(t) x_0 between noise x_0 ~ N(0, I) at t = 0 and data x_1 at t = 1.

A network may learn any fixed mixture p x_1 + q x_0 of the two; from it and x_t both follow, and so does the velocity
dx_t / dt, by which samplers go. So every sampler works with every interpolant and every target.
"""

import dataclasses
import math
from typing import Annotated, Literal, NamedTuple, TypeAlias

import tensorflow as tf

from tfgen.domains import Interval, Positive
from tfgen.values import Value, serializable

Target: TypeAlias = Literal["velocity", "v", "noise", "data"]
Offset = Annotated[float, Interval(0.0, 0.5, low_open=True, high_open=True)]  # from a half on, the way runs backwards


class Mixture(NamedTuple):
    """What is known at one time: x = a x_1 + s x_0, dx/dt = da x_1 + ds x_0; float32 tensors that broadcast to x."""

    a: tf.Tensor
    s: tf.Tensor
    da: tf.Tensor
    ds: tf.Tensor

    def weights(self, target: Target) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (p, q) of the target p x_1 + q x_0 of a network.

        v is that of Salimans and Ho 2022, section 4: a x_0 - s x_1.
        """
        one, zero = tf.ones_like(self.a), tf.zeros_like(self.a)
        return {"velocity": (self.da, self.ds), "v": (-self.s, self.a), "noise": (zero, one), "data": (one, zero)}[
            target
        ]

    def ends(self, x: tf.Tensor, made: tf.Tensor, target: Target) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (x_1, x_0) of x = a x_1 + s x_0 and `made` = p x_1 + q x_0, two linear equations."""
        p, q = self.weights(target)
        determinant = self.a * q - self.s * p
        return (q * x - self.s * made) / determinant, (self.a * made - p * x) / determinant

    def velocity(self, x: tf.Tensor, made: tf.Tensor, target: Target) -> tf.Tensor:
        """Returns dx/dt = da x_1 + ds x_0 at x, where the network gives `made`."""
        p, q = self.weights(target)
        determinant = self.a * q - self.s * p
        return ((self.da * q - self.ds * p) * x + (self.a * self.ds - self.s * self.da) * made) / determinant

    def error_of_data(self, target: Target) -> tf.Tensor:
        """Returns the factor of the squared error of `target` that gives the squared error of x_1."""
        p, q = self.weights(target)
        return tf.square(self.s / (self.a * q - self.s * p))


class Interpolant(Value):
    """a(t) and s(t), with their derivatives; t in [0, 1]."""

    def at(self, t: tf.Tensor, rank: int) -> Mixture:
        """Returns the mixture at the times t [B], shaped to broadcast to tensors of `rank` axes."""
        return Mixture(*self.mixed(tf.reshape(t, [-1] + [1] * (rank - 1))))

    def mixed(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns a, s, da/dt, ds/dt at t, each with its shape."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True)
class Straight(Interpolant):
    """a = t, s = 1 - t: Liu et al. 2023, equation 1; Lipman et al. 2023, example II with sigma_min = 0."""

    def mixed(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        return t, 1.0 - t, tf.ones_like(t), -tf.ones_like(t)


@serializable
@dataclasses.dataclass(frozen=True)
class Cosine(Interpolant):
    """a = sin(w), s = cos(w), w = pi / 2 (offset + (1 - 2 offset) t): a quarter of a circle, but for its ends.

    Nichol and Dhariwal 2021, equation 17, whose s = 0.008 is an offset at the data's end alone, and which cuts the
    other one off. Here each end has half of it.
    """

    offset: Offset = 0.004

    def mixed(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        speed = 0.5 * math.pi * (1.0 - 2.0 * self.offset)
        angle = 0.5 * math.pi * self.offset + speed * t
        a, s = tf.sin(angle), tf.cos(angle)
        return a, s, speed * s, -speed * a


@serializable
@dataclasses.dataclass(frozen=True)
class LinearBetas(Interpolant):
    """a^2 = exp(-integral of beta from 0 to u), s^2 = 1 - a^2, beta linear from `low` to `high`, u = 1 - t.

    The betas of Ho et al. 2020, section 4, of 1000 steps, in continuous time: Song et al. 2021, equation 33. It ends a
    thousandth before the data, where the velocity has no bound.
    """

    low: Positive = 0.1
    high: Positive = 20.0

    def mixed(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        u = 1.0 - (1.0 - 1e-3) * t
        beta = self.low + (self.high - self.low) * u
        integral = 0.5 * (self.low + beta) * u
        a, s = tf.exp(-0.5 * integral), tf.sqrt(-tf.math.expm1(-integral))
        da = 0.5 * (1.0 - 1e-3) * beta * a
        return a, s, da, -a * da / s


def straight() -> Straight:
    """Returns the interpolant of rectified flow: a straight line at constant speed."""
    return Straight()


def cosine(offset: float = 0.004) -> Cosine:
    """Returns the cosine schedule of diffusion models."""
    return Cosine(float(offset))


def linear_betas(low: float = 0.1, high: float = 20.0) -> LinearBetas:
    """Returns the schedule of diffusion models whose variances rise linearly."""
    return LinearBetas(float(low), float(high))
