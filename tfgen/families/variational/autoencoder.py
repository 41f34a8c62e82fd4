"""The common part of models of an encoder and a decoder, and the plain autoencoder."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen import likelihoods
from tfgen.averaging import Ema
from tfgen.data.source import Field, as_fields, data_field
from tfgen.diagnosis.rules import Rule
from tfgen.errors import UserError
from tfgen.families.latent import LatentModel, fields_of
from tfgen.families.variational import charts, probes, rules
from tfgen.likelihoods import Likelihood
from tfgen.networks.building import build, input_shape, output_shape
from tfgen.networks.endings import warn_of_bounded_logits
from tfgen.noise import Noise
from tfgen.samplers import Sampler, latent
from tfgen.training.charts import Chart
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class AutoencodingModel(LatentModel):
    """An encoder, a decoder and a likelihood p(x|z).

    Its hooks take a `Step`, in training and in inference: a hook that a subclass overrides is used in its training,
    reconstructions, likelihoods, diagnosis and signatures.

    Args:
        encoder: `keras.Model`, `image` float32 [B, H, W, C] in `value_range` (and conditions) -> codes.
        decoder: `keras.Model`, `latent` [B, D] (and conditions) -> {`image` in [0, 1], and the likelihood's raw
            parameters}, each [B, H, W, C]; a bare tensor is taken as the likelihood's first parameter.
        likelihood: p(x|z), of `tfgen.likelihoods`.
        value_range: (low, high) of the images that the encoder sees.
        ema: decay of the moving averages of the networks `kept`, or None for no average.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds; by default read off the networks' inputs.
        networks: further networks of a subclass, by name.
        **kwargs: `name`, and as of `GenerativeModel`.
    """

    likelihood: Likelihood

    default_optimizers = {"elbo": {"learning_rate": 1e-3}}
    sampling_network = "decoder"
    kept: tuple[str, ...] = ("encoder", "decoder")  # networks of which `ema` keeps an average

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        likelihood: Likelihood = likelihoods.bernoulli(),
        value_range: tuple[float, float] = (0.0, 1.0),
        ema: Ema | None = None,
        seed: int = 0,
        fields: dict[str, Field] | None = None,
        networks: Networks | None = None,
        **kwargs: Any,
    ) -> None:
        shape = _built(encoder, decoder, fields)
        super().__init__(
            {"encoder": encoder, "decoder": decoder, **(networks or {})},
            fields=fields or fields_of([encoder, decoder], shape),
            value_range=value_range,
            ema=ema,
            averaged=self.kept,
            seed=seed,
            **kwargs,
        )
        self.likelihood = likelihood
        self.latent_dim = int((input_shape(decoder, "latent") or output_shape(encoder, shape))[-1])
        if likelihood.parameters[0] == "logits":
            self.remarks += warn_of_bounded_logits(decoder, "logits", (self.latent_dim,))

    @property
    def encoder(self) -> keras.Model:
        """The encoder, as it is trained."""
        return self.networks["encoder"]

    @property
    def decoder(self) -> keras.Model:
        """The decoder, as it is trained."""
        return self.networks["decoder"]

    # The hooks of a variant.

    def prepared(self, batch: Fields, step: Step) -> tuple[tf.Tensor, Fields]:
        """Returns images x [B, H, W, C] in [0, 1], as the likelihood takes them, and the batch with x as its images."""
        # the encoder sees x too: q(z|x) conditions on the binarised image, where there is one
        x = self.likelihood.prepare(self.to_unit_range(batch[self.data_field]), step.noise)
        return x, {**batch, self.data_field: self.to_value_range(x)}

    def codes(self, batch: Fields, step: Step) -> Fields:
        """Returns the encoder's outputs for a prepared batch, float32 by name; the first is decoded by default."""
        # the data first: an encoder with a single input takes the first field
        outputs = step.run("encoder", {self.data_field: batch[self.data_field], **batch})
        return {name: tf.cast(value, tf.float32) for name, value in self.named_codes(outputs).items()}

    def named_codes(self, outputs: Any) -> Fields:
        """Returns the encoder's outputs as a dict."""
        return outputs if isinstance(outputs, dict) else {"latent": outputs}

    def decode(self, latents: tf.Tensor, batch: Fields, step: Step) -> Fields:
        """Returns the decoder's outputs, float32 by name, from latents [B, D] and the conditions in `batch`."""
        fields = {"latent": tf.cast(latents, tf.float32), **{n: v for n, v in batch.items() if n != self.data_field}}
        return self.likelihood_outputs(step.run("decoder", fields))

    def likelihood_outputs(self, decoded: Any) -> Fields:
        """Returns the decoder's outputs as a dict; a bare tensor is the likelihood's first parameter."""
        if isinstance(decoded, dict):
            return {name: tf.cast(value, tf.float32) for name, value in decoded.items()}
        raw = tf.cast(decoded, tf.float32)
        return {self.likelihood.parameters[0]: raw, "image": tf.sigmoid(raw)}

    def reconstructed(self, batch: Fields, step: Step) -> Fields:
        """Returns the decoder's outputs at the first code of a prepared batch."""
        return self.decode(next(iter(self.codes(batch, step).values())), batch, step)

    # Beyond training.

    def inference(self, name: str, networks: Networks | None = None) -> Step:
        """Returns a `Step` in inference mode with the best weights, its noise streams below `name`."""
        # step 0, whatever the model's own: the result follows from the weights and the arguments alone
        return self.inference_step(Noise(self.seed, 0, f"{name}/"), networks)

    def fields_with(self, images: Any, conditions: dict[str, Any] | None, *names: str) -> Fields:
        """Returns a batch of images and of those conditions that the networks called `names` take."""
        return {self.data_field: self.as_field(self.data_field, images), **self.condition_fields(conditions, *names)}

    def encode(
        self,
        images: Any,
        label: Any = None,
        *,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
    ) -> Fields:
        """Returns the codes of images, float32 [B, D] by name; the first is the mean.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            label: shorthand for the condition that is a label, where the encoder takes it.
            conditions: field name -> values [B, ...].
            networks: name -> network, used instead of the best ones.
        """
        step, given = self.inference("encode", networks), self.with_label(label, conditions)
        return self.codes(self.prepared(self.fields_with(images, given, "encoder"), step)[1], step)

    encode_images = encode

    def prepared_batch(self, batch: Fields, noise: Noise) -> Fields:
        """Returns a batch as the likelihood takes it, binarised where the model is trained so; idempotent."""
        return self.prepared(batch, self.inference_step(noise))[1]

    def reconstruct(
        self,
        images: Any,
        label: Any = None,
        *,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
    ) -> tf.Tensor:
        """Returns the mean of p(x|z) at the first code, float32 [B, H, W, C] in [0, 1]; arguments as in `encode`."""
        step, given = self.inference("encode", networks), self.with_label(label, conditions)
        batch = self.prepared(self.fields_with(images, given, "encoder", "decoder"), step)[1]
        return self.image_of(self.reconstructed(batch, step))

    @property
    def samples_stochastically(self) -> bool:
        """Whether samples resemble the data only if pixels are drawn from p(x|z), as with black and white images."""
        return self.likelihood.black_and_white

    def image_of(self, decoded: Fields) -> tf.Tensor:
        """Returns the mean of p(x|z), float32 [B, H, W, C] in [0, 1], from the decoder's outputs."""
        return tf.clip_by_value(decoded["image"], 0.0, 1.0)

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns the mean of p(x|z), float32 [B, H, W, C] in [0, 1], from latents [B, latent_dim]."""
        return self.image_of(self.likelihood_parameters(latents, conditions, networks))

    def likelihood_parameters(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns the decoder's outputs, float32 by name, from latents [B, latent_dim]."""
        return self.decode(latents, self.condition_fields(conditions), self.inference("decode", networks))

    def draw_stochastic(
        self,
        seeds: tf.Tensor,
        conditions: dict[str, Any] | None,
        networks: Networks | None = None,
        sampler: Sampler | None = None,
    ) -> tf.Tensor:
        """Returns pixels drawn from p(x|z), float32 [B, H, W, C] in [0, 1], row i from seeds[i] alone."""
        latents = (sampler or latent()).latents(self, seeds, networks)
        decoded = self.likelihood_parameters(latents, conditions, networks)

        def draw(row: tuple[tf.Tensor, Fields]) -> tf.Tensor:
            seed, outputs = row
            one = {name: value[None] for name, value in outputs.items()}
            # a stream of its own per image: the number of the step is that of the image, the seed a name
            return self.likelihood.draw(one, Noise("sample", seed))[0]  # type: ignore[arg-type]

        spec = tf.TensorSpec(self.data_shape, tf.float32)
        return tf.map_fn(draw, (tf.cast(seeds, tf.int64), decoded), fn_output_signature=spec)

    def probes(self) -> list[Callable]:
        """Returns the probe of reconstructions."""
        return [probes.reconstruction]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges reconstructions."""
        return rules.RECONSTRUCTION_RULES

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of an autoencoder's training."""
        return charts.CHARTS


def _built(encoder: keras.Model, decoder: keras.Model, fields: dict[str, Field] | None) -> tuple[int, ...]:
    """Makes the variables of networks that have none yet; returns the shape of an example.

    Raises:
        UserError: the encoder does not say which shape it takes.
    """
    shape = input_shape(encoder, "image")
    if shape is None and fields:
        shape = tuple(as_fields(fields)[data_field(as_fields(fields))].shape)
    if shape is None:
        raise UserError(
            f"the encoder {encoder.name!r} does not know its input's shape yet: call it on one batch first, or give "
            'fields={"image": tfgen.Field("image", (H, W, C))}'
        )
    build(encoder, shape)
    build(decoder, output_shape(encoder, shape))
    return shape


class Autoencoder(AutoencodingModel):
    """The plain autoencoder, which reconstructs; it generates only by a prior that was fitted to its codes afterwards.

    The arguments are those of `AutoencodingModel`; the encoder gives `latent` [B, D], a tensor or a dict with that one
    entry.
    """

    @property
    def phases(self) -> list[Phase]:
        """One update of encoder and decoder."""
        return [Phase("elbo", ("encoder", "decoder"), "elbo", self.reconstruction_terms)]

    @property
    def sampler(self) -> Sampler | None:
        """One pass from the fitted prior; None without one."""
        return None if self.fitted_prior is None else super().sampler

    @property
    def cannot_sample(self) -> str:
        """A sentence on why the model cannot sample."""
        return (
            "a plain autoencoder cannot generate by itself: its codes follow no known distribution; reconstruct, "
            "give a prior that is fitted to them (--prior=gmm:10), or train a vae"
        )

    def code(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the codes of a batch, float32 [B, D]."""
        return next(iter(self.codes(self.prepared(batch, step)[1], step).values()))

    def reconstruction_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -log p(x|z) at z = encoder(x), in nats, averaged over images."""
        x, batch = self.prepared(batch, step)
        return {"reconstruction": -tf.reduce_mean(self.likelihood.log_prob(x, self.reconstructed(batch, step)))}
