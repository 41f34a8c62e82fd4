"""AdversarialModel: a generator and a discriminator in alternation (Goodfellow et al. 2014, algorithm 1)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen import losses, priors
from tfgen.augment import Augment
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.diagnosis.rules import Rule
from tfgen.domains import Count, NotNegative, Positive, Seed, Size
from tfgen.errors import UserError
from tfgen.families.adversarial import charts, probes, rules
from tfgen.families.adversarial.equilibrium import StopAtEquilibrium
from tfgen.families.adversarial.formulas import Formulas
from tfgen.families.adversarial.trials import BlindnessTrial
from tfgen.families.discriminating import Discriminating, log_answers
from tfgen.families.latent import LatentModel, fields_of
from tfgen.losses import Loss, Selection
from tfgen.networks.building import build, output_shape
from tfgen.networks.endings import warn_of_bounded_logits, warn_of_other_range
from tfgen.penalties import Penalty
from tfgen.priors import Prior
from tfgen.training.charts import Chart
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


@dataclasses.dataclass(frozen=True)
class Judged:
    """Fields that the discriminator has seen, and its outputs, `logit` float32 [B, 1] among them."""

    fields: Fields
    outputs: Fields

    @property
    def logit(self) -> tf.Tensor:
        """D's logit, float32 [B, 1]."""
        return self.outputs["logit"]


class AdversarialModel(Discriminating, Formulas, LatentModel):
    """A GAN: `discriminator_steps` updates of D, each on fresh real images, then one of G.

    Args:
        generator: `keras.Model`, `latent` float32 [B, latent_dim] (and conditions) -> image [B, H, W, C] in
            `value_range`, or point [B, 2].
        discriminator: `keras.Model`, `image` in `value_range` (or `point`; and conditions) -> logit [B, 1], or a dict
            of `logit` and further outputs for `more_terms`.
        latent_dim: size of z.
        prior: p(z), of `tfgen.priors`.
        loss: a pair of functions on logits, of `tfgen.losses`.
        penalty: `penalty(discriminate, real, fake, noise) -> scalar` added to D's loss, or None; one with `every` > 1
            has an update of D of its own in every so many steps.
        discriminator_steps: k, updates of D per update of G.
        shared_pass: whether both updates of a step use the same fake images: D is updated on them first, then judges
            them for G's loss. Saves a pass of G and changes results; k must be 1. By default G's update has fresh
            images.
        augment: `augment(images, noise)`, applied to real and fake images alike, or None.
        selection: of `tfgen.losses`, the samples of a batch from which G learns; None: all.
        weight_clip: c > 0; after each update D's weights are clipped to [-c, c]. None: they are not.
        feature_matching: weight of the distance between mean `features` of real and fake images, further outputs of D
            (`tfgen.networks.with_features`), in G's loss; 0: none.
        value_range: (low, high) of the images that the networks see and make.
        ema: decay of the moving average of G, which makes samples and exports; None for no average.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds; by default read off the networks' inputs.
        networks: further networks of a subclass, by name.
        **kwargs: `name`, and as of `GenerativeModel`.

    Raises:
        UserError: `discriminator_steps` is below 1, or above it together with `shared_pass`.
    """

    default_optimizers = {  # Radford et al. 2016, section 3
        "generator": {"learning_rate": 2e-4, "beta_1": 0.5},
        "discriminator": {"learning_rate": 2e-4, "beta_1": 0.5},
    }
    sampling_network = "generator"
    averaged: tuple[str, ...] = ("generator",)  # networks of which an average is kept
    prior: Prior

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        latent_dim: Size,
        prior: Prior = priors.uniform(-1, 1),
        loss: Loss = losses.non_saturating,
        penalty: Penalty | None = None,
        discriminator_steps: Count = 1,
        shared_pass: bool = False,
        augment: Augment | None = None,
        selection: Selection | None = None,
        weight_clip: Positive | None = None,
        feature_matching: NotNegative = 0.0,
        value_range: tuple[float, float] = (-1.0, 1.0),
        ema: Ema | None = 0.999,
        seed: Seed = 0,
        fields: dict[str, Field] | None = None,
        networks: Networks | None = None,
        **kwargs: Any,
    ) -> None:
        if shared_pass and discriminator_steps > 1:
            raise UserError(
                "shared_pass gives D's update and G's the same images, so discriminator_steps must be 1, got "
                f"{discriminator_steps}; leave one of the two out"
            )
        if generator is discriminator:
            raise UserError("the generator and the discriminator are one network, expected two")
        shape = _built(generator, discriminator, int(latent_dim))
        super().__init__(
            {"generator": generator, "discriminator": discriminator, **(networks or {})},
            fields=fields or fields_of([generator, discriminator], shape),
            value_range=value_range,
            ema=ema,
            averaged=self.averaged,
            seed=seed,
            **kwargs,
        )
        # not `loss`, an attribute of `keras.Model`
        self.latent_dim, self.prior, self.loss_functions = int(latent_dim), prior, loss
        self.penalty, self.augment, self.discriminator_steps = penalty, augment, int(discriminator_steps)
        self.shared_pass, self.selection = bool(shared_pass), selection
        self.weight_clip, self.feature_matching = weight_clip, float(feature_matching)
        self.add_states_of_formulas()
        self.remarks += warn_of_bounded_logits(discriminator, "logit", shape)
        self.remarks += warn_of_other_range(generator, (self.latent_dim,), self.value_range)

    @property
    def generator(self) -> keras.Model:
        """G, as it is trained; `best("generator")` is its average."""
        return self.networks["generator"]

    @property
    def discriminator(self) -> keras.Model:
        """D."""
        return self.networks["discriminator"]

    @property
    def phases(self) -> list[Phase]:
        """k updates of D, then one of G (Goodfellow et al. 2014, algorithm 1)."""
        k = self.discriminator_steps
        return [
            Phase("discriminator", ("discriminator",), "discriminator", self.discriminator_terms, k),
            Phase("generator", ("generator",), "generator", self.generator_terms),
            *self.formula_phases(),
        ]

    def after_update(self, phase: Phase) -> None:
        """Clips D's weights after its updates, if they are to be clipped."""
        if "discriminator" in phase.trains:
            self.clip_weights()

    # The hooks of a variant.

    def draw_latents(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns z ~ p(z), float32 [B, latent_dim], one per example of the batch."""
        shape = [tf.shape(batch[self.data_field])[0], self.latent_dim]
        return step.noise.draw("latent", shape, self.prior.sample)

    def generate(self, fields: Fields, step: Step) -> tf.Tensor:
        """Returns G(z), float32 [B, ...] in `value_range`, from the fields `latent` and the conditions."""
        # losses and penalties are float32 under mixed precision too
        return tf.cast(step.run("generator", fields), tf.float32)

    def judge(self, fields: Fields, step: Step) -> Fields:
        """Returns D's outputs, float32: `logit` [B, 1] and any others, from the data field and the conditions."""
        return self.outputs_of(self.discriminator_inputs(fields), step)

    def outputs_of(self, seen: Fields, step: Step) -> Fields:
        """Returns the outputs of D's network, float32 by name, to what it takes."""
        # the data first: a discriminator with a single input takes the first field
        outputs = step.run("discriminator", {self.data_field: seen[self.data_field], **seen})
        outputs = outputs if isinstance(outputs, dict) else {"logit": outputs}
        return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}

    def discriminator_inputs(self, fields: Fields) -> Fields:
        """Returns examples in the form in which D's network takes them."""
        return fields

    def real_fields(self, batch: Fields, step: Step) -> Fields:
        """Returns D's real examples: the batch, its images augmented."""
        return {**batch, self.data_field: self.augmented(batch[self.data_field], step)}

    def fake_fields(self, batch: Fields, step: Step) -> Fields:
        """Returns D's fake examples: G(z) under the conditions of the batch's real images, augmented."""
        images = self.augmented(self.fakes(batch, step), step)
        return {**batch, self.data_field: images, **self.beside_fakes(batch, step)}

    def beside_fakes(self, batch: Fields, step: Step) -> Fields:
        """Returns further fields of the fake examples, which D sees beside G(z)."""
        return {}

    def fakes(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns G(z) under the conditions of the batch's real images; with `shared_pass`, made once per step."""
        latents = self.latents_of_fakes(batch, step)

        def make() -> tf.Tensor:
            return self.generate({"latent": latents, **batch}, step)

        return step.once("fakes", make) if self.shared_pass and step.training else make()

    def latents_of_fakes(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the latents that `fakes` are made from: the same whenever a phase asks, one stream being one draw."""

        def make() -> tf.Tensor:
            return self.draw_latents(batch, step)

        return step.once("latents", make) if self.shared_pass and step.training else make()

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        """Returns further terms of a phase, on outputs that it has already computed: no network runs again.

        Args:
            phase: "discriminator" or "generator".
            batch: field name -> tensor, as the networks see it.
            real: `Judged`, or None where the phase has not run D on real images.
            fake: `Judged`.
            step: of the phase.

        Returns:
            name -> scalar that the phase minimises besides its own.
        """
        return {}

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms that D minimises."""
        self.check_replicas(step)
        real = self.real_fields(batch, step)
        fake = self.fake_fields(batch, step)
        # fakes are data for D: with `shared_pass` its gradient would go back through G for nothing
        fake = {**fake, self.data_field: tf.stop_gradient(fake[self.data_field])}
        # two passes: batch norm must not mix the statistics of real and fake images
        on_real, on_fake = (Judged(fields, self.judge(fields, step)) for fields in (real, fake))
        log_answers(self.loss_functions, step, real=on_real.logit, fake=on_fake.logit)
        logits = on_real.logit, on_fake.logit
        terms = {"discriminator_loss": self.discriminator_loss(on_real, on_fake, step)}
        if self.penalty is not None and self.penalty_interval == 1:
            terms["gradient_penalty"] = self.penalty_of(real, fake, logits, step)
        self.observe(*logits, step)
        return {**terms, **self.more_terms("discriminator", batch, on_real, on_fake, step)}

    def discriminator_loss(self, real: Judged, fake: Judged, step: Step) -> tf.Tensor:
        """Returns D's loss, a scalar, of what it says of real and fake examples; `discriminator_terms` adds others."""
        return self.loss_functions.discriminator_loss(*self.logits_of_loss(real.logit, fake.logit, step))

    def generator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms that G minimises; D is held fixed."""
        fake, on_real = self.fake_fields(batch, step), None
        on_fake = Judged(fake, self.judge(fake, step))
        if self.loss_functions.needs_real or self.feature_matching:
            real = self.real_fields(batch, step)
            on_real = Judged(real, self.judge(real, step))
        terms = {"generator_loss": self.generator_loss(on_fake.logit, on_real and on_real.logit, step)}
        if self.feature_matching and on_real is not None:
            terms["feature_distance"] = self.feature_distance(on_real.outputs, on_fake.outputs, step)
        return {**terms, **self.more_terms("generator", batch, on_real, on_fake, step)}

    # Beyond training.

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns images float32 [B, H, W, C] in [0, 1] (or points) of the averaged G, from latents [B, latent_dim]."""
        return self.to_unit_range(self.run_sampling_network(latents, conditions, networks))

    def likelihood_parameters(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns `image` float32 [B, H, W, C] in units of [0, 1], not clipped, from latents [B, latent_dim]."""
        made = tf.cast(self.run_sampling_network(latents, conditions, networks), tf.float32)
        low, high = self.value_range or (0.0, 1.0)  # points have no range
        return {"image": (made - low) / (high - low)}

    def probes(self) -> list[Callable]:
        """Returns probes of D's answers and gradients, and of the diversity and the range of samples."""
        return [probes.discriminator_scores, probes.directions, probes.diversity, probes.value_range]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges an adversarial training."""
        return rules.RULES

    def trials(self) -> list:
        """Returns the trial of a discriminator at chance."""
        return [BlindnessTrial()]

    def stops(self) -> dict[str, type]:
        """Returns name -> class of the `Stop`s of adversarial training."""
        return {"equilibrium": StopAtEquilibrium}

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of adversarial training."""
        return charts.CHARTS


def _built(generator: keras.Model, discriminator: keras.Model, latent_dim: int) -> tuple[int, ...]:
    """Makes the variables of networks that have none yet; returns the shape of an example that G makes."""
    build(generator, (latent_dim,))
    shape = output_shape(generator, (latent_dim,))
    build(discriminator, shape)
    return shape
