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
        return f"Latent({'' if self.prior is None else self.prior!r})"

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


@serializable
@dataclasses.dataclass(frozen=True)
class Euler(Sampler):
    """Euler's method from noise at t = 0 to data at t = 1: x <- x + v(x, t) / steps, v = `model.velocity`."""

    steps: Count = 20
    guidance: float = 1.0

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return int(self.steps)

    def draw(
        self,
        model: Any,
        seeds: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None = None,
    ) -> tf.Tensor:
        fields = model.condition_fields(conditions)

        def advance(i: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, self.advanced(model, i, x, fields, networks)

        start = normal_rows(seeds, model.data_shape, "start")
        # a loop in the graph, so that the size of an exported graph does not grow with the number of steps
        _, x = tf.while_loop(lambda i, x: i < self.steps, advance, [tf.constant(0), start])
        return model.to_unit_range(x)

    def advanced(
        self,
        model: Any,
        i: tf.Tensor,
        x: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None,
    ) -> tf.Tensor:
        """Returns x at time (i + 1) / steps from x [B, ...] at time i / steps."""
        return x + self.velocity(model, i, x, conditions, networks) / self.steps

    def velocity(
        self,
        model: Any,
        i: tf.Tensor,
        x: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None,
    ) -> tf.Tensor:
        """Returns v(x, t) at t = i / steps; with guidance w, v(x, t) + w (v(x, t, c) - v(x, t)).

        Ho and Salimans 2021, equation 6, where w is their 1 + w.
        """
        t = tf.fill([tf.shape(x)[0]], tf.cast(i, tf.float32) / self.steps)
        v = model.velocity(x, t, conditions, networks)
        if self.guidance == 1.0:  # v(x, t, c) itself: half the work
            return v
        free = model.velocity(x, t, None, networks)
        return free + self.guidance * (v - free)


@serializable
@dataclasses.dataclass(frozen=True)
class Heun(Euler):
    """Heun's method: the mean of the velocities at both ends of a step (Karras et al. 2022, algorithm 1)."""

    @property
    def passes(self) -> int:
        """The number of times that the network runs for a sample."""
        return 2 * int(self.steps)

    def advanced(
        self,
        model: Any,
        i: tf.Tensor,
        x: tf.Tensor,
        conditions: Mapping[str, tf.Tensor] | None,
        networks: Mapping[str, keras.Model] | None,
    ) -> tf.Tensor:
        first = self.velocity(model, i, x, conditions, networks)
        last = self.velocity(model, i + 1, x + first / self.steps, conditions, networks)
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
        turn = model.turn_of(fields, networks)
        start = tf.zeros([tf.shape(u)[0], *model.data_shape])
        # a loop in the graph, so that the size of an exported graph does not grow with the number of values
        _, x = tf.while_loop(lambda t, x: t < turns, lambda t, x: (t + 1, turn(x, t, u[:, t])), [tf.constant(0), start])
        return x


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


def normal_rows(seeds: tf.Tensor, shape: Sequence[int], name: str) -> tf.Tensor:
    """Returns standard normal numbers by `rows_from_seeds`."""
    return rows_from_seeds(seeds, name, shape, lambda s, full: tf.random.stateless_normal(full, s, alg="philox"))


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


# `--sampler` name -> factory
SAMPLERS: dict[str, Callable[..., Sampler]] = {"latent": latent, "euler": euler, "heun": heun, "sequential": sequential}
