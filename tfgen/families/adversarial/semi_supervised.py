"""Semi-supervised GAN: a classifier of few labelled and many unlabelled images (Salimans et al. 2016, section 5)."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.augment import Augment, diff_augment
from tfgen.augment.base import check_follows_nothing
from tfgen.data.labels import evenly_chosen, labels_of
from tfgen.data.source import Examples
from tfgen.diagnosis.rules import Rule
from tfgen.domains import Count, NotNegative
from tfgen.errors import UserError
from tfgen.families.adversarial import rules, scores
from tfgen.families.adversarial.classifying import Classifying, ClassifyingModel, accuracy, cross_entropy
from tfgen.families.adversarial.fresh import reinitialised
from tfgen.families.adversarial.model import Judged
from tfgen.metrics.score import HeldOut, asked
from tfgen.noise import stream_key
from tfgen.storage.images import to_uint8
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Step

BATCH = 64  # labelled images per step of the supervised classifier
SURE = 0.95  # probability of a class from which on it is taken for the label (Sohn et al. 2020, section 3.2)
STRONG = diff_augment("translation,cutout")
EPSILON = 1e-8  # of a class that no image shows


def entropy(logits: tf.Tensor) -> tf.Tensor:
    """Returns the entropy in nats of softmax(logits) over the last axis."""
    return -tf.reduce_sum(tf.nn.softmax(logits) * tf.nn.log_softmax(logits), axis=-1)


class SemiSupervisedModel(ClassifyingModel):
    """A GAN whose discriminator is a classifier, trained on few labelled images, and on all others without labels.

    With class logits l, D(x) = Z / (Z + 1), Z = sum_k exp l_k. D minimises the cross-entropy of labelled images and,
    of all images and of samples, that of real and generated ones (Salimans et al. 2016, section 5). G matches the mean
    of D's features over real images (feature matching, section 3.1): its samples are poorer, the classifier is better.

    Args:
        generator: `latent` -> image.
        discriminator: `image` -> {`logit` [B, 1], `class_logits` [B, K], `features` [B, D]}.
        labelled: number of training images whose labels are kept, evenly over the classes, chosen from the seed.
        class_weight: weight of the cross-entropy of the labelled images.
        entropy_weight: weight of the conditional entropy of the class of real images without labels: where it is low,
            boundaries of classes lie where there are no images (Dai et al. 2017, section 4); 0 in
            Salimans et al.
        pseudo_label_weight: weight of the cross-entropy of augmented images by the classes of which D's average is sure
            (Sohn et al. 2020); 0 in Salimans et al.
        pseudo_label_augment: of those images; their class does not depend on it.
        label_augment: of the labelled images; None: as they are.
        balance_weight: weight of KL(mean class || uniform), which keeps classes of images without labels as frequent as
            each other (Springenberg 2016, equation 6); 0 in Salimans et al.
        feature_matching: weight of the distance of mean features, which takes the place of G's loss; with 0 G follows
            D's verdict, as in any GAN.
        **options: of `AdversarialModel`; `fields` has `label`.
    """

    averaged = ("generator", "discriminator")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        labelled: Count = 100,
        class_weight: NotNegative = 2.0,
        entropy_weight: NotNegative = 0.0,
        pseudo_label_weight: NotNegative = 0.0,
        pseudo_label_augment: Augment = STRONG,
        label_augment: Augment | None = None,
        balance_weight: NotNegative = 0.0,
        feature_matching: NotNegative = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, feature_matching=feature_matching, **options)
        self.labelled, self.class_weight, self.entropy_weight = int(labelled), class_weight, entropy_weight
        self.pseudo_label_weight, self.balance_weight = pseudo_label_weight, balance_weight
        check_follows_nothing(pseudo_label_augment, "pseudo_label_augment")
        check_follows_nothing(label_augment, "label_augment")
        self.pseudo_label_augment, self.label_augment = pseudo_label_augment, label_augment
        # states, so that files of the model have them; -1: not chosen yet
        self.add_state("labelled_images", np.zeros((self.labelled, *self.data_shape)), "uint8")
        self.add_state("labels", np.full(self.labelled, -1), "int64")

    @property
    def needs_examples(self) -> str | None:
        """The reason, the start of a sentence, why `fit` needs all examples at once, not batches; else None."""
        return f"{self.name} chooses the images whose labels it keeps before the first step"

    def prepare(self, train: Examples, held_out: Examples | None) -> None:
        """Chooses the labelled images.

        Raises:
            UserError: a class has too few images.
        """
        labels, known = labels_of(train), self.fields["label"].range
        if labels is None or not known:
            raise UserError(f"{self.name} needs the label of every training image, and the number of classes")
        rows = evenly_chosen(labels, self.labelled, int(known[1]), stream_key(self.seed, "labelled images"))
        chosen = train.gather(rows)
        self.states["labelled_images"].assign(to_uint8(self.as_unit_images(tf.constant(chosen[self.data_field]))))
        self.states["labels"].assign(chosen["label"].astype(np.int64).reshape(-1))

    def labelled_batch(self, batch: Fields, step: Step) -> Fields:
        """Returns as many labelled images as the batch has, drawn with replacement, and their labels."""
        drawn = step.noise.uniform("labelled", [tf.shape(batch[self.data_field])[0]])
        rows = tf.minimum(tf.cast(drawn * self.labelled, tf.int32), self.labelled - 1)
        images = self.to_value_range(self.as_unit_images(tf.gather(self.states["labelled_images"].value, rows)))
        if self.label_augment is not None:
            images = self.label_augment(images, step.noise.scope("label_augment"))
        return {self.data_field: images, "label": tf.gather(self.states["labels"].value, rows)}

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns those of a GAN, and the cross-entropy of labelled images."""
        terms, known = super().discriminator_terms(batch, step), self.labelled_batch(batch, step)
        logits = self.judge(known, step.scope("labelled"))["class_logits"]
        labels = tf.maximum(known["label"], 0)  # not chosen yet: outside of `fit`
        step.log("labelled_accuracy", accuracy(labels, logits))
        return {**terms, "class_loss": self.class_weight * cross_entropy(labels, logits)}

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason, the start of a sentence, if a step cannot see its batch in micro-batches; else None."""
        return super().needs_whole_batch or ("classes are balanced over a batch" if self.balance_weight else None)

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        """Returns the terms of real images without labels, for D."""
        if phase != "discriminator" or real is None:
            return {}
        logits, terms = real.outputs["class_logits"], {}
        if self.entropy_weight:
            terms["class_entropy"] = self.entropy_weight * tf.reduce_mean(entropy(logits))
        if self.balance_weight:
            mean = tf.reduce_mean(step.gather(tf.nn.softmax(logits)), axis=0)
            uneven = tf.math.log(float(mean.shape[0])) - entropy(tf.math.log(mean + EPSILON))
            terms["class_balance"] = self.balance_weight * uneven
        if self.pseudo_label_weight:
            terms["pseudo_label_loss"] = self.pseudo_label_weight * self.pseudo_label_loss(batch, step)
        return terms

    def pseudo_label_loss(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the mean cross-entropy in nats of augmented images, by the classes of which D's average is sure.

        Sohn et al. 2020 (FixMatch), equation 4; images of which it is not sure count 0. The average takes the place of
        D itself (Tarvainen and Valpola 2017).
        """
        known = tf.cast(self.infer("discriminator", batch)["class_logits"], tf.float32)
        sure = tf.cast(tf.reduce_max(tf.nn.softmax(known), axis=1) >= SURE, tf.float32)
        step.log("pseudo_labelled", tf.reduce_mean(sure))
        images = self.pseudo_label_augment(batch[self.data_field], step.noise.scope("pseudo_labels"))
        changed = {**batch, self.data_field: images}
        logits = tf.cast(step.run("discriminator", changed)["class_logits"], tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(known, axis=1), logits)
        return tf.reduce_mean(sure * losses)

    def generator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns |E f(x) - E f(G(z))|^2, f the features of D: Salimans et al. 2016, section 3.1."""
        if not self.feature_matching:
            return super().generator_terms(batch, step)
        real = self.judge(self.real_fields(batch, step), step)
        fake = self.judge(self.fake_fields(batch, step), step)
        return {"feature_distance": self.feature_distance(real, fake, step)}

    def rules(self) -> tuple[Rule, ...]:
        """Returns those of the base; without those on D's verdict, where G does not follow it."""
        return rules.without_verdict(super().rules()) if self.feature_matching else super().rules()

    def trials(self) -> list:
        """Returns those of the base, where G follows D's verdict."""
        return [] if self.feature_matching else super().trials()

    def supervised(self) -> "SupervisedModel":
        """Returns the same classifier with new weights, trained on the labelled images alone for as many steps.

        Its images are augmented by `label_augment` too: what differs is that it has seen no images without labels.
        """
        fields = {name: self.fields[name] for name in (self.data_field, "label")}
        network = reinitialised(self.discriminator, stream_key(self.seed, "supervised"))
        own = self.optimizers["discriminator"]
        options = {"value_range": self.value_range, "ema": self.ema, "seed": self.seed}
        twin = SupervisedModel(network, augment=self.label_augment, fields=fields, **options)
        twin.compile(type(own).from_config(own.get_config()))
        known = {name: np.array(self.states[name].numpy()) for name in ("labelled_images", "labels")}
        size = min(BATCH, self.labelled)
        twin.fit(known["labelled_images"], known["labels"], size, steps_per_epoch=max(int(self.step), 1), verbose=0)
        return twin

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of both accuracies."""
        return ("test_accuracy", "supervised_accuracy")

    def scores(self, held_out: HeldOut, settings: Any) -> tuple[dict, dict]:
        """Returns `test_accuracy`, and `supervised_accuracy` of the same classifier without the unlabelled images."""
        if "label" not in held_out.source.fields:
            return {}, {}
        models = {"test_accuracy": lambda: self, "supervised_accuracy": self.supervised}
        return {
            name: scores.accuracy_score(held_out, make(), labelled=self.labelled, steps=int(self.step))
            for name, make in models.items()
            if asked(settings, name)
        }, {}


class SupervisedModel(Classifying):
    """A classifier that learns by the cross-entropy of labelled images alone.

    Args:
        discriminator: `image` -> {`class_logits` [B, K], ...}.
        augment: of the images, in training; None: as they are.
        **options: of `GenerativeModel`.
    """

    default_optimizers = {"discriminator": {"learning_rate": 1e-3}}

    def __init__(self, discriminator: keras.Model, *, augment: Augment | None = None, **options: Any) -> None:
        super().__init__({"discriminator": discriminator}, averaged=("discriminator",), **options)
        self.augment = augment

    @property
    def phases(self) -> list[Phase]:
        """One update of the classifier."""
        return [Phase("classifier", ("discriminator",), "discriminator", self.class_terms)]

    def class_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the cross-entropy of the labels."""
        seen = batch
        if self.augment is not None and step.training:
            images = self.augment(batch[self.data_field], step.noise.scope("label_augment"))
            seen = {**batch, self.data_field: images}
        logits = tf.cast(step.run("discriminator", seen)["class_logits"], tf.float32)
        return {"class_loss": cross_entropy(batch["label"], logits)}
