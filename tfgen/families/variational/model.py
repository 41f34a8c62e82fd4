"""VariationalModel: an encoder q(z|x) and a decoder p(x|z) (Kingma and Welling 2014)."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from tfgen import objectives, priors
from tfgen.data.source import Examples
from tfgen.diagnosis.rules import Rule
from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.families.variational import probes, rules, scores
from tfgen.families.variational.autoencoder import AutoencodingModel
from tfgen.metrics.score import HeldOut
from tfgen.noise import Noise
from tfgen.objectives import Codes, Objective
from tfgen.priors import Prior
from tfgen.training.compiling import Given
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step

# log p(x|z), log p(z), log q(z|x) [L, B], and KL(q || p) [B] or None
Densities: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None]


class Drawn(NamedTuple):
    """Draws of z ~ q(z|x) for a batch of B images.

    Attributes:
        x: images as the likelihood takes them, float32 [B, H, W, C] in [0, 1].
        batch: the prepared batch, its conditions among them.
        posterior: the parameters of q(z|x).
        z: float32 [L, B, D].
        samples: L.
    """

    x: tf.Tensor
    batch: Fields
    posterior: Fields
    z: tf.Tensor
    samples: int


class VariationalModel(AutoencodingModel):
    """A VAE: q(z|x) = N(z_mean, diag(exp(z_log_var))), reparameterised, p(x|z) by the decoder.

    Args:
        encoder: as of `AutoencodingModel`; gives {`z_mean`, `z_log_var`} [B, D].
        decoder: as of `AutoencodingModel`.
        likelihood: p(x|z), of `tfgen.likelihoods`.
        prior: p(z), of `tfgen.priors`.
        objective: the minimised function, of `tfgen.objectives`.
        samples: L, draws of z per image.
        data_bias: whether a dense decoder's output bias starts where p(x) has the mean of the training images.
        **kwargs: `value_range`, `ema`, `seed`, `fields`, `networks` and `name`, as of `AutoencodingModel`.

    Raises:
        UserError: `samples` is below 1, or the objective cannot do with it.
    """

    prior: Prior
    samples_kl = False  # whether KL(q || p), without a closed form, is finite, so that a diagnosis may estimate it

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        prior: Prior = priors.normal(),
        objective: Objective = objectives.elbo(),
        samples: Count = 1,
        data_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.prior, self.objective, self.samples, self.data_bias = prior, objective, int(samples), bool(data_bias)
        objective.check_samples(self.samples)
        if objective.needs_whole_batch and type(self).log_densities is not VariationalModel.log_densities:
            raise UserError(
                f"{self.name} has log_densities of its own, and the objective {type(objective).__name__} is also of "
                "the draws of z behind them: override densities, or take another objective"
            )
        if not objective.weighs_kl:
            self.remarks += (("kl_without_weight", rules.KL_WITHOUT_WEIGHT),)

    @property
    def phases(self) -> list[Phase]:
        """One update of encoder and decoder."""
        return [Phase("elbo", ("encoder", "decoder"), "elbo", self.elbo_terms)]

    @property
    def needs_whole_batch(self) -> str | None:
        """That of the objective."""
        return self.objective.needs_whole_batch

    def compile(self, *optimizers: Given, **options: Any) -> None:
        """As of `GenerativeModel`.

        Raises:
            UserError: also a prior from which every q(z|x) has an infinite divergence, and an objective that has it.
        """
        if self.prior.bounded and self.objective.takes_density:
            raise UserError(
                f"{self.name}: q(z|x) is a normal distribution, whose divergence from the prior {self.prior} is "
                "infinite: take normal(), or the model wae, which compares draws of both"
            )
        super().compile(*optimizers, **options)

    def prepare(self, train: Examples, held_out: Examples | None) -> None:
        """Sets the decoder's output bias, before the first step of a model with `data_bias`."""
        if not self.data_bias or int(self.step):
            return
        mean = probes.mean_image(self, train, 10_000)
        bias = self.likelihood.initial_bias(mean)
        head = f"raw_{self.likelihood.parameters[0]}"
        # the average too: it was copied from the decoder before
        for decoder in {id(d): d for d in (self.decoder, self.best("decoder"))}.values():
            layer = next((layer for layer in decoder.layers if layer.name == head), None)
            if layer is not None and layer.bias.shape[0] == tf.size(bias) and self.untouched(layer.bias):
                layer.bias.assign(tf.reshape(bias, [-1]))

    # The hooks of a variant. Shapes: B images, L samples of each, D latent dimensions.

    def named_codes(self, outputs: Any) -> Fields:
        """Returns the encoder's outputs as a dict."""
        if isinstance(outputs, dict):
            return outputs
        listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return dict(zip(("z_mean", "z_log_var"), listed, strict=False))

    def posterior(self, batch: Fields, step: Step) -> Fields:
        """Returns q(z|x) of a prepared batch: {`z_mean`, `z_log_var`} float32 [B, D].

        Raises:
            UserError: the encoder returns something else.
        """
        codes = self.codes(batch, step)
        sizes = [codes[name].shape[-1] for name in ("z_mean", "z_log_var") if name in codes]
        if sizes != [self.latent_dim] * 2:
            got = ", ".join(f"{name} {tuple(value.shape)}" for name, value in codes.items())
            raise UserError(
                f"{self.name}: expected the encoder to return z_mean and z_log_var, each of shape "
                f"{(None, self.latent_dim)} as the decoder's input, got {got}"
            )
        return codes

    def draw(self, posterior: Fields, step: Step, samples: int) -> tf.Tensor:
        """Returns z [L, B, D] = z_mean + exp(z_log_var / 2) epsilon, epsilon ~ N(0, I) (Kingma and Welling, 2.4)."""
        mean, log_var = posterior["z_mean"], posterior["z_log_var"]
        batch = tf.shape(mean)[0]
        # drawn as [B, L, D]: replicas and micro-batches take their rows along the first axis
        epsilon = tf.transpose(step.noise.normal("epsilon", [batch, samples, self.latent_dim]), [1, 0, 2])
        return mean + tf.exp(0.5 * log_var) * epsilon

    def log_posterior(self, z: tf.Tensor, posterior: Fields) -> tf.Tensor:
        """Returns log q(z|x) [L, B] in nats."""
        log_q = priors.normal_log_prob(z, posterior["z_mean"], posterior["z_log_var"])
        return tf.reduce_sum(log_q, axis=-1)

    def log_prior(self, z: tf.Tensor) -> tf.Tensor:
        """Returns log p(z) [L, B] in nats."""
        return self.prior.log_prob(z)

    def kl(self, posterior: Fields) -> tf.Tensor | None:
        """Returns KL(q(z|x) || p(z)) [B] in nats, in closed form; None without one."""
        kl = self.prior.kl(posterior["z_mean"], posterior["z_log_var"])
        return None if kl is None else tf.reduce_sum(kl, axis=-1)

    def log_densities(self, batch: Fields, step: Step, samples: int) -> Densities:
        """Returns log p(x|z), log p(z), log q(z|x) [L, B] of L draws z ~ q(z|x), and KL(q || p) [B] or None; in nats.

        Training, likelihood bounds and scores all use it. `batch` holds images as the networks see them.
        """
        return self.densities(self.drawn(batch, step, samples), step)

    def drawn(self, batch: Fields, step: Step, samples: int) -> Drawn:
        """Returns L draws z ~ q(z|x) of a batch, and what they are of."""
        x, batch = self.prepared(batch, step)
        posterior = self.posterior(batch, step)
        return Drawn(x, batch, posterior, self.draw(posterior, step, samples), samples)

    def densities(self, drawn: Drawn, step: Step) -> Densities:
        """Returns what `log_densities` does, of given draws."""
        log_px, kl = self.log_likelihoods(drawn, step), self.kl(drawn.posterior)
        return log_px, self.log_prior(drawn.z), self.log_posterior(drawn.z, drawn.posterior), kl

    def log_likelihoods(self, drawn: Drawn, step: Step) -> tf.Tensor:
        """Returns log p(x|z) [L, B] in nats."""
        x, batch, _, z, samples = drawn
        conditions = repeated({n: v for n, v in batch.items() if n != self.data_field}, samples)
        decoded = self.decode(tf.reshape(z, [-1, self.latent_dim]), conditions, step)
        log_px = self.likelihood.log_prob(repeated({"x": x}, samples)["x"], decoded)
        return tf.reshape(log_px, [samples, tf.shape(x)[0]])

    def elbo_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the objective's terms on a batch of images in `value_range`."""
        if type(self).log_densities is not VariationalModel.log_densities:
            return self.bound_terms(self.log_densities(batch, step, self.samples), step)
        drawn = self.drawn(batch, step, self.samples)
        return {**self.bound_terms(self.densities(drawn, step), step), **self.code_terms(drawn, step)}

    def bound_terms(self, densities: Densities, step: Step) -> Fields:
        """Returns the objective's terms of the log densities of draws."""
        log_px, log_pz, log_qz, kl = densities
        terms = self.objective(log_px, log_pz, log_qz, kl, step.index)
        if "kl" not in terms:
            step.log("kl", tf.reduce_mean(log_qz - log_pz if kl is None else kl))
        return terms

    def code_terms(self, drawn: Drawn, step: Step) -> Fields:
        """Returns further terms, of the codes that were drawn: those of the objective, which are of a whole batch."""
        return self.objective.of_codes(self.gathered(drawn, step)) if self.objective.needs_whole_batch else {}

    def gathered(self, drawn: Drawn, step: Step) -> Codes:
        """Returns the codes of all replicas' rows, with the first draw of each image."""
        z = drawn.z[0]
        mean, log_var = (step.gather(drawn.posterior[name]) for name in ("z_mean", "z_log_var"))
        return Codes(step.gather(z), mean, log_var, lambda: step.gather(self.draw_prior(tf.shape(z)[0], step)))

    def draw_prior(self, count: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns z ~ p(z), float32 [count, D], for objectives that compare codes with it."""
        return step.noise.draw("prior", [count, self.latent_dim], self.prior.sample)

    # Beyond training.

    def log_weights(self, batch: Fields, k: int, noise: Noise) -> tf.Tensor:
        """Returns log p(x, z) / q(z|x) of k draws z ~ q(z|x), float32 [k, B] in nats, by the best weights."""
        log_px, log_pz, log_qz, _ = self.log_densities(batch, self.inference_step(noise), k)
        return log_px + log_pz - log_qz

    @property
    def chain_prior(self) -> Prior:
        """The prior p(z) of the chains that estimate p(x)."""
        # chains sample from `prior`, and a hook may have replaced its density
        for name in ("log_prior", "log_densities", "densities", "latents_from_seeds"):
            if getattr(type(self), name) is not getattr(VariationalModel, name):
                raise UserError(f"{self.name} has a {name} of its own: chains know only that of its prior")
        return self.prior

    def drawn_codes(self, images: Any, noise: Noise, *, conditions: dict[str, Any] | None = None) -> tf.Tensor:
        """Returns a draw z ~ q(z|x) per image, float32 [B, latent_dim]; arguments as of the base."""
        step = self.inference_step(noise)
        batch = self.prepared(self.fields_with(images, conditions, "encoder"), step)[1]
        return self.draw(self.posterior(batch, step), step, 1)[0]

    def probes(self) -> list[Callable]:
        """Returns the probes of reconstructions and of latents."""
        return [*super().probes(), probes.latents, probes.aggregate]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges reconstructions and latents."""
        # a posterior without noise is no fault of an objective that does not ask for any
        return tuple(r for r in rules.LATENT_RULES if r.name != "no_noise" or self.objective.rewards_noise)

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of likelihood bounds and latents."""
        return scores.NAMES

    def scores(self, held_out: HeldOut, settings: Any) -> tuple[dict, dict]:
        """Returns the scores of likelihood bounds and latents, and their details."""
        return scores.likelihood_scores(self, held_out, settings)


def repeated(fields: Fields, samples: int) -> Fields:
    """Returns fields [B, ...] as [L B, ...]: the whole batch, L = `samples` times."""
    if samples == 1:
        return fields
    return {name: tf.tile(value, [samples] + [1] * (len(value.shape) - 1)) for name, value in fields.items()}
