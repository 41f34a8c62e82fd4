"""Samplers that run the network once."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen.priors import Prior
from tfgen.samplers.base import Sampler, rows_from_seeds
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Latent(Sampler):
    """One pass of the decoder or generator: x = G(z), z ~ p(z), or z of a prior that was fitted to codes."""

    prior: Prior | None = None

    def __repr__(self) -> str:
        return "Latent()" if self.prior is None else f"Latent({self.prior!r})"

    def conditions(self, model: Any) -> tuple[str, ...]:
        return model.coding_conditions

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


def latent(prior: Prior | None = None) -> Latent:
    """Returns the sampler that makes one pass of the decoder or generator, from latents of `prior` instead of its own.

    `tfgen.latent.fit_prior` fits a prior to the codes of images.
    """
    return Latent(prior)


def translation(dropout: bool = False) -> Translation:
    """Returns the sampler that makes one pass of a network from the conditions alone, with or without its dropout."""
    return Translation(dropout)
