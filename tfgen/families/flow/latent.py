"""A flow of the codes of an autoencoder (Rombach et al. 2022), which is trained first."""

from typing import Any

import keras
import tensorflow as tf

from tfgen import samplers
from tfgen.domains import NotNegative
from tfgen.families.flow.model import FlowModel
from tfgen.networks.building import output_shape
from tfgen.noise import Noise
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class LatentFlow(FlowModel):
    """An autoencoder of images, and a flow of its codes; stages train one after the other.

    Args:
        encoder: `keras.Model`, `image` [B, H, W, C] in `value_range` -> codes [B, h, w, c], of mean 0 and variance 1:
            it ends in a batch normalisation without gain and shift.
        decoder: `keras.Model`, codes -> images in `value_range`.
        flow: `keras.Model`, as of `FlowModel`; what it moves is called `code`.
        code_noise: standard deviation of noise on the codes that the decoder learns from, so that it forgives the
            flow's errors.
        edge_weight: of the mean absolute error of the differences of neighbouring pixels, beside that of the pixels.
        **options: of `FlowModel`.
    """

    default_optimizers = {"autoencoder": {"learning_rate": 1e-3}, "flow": {"learning_rate": 1e-3}}

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        flow: keras.Model,
        *,
        code_noise: NotNegative = 0.15,
        edge_weight: NotNegative = 1.0,
        networks: Networks | None = None,
        **options: Any,
    ) -> None:
        super().__init__(flow, networks={"encoder": encoder, "decoder": decoder, **(networks or {})}, **options)
        self.code_noise, self.edge_weight = code_noise, edge_weight
        self.code_shape = output_shape(encoder, self.data_shape)
        self.latent_dim = int(tf.TensorShape(self.code_shape).num_elements())

    @property
    def sampler(self) -> samplers.Sampler | None:
        """That of the flow; under a fitted prior one pass of the decoder, so that what is exported samples from it."""
        return super().sampler if self.fitted_prior is None else samplers.latent(self.fitted_prior)

    @property
    def phases(self) -> list[Phase]:
        """The autoencoder, then the flow of its codes."""
        autoencoder = Phase("autoencoder", ("encoder", "decoder"), "autoencoder", self.autoencoder_terms)
        return [autoencoder, *super().phases]

    def autoencoder_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the mean absolute errors of pixels and of their differences, from codes with noise."""
        images = batch[self.data_field]
        codes = self.codes(batch, step)
        noise = self.code_noise * step.noise.normal("code", tf.shape(codes))
        made = tf.cast(step.run("decoder", {"code": codes + noise}), tf.float32)
        errors = {"pixel_error": tf.reduce_mean(tf.abs(made - images))}
        if self.edge_weight:
            errors["edge_error"] = self.edge_weight * edge_error(made - images)
        return errors

    def codes(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the codes of a batch, float32 [B, h, w, c]."""
        return tf.cast(step.run("encoder", {self.data_field: batch[self.data_field]}), tf.float32)

    def flow_data(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the codes of a batch; the flow's error does not train the encoder."""
        return tf.stop_gradient(self.codes(batch, step))

    flow_field = "code"

    @property
    def flow_shape(self) -> tuple[int, ...]:
        """The shape of the codes."""
        return self.code_shape

    def flow_output(self, x: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns images float32 [B, H, W, C] in [0, 1] of codes [B, h, w, c]."""
        return self.to_unit_range(self.infer("decoder", {"code": x}, networks))

    @property
    def coding_conditions(self) -> tuple[str, ...]:
        """None: conditions are of the flow, and neither of the encoder nor of the decoder."""
        return ()

    def encode(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns `latent`, the codes of images as vectors, float32 [B, latent_dim].

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            label, conditions: without effect; the encoder takes none.
            networks: name -> network, used instead of the best ones.
        """
        step = self.inference_step(Noise(self.seed, 0, "encode/"), networks)
        codes = self.codes({self.data_field: self.as_field(self.data_field, images)}, step)
        return {"latent": tf.reshape(codes, [-1, self.latent_dim])}

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns images float32 [B, H, W, C] in [0, 1] from codes as vectors [B, latent_dim]."""
        return self.flow_output(tf.reshape(tf.cast(latents, tf.float32), [-1, *self.code_shape]), networks)

    def reconstruct(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns images after encoding and decoding, float32 [B, H, W, C] in [0, 1]; arguments as in `encode`."""
        return self.decode_latents(self.encode(images, networks=networks)["latent"], networks=networks)


def edge_error(errors: tf.Tensor) -> tf.Tensor:
    """Returns the mean absolute difference of neighbouring errors [B, H, W, C], down and across: a scalar."""
    down, across = errors[:, 1:] - errors[:, :-1], errors[:, :, 1:] - errors[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(across))
