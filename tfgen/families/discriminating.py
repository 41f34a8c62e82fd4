"""The common part of models whose network `discriminator` judges what the model makes."""

from typing import Any

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.losses import Loss
from tfgen.networks.calling import input_names
from tfgen.sampling.endpoints import Endpoint
from tfgen.training.model import GenerativeModel
from tfgen.training.step import Fields, Networks, Step


def as_loss_takes(loss: Loss, step: Step, *logits: Any) -> tuple:
    """Returns logits, or None, as a loss takes them: of all replicas, where it depends on the whole batch."""
    return tuple(None if x is None else step.gather(x) for x in logits) if loss.couples else logits


def log_answers(loss: Loss, step: Step, **logits: tf.Tensor) -> None:
    """Logs means of D's answers: NAME_score, probabilities, where logits of `loss` are log odds, else NAME_output."""
    for name, logit in logits.items():
        seen = tf.sigmoid(logit) if loss.log_odds else logit
        step.log(f"{name}_score" if loss.log_odds else f"{name}_output", tf.reduce_mean(seen))


class Discriminating(GenerativeModel):
    """The part of a model that asks its `discriminator` about data, and about the conditions that it takes."""

    def discriminate_images(
        self,
        images: Any,
        label: Any = None,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
    ) -> tf.Tensor:
        """Returns D's logits, means over patches where it has several, float32 [B, 1].

        Args:
            images: uint8, or float [B, H, W, C] in [0, 1]; or points.
            label: shorthand for the condition that is a label.
            conditions: field name -> values [B, ...], such as the sources of pictures.
            networks: name -> network, used instead of the model's own.

        Raises:
            UserError: there is no discriminator, or a condition is missing.
        """
        return self.outputs_on(images, self.with_label(label, conditions), networks)["logit"]

    def outputs_on(
        self, data: Any, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns D's outputs in inference mode, float32 by name: `logit` [B, 1] and any others."""
        return self.answers(
            {self.data_field: self.as_field(self.data_field, data), **self.judged_with(conditions)}, networks
        )

    def answers(self, fields: Fields, networks: Networks | None = None) -> Fields:
        """Returns D's outputs in inference mode, float32 by name, to fields as it sees them; of logits the mean."""
        self._check_discriminator()
        outputs = self.infer("discriminator", fields, networks)
        outputs = outputs if isinstance(outputs, dict) else {"logit": outputs}
        found = {name: tf.cast(value, tf.float32) for name, value in outputs.items()}
        return {**found, "logit": patch_mean(found["logit"])}

    def judged_with(self, conditions: dict[str, Any] | None) -> Fields:
        """Returns the conditions as D sees them, those that it takes."""
        self._check_discriminator()
        return self.condition_fields(conditions, "discriminator") if self.conditions else {}

    def endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns those of the base, and `discriminate` {image, ...} -> {logit, probability} and D's other outputs."""
        found = super().endpoints(networks)
        if "discriminator" not in self.networks:
            return found

        def discriminate(**fields: tf.Tensor) -> Fields:
            outputs = self.outputs_on(fields.pop(self.data_field), fields, networks)
            return {**outputs, "probability": tf.sigmoid(outputs["logit"])}

        named = input_names(self.networks["discriminator"])
        inputs = (self.spec(self.data_field), *(self.spec(name) for name in self.conditions if name in named))
        return {**found, "discriminate": Endpoint(discriminate, inputs)}

    def _check_discriminator(self):
        if "discriminator" not in self.networks:
            raise UserError(f"{self.name} has no discriminator: its adversarial_weight is 0")


def patch_mean(logit: tf.Tensor) -> tf.Tensor:
    """Returns the mean over patches of logits [B, ...], [B, 1]."""
    return tf.reduce_mean(tf.reshape(logit, [tf.shape(logit)[0], -1]), axis=1, keepdims=True)
