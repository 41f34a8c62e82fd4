"""The latents of a model: draws, codes of real images, and the pictures that they decode to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgen import samplers
from tfgen.data.numbering import numbered
from tfgen.data.source import Examples, Source
from tfgen.domains import Seed, check
from tfgen.errors import UserError
from tfgen.machine.tracing import traced
from tfgen.priors import Prior

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

CHUNK = 250  # latents decoded, or images encoded, at once


class Space:
    """The latents of a trained model that makes images.

    Latents are drawn from the model's prior. Where samples are not made from latents (a plain autoencoder makes none, a
    flow of codes makes them from noise), latents are the codes of held-out images, and paths between them are straight.

    Args:
        model: a `GenerativeModel` with latents.
        source: the data set of the model, or a function without arguments that returns it; None where no real images
            are at hand, which some actions need.
        label: class or classes of a model that decodes latents under a label, numbers or names, taken in turn; None:
            all in turn.

    Attributes:
        model: as given.
        dim: number of dimensions of a latent.
        encodes: whether the model has an encoder.
        given: field name -> the conditions that were asked for.

    Raises:
        UserError: the model has no latents, does not make images, or does not decode latents under a label; the data
            set has images of another shape.
    """

    def __init__(
        self, model: GenerativeModel, source: Source | Callable[[], Source] | None = None, label: Any = None
    ) -> None:
        kind = model.fields[model.data_field].kind
        if kind != "image":
            raise UserError(f"latents are shown by the images that they decode to, and {model.name} makes {kind}s")
        if model.latent_dim is None:
            raise UserError(f"{model.name} has no latents to explore: it turns no vector z into an image")
        self.model, self.dim = model, int(model.latent_dim)
        self.encodes = "encode" in model.endpoints()
        self.given = model.with_label(label, None)
        model.check_taken(self.given, samplers.latent())
        self._source = self._fitting(source) if isinstance(source, Source) else source

    @property
    def source(self) -> Source:
        """The data set.

        Raises:
            UserError: none is at hand, or its images are of another shape than the model's.
        """
        if self._source is None:
            raise UserError(f"real images are needed: give Space({self.model.name}, source) a data set")
        if not isinstance(self._source, Source):
            self._source = self._fitting(self._source())
        return self._source

    def _fitting(self, source: Source) -> Source:
        field, shape = source.fields.get(self.model.data_field), self.model.data_shape
        if field is None or tuple(field.shape) != shape:
            got = "no images" if field is None else f"images of {'x'.join(map(str, field.shape))}"
            own = "x".join(map(str, shape))
            raise UserError(
                f"{self.model.name} makes images of {own}, and {source.name} has {got}: give data of the model's shape"
            )
        return source

    @functools.cached_property
    def missing(self) -> str | None:
        """Why there are no real images, or None where there are."""
        if self._source is None:
            return "no data set was given"
        try:
            self.source  # noqa: B018  it is loaded here
        except UserError as error:
            return str(error)
        return None

    @property
    def label_field(self) -> str | None:
        """The name of the label that latents are decoded under, or None; a flow of codes alone knows its label."""
        name = self.model.label_field
        return name if name in self.model.coding_conditions else None

    @property
    def held_out(self) -> Examples:
        """Held-out examples of the data set: the test split, else the validation split."""
        splits = self.source.splits
        return splits.get("test") or splits["validation"]

    # compiled: row by row, draws take a millisecond each otherwise

    @functools.cached_property
    def _latents(self) -> Callable:
        return traced(self.model.latents_from_seeds, reduce_retracing=True)

    @functools.cached_property
    def _pictures(self) -> Callable:
        def pictures(z: tf.Tensor, conditions: dict[str, tf.Tensor]) -> tf.Tensor:
            return self.model.as_stored(self.model.decode_latents(z, conditions))

        return traced(pictures, reduce_retracing=True)

    # Latents.

    def draw(self, count: int, seed: int = 0, start: int = 0) -> np.ndarray:
        """Returns latents float32 [count, dim] of samples start, ..., start + count - 1 of `model.sample(seed=seed)`.

        Of a model that samples no latents they are codes of held-out images, in an order that follows from the seed.
        """
        check("seed", seed, Seed)
        if not self.model.samples_latents:
            order = np.random.default_rng(seed).permutation(len(self.held_out))
            return self.codes(self.held_out, order[np.arange(start, start + count) % len(order)])
        # one int64 per sample, as `sample` has it: the seed in its upper 32 bits
        seeds = (int(seed) << 32) + np.arange(start, start + count, dtype=np.int64)
        parts = [self._latents(tf.constant(seeds[rows])) for rows in _chunks(count)]
        return np.concatenate([np.asarray(part, np.float32) for part in parts])

    def codes(self, examples: Examples, rows: np.ndarray) -> np.ndarray:
        """Returns the encoder's codes float32 [N, dim] of the examples with the indices int [N].

        Raises:
            UserError: the model has no encoder.
        """
        return np.concatenate([self.codes_of(examples.gather(rows[part])) for part in _chunks(len(rows))])

    def codes_of(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """Returns the codes float32 [N, dim] of a batch, field name -> array [N, ...]."""
        codes = self.model.encode(batch[self.model.data_field], conditions=self.conditions_of(batch))
        return np.asarray(next(iter(codes.values())), np.float32)

    @property
    def prior(self) -> Prior:
        """p(z); without one, a `Prior` with straight paths."""
        return (self.model.prior if self.model.samples_latents else None) or Prior()

    def between(self, a: np.ndarray, b: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
        """Returns latents float32 [N, len(fractions), dim] on the prior's paths from a to b, each [N, dim]."""
        places = [np.full(len(a), fraction, np.float32) for fraction in fractions]
        points = [self.prior.between(tf.constant(a), tf.constant(b), tf.constant(place)) for place in places]
        return np.stack([np.asarray(point, np.float32) for point in points], axis=1)

    # Pictures.

    def conditions(self, count: int, start: int = 0) -> dict[str, np.ndarray]:
        """Returns the conditions of latents start, ..., start + count - 1 by field name, {} without any."""
        model, label = self.model, self.label_field
        classes = {label} if label and model.num_classes else set()
        examples = None if {*model.coding_conditions} <= {*self.given, *classes} else self.held_out
        found = model.conditions_for(count, self.given, examples, start, samplers.latent())
        # labels of examples have the numbers of the data, others those of the model
        if label is None or label in self.given or model.cycles_classes(self.given, examples, samplers.latent()):
            return found
        return found | {label: self.as_own_classes(found[label])}

    def decode(self, latents: np.ndarray, conditions: dict[str, np.ndarray] | None = None) -> np.ndarray:
        """Returns images uint8 [N, H, W, C] of latents [N, dim], as samples are stored.

        Args:
            latents: float [N, dim].
            conditions: field name -> values [N, ...]; by default those of samples 0, ..., N - 1.
        """
        given = self.conditions(len(latents)) if conditions is None else conditions
        made = []
        for rows in _chunks(len(latents)):
            taken = {name: tf.constant(values[rows]) for name, values in given.items()}
            made.append(np.asarray(self._pictures(tf.constant(latents[rows], tf.float32), taken)))
        return np.concatenate(made)

    def known(self, count: int, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Returns latents float32 [M, dim] of pictures whose classes are to be seen, and their conditions.

        They are codes of training images where the model encodes, at most as many as there are, and samples elsewhere.
        """
        if not self.encodes:
            return self.draw(count, seed), self.conditions(count)
        train = self.source.splits["train"]
        rows = np.random.default_rng(seed).permutation(len(train))[:count]
        batch = train.gather(rows)
        return self.codes(train, rows), self.conditions_of(batch)

    def conditions_of(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the conditions of examples of the data set, with the model's numbers of classes.

        Args:
            batch: field name -> array [N, ...].

        Raises:
            UserError: a class of the data is none of the model's.
        """
        given = {name: batch[name] for name in self.model.coding_conditions}
        label = self.label_field
        return given | {label: self.as_own_classes(given[label])} if label else given

    def as_own_classes(self, labels: np.ndarray) -> np.ndarray:
        """Returns labels int64 [N] of the data set as the numbers that the model gives the same classes.

        Raises:
            UserError: a class is none of the model's.
        """
        return numbered(labels, self.source.class_names, self.model.class_names)


def repeated(conditions: dict[str, np.ndarray], times: int) -> dict[str, np.ndarray]:
    """Returns conditions with every row repeated, for several pictures in a row."""
    return {name: np.repeat(values, times, axis=0) for name, values in conditions.items()}


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, count, CHUNK))
