"""CycleTranslation: two domains without pairs, a translator for each way (Zhu et al. 2017)."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import losses
from tfgen.averaging import Ema
from tfgen.data import from_arrays
from tfgen.data.source import Examples, Field
from tfgen.data.unpaired import Unpaired, renamed
from tfgen.diagnosis.rules import Rule
from tfgen.domains import NotNegative, Seed
from tfgen.families.discriminating import as_loss_takes
from tfgen.families.translation import charts, probes, rules, scores
from tfgen.families.translation.model import ADAM, TranslationModel
from tfgen.losses import Loss
from tfgen.sampling.endpoints import Endpoint
from tfgen.training.charts import Chart
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step

WAYS = {"forth": ("image", "other", "back"), "back": ("other", "image", "forth")}  # translator -> from, to, its inverse
ROWS = 250  # pictures that are translated back at once


class CycleTranslation(TranslationModel):
    """CycleGAN: adversarial losses in both domains, and a loss of the way there and back (equation 3).

    Args:
        forth: `keras.Model`, `image` [B, H, W, C] of domain A in `value_range` -> a picture of B.
        back: `keras.Model`, a picture of B -> one of A.
        of_image: `keras.Model`, picture -> logit, real pictures of A against translations; one per patch or picture.
        of_other: the same of B.
        loss: a pair of functions on logits, of `tfgen.losses`.
        adversarial_weight: of the translators' adversarial losses.
        cycle_weight: of the mean absolute difference after the way there and back, lambda in the paper, whose least
            squares have no factor 1/2: with those here, `adversarial_weight=2` gives its weights.
        identity_weight: of the mean absolute change of pictures of the domain that a translator makes (section 5.2).
        value_range: (low, high) of the pictures that the networks see and make.
        ema: decay of the moving averages of both translators; None for none.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds: `image` of A and `other` of B.
        **kwargs: `name`, and as of `GenerativeModel`.
    """

    default_optimizers = {"generator": ADAM, "discriminator": ADAM}
    sampling_network = "forth"
    ways = WAYS

    def __init__(
        self,
        forth: keras.Model,
        back: keras.Model,
        of_image: keras.Model,
        of_other: keras.Model,
        *,
        loss: Loss = losses.least_squares,
        adversarial_weight: NotNegative = 1.0,
        cycle_weight: NotNegative = 10.0,
        identity_weight: NotNegative = 0.0,
        value_range: tuple[float, float] = (-1.0, 1.0),
        ema: Ema | None = None,
        seed: Seed = 0,
        fields: dict[str, Field],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"forth": forth, "back": back, "of_image": of_image, "of_other": of_other},
            fields=fields,
            makes="other",
            value_range=value_range,
            ema=ema,
            averaged=("forth", "back"),
            seed=seed,
            **kwargs,
        )
        self.loss_functions, self.adversarial_weight = loss, float(adversarial_weight)
        self.cycle_weight, self.identity_weight = float(cycle_weight), float(identity_weight)

    @property
    def phases(self) -> list[Phase]:
        """An update of both translators and one of both discriminators, on the same translations."""
        return [
            Phase("generator", ("forth", "back"), "generator", self.generator_terms),
            Phase("discriminator", ("of_image", "of_other"), "discriminator", self.discriminator_terms),
        ]

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason why a step cannot see its batch in micro-batches."""
        return "both updates share the translators' pass of the whole batch"

    def run(self, name: str, pictures: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns what a network of one input makes of pictures, float32."""
        return tf.cast(step.run(name, {"image": pictures}), tf.float32)

    def made(self, way: str, batch: Fields, step: Step) -> tf.Tensor:
        """Returns a batch's translations by the translator `way`, made once per step."""
        source, _, _ = self.ways[way]
        make = lambda: self.run(way, batch[source], step)  # noqa: E731
        return step.once(f"translations {way}", make) if step.training else make()

    def there_and_back(self, way: str, batch: Fields, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (translations by the translator `way`, these translated back)."""
        there = self.made(way, batch, step)
        return there, self.run(self.ways[way][2], there, step)

    def generator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms of both translators."""
        terms: Fields = {}
        for way, (source, target, inverse) in self.ways.items():
            there, back = self.there_and_back(way, batch, step)
            real = self.run(f"of_{target}", batch[target], step) if self.loss_functions.needs_real else None
            fake = self.run(f"of_{target}", there, step)
            fooled = self.loss_functions.generator_loss(*as_loss_takes(self.loss_functions, step, fake, real))
            terms[f"{way}_loss"] = self.adversarial_weight * fooled
            terms[f"{way}_cycle"] = self.cycle_weight * tf.reduce_mean(tf.abs(back - batch[source]))
            if self.identity_weight:
                kept = self.run(inverse, batch[source], step)
                terms[f"{way}_identity"] = self.identity_weight * tf.reduce_mean(tf.abs(kept - batch[source]))
        return terms

    def discriminator_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the terms of both discriminators, halved as in the paper (section 7.1)."""
        terms: Fields = {}
        for way, (_, target, _) in self.ways.items():
            made = tf.stop_gradient(self.made(way, batch, step))
            real, fake = (self.run(f"of_{target}", pictures, step) for pictures in (batch[target], made))
            logits = as_loss_takes(self.loss_functions, step, real, fake)
            terms[f"of_{target}_loss"] = 0.5 * self.loss_functions.discriminator_loss(*logits)
        return terms

    def examples_of(self, given: dict[str, Any]) -> Examples:
        """Returns the pictures of both domains, each checked, in as large a number and in an order of its own."""
        a, b = (from_arrays(declared=self.fields, **{name: given[name]}) for name in ("image", "other"))
        return Unpaired(a, renamed(b, {"other": "image"}))

    def translated_back(self, pictures: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns pictures of B, as a data set holds them, as pictures of A, float32 in [0, 1]."""
        fields = {"image": self.as_field(self.data_field, pictures)}
        return self.to_unit_range(self.infer("back", fields, networks))

    def translate(
        self,
        images: Any,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
        reverse: bool = False,
        *,
        seed: int = 0,
        start: int = 0,
    ) -> np.ndarray:
        """Returns pictures of A as pictures of B, uint8; with `reverse`, those of B as pictures of A.

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            conditions: None: there are no others.
            networks: name -> network, used instead of the model's own.
            reverse: whether they are of B.
            seed, start: without effect, since nothing is drawn.
        """
        if not reverse:
            return super().translate(images, conditions, networks, seed=seed, start=start)
        checked = self.checked_rows(self.data_field, images)
        parts = [checked[first : first + ROWS] for first in range(0, len(checked), ROWS)]
        return np.concatenate([self.as_stored(self.translated_back(part, networks)).numpy() for part in parts])

    def translated(self, reverse: bool = False) -> str:
        """Returns the name of the field that `translate` takes."""
        return self.data_field if reverse else super().translated()

    counterpart = "the sample translated back"

    def counterparts(self, batch: Fields, made: np.ndarray) -> np.ndarray | None:
        """Returns the translations, translated back, which are shown below them."""
        return self.translate(made, reverse=True)

    def endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns those of the base, and `translate_back` {source} -> {image}."""

        def translate_back(source: tf.Tensor) -> Fields:
            return {"image": self.translated_back(source, networks)}

        inputs = (self.source_spec(self.data_field),)
        return {**super().endpoints(networks), "translate_back": Endpoint(translate_back, inputs)}

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of both ways, and of what a classifier sees."""
        return (*scores.CYCLES, *scores.SEEN)

    def scores(self, held_out: Any, settings: Any) -> tuple[dict, dict]:
        """Returns the errors of the ways there and back, and shares of translations seen in the other domain."""
        return scores.cycle_scores(self, held_out, settings)

    def probes(self) -> list[Callable]:
        """Returns the probe of the ways there and back."""
        return [probes.cycles]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges two translators."""
        return rules.CYCLE_RULES

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of two translators."""
        return charts.CYCLE_CHARTS
