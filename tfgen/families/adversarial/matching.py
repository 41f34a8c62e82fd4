"""GANs whose discriminator also judges whether a condition belongs to an image (Reed et al. 2016)."""

from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import NotNegative, Share
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel, Judged
from tfgen.families.discriminating import log_answers
from tfgen.training.step import Fields, Step

ALIKE = 1e-6  # squared distance of equal vectors, of the mean of their squares: rounding


class MatchingModel(AdversarialModel):
    """A conditional GAN whose D learns of wrong pairs: a real image with the condition of another example.

    Of real images with their own conditions (r), with others' (w), and of samples (f), D minimises
    L_r + (1 - mismatch) L_f + mismatch L_w, with 1/2 the loss of Reed et al. 2016, algorithm 1.

    Args:
        generator: `latent` and the conditions -> image.
        discriminator: `image` and the conditions -> logit.
        mismatch: weight of wrong pairs among all that D is to reject; 0: none are shown.
        hardness: of wrong pairs: 0 draws any other condition of the batch, more prefers those near the right one.
        interpolation: weight of G's loss of samples under means of two examples' conditions, equation 5 of the paper,
            which has 1; 0: none. The conditions have to be vectors, or texts.
        **options: of `AdversarialModel`.

    Raises:
        UserError: means of conditions do not exist, or the loss compares samples with real images, of which there are
            none under such means.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        mismatch: Share = 0.5,
        hardness: NotNegative = 0.0,
        interpolation: NotNegative = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, **options)
        self.mismatch, self.hardness, self.interpolation = float(mismatch), float(hardness), float(interpolation)
        kinds = {self.fields[name].kind for name in self.conditions}
        if self.interpolation and not kinds <= {"vector", "text"}:
            raise UserError(
                f"interpolation takes means of conditions, vectors or texts, got {', '.join(sorted(kinds))}"
            )
        if self.interpolation and self.shared_pass:
            raise UserError(
                "interpolation makes samples of its own, under means of conditions, and shared_pass has one pass of G "
                "per step: leave one of the two out"
            )
        if self.interpolation and (self.loss_functions.needs_real or self.feature_matching):
            raise UserError(
                "interpolation makes samples under means of conditions, of which there are no real images, and this "
                "loss compares both: leave out interpolation, or take another loss without feature_matching"
            )

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason, the start of a sentence, if a step cannot see its batch in micro-batches; else None."""
        if self.mismatch or self.interpolation:
            return "this model pairs each example with the condition of another one of the batch"
        return super().needs_whole_batch

    def discriminator_loss(self, real: Judged, fake: Judged, step: Step) -> tf.Tensor:
        """Returns L_r + (1 - mismatch) L_f + mismatch L_w, for any loss of pairs of real images and others."""
        loss = super().discriminator_loss(real, fake, step)
        if not self.mismatch:
            return loss
        others, differ = self.other_conditions(real.fields, step)
        fields = {**real.fields, **others}
        outputs = self.judge(fields, step)
        # where no condition of the batch differs there is no wrong pair, and D rejects the sample alone
        wrong = Judged(fields, {**outputs, "logit": tf.where(differ[:, None], outputs["logit"], fake.logit)})
        log_answers(self.loss_functions, step, mismatched=wrong.logit)
        # L_r is in both
        return (1.0 - self.mismatch) * loss + self.mismatch * super().discriminator_loss(real, wrong, step)

    def generator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns those of the base, and the loss of samples under means of conditions."""
        terms = super().generator_terms(batch, step)
        if self.interpolation:
            others, _ = self.other_conditions(batch, step)
            between = {name: 0.5 * (batch[name] + others[name]) for name in others}
            loss = super().generator_terms({**batch, **between}, step.scope("interpolation"))["generator_loss"]
            terms["interpolated_loss"] = self.interpolation * loss
        return terms

    def other_conditions(self, batch: Fields, step: Step) -> tuple[Fields, tf.Tensor]:
        """Returns, for each example, the conditions of another one of the whole batch, drawn among those that differ.

        And whether there is one, bool [B]; where there is none, they are equal.

        Of equal conditions, as of two light bags, a wrong pair would be a right one. The probability of others is
        proportional to exp(hardness alike), `alike` in [-1, 1] as `compared` has it.
        """
        own = {name: batch[name] for name in self.conditions}
        everyones = {name: step.gather(values) for name, values in own.items()}
        differ, alike = zip(*(compared(own[name], everyones[name]) for name in own), strict=True)
        differs = tf.reduce_any(differ, axis=0)
        uniform = step.noise.uniform("others", tf.shape(differs))
        # the largest of scores with Gumbel noise is a draw from their softmax
        scores = self.hardness * tf.reduce_mean(alike, axis=0) - tf.math.log(-tf.math.log(uniform))
        chosen = tf.argmax(tf.where(differs, scores, scores.dtype.min), axis=1)
        return {name: tf.gather(values, chosen) for name, values in everyones.items()}, tf.reduce_any(differs, axis=1)


def compared(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns whether rows of a [A, ...] and of b [B, ...] differ, bool [A, B], and how alike they are, float32 [A, B].

    The latter is the cosine of their angle after the numbers were standardised over b, so that what few have in common,
    such as a noun, counts for more than what many have; 0 of labels.
    """
    if a.dtype.is_integer:
        differ = tf.not_equal(a[:, None], b[None, :])
        return differ, tf.zeros(tf.shape(differ))
    a, b = (tf.reshape(x, [tf.shape(x)[0], -1]) for x in (a, b))
    squares = tf.reduce_sum(a * a, axis=1)[:, None] + tf.reduce_sum(b * b, axis=1)[None, :]
    differ = squares - 2.0 * tf.matmul(a, b, transpose_b=True) > ALIKE * squares
    mean, spread = tf.reduce_mean(b, axis=0), tf.math.reduce_std(b, axis=0)
    a, b = (tf.math.l2_normalize(tf.math.divide_no_nan(x - mean, spread), axis=1) for x in (a, b))
    return differ, tf.matmul(a, b, transpose_b=True)
