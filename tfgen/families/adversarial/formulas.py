"""The formulas that an adversarial model is given beside its loss, and what these keep as states of the model."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfgen import penalties
from tfgen.augment import Augment
from tfgen.augment.base import HELD_OUT_EVERY
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.discriminating import as_loss_takes
from tfgen.losses import Loss, Selection
from tfgen.networks.deviation import couples_rows
from tfgen.penalties.base import Discriminate
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step


class Formulas:
    """The part of `AdversarialModel` that applies penalties, augmentation, selection and clipping; a mixin.

    Attributes:
        loss_functions, penalty, augment, selection, weight_clip, feature_matching: as the constructor takes them.
    """

    loss_functions: Loss
    penalty: Any
    augment: Augment | Callable | None
    selection: Selection | None
    weight_clip: float | None
    feature_matching: float
    # of the model
    data_field: str
    data_shape: tuple[int, ...]
    states: dict[str, keras.Variable]
    fields: dict[str, Field]
    networks: dict[str, keras.Model]
    shared_pass: bool
    discriminator_steps: int
    add_state: Callable[..., keras.Variable]
    judge: Callable[[Fields, Step], Fields]
    real_fields: Callable[[Fields, Step], Fields]
    fake_fields: Callable[[Fields, Step], Fields]

    def add_states_of_formulas(self) -> None:
        """Makes the variables that the formulas keep.

        Raises:
            UserError: the formulas do not fit each other, or the data.
        """
        for group, formula in (("penalty", self.penalty), ("augment", self.augment)):
            if getattr(formula, "needs_maps", False) and len(self.data_shape) != 3:
                raise UserError(
                    f"{group}: {formula!r} expects images [B, H, W, C], and these data are of shape "
                    f"{list(self.data_shape)}; leave it out"
                )
            for name, initial in getattr(formula, "states", {}).items():
                self.add_state(f"{group}_{name}", initial)
        if self.selection is not None and self.loss_functions.needs_real:
            raise UserError("selection chooses among samples, but this loss compares each one with a real image")
        if self.feature_matching and "features" not in getattr(self.networks["discriminator"], "output_names", ()):
            raise UserError(
                "feature_matching needs a discriminator with the outputs logit and features: "
                "tfgen.networks.with_features makes one"
            )

    def states_of(self, group: str, formula: Any) -> dict[str, keras.Variable]:
        """Returns the variables that `penalty` or `augment` keeps, by the names that it gives them."""
        return {name: self.states[f"{group}_{name}"] for name in getattr(formula, "states", {})}

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason, the start of a sentence, if a step cannot see its batch in micro-batches; else None."""
        reasons = {
            "shared_pass keeps the generator's pass of the whole batch": self.shared_pass,
            "this loss depends on means over the whole batch": self.loss_functions.couples,
            "this penalty depends on the whole batch": getattr(self.penalty, "couples", False),
            "this augmentation follows means over the whole batch": bool(self.states_of("augment", self.augment)),
            "selection chooses among the samples of the whole batch": self.selection is not None,
            "feature_matching compares means over the whole batch": self.feature_matching > 0,
            "this discriminator sees the deviation of the whole batch": couples_rows(self.networks["discriminator"]),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def check_replicas(self, step: Step) -> None:
        """Raises UserError where D would see the deviation of a replica's rows instead of the batch's."""
        if step.noise.replicas > 1 and couples_rows(self.networks["discriminator"]):
            raise UserError(
                f"this discriminator sees the deviation of a batch, and {step.noise.replicas} replicas show it a part "
                "each: train on one, or leave minibatch_deviation out"
            )

    @property
    def undecided(self) -> float | None:
        """D's output halfway between those on real and on generated images; None where the loss has none."""
        return getattr(self.loss_functions, "undecided", 0.0)  # a loss of one's own need not say

    # Augmentation.

    def augmented(self, images: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns images as D sees them."""
        if self.augment is None:
            return images
        augment, states = self.augment, self.states_of("augment", self.augment)
        augment = augment.at(states) if isinstance(augment, Augment) else augment
        return augment(images, step.noise.scope("augment"))

    def observe(self, real: tf.Tensor, fake: tf.Tensor, step: Step) -> None:
        """Lets the augmentation take note of D's logits of an update."""
        states = self.states_of("augment", self.augment)
        if isinstance(self.augment, Augment) and states:
            real, fake = step.gather(real), step.gather(fake)
            middle = fake if self.undecided is None else self.undecided
            self.augment.observe(real, fake, middle, states, step.assign)
            self.log_states(states, step)

    def observe_held_out(self, batch: Fields, step: Step) -> Fields:
        """Lets the augmentation take note of D's logits of held-out images; the terms of a phase, none."""
        states = self.states_of("augment", self.augment)
        if isinstance(self.augment, Augment):
            logit = self.judge(self.real_fields(batch, step), step)["logit"]
            self.augment.observe_held_out(step.gather(logit), states, step.assign)
        return {}

    def log_states(self, states: Mapping[str, keras.Variable], step: Step) -> None:
        """Logs the probability of an augmentation that has one."""
        for name, state in states.items():
            if name == "p" or name.endswith("_p"):
                step.log("augment_p", state.value)

    # Penalties.

    def penalty_of(
        self, real: Fields, fake: Fields, logits: tuple[tf.Tensor, tf.Tensor] | None, step: Step
    ) -> tf.Tensor:
        """Returns the penalty, a scalar; arguments as of `seen_by`."""
        return penalties.term(self.penalty, self.seen_by(real, fake, logits, step))

    def seen_by(
        self, real: Fields, fake: Fields, logits: tuple[tf.Tensor, tf.Tensor] | None, step: Step
    ) -> penalties.Seen:
        """Returns what the penalty sees: other images are judged beside the further fields of those that they replace.

        Args:
            real, fake: what D has seen.
            logits: its answers, or None where it has given none.
            step: of the phase.
        """
        on_real, on_fake = logits or (None, None)

        def beside(fields: Fields) -> Discriminate:
            return lambda images: self.judge({**fields, self.data_field: images}, step)["logit"]

        return penalties.Seen(
            beside(real),
            real[self.data_field],
            fake[self.data_field],
            step.noise.scope("penalty"),
            on_real,
            on_fake,
            states=self.states_of("penalty", self.penalty),
            assign=step.assign,
            gather=step.gather,
            discriminate_fake=beside(fake),
        )

    @property
    def penalty_interval(self) -> int:
        """Steps from one use of the penalty to the next; 1: in every update of D."""
        return getattr(self.penalty, "every", 1)

    def lazy_penalty_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms of an update for the penalty alone, which stands for those of D that are without it."""
        real, fake = self.real_fields(batch, step), self.fake_fields(batch, step)
        fake = {**fake, self.data_field: tf.stop_gradient(fake[self.data_field])}
        updates = self.penalty_interval * self.discriminator_steps
        return {"gradient_penalty": updates * self.penalty_of(real, fake, None, step)}

    def formula_phases(self) -> list[Phase]:
        """Returns the phases that the formulas need besides the updates of D and G."""
        found = []
        if self.penalty_interval > 1:
            names = ("discriminator",), "discriminator", self.lazy_penalty_terms
            # partial: the gradient of D's output by its input does not depend on the last bias
            found.append(Phase("penalty", *names, every=self.penalty_interval, partial=True))
        if isinstance(self.augment, Augment) and self.augment.watches_held_out:
            found.append(Phase("held_out", terms=self.observe_held_out, every=HELD_OUT_EVERY, split="validation"))
        return found

    # The two losses.

    def logits_of_loss(self, real: tf.Tensor, fake: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits as the loss takes them: of all replicas, where it depends on the whole batch."""
        real, fake = as_loss_takes(self.loss_functions, step, real, fake)
        return real, fake

    def generator_loss(self, fake: tf.Tensor, real: tf.Tensor | None, step: Step) -> tf.Tensor:
        """Returns G's loss, a scalar, of D's logits [B, 1]."""
        if real is not None and self.loss_functions.needs_real:
            real, fake = self.logits_of_loss(real, fake, step)
            return self.loss_functions.generator_loss(fake, real)
        if self.selection is not None:
            fake = self.selection(step.gather(fake), step.index)
        else:
            (fake,) = as_loss_takes(self.loss_functions, step, fake)
        return self.loss_functions.generator_loss(fake, None)

    def feature_distance(self, real: Fields, fake: Fields, step: Step) -> tf.Tensor:
        """Returns weight |E f(x) - E f(G(z))|^2, f the features of D: Salimans et al. 2016, section 3.1."""
        means = [tf.reduce_mean(step.gather(outputs["features"]), axis=0) for outputs in (real, fake)]
        return self.feature_matching * tf.reduce_sum(tf.square(means[0] - means[1]))

    def clip_weights(self) -> None:
        """Clips D's weights to [-c, c], c = `weight_clip`: Arjovsky et al. 2017, algorithm 1."""
        limit = self.weight_clip
        if limit is not None:
            for variable in self.networks["discriminator"].trainable_variables:
                variable.assign(tf.clip_by_value(variable.value, -limit, limit))
