"""The common part of models that make a picture of a picture, and those that learn it from pairs."""

from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfgen import losses, samplers
from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.diagnosis.rules import Rule
from tfgen.distribution.replicas import mean_over_replicas
from tfgen.domains import NotNegative, Seed
from tfgen.errors import UserError
from tfgen.families.discriminating import Discriminating, as_loss_takes, log_answers
from tfgen.families.translation import charts, probes, rules, scores
from tfgen.losses import Loss
from tfgen.networks.dropping import run_with_dropout
from tfgen.sampling.endpoints import Endpoint
from tfgen.training.charts import Chart
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step

ADAM = {"learning_rate": 2e-4, "beta_1": 0.5}  # Isola et al. 2017, section 3.3; Zhu et al. 2017, section 4


class TranslationModel(GenerativeModel):
    """A model whose sampling network makes pictures of the pictures that are its one condition.

    Attributes:
        translate_dropout: whether the sampling network's dropout stays on, which makes several pictures of one.
    """

    translate_dropout = False

    @property
    def sampler(self) -> samplers.Sampler | None:
        """The default sampler: one pass of the sampling network."""
        return samplers.translation(self.translate_dropout)

    def infer_with_dropout(self, fields: Fields, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns the best sampling network's output, its dropout on; the masks of row i follow from seeds[i] alone."""
        name = str(self.sampling_network)
        return run_with_dropout((networks or {}).get(name) or self.best(name), fields, seeds)

    def endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns those of the base, and `translate` {source} -> {image}, whatever the fields are called."""
        field = self.translated()
        others = [self.spec(name) for name in self.conditions if name != field]

        def translate(source: tf.Tensor, **conditions: tf.Tensor) -> Fields:
            seeds = tf.range(tf.shape(source)[0], dtype=tf.int64)  # those of `self.translate`
            sampler = samplers.translation(self.translate_dropout)
            return {"image": sampler.draw(self, seeds, {field: source, **conditions}, networks)}

        return {**super().endpoints(networks), "translate": Endpoint(translate, (self.source_spec(field), *others))}

    def source_spec(self, field: str) -> tf.TensorSpec:
        """Returns the specification of a field as the input `source` of a signature."""
        known = self.spec(field)
        return tf.TensorSpec(known.shape, known.dtype, name="source")

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of translation."""
        return charts.CHARTS

    def probes(self) -> list[Callable]:
        """Returns the probe of translations of training and of held-out pictures."""
        return [probes.translations]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges a translation."""
        return rules.RULES


class PairedTranslation(Discriminating, TranslationModel):
    """pix2pix and SRGAN: an adversarial loss beside distances of pixels and of features (Isola et al. 2017, eq. 4).

    Args:
        generator: `keras.Model`, `source` [B, h, w, c] in `value_range` -> image [B, H, W, C] in `value_range`.
        discriminator: `keras.Model`, `image` (and `source`) -> logit [B, 1] or [B, h, w, 1], one per patch. None, where
            `adversarial_weight` is 0.
        features: a fixed network, image in `value_range` -> maps, whose distance is the content loss; or None.
        loss: a pair of functions on logits, of `tfgen.losses`.
        adversarial_weight: of the generator's adversarial loss; 0: the discriminator is not trained.
        pixel_loss: mean absolute (l1) or squared (l2) difference of the values in `value_range`.
        pixel_weight: of the pixel loss.
        content_weight: of the content loss.
        translate_dropout: whether the generator's dropout stays on when it translates, as in the paper's section 3.2.
        value_range: (low, high) of the pictures that the networks see and make.
        ema: decay of the moving average of the generator, which translates; None for no average.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds.
        **kwargs: `name`, and as of `GenerativeModel`.

    Raises:
        UserError: all weights are 0, or a network that a weight asks for is missing.
    """

    sampling_network = "generator"

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        features: keras.Model | None = None,
        *,
        loss: Loss = losses.non_saturating,
        adversarial_weight: NotNegative = 1.0,
        pixel_loss: Literal["l1", "l2"] = "l1",
        pixel_weight: NotNegative = 100.0,
        content_weight: NotNegative = 0.0,
        translate_dropout: bool = False,
        value_range: tuple[float, float] = (-1.0, 1.0),
        ema: Ema | None = None,
        seed: Seed = 0,
        fields: dict[str, Field],
        **kwargs: Any,
    ) -> None:
        if not (adversarial_weight or pixel_weight or content_weight):
            raise UserError("adversarial_weight, pixel_weight and content_weight are all 0, expected one above")
        parts = {"generator": generator, "discriminator": discriminator, "features": features}
        needed = {"discriminator": adversarial_weight, "features": content_weight}
        for name, weight in needed.items():
            if bool(weight) != (parts[name] is not None):
                raise UserError(f"the network {name!r} is given where its weight is not 0, got a weight of {weight:g}")
        if features is not None:
            features.trainable = False
        networks = {name: network for name, network in parts.items() if network is not None}
        super().__init__(networks, fields=fields, value_range=value_range, ema=ema, seed=seed, **kwargs)
        self.loss_functions, self.pixel_loss = loss, pixel_loss
        self.adversarial_weight, self.pixel_weight = float(adversarial_weight), float(pixel_weight)
        self.content_weight, self.translate_dropout = float(content_weight), bool(translate_dropout)

    @property
    def default_optimizers(self) -> dict[str, dict[str, Any]]:  # type: ignore[override]  # without D there is but one
        """Adam for each network that is trained."""
        return {name: ADAM for name in ("generator", "discriminator") if name in self.networks}

    @property
    def phases(self) -> list[Phase]:
        """An update of D and one of G, on the same translations."""
        found = [Phase("generator", ("generator",), "generator", self.generator_terms)]
        if "discriminator" in self.networks:
            found.insert(0, Phase("discriminator", ("discriminator",), "discriminator", self.discriminator_terms))
        return found

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason why a step cannot see its batch in micro-batches; None of a pixel loss alone."""
        if self.content_weight:
            return "the content loss is relative to the mean square of the features of the whole batch"
        return "both updates share the generator's pass of the whole batch" if len(self.phases) > 1 else None

    def made(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns the translations of a batch, float32 [B, H, W, C], made once per step."""

        def make() -> tf.Tensor:
            return tf.cast(step.run("generator", self.taken(batch)), tf.float32)

        return step.once("translations", make) if step.training and len(self.phases) > 1 else make()

    def taken(self, batch: Fields) -> Fields:
        """Returns the conditions of a batch."""
        return {name: batch[name] for name in self.conditions}

    def judge(self, images: tf.Tensor, batch: Fields, step: Step) -> tf.Tensor:
        """Returns D's logits, float32 [B, ...], of images beside the sources of a batch."""
        return tf.cast(step.run("discriminator", {**batch, self.data_field: images}), tf.float32)

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the loss of D on images and translations, halved as in the paper's code."""
        made = tf.stop_gradient(self.made(batch, step))
        real, fake = (self.judge(images, batch, step) for images in (batch[self.data_field], made))
        log_answers(self.loss_functions, step, real=real, fake=fake)
        return {
            "discriminator_loss": 0.5
            * self.loss_functions.discriminator_loss(*as_loss_takes(self.loss_functions, step, real, fake))
        }

    def generator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the weighted adversarial, pixel and content losses of G."""
        made, images, terms = self.made(batch, step), batch[self.data_field], {}
        if self.adversarial_weight:
            fake = self.judge(made, batch, step)
            real = self.judge(images, batch, step) if self.loss_functions.needs_real else None
            fooled = self.loss_functions.generator_loss(*as_loss_takes(self.loss_functions, step, fake, real))
            terms["generator_loss"] = self.adversarial_weight * fooled
        if self.pixel_weight:
            terms["pixel_loss"] = self.pixel_weight * pixel_distance(self.pixel_loss, made, images)
        if self.content_weight:
            pair = [step.run("features", {self.data_field: values}) for values in (made, images)]
            terms["content_loss"] = self.content_weight * feature_distance(*pair)
        return terms

    counterpart = "the real image of the pair"

    def counterparts(self, batch: Fields, made: np.ndarray) -> np.ndarray | None:
        """Returns the real images of the pairs, which are shown below translations."""
        return batch.get(self.data_field)

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of pairs."""
        return tuple(scores.SCORES)

    def scores(self, held_out: Any, settings: Any) -> tuple[dict, dict]:
        """Returns the scores of pairs beside their floors."""
        return scores.paired_scores(self, held_out, settings)


def pixel_distance(kind: str, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the mean absolute (l1) or squared (l2) difference of images [B, H, W, C], a scalar."""
    return tf.reduce_mean(tf.abs(a - b) if kind == "l1" else tf.square(a - b))


def feature_distance(made: Any, real: Any) -> tf.Tensor:
    """Returns the mean squared difference of feature maps, each relative to the mean square of the real one.

    Ledig et al. 2017, equation 5, of one map or several; the mean square is that of all replicas.
    """
    pairs = zip(tf.nest.flatten(made), tf.nest.flatten(real), strict=True)
    found = []
    for a, b in pairs:
        a, b = tf.cast(a, tf.float32), tf.stop_gradient(tf.cast(b, tf.float32))
        (square,) = mean_over_replicas([tf.reduce_mean(tf.square(b))])
        found.append(tf.reduce_mean(tf.square(a - b)) / (square + 1e-6))
    return tf.add_n(found) / len(found)
