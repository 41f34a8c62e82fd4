"""A model under examination: built anew at will, trained once for a few steps, on rows of its data or made-up ones."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples, Field
from tfgen.errors import UserError
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.phases import Stages

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

BATCH, STEPS = 4, 5  # of an epoch
WORDS = ("a", "dark", "light", "bag", "coat", "über", "日本")
FIRST, LAST = 3, 8  # steps: a training is interrupted within the first epoch, and ends within the second

Build = Callable[[Mapping[str, Field], int], "GenerativeModel"]


class Broken(Exception):
    """A guarantee that does not hold; the message says what was expected and what came."""


class LeftOut(Exception):
    """A guarantee that does not apply to the model; the message says why."""


def require(holds: Any, sentence: str) -> None:
    """Raises `Broken` with the sentence unless something holds."""
    if not holds:
        raise Broken(sentence)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have the same shape and the same bits."""
    return np.shape(one) == np.shape(other) and np.array_equal(one, other, equal_nan=True)


class Rows(keras.callbacks.Callback):
    """Keeps the logs of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keeps the logs of an epoch."""
        self.rows.append(dict(logs or {}))


@dataclasses.dataclass(frozen=True)
class Course:
    """A model trained to step 3, saved in both ways, and trained on to step 8.

    Attributes:
        model: at step 8.
        first, rows: the logs of each epoch to step 3, and of those after it.
        digest, shown: `model.digest()` and what the model showed at step 3.
    """

    model: "GenerativeModel"
    first: list[dict]
    rows: list[dict]
    digest: str
    shown: np.ndarray


class Subject:
    """A model under examination.

    Args:
        name: of the model.
        build: (fields, seed) -> a compiled `GenerativeModel`, a new one at each call.
        fields: name -> `Field` of the data.
        folder: an empty folder for its files.
        data: field name -> array [N, ...] of examples, taken in turn; by default they are random numbers.
    """

    def __init__(
        self,
        name: str,
        build: Build,
        fields: Mapping[str, Field],
        folder: pathlib.Path,
        data: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.name, self.build, self.fields, self.folder, self.data = name, build, dict(fields), folder, data

    def new(self, seed: int = 0) -> "GenerativeModel":
        """Returns a new, compiled model."""
        return self.build(self.fields, seed)

    def arrays(self, model: "GenerativeModel", count: int, seed: int = 1) -> dict[str, np.ndarray]:
        """Returns `count` examples of the fields that the model names."""
        if self.data is not None:
            return {name: np.resize(self.data[name], (count, *self.data[name].shape[1:])) for name in model.fields}
        rng = np.random.default_rng(seed)
        return {name: random_values(field, count, rng) for name, field in model.fields.items()}

    def conditions(self, model: "GenerativeModel", count: int) -> dict[str, np.ndarray]:
        """Returns conditions of `count` samples: all classes in turn, and examples of other conditions."""
        found = self.arrays(model, count)
        given = {name: found[name] for name in model.conditions if name != model.label_field}
        return model.conditions_for(count, given)

    def batch(self, model: "GenerativeModel") -> dict[str, tf.Tensor]:
        """Returns the fields of one step's batch."""
        return {name: tf.constant(values) for name, values in self.arrays(model, BATCH * model.parts).items()}

    def one_step(self, model: "GenerativeModel") -> dict[str, float]:
        """Runs one update, not compiled; returns its logs."""
        return {name: float(value) for name, value in model.train_step(self.batch(model)).items()}

    def train(self, model: "GenerativeModel", last: int) -> list[dict]:
        """Trains a model up to step `last`, in epochs of 5 steps; returns the logs of each."""
        rows, (examples, held_out) = Rows(), self.splits(model)
        first = int(model.step) // STEPS
        options: dict[str, Any] = {"initial_epoch": first, "last_step": last, "verbose": 0, "callbacks": [rows]}
        model.fit_examples(examples, BATCH, 9, held_out=held_out, **options)
        return rows.rows

    def check_suited(self) -> None:
        """Raises UserError if the model cannot be built for the data, or does not take as few examples as there are."""
        model = self.new()
        if self.data is not None:
            model.needed(self.data)
        try:
            examples = self.splits(model)
        except UserError:
            return  # it was built for other fields than it was given, as the guarantees will find
        try:
            model.prepare(*examples)
        except UserError as error:
            raise UserError(f"the model is checked on {BATCH * model.parts * STEPS} examples: {error}") from error

    def splits(self, model: "GenerativeModel") -> tuple[Examples, Examples]:
        """Returns the examples of one epoch, and those held out."""
        counts = (BATCH * model.parts * STEPS, BATCH * model.parts)
        train, held_out = (self.arrays(model, count, seed) for seed, count in enumerate(counts, start=1))
        return model.as_examples(train), model.as_examples(held_out)

    def shown(self, model: "GenerativeModel", count: int = 7) -> np.ndarray:
        """Returns what a user sees of a model, [count, ...]: samples, or else reconstructions."""
        if model.sampler is not None:
            return model.sample(count, seed=5, conditions=self.conditions(model, count))
        found = self.arrays(model, count)
        given = {name: found[name] for name in model.conditions}
        return np.asarray(model.reconstruct(found[model.data_field], conditions=given))

    @functools.cached_property
    def unsavable(self) -> str | None:
        """Why the model cannot be saved, so that `fit` refuses to train it; None where it can."""
        try:
            self.new().check_savable()
        except UserError as error:
            return str(error)
        return None

    @functools.cached_property
    def course(self) -> Course:
        """The model trained, saved and trained on; made once."""
        model = self.new()
        first = self.train(model, FIRST)
        model.save(self.folder / "model.keras")
        Checkpoints(model, self.folder / "checkpoints").save()
        digest, shown = model.digest(), self.shown(model)
        model.averages.resume(model.averages.values())  # what one call of fit to step 8 would have
        return Course(model, first, self.train(model, LAST), digest, shown)


def shortened(stages: Stages) -> Stages:
    """Returns the same stages of two steps each, the last one without end: a few steps reach the second."""
    return tuple((phases, None if place == len(stages) - 1 else 2) for place, (phases, _) in enumerate(stages))


def random_values(field: Field, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns random values [count, ...] of a field."""
    shape = (count, *field.shape)
    if field.dtype == "uint8":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if field.dtype == "int64":
        return rng.integers(0, int(field.range[1]) if field.range else 2, shape)
    if field.kind == "text":
        return np.array([" ".join(rng.choice(WORDS, 3)) for _ in range(count)], object)
    return rng.random(shape, np.float32)
