"""A VAE whose prior is the mean of its own posteriors at learned images (Tomczak and Welling 2018)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import priors
from tfgen.data.source import Examples
from tfgen.errors import UserError
from tfgen.families.variational.model import Densities, Drawn, VariationalModel
from tfgen.networks.calling import input_names
from tfgen.priors import Prior, Shape
from tfgen.samplers import normal_rows, uniform_rows
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class Learned(Prior):
    """A prior that networks of a model hold: the model samples from it, and knows its density."""

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        raise UserError("a learned prior is part of its model: ask the model for samples")

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        raise UserError("a learned prior is part of its model: ask the model for densities")


class VampModel(VariationalModel):
    """p(z) = 1/K sum_k q(z|u_k), with K learned images u_k (Tomczak and Welling 2018, equation 9).

    At first the u_k are training images, where `fit` knows them all.

    Args:
        encoder: as of `VariationalModel`; not conditional.
        decoder: as of `VariationalModel`.
        pseudo_inputs: `component` int64 [N], numbers below K -> u [N, H, W, C] in [0, 1]; see
            `tfgen.networks.picture_table`.
        **options: of `VariationalModel`, `prior` excepted.
    """

    kept = ("encoder", "decoder", "pseudo_inputs")
    samples_kl = True

    def __init__(self, encoder: keras.Model, decoder: keras.Model, pseudo_inputs: keras.Model, **options: Any) -> None:
        super().__init__(encoder, decoder, networks={"pseudo_inputs": pseudo_inputs}, prior=Learned(), **options)
        self.components = int(pseudo_inputs.get_layer("pictures").input_dim)
        names = input_names(encoder)
        if len(names) > 1:
            raise UserError(f"{self.name}: expected an encoder of images alone, got inputs {', '.join(names)}")

    @property
    def phases(self) -> list[Phase]:
        """One update of encoder, decoder and learned images."""
        return [Phase("elbo", ("encoder", "decoder", "pseudo_inputs"), "elbo", self.elbo_terms)]

    def prepare(self, train: Examples, held_out: Examples | None) -> None:
        """Sets the learned images to training images, before the first step; further as the base."""
        super().prepare(train, held_out)
        kept = {id(n): n for n in (self.networks["pseudo_inputs"], self.best("pseudo_inputs"))}.values()
        tables = [network.get_layer("pictures").embeddings for network in kept]
        if not all(map(self.untouched, tables)):
            return
        rows = np.random.default_rng(self.seed).choice(len(train), self.components, self.components > len(train))
        images = self.as_unit_images(tf.constant(train.gather(np.sort(rows))[self.data_field]))
        # away from 0 and 1, where the sigmoid has no slope
        images = tf.clip_by_value(images, 0.02, 0.98)
        logits = tf.reshape(tf.math.log(images) - tf.math.log1p(-images), [self.components, -1])
        for table in tables:
            table.assign(logits)

    def posteriors_at(self, components: tf.Tensor, step: Step) -> Fields:
        """Returns q(z|u_k) of the numbers k in `components`, int64 [N]: `z_mean`, `z_log_var` float32 [N, D]."""
        images = tf.cast(step.run("pseudo_inputs", {"component": components}), tf.float32)
        return self.posterior({self.data_field: self.to_value_range(images)}, step)

    def log_mixture(self, z: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns log p(z) [L, B] in nats, of z [L, B, D]."""
        at = self.posteriors_at(tf.range(self.components, dtype=tf.int64), step)
        return priors.mixture_log_prob(z, at["z_mean"], at["z_log_var"])

    def densities(self, drawn: Drawn, step: Step) -> Densities:
        """Returns those of the base, with the mixture's log p(z); its divergence has no closed form."""
        log_qz = self.log_posterior(drawn.z, drawn.posterior)
        return self.log_likelihoods(drawn, step), self.log_mixture(drawn.z, step), log_qz, None

    def draw_prior(self, count: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns z ~ p(z), float32 [count, D]: a component, then its posterior."""
        number, epsilon = step.noise.uniform("component", [count]), step.noise.normal("prior", [count, self.latent_dim])
        return self.of_components(number, epsilon, step)

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns z ~ p(z), float32 [B, latent_dim], row i from seeds[i] alone."""
        uniform = uniform_rows(seeds, [1], "component")
        epsilon = normal_rows(seeds, [self.latent_dim], "latent")
        return self.of_components(uniform[:, 0], epsilon, self.inference("sample", networks))

    def of_components(self, uniform: tf.Tensor, epsilon: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns z [N, D] from numbers [N] in [0, 1), which choose the component, and [N, D] ~ N(0, I)."""
        number = tf.minimum(tf.cast(uniform * self.components, tf.int64), self.components - 1)
        at = self.posteriors_at(number, step)
        return at["z_mean"] + tf.exp(0.5 * at["z_log_var"]) * epsilon
