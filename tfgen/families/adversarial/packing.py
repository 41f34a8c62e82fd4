"""Packing (PacGAN, Lin et al. 2018): the discriminator sees several samples at once."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.penalties import Seen
from tfgen.training.step import Fields, Networks, Step


class PackedModel(AdversarialModel):
    """A GAN whose discriminator gives one logit for `packing` examples, joined along their last axis.

    Lin et al. 2018, section 3.1. Examples of a batch are packed in their order, all real or all generated. Each of them
    has the logit of its pack, so that [B, H, W, C] gives logits [B, 1]; where B is no multiple of `packing`, the last
    pack is filled up with the first examples.

    Args:
        generator: as of `AdversarialModel`.
        discriminator: image [B, H, W, packing * C] (or point [B, packing * 2]) -> logit [B, 1].
        packing: m, examples per logit.
        **options: of `AdversarialModel`.

    Raises:
        UserError: the model has conditions.
    """

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, *, packing: Count = 2, **options: Any
    ) -> None:
        super().__init__(generator, discriminator, **options)
        self.packing = int(packing)
        if self.conditions:
            raise UserError(f"packing joins examples of any condition, but {self.conditions[0]!r} is one; leave it out")

    @property
    def needs_whole_batch(self) -> str | None:
        return super().needs_whole_batch or "packing joins examples of the whole batch"

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms that D minimises.

        Raises:
            UserError: a replica would fill up a pack of its own, which one process would fill with another's example.
        """
        rows = batch[self.data_field].shape[0]
        if step.noise.replicas > 1 and rows is not None and rows % self.packing:
            raise UserError(
                f"packing={self.packing} needs whole packs in each of {step.noise.replicas} replicas, which have "
                f"{rows} examples each: give a batch_size that is a multiple of {self.packing * step.noise.replicas}"
            )
        return super().discriminator_terms(batch, step)

    def packed(self, data: tf.Tensor) -> tf.Tensor:
        """Returns packs [ceil(B / m), ..., m C] of examples [B, ..., C]."""
        count, m = tf.shape(data)[0], self.packing
        more = tf.math.floormod(-count, m)
        data = tf.gather(data, tf.math.floormod(tf.range(count + more), count))
        shape = data.shape[1:]
        data = tf.reshape(data, [-1, m, *shape])
        # [packs, m, ..., C] -> [packs, ..., m, C] -> [packs, ..., m C]
        axes = [0, *range(2, len(shape) + 1), 1, len(shape) + 1]
        return tf.reshape(tf.transpose(data, axes), [-1, *shape[:-1], m * shape[-1]])

    def unpacked(self, outputs: Fields, count: tf.Tensor) -> Fields:
        """Returns the outputs of each pack once for each of its examples, of the first `count` examples."""
        return {name: tf.repeat(value, self.packing, axis=0)[:count] for name, value in outputs.items()}

    def discriminator_inputs(self, fields: Fields) -> Fields:
        return {self.data_field: self.packed(fields[self.data_field])}

    def judge(self, fields: Fields, step: Step) -> Fields:
        return self.unpacked(super().judge(fields, step), tf.shape(fields[self.data_field])[0])

    def seen_by(self, real: Fields, fake: Fields, logits: tuple[tf.Tensor, tf.Tensor] | None, step: Step) -> Seen:
        """Returns packs as what the penalty sees: each is one input of D, with one logit."""

        def judged(packs: tf.Tensor) -> tf.Tensor:
            return self.outputs_of({self.data_field: packs}, step)["logit"]

        once = None if logits is None else (logits[0][:: self.packing], logits[1][:: self.packing])
        seen = super().seen_by(self.discriminator_inputs(real), self.discriminator_inputs(fake), once, step)
        return dataclasses.replace(seen, discriminate=judged, discriminate_fake=judged)

    def outputs_on(
        self, data: Any, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        examples = self.as_field(self.data_field, data)
        found = self.answers(self.discriminator_inputs({self.data_field: examples}), networks)
        return self.unpacked(found, tf.shape(examples)[0])
