"""The common part of models whose samples are one pass of a network from a latent: x = G(z), z ~ p(z)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen import samplers
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.likelihoods import Likelihood
from tfgen.networks.calling import input_names
from tfgen.priors import Prior
from tfgen.sampling.endpoints import Endpoint
from tfgen.training.model import GenerativeModel
from tfgen.training.step import Fields, Networks


class LatentModel(GenerativeModel):
    """A model with a prior p(z) and a network `sampling_network` that turns latents into data.

    Attributes:
        prior: p(z), of `tfgen.priors`; None for latents without a known distribution.
        fitted_prior: a prior that was fitted to codes after training and takes the place of p(z) in sampling, or None;
            no part of the model's files.
        latent_dim: size of z.
        likelihood: p(x|z), of `tfgen.likelihoods`; None where the model has none.
    """

    prior: Prior | None = None
    latent_dim: int
    likelihood: Likelihood | None = None
    fitted_prior: Prior | None = None

    @property
    def sampler(self) -> samplers.Sampler | None:
        """The default sampler: one pass of the sampling network, from a latent of the fitted prior if there is one."""
        return samplers.latent(self.fitted_prior)

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns latents float32 [B, latent_dim], row i from the integer seeds[i] (int64 [B]) alone."""
        return samplers.rows_from_seeds(seeds, "latent", [self.latent_dim], self.known_prior.sample)

    def run_sampling_network(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Any:
        """Returns the outputs of the sampling network in inference mode, from latents [B, latent_dim].

        Args:
            latents: float [B, latent_dim].
            conditions: field name -> values [B, ...], as a data set holds them.
            networks: name -> network, used instead of the model's own.
        """
        fields = {"latent": tf.cast(latents, tf.float32), **self.condition_fields(conditions)}
        return self.infer(str(self.sampling_network), fields, networks)

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns data float32 [B, ...] from latents [B, latent_dim]: images in [0, 1], other data unscaled."""
        raise NotImplementedError

    def likelihood_parameters(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns the parameters of p(x|z) by name, from latents [B, latent_dim].

        `image` is float32 [B, H, W, C] in units of [0, 1], but not clipped, so that a chain through it has a gradient
        everywhere; all others are the raw outputs of the network.
        """
        raise NotImplementedError

    @property
    def known_prior(self) -> Prior:
        """The prior p(z).

        Raises:
            UserError: the model has none.
        """
        if self.prior is None:
            raise UserError(f"{self.name} has no prior p(z) to sample latents from")
        return self.prior

    @property
    def chain_prior(self) -> Prior:
        """The prior p(z) of the chains that estimate p(x)."""
        return super().chain_prior if self.prior is None else self.prior

    def endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns those of the base, and `generate` {latent}, `interpolate` {latent_a, latent_b, fraction}."""
        if self.sampler is None:
            return super().endpoints(networks)
        conditions = tuple(map(self.spec, self.conditions))
        fraction = tf.TensorSpec([None], tf.float32, name="fraction")

        def latent(name: str) -> tf.TensorSpec:
            return tf.TensorSpec([None, self.latent_dim], tf.float32, name=name)

        def generate(latent: tf.Tensor, **conditions: tf.Tensor) -> Fields:
            return {self.data_field: self.decode_latents(latent, conditions, networks)}

        def interpolate(
            latent_a: tf.Tensor, latent_b: tf.Tensor, fraction: tf.Tensor, **conditions: tf.Tensor
        ) -> Fields:
            # along the prior's own path: on a straight line latents of a normal prior would be too short
            prior = self.fitted_prior or self.known_prior
            return generate(prior.between(latent_a, latent_b, fraction), **conditions)

        return {
            **super().endpoints(networks),
            "generate": Endpoint(generate, (latent("latent"), *conditions)),
            "interpolate": Endpoint(interpolate, (latent("latent_a"), latent("latent_b"), fraction, *conditions)),
        }


def fields_of(networks: Sequence[keras.Model], data_shape: Sequence[int]) -> dict[str, Field]:
    """Returns the fields that the networks' named inputs ask for, the data first; class counts are unknown.

    Args:
        networks: inputs called `latent` or `time` are not fields.
        data_shape: of an image (H, W, C), or of a point (D,).
    """
    data = Field("image" if len(data_shape) > 1 else "point", tuple(data_shape))
    fields: dict[str, Field] = {data.kind: data}
    for network in networks:
        names = input_names(network)
        # a single input is the data, whatever its name
        for tensor in network.inputs if len(names) > 1 else []:
            if tensor.name == "label":
                fields["label"] = Field("label")
            elif tensor.name not in ("latent", "time", *fields):
                shape = tuple(tensor.shape[1:])
                fields[tensor.name] = Field("image" if len(shape) == 3 else "vector", shape)
    return fields
