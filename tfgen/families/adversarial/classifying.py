"""GANs whose discriminator classifies: AC-GAN (Odena et al. 2017), and what such models have in common."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen.domains import NotNegative
from tfgen.families.adversarial import charts, probes, scores
from tfgen.families.adversarial.model import AdversarialModel, Judged
from tfgen.metrics.score import HeldOut
from tfgen.training.charts import Chart
from tfgen.training.model import GenerativeModel
from tfgen.training.step import Fields, Networks, Step


def cross_entropy(labels: tf.Tensor, class_logits: tf.Tensor) -> tf.Tensor:
    """Returns -E[log p(label | image)] in nats, a scalar, of labels int64 [B] and logits [B, classes]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, class_logits))


def accuracy(labels: tf.Tensor, class_logits: tf.Tensor) -> tf.Tensor:
    """Returns the share of rows whose largest logit is that of their label, a scalar."""
    return tf.reduce_mean(tf.cast(tf.argmax(class_logits, axis=1) == labels, tf.float32))


class Classifying(GenerativeModel):
    """The part of a model that classifies by the `class_logits` of its network `discriminator`."""

    def classify(self, images: Any, networks: Networks | None = None) -> Fields:
        """Returns `logit` and `probability` float32 [B, classes] of images, in inference mode.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            networks: name -> network, used instead of the best ones.
        """
        outputs = self.infer("discriminator", {self.data_field: self.as_field(self.data_field, images)}, networks)
        logits = tf.cast(outputs["class_logits"], tf.float32)
        return {"logit": logits, "probability": tf.nn.softmax(logits)}


class ClassifyingModel(Classifying, AdversarialModel):
    """A GAN whose discriminator gives `class_logits` [B, classes] beside `logit`, of images alone.

    The arguments are those of `AdversarialModel`; `fields` has `label`.
    """

    def probes(self) -> list[Callable]:
        """Returns those of the base, and the probe of classes."""
        return [*super().probes(), probes.classes]

    def charts(self) -> tuple[Chart, ...]:
        """Returns those of the base, and the chart of classes."""
        return (*super().charts(), *charts.CLASSES)

    @property
    def score_names(self) -> tuple[str, ...]:
        """That of `test_accuracy`."""
        return ("test_accuracy",)

    def scores(self, held_out: HeldOut, settings: Any) -> tuple[dict, dict]:
        """Returns `test_accuracy`, of all images of the split."""
        return scores.test_accuracy(self, held_out), {}


class AuxiliaryClassifierModel(ClassifyingModel):
    """AC-GAN: D also names the class of real and of generated images, and G's images are to show it.

    D maximises L_S + L_C, G maximises L_C - L_S (Odena et al. 2017, equations 2 and 3), here as cross-entropies that
    are minimised; L_S by the model's `loss`.

    Args:
        generator: `latent` and `label` -> image.
        discriminator: `image` -> {`logit` [B, 1], `class_logits` [B, classes]}.
        class_weight: weight of the cross-entropies of the classes; the paper has 1.
        generated_class_weight: that of generated images in D's update; the paper has 1. With 0 D knows the classes from
            real images alone, and G cannot agree with it on marks of a class that real images do not have.
        **options: of `AdversarialModel`.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        class_weight: NotNegative = 1.0,
        generated_class_weight: NotNegative = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, **options)
        self.class_weight, self.generated_class_weight = class_weight, generated_class_weight

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        """Returns the cross-entropies of the classes; of real images for D alone."""
        if phase == "generator" or real is None:
            seen = {"fake": (fake, self.class_weight)}
        else:
            seen = {"real": (real, self.class_weight), "fake": (fake, self.generated_class_weight)}
        terms = {}
        for name, (judged, weight) in seen.items():
            labels, logits = judged.fields["label"], judged.outputs["class_logits"]
            terms[f"{phase}_{name}_class"] = weight * cross_entropy(labels, logits)
            step.log(f"{phase}_{name}_class_accuracy", accuracy(labels, logits))
        return terms
