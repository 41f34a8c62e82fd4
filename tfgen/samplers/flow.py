"""What samplers of flows share: the way from noise to data, in steps."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import Count, Positive
from tfgen.interpolants import Mixture
from tfgen.samplers.base import Sampler, normal_rows


@dataclasses.dataclass(frozen=True)
class Flow(Sampler):
    """A way from noise x_0 ~ N(0, I) at t = 0 to data at t = 1 in equal steps, by `model.velocity`.

    Attributes:
        steps: number of steps.
        guidance: w of v(x, t) + w (v(x, t, c) - v(x, t)), where c are the conditions: 1 is v(x, t, c) itself, more
            exaggerates them (Ho and Salimans 2021, equation 6, where w is their 1 + w).
        temperature: standard deviation of the noise x_0, of which the model has learned the way of 1: more gives more
            kinds of samples, less gives fewer and more typical ones.
    """

    steps: Count = 20
    guidance: float = 1.0
    temperature: Positive = 1.0

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return int(self.steps) * (1 if self.guidance == 1.0 else 2)

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        way = Way(self, model, seeds, model.condition_fields(conditions), networks)

        def advance(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, self.advanced(way, i, x)

        # a loop in the graph, so that the size of an exported graph does not grow with the number of steps
        _, x = tf.while_loop(lambda i, x: i < self.steps, advance, [tf.constant(0), self.start(model, seeds)])
        return model.flow_output(x, networks)

    def start(self, model: Any, seeds: tf.Tensor) -> tf.Tensor:
        """Returns the noise x_0 float32 [B, ...] of the seeds int64 [B]."""
        return self.temperature * normal_rows(seeds, model.flow_shape, "start")

    def advanced(self, way: "Way", i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns x at time (i + 1) / steps from x [B, ...] at time i / steps."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Way:
    """One drawing of samples: what its steps share.

    Attributes:
        sampler: the `Flow`.
        model: the `GenerativeModel`.
        seeds: int64 [B].
        conditions: as the networks see them; None: the model does without its own.
        networks: to use instead of the model's own, or None.
        turn: how often the step was made before, where steps are repeated.
    """

    sampler: Flow
    model: Any
    seeds: tf.Tensor
    conditions: dict[str, tf.Tensor] | None
    networks: Mapping[str, keras.Model] | None
    turn: tf.Tensor | int = 0

    def time(self, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns t = i / steps, float32 [B]."""
        return tf.fill([tf.shape(x)[0]], tf.cast(i, tf.float32) / self.sampler.steps)

    def noise(self, name: str, i: tf.Tensor) -> tf.Tensor:
        """Returns standard normal numbers [B, ...], others for each step and turn."""
        return normal_rows(self.seeds, self.model.flow_shape, name, i + self.sampler.steps * self.turn)

    def velocity(self, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns v(x, t) at t = i / steps, with the sampler's guidance."""
        t = self.time(i, x)
        return self.guided(lambda conditions: self.model.velocity(x, t, conditions, self.networks))

    def mean_velocity(self, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns the mean of v along the way from t = i / steps, where it passes x, to the next time; guided."""
        t, until = self.time(i, x), self.time(i + 1, x)
        return self.guided(lambda conditions: self.model.mean_velocity(x, t, until, conditions, self.networks))

    def guided(self, velocity: Callable[[dict[str, tf.Tensor] | None], tf.Tensor]) -> tf.Tensor:
        """Returns v(c), or with guidance w, v + w (v(c) - v), from `velocity(conditions or None)`."""
        v, weight = velocity(self.conditions), self.sampler.guidance
        if weight == 1.0:  # half the work
            return v
        free = velocity(None)
        return free + weight * (v - free)

    def ends(self, i: tf.Tensor, x: tf.Tensor) -> tuple[Mixture, tf.Tensor, tf.Tensor]:
        """Returns the mixture at t = i / steps, and the data x_1 and the noise x_0 of which x seems to be mixed."""
        mixture = self.mixture(i, x)
        return mixture, *mixture.ends(x, self.velocity(i, x), "velocity")

    def mixture(self, i: tf.Tensor, x: tf.Tensor) -> Mixture:
        """Returns a and s of x = a x_1 + s x_0 at t = i / steps; 1 and 0, data alone, at the end."""
        mixture = self.model.interpolant.at(self.time(i, x), x.shape.rank)
        last = i >= self.sampler.steps
        a, s = (tf.where(last, tf.fill(tf.shape(v), end), v) for v, end in ((mixture.a, 1.0), (mixture.s, 0.0)))
        return mixture._replace(a=a, s=s)
