"""Samplers: algorithms that turn noise into samples, chosen at sampling time as a loss is at training time.

`draw(model, seeds, conditions, networks)` makes row i of the integer seeds[i] and the conditions of row i alone.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.interpolants import Mixture
from tfgen.noise import stream_key
from tfgen.priors import Prior
from tfgen.values import Value, serializable


class Sampler(Value):
    """An algorithm that turns noise into a model's samples."""

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return 1

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        """Returns samples, float32 [B, ...]: images in [0, 1], other data as the model makes it. Traceable.

        Args:
            model: the `GenerativeModel`.
            seeds: int64 [B].
            conditions: field name -> tensor [B, ...], as a data set holds them; or None.
            networks: name -> network, to use instead of the model's own; or None.
        """
        raise NotImplementedError

    def latents(self, model: Any, seeds: tf.Tensor, networks: Mapping[str, keras.Model] | None = None) -> tf.Tensor:
        """Returns the latents float32 [B, D] that `draw` decodes; arguments as there.

        Raises:
            UserError: the sampler has none.
        """
        raise UserError(f"{self!r} draws no latents: leave out stochastic")


@serializable
@dataclasses.dataclass(frozen=True)
class Latent(Sampler):
    """One pass of the decoder or generator: x = G(z), z ~ p(z), or z of a prior that was fitted to codes."""

    prior: Prior | None = None

    def __repr__(self) -> str:
        return "Latent()" if self.prior is None else f"Latent({self.prior!r})"

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        return model.decode_latents(self.latents(model, seeds, networks), conditions, networks)

    def latents(self, model: Any, seeds: tf.Tensor, networks: Mapping[str, keras.Model] | None = None) -> tf.Tensor:
        if self.prior is None:
            return model.latents_from_seeds(seeds, networks)
        return rows_from_seeds(seeds, "latent", [model.latent_dim], self.prior.sample)


@serializable
@dataclasses.dataclass(frozen=True)
class Translation(Sampler):
    """One pass of a network from the conditions alone: x = G(c); with `dropout`, its masks are the noise."""

    dropout: bool = False

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        fields = model.condition_fields(conditions)
        made = (
            model.infer_with_dropout(fields, seeds, networks)
            if self.dropout
            else model.infer(model.sampling_network, fields, networks)
        )
        return model.to_unit_range(made)


@dataclasses.dataclass(frozen=True)
class Flow(Sampler):
    """A way from noise x_0 ~ N(0, I) at t = 0 to data at t = 1 in equal steps, by `model.velocity`.

    Attributes:
        steps: number of steps.
        guidance: w of v(x, t) + w (v(x, t, c) - v(x, t)), where c are the conditions: 1 is v(x, t, c) itself, more
            exaggerates them (Ho and Salimans 2021, equation 6, where w is their 1 + w).
    """

    steps: Count = 20
    guidance: float = 1.0

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

        start = normal_rows(seeds, model.flow_shape, "start")
        # a loop in the graph, so that the size of an exported graph does not grow with the number of steps
        _, x = tf.while_loop(lambda i, x: i < self.steps, advance, [tf.constant(0), start])
        return model.flow_output(x, networks)

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
        conditions: as the networks see them.
        networks: to use instead of the model's own, or None.
    """

    sampler: Flow
    model: Any
    seeds: tf.Tensor
    conditions: dict[str, tf.Tensor]
    networks: Mapping[str, keras.Model] | None

    def time(self, i: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns t = i / steps, float32 [B]."""
        return tf.fill([tf.shape(x)[0]], tf.cast(i, tf.float32) / self.sampler.steps)

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
class Sequential(Sampler):
    """One value after the other, in a model's order: x_t by the quantile u_t of p(x_t | x_1, ..., x_(t-1)).

    The network runs once per value, on as much of the data as that value depends on.
    """

    @property
    def passes(self) -> int:
        """A usual number of values, such as those of 16 x 16 pixels; the data's own number is that of the model."""
        return 256

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        fields = model.condition_fields(conditions)
        turns = math.prod(model.data_shape)
        u = uniform_rows(seeds, [turns], "turns")
        count = tf.shape(u)[0]
        memory, turn = model.turn_of(fields, networks)

        def advance(t: tf.Tensor, x: tf.Tensor, kept: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
            x, kept = turn(x, t, u[:, t], kept)
            return t + 1, x, kept

        start = [tf.constant(0), tf.zeros([count, *model.data_shape]), memory(count)]
        # a loop in the graph, so that the size of an exported graph does not grow with the number of values
        return tf.while_loop(lambda t, x, kept: t < turns, advance, start)[1]


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
        fresh = normal_rows(way.seeds, way.model.flow_shape, "ancestral", i)
        kept = tf.sqrt(tf.maximum(tf.square(then.s) - variance, 0.0))
        return then.a * data + kept * noise + tf.sqrt(tf.maximum(variance, 0.0)) * fresh


def rows_from_seeds(
    seeds: tf.Tensor, name: str, shape: Sequence[int], sample: Callable[[tf.Tensor, list[int]], tf.Tensor]
) -> tf.Tensor:
    """Returns float32 [B, *shape], row i by `sample(seed, shape)` from the integer seeds[i] (int64 [B]) and `name`."""
    key = tf.constant(stream_key("sample", name), tf.int64)

    def draw(seed: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(sample(tf.stack([seed, key]), list(shape)), shape)

    # row by row: a sample must not depend on the batch that it is drawn in
    spec = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(draw, tf.cast(seeds, tf.int64), fn_output_signature=spec)


def normal_rows(seeds: tf.Tensor, shape: Sequence[int], name: str, index: tf.Tensor | int = 0) -> tf.Tensor:
    """Returns standard normal numbers by `rows_from_seeds`, others for each `index` of a loop."""
    offset = tf.stack([tf.constant(0, tf.int64), tf.cast(index, tf.int64)])
    return rows_from_seeds(
        seeds, name, shape, lambda seed, full: tf.random.stateless_normal(full, seed + offset, alg="philox")
    )


def uniform_rows(seeds: tf.Tensor, shape: Sequence[int], name: str) -> tf.Tensor:
    """Returns numbers of U[0, 1) by `rows_from_seeds`."""
    return rows_from_seeds(seeds, name, shape, lambda s, full: tf.random.stateless_uniform(full, s, alg="philox"))


def latent(prior: Prior | None = None) -> Latent:
    """Returns the sampler that makes one pass of the decoder or generator, from latents of `prior` instead of its own.

    `tfgen.latent.fit_prior` fits a prior to the codes of images.
    """
    return Latent(prior)


def translation(dropout: bool = False) -> Translation:
    """Returns the sampler that makes one pass of a network from the conditions alone, with or without its dropout."""
    return Translation(dropout)


def euler(steps: int = 20, guidance: float = 1.0) -> Euler:
    """Returns Euler's method with `steps` steps and the guidance weight `guidance`."""
    return Euler(int(steps), float(guidance))


def heun(steps: int = 20, guidance: float = 1.0) -> Heun:
    """Returns Heun's method with `steps` steps, each of two velocities."""
    return Heun(int(steps), float(guidance))


def sequential() -> Sequential:
    """Returns the sampler that draws one value after the other, of an autoregressive model."""
    return Sequential()


def jump(steps: int = 1, guidance: float = 1.0) -> Jump:
    """Returns the sampler of models that learn the mean velocity of a step of any length."""
    return Jump(int(steps), float(guidance))


def ddim(steps: int = 20, guidance: float = 1.0) -> DDIM:
    """Returns the deterministic sampler of diffusion models."""
    return DDIM(int(steps), float(guidance))


def ancestral(steps: int = 100, guidance: float = 1.0) -> Ancestral:
    """Returns the sampler of diffusion models that draws anew at every step."""
    return Ancestral(int(steps), float(guidance))


# `--sampler` name -> factory
SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "latent": latent,
    "euler": euler,
    "heun": heun,
    "ddim": ddim,
    "ancestral": ancestral,
    "jump": jump,
    "sequential": sequential,
}
