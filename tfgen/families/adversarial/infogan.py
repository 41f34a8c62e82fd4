"""InfoGAN: latent codes that the discriminator can read off the images (Chen et al. 2016)."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import priors
from tfgen.diagnosis.probes import Probe
from tfgen.diagnosis.rules import Past, Row, Rule
from tfgen.domains import Natural, NotNegative, Size
from tfgen.errors import UserError
from tfgen.families.adversarial.classifying import accuracy, cross_entropy
from tfgen.families.adversarial.model import AdversarialModel, Judged
from tfgen.families.adversarial.probes import samples
from tfgen.priors import Prior, Shape
from tfgen.training.charts import Chart
from tfgen.training.step import Fields, Networks, Step
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class CodedPrior(Prior):
    """p(z, c): noise z of a prior, one of `categories` as a one-hot vector, and uniform numbers on [-1, 1).

    Attributes:
        noise: of z.
        noise_dim: size of z, which comes first.
        categories: number of values of the discrete code.
        continuous: number of continuous codes, which come last.
    """

    noise: Prior = priors.uniform(-1, 1)
    noise_dim: Size = 1
    categories: Size = 10
    continuous: Natural = 2

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> size of the parts of a latent, in their order."""
        parts = {"latent": self.noise_dim, "category": self.categories, "continuous": self.continuous}
        return {name: size for name, size in parts.items() if size}

    def parts(self, latents: tf.Tensor) -> Fields:
        """Returns the parts of latents [..., D] by name."""
        return dict(zip(self.sizes, tf.split(latents, list(self.sizes.values()), axis=-1), strict=True))

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        rows, seed = tf.convert_to_tensor(shape, tf.int32)[:-1], tf.cast(seed, tf.int64)
        # a seed for each part: equal ones would tie the codes to the noise
        seeds = dict(zip(self.sizes, (seed + tf.constant([0, _STRIDE * i], tf.int64) for i in range(3)), strict=False))

        def drawn(name: str, sample: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], size: int) -> tf.Tensor:
            made = sample(seeds[name], tf.concat([rows, [size]], axis=0))
            return tf.ensure_shape(made, [*[None] * int(rows.shape[0]), size])

        number = tf.minimum(
            tf.cast(drawn("category", _uniform, 1)[..., 0] * self.categories, tf.int32), self.categories - 1
        )
        parts = [drawn("latent", self.noise.sample, self.noise_dim), tf.one_hot(number, self.categories)]
        if self.continuous:
            parts.append(2.0 * drawn("continuous", _uniform, self.continuous) - 1.0)
        return tf.concat(parts, axis=-1)

    def between(self, a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
        """Returns latents [B, D] from a to b: the noise along its own prior's path, the codes on a straight line."""
        straight, noise = super().between(a, b, fraction), self.noise_dim
        return tf.concat([self.noise.between(a[:, :noise], b[:, :noise], fraction), straight[:, noise:]], axis=-1)

    def confined(self, z: tf.Tensor) -> tf.Tensor:
        """Returns the nearest latents: the noise as its prior confines it, the nearest category, codes in [-1, 1]."""
        parts = self.parts(z)
        parts["latent"] = self.noise.confined(parts["latent"])
        parts["category"] = tf.one_hot(tf.argmax(parts["category"], axis=-1), self.categories, dtype=z.dtype)
        if self.continuous:
            parts["continuous"] = tf.clip_by_value(parts["continuous"], -1.0, 1.0)
        return tf.concat(list(parts.values()), axis=-1)

    def moved(self, z: tf.Tensor, dimension: int, value: tf.Tensor | float) -> tf.Tensor:
        """Returns z [B, D] with another value of one number; the weights of the categories still add up to 1."""
        there = super().moved(z, dimension, value)
        number = dimension - self.noise_dim
        if not 0 <= number < self.categories or self.categories == 1:
            return there
        parts = self.parts(z)
        # a latent of this category itself goes to the next one
        rest = tf.where(tf.argmax(parts["category"], axis=-1) == number, (number + 1) % self.categories, -1)
        rest = tf.where(rest[:, None] < 0, parts["category"], tf.one_hot(rest, self.categories))
        weight = tf.cast(value, z.dtype)
        parts["category"] = weight * tf.one_hot(number, self.categories) + (1.0 - weight) * rest
        return tf.concat(list(parts.values()), axis=-1)


_STRIDE = 0x5DEECE66D  # between the seeds of the parts of one latent


def _uniform(seed: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, alg="philox")


class InfoModel(AdversarialModel):
    """A GAN that maximises a lower bound on the mutual information of codes and images.

    min over G and Q, max over D: V(D, G) - lambda L_I(G, Q), L_I = E[log Q(c | G(z, c))] + H(c) (Chen et al. 2016,
    equations 5 and 6). Q shares all layers with D but the last; the constant H(c) is left out. Outside of G a latent is
    one vector, [z, one-hot category, continuous codes]; G has an input for each of them.

    Args:
        generator: `latent` [B, latent_dim], `category` [B, categories], `continuous` [B, continuous] -> image.
        discriminator: `image` -> {`logit`, `category` logits, `continuous` means of N(., 1)}.
        latent_dim: size of z, without the codes.
        prior: p(z).
        categories: number of values of the discrete code.
        continuous: number of continuous codes.
        information: lambda.
        **options: of `AdversarialModel`.
    """

    prior: CodedPrior

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        latent_dim: Size,
        prior: Prior = priors.uniform(-1, 1),
        categories: Size = 10,
        continuous: Natural = 2,
        information: NotNegative = 1.0,
        **options: Any,
    ) -> None:
        coded = CodedPrior(prior, int(latent_dim), int(categories), int(continuous))
        super().__init__(generator, discriminator, latent_dim=sum(coded.sizes.values()), prior=coded, **options)
        self.information = information

    def generate(self, fields: Fields, step: Step) -> tf.Tensor:
        """Returns G(z, c), float32 [B, H, W, C]."""
        return super().generate({**fields, **self.prior.parts(fields["latent"])}, step)

    def run_sampling_network(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Any:
        """Returns the outputs of G in inference mode, from latents [B, D] with their codes."""
        return self.infer("generator", self.prior.parts(tf.cast(latents, tf.float32)), networks)

    def more_terms(self, phase: str, batch: Fields, real: Judged | None, fake: Judged, step: Step) -> Fields:
        """Returns -lambda E[log Q(c | G(z, c))], of G's codes; of Q in D's update, of G in its own."""
        codes = self.prior.parts(self.latents_of_fakes(batch, step))
        number = tf.argmax(codes["category"], axis=1)
        step.log(f"{phase}_category_accuracy", accuracy(number, fake.outputs["category"]))
        terms = {f"{phase}_category": self.information * cross_entropy(number, fake.outputs["category"])}
        if "continuous" in codes:
            # -log N(c; mean, 1), per code in nats
            missed = 0.5 * (tf.square(codes["continuous"] - fake.outputs["continuous"]) + math.log(2.0 * math.pi))
            terms[f"{phase}_continuous"] = self.information * tf.reduce_mean(tf.reduce_sum(missed, axis=1))
        return terms

    # Beyond training.

    def with_codes(self, latents: tf.Tensor, category: Any = None, continuous: Any = None) -> tf.Tensor:
        """Returns latents [B, D] with other codes.

        Args:
            latents: float32 [B, D], of `latents_from_seeds` for example.
            category: numbers int [B], or one for all; None: as they are.
            continuous: float [B, continuous], or one row for all; None: as they are.

        Raises:
            UserError: there is no such category, or another number of codes.
        """
        parts = self.prior.parts(tf.convert_to_tensor(latents, tf.float32))
        given: dict[str, Any] = {"continuous": continuous}
        if category is not None:
            numbers, count = np.asarray(category), self.prior.categories
            if not np.issubdtype(numbers.dtype, np.integer) or not ((0 <= numbers) & (numbers < count)).all():
                raise UserError(
                    f"{self.name}: category expects whole numbers from 0 to {count - 1}, got {category!r:.60}"
                )
            given["category"] = tf.one_hot(numbers, count)
        for name, value in given.items():
            if value is not None:
                size, got = self.prior.sizes.get(name, 0), np.shape(value)
                if got[-1:] != (size,) or got[:-1] not in ((), (1,), (len(latents),)):
                    raise UserError(
                        f"{self.name}: expected {size} {name} numbers, for all or for each of {len(latents)} latents, "
                        f"got the shape {got}"
                    )
                parts[name] = tf.broadcast_to(tf.convert_to_tensor(value, tf.float32), tf.shape(parts[name]))
        return tf.concat(list(parts.values()), axis=-1)

    @property
    def latent_names(self) -> list[str]:
        """A name for each number of a latent: `latent 0`, ..., `category 0`, ..., `continuous 0`, ..."""
        return [f"{name} {index}" for name, size in self.prior.sizes.items() for index in range(size)]

    def read_codes(self, images: Any, networks: Networks | None = None) -> Fields:
        """Returns what Q reads off images: `category` probabilities [B, categories], `continuous` [B, continuous].

        Args:
            images: uint8 or float [B, H, W, C] in [0, 1].
            networks: name -> network, used instead of the model's own.
        """
        outputs = self.outputs_on(images, networks=networks)
        codes: Fields = {name: outputs[name] for name in ("continuous",) if name in outputs}
        return {"category": tf.nn.softmax(outputs["category"]), **codes}

    def probes(self) -> list[Callable]:
        """Returns those of the base, and the probe of codes."""
        return [*super().probes(), found_codes]

    def rules(self) -> tuple[Rule, ...]:
        """Returns those of the base, and the rule on codes that images do not show."""
        return (*super().rules(), Rule("codes_ignored", ignores_codes, say_ignores_codes))

    def charts(self) -> tuple[Chart, ...]:
        """Returns those of the base, and the chart of codes."""
        return (*super().charts(), CODES)


CODES = Chart(
    "Share of samples whose discrete code is read off them",
    {"category_accuracy": "samples", "category_chance": "chance"},
    axis={"low": 0.0, "high": 1.0},
)


def found_codes(probe: Probe) -> dict[str, tf.Tensor]:
    """Returns `category_accuracy`, the share of samples whose discrete code Q finds, and `category_chance`."""
    model: Any = probe.model
    codes = model.prior.parts(model.latents_of_fakes(probe.batch, probe.step))
    outputs = model.infer("discriminator", {model.data_field: samples(probe)})
    found = accuracy(tf.argmax(codes["category"], axis=1), outputs["category"])
    return {"category_accuracy": found, "category_chance": tf.constant(1.0 / model.prior.categories)}


def ignores_codes(row: Row, past: Past) -> bool:
    """Returns whether the discrete code is read off samples hardly better than by chance."""
    return row["category_accuracy"] < 1.5 * row["category_chance"] < 1.0


def say_ignores_codes(row: Row, past: Past) -> str:
    """Returns the message of `ignores_codes`."""
    return (
        f"the codes are ignored: the discriminator reads the discrete code off {row['category_accuracy']:.0%} of the "
        f"samples (chance is {row['category_chance']:.0%}); what usually helps: a larger weight of the information "
        "(information=2), a lower learning rate, more steps"
    )
