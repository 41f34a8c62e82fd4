"""Samplers of flows: one equation of a step each."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count
from tfgen.samplers.flow import Flow, Way
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Euler(Flow):
    """Euler's method: x <- x + v(x, t) / steps."""

    def advanced(self, way: Way, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return x + way.velocity(i, x) / self.steps


@serializable
@dataclasses.dataclass(frozen=True)
class Heun(Flow):
    """Heun's method: the mean of the velocities at both ends of a step (Karras et al. 2022, algorithm 1)."""

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return 2 * super().passes

    def advanced(self, way: Way, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        first = way.velocity(i, x)
        last = way.velocity(i + 1, x + first / self.steps)
        return x + 0.5 * (first + last) / self.steps


@serializable
@dataclasses.dataclass(frozen=True)
class Jump(Flow):
    """x <- x + u / steps, u the mean velocity of the step, of models that learn it (Geng et al. 2025, equation 12)."""

    steps: Count = 1

    def advanced(self, way: Way, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return x + way.mean_velocity(i, x) / self.steps


@serializable
@dataclasses.dataclass(frozen=True)
class DDIM(Flow):
    """x <- a x_1 + s x_0 at the next time, x_1 and x_0 as they seem at this one (Song et al. 2021, equation 12).

    On a straight interpolant it is Euler's method.
    """

    def advanced(self, way: Way, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        _, data, noise = way.ends(i, x)
        after = way.mixture(i + 1, x)
        return after.a * data + after.s * noise


@serializable
@dataclasses.dataclass(frozen=True)
class Ancestral(Flow):
    """x ~ q(x at the next time | x, x_1), x_1 as it seems now (Ho et al. 2020, algorithm 2, of any interpolant).

    With x = a x_1 + s x_0 now and a', s' then, x = (a / a') x' + noise of the variance s^2 - (a / a')^2 s'^2, so that
    q has the variance s'^2 (s^2 - (a / a')^2 s'^2) / s^2 about a' x_1 + sqrt(s'^2 - variance) x_0.
    """

    steps: Count = 100

    def advanced(self, way: Way, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        now, data, noise = way.ends(i, x)
        then = way.mixture(i + 1, x)
        variance = tf.square(then.s) * (1.0 - tf.square(now.a * then.s / (then.a * now.s)))
        fresh = way.noise("ancestral", i)
        kept = tf.sqrt(tf.maximum(tf.square(then.s) - variance, 0.0))
        return then.a * data + kept * noise + tf.sqrt(tf.maximum(variance, 0.0)) * fresh


def euler(steps: int = 20, guidance: float = 1.0, temperature: float = 1.0) -> Euler:
    """Returns Euler's method with `steps` steps; guidance and temperature as in `Flow`."""
    return Euler(steps, guidance, temperature)


def heun(steps: int = 20, guidance: float = 1.0, temperature: float = 1.0) -> Heun:
    """Returns Heun's method with `steps` steps, each of two velocities."""
    return Heun(steps, guidance, temperature)


def jump(steps: int = 1, guidance: float = 1.0, temperature: float = 1.0) -> Jump:
    """Returns the sampler of models that learn the mean velocity of a step of any length."""
    return Jump(steps, guidance, temperature)


def ddim(steps: int = 20, guidance: float = 1.0, temperature: float = 1.0) -> DDIM:
    """Returns the deterministic sampler of diffusion models."""
    return DDIM(steps, guidance, temperature)


def ancestral(steps: int = 100, guidance: float = 1.0, temperature: float = 1.0) -> Ancestral:
    """Returns the sampler of diffusion models that draws anew at every step."""
    return Ancestral(steps, guidance, temperature)
