"""Images and conditions for the metrics of a model: checked, in batches, prepared as in training."""

import math
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen.data.checks import check_against
from tfgen.errors import UserError, nearest
from tfgen.machine.tracing import traced
from tfgen.noise import Noise
from tfgen.training.model import GenerativeModel

IMAGES = 100  # of a batch
ACTIVATIONS = 256 << 20  # bytes of all layers' outputs for one batch, at most


class Inputs:
    """Images and their conditions as a model's likelihood takes them.

    Args:
        model: a `GenerativeModel`.
        images: data of the model's kind, one row per example: images [N, H, W, C] (or [N, H, W]), uint8 or float in
            [0, 1]; or points, vectors or tokens.
        conditions: field name -> array [N, ...], all conditions of the model.
        seed: of a dynamic binarisation: that of image i depends on (seed, i) alone.

    Raises:
        UserError: the arrays do not fit the model.
    """

    def __init__(
        self, model: GenerativeModel, images: ArrayLike, conditions: dict | None = None, seed: int = 0
    ) -> None:
        self.model, self.seed = model, int(seed)
        images = checked_data(model, images)
        self.arrays = {model.data_field: images, **checked_conditions(model, conditions, len(images))}

    def __len__(self):
        return len(self.arrays[self.model.data_field])

    @property
    def conditions(self) -> dict[str, np.ndarray]:
        """The conditions, as they were given."""
        return {name: array for name, array in self.arrays.items() if name != self.model.data_field}

    def batches(self, size: int = IMAGES) -> Iterator[tuple[tf.Tensor, dict[str, tf.Tensor]]]:
        """Yields (indices int64 [n], fields as a data set holds them) of consecutive examples."""
        for first in range(0, len(self), size):
            index = np.arange(first, min(first + size, len(self)))
            yield tf.constant(index), {name: tf.constant(array[index]) for name, array in self.arrays.items()}

    def compiled(self, function: Callable, *more: tf.TensorSpec) -> Callable:
        """Returns `function(index, fields, *more)` as a `tf.function`, traced once for batches of every size."""
        fields = {name: tf.TensorSpec([None, *a.shape[1:]], a.dtype) for name, a in self.arrays.items()}
        signature = (tf.TensorSpec([None], tf.int64), fields, *more)
        return traced(function, input_signature=signature)

    def as_batch(self, fields: dict) -> dict[str, tf.Tensor]:
        """Returns the fields as the networks see them; traceable."""
        return {name: self.model.as_field(name, value) for name, value in fields.items()}

    def prepared(self, index: tf.Tensor, fields: dict) -> dict[str, tf.Tensor]:
        """Returns a batch as the networks see it, its images prepared one by one; traceable."""
        batch = self.as_batch(fields)
        return {**batch, self.model.data_field: prepared_rows(self.model, batch, index, self.seed)}

    def prepared_images(self, index: tf.Tensor, fields: dict) -> tf.Tensor:
        """Returns the data as the likelihood takes it: images float32 [n, H, W, C] in [0, 1], other data unchanged."""
        return self.model.to_unit_range(self.prepared(index, fields)[self.model.data_field])

    def collect(self, function: Callable, size: int = IMAGES) -> np.ndarray:
        """Returns `function(index, fields) -> [n, ...]` for all examples, float64 [N, ...]; [0] for no examples."""
        run = self.compiled(function)
        parts = [run(index, fields).numpy().astype(np.float64) for index, fields in self.batches(size)]
        return np.concatenate(parts) if parts else np.empty(0)


def prepared_rows(model: GenerativeModel, batch: dict, index: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns the data of a batch prepared as in training, row i from (seed, index[i]) alone; traceable."""
    data = batch[model.data_field]

    def prepare(row):
        fields, i = row
        one = {name: value[None] for name, value in fields.items()}
        return model.prepared_batch(one, preparation(seed, i))[model.data_field][0]

    return tf.map_fn(prepare, (batch, index), fn_output_signature=tf.TensorSpec(data.shape[1:], data.dtype))


def preparation(seed: int, index: tf.Tensor) -> Noise:
    """Returns the noise that prepares image number `index`."""
    return Noise(seed, index, "bound/")


# Checks.


def checked_data(model: GenerativeModel, images: ArrayLike) -> np.ndarray:
    """Returns data of the model's kind as an array [N, ...], after a check.

    Raises:
        UserError: another shape or dtype, or values out of range.
    """
    return np.asarray(check_against(model.data_field, images, model.fields[model.data_field], whole=False))


def checked_conditions(model: GenerativeModel, conditions: dict | None, count: int) -> dict[str, np.ndarray]:
    """Returns the conditions of `count` examples by name, arrays [count, ...]; {} for an unconditional model.

    Args:
        model: a `GenerativeModel`.
        conditions: field name -> array [count, ...], all of `model.coding_conditions`; the others may be left out.
        count: number of examples.

    Raises:
        UserError: one is missing, unknown, or does not fit its field or the number of examples.
    """
    given = {name: value for name, value in (conditions or {}).items() if value is not None}
    for name in given:
        if name not in model.conditions:
            known = f"its conditions are {', '.join(model.conditions)}" if model.conditions else "it is not conditional"
            raise UserError(f"{model.name} takes no {name}: {known}{nearest(name, model.conditions)}")
    checked = {}
    for name in (name for name in model.conditions if name in given or name in model.coding_conditions):
        got = "none" if name not in given else len(np.atleast_1d(given[name]))
        if got != count:
            raise UserError(f"{model.name} is conditional: expected conditions with one {name} per image, got {got}")
        checked[name] = np.asarray(check_against(name, given[name], model.fields[name], whole=False))
    return checked


def check_exact(model: GenerativeModel) -> None:
    """Raises UserError if p(x|z) is not a probability or density of the data."""
    if model.likelihood is not None and not model.likelihood.exact:
        raise UserError(
            f"{model.likelihood} on gray pixels is a cross-entropy and no likelihood; "
            "train with binarize=static|dynamic, or another likelihood"
        )


# Memory.


def rows_at_once(networks: Iterable[keras.Model], most: int, otherwise: int) -> int:
    """Returns the number of rows per call of the networks: `most`, or fewer if their activations are large.

    Args:
        networks: of Keras.
        most: number of rows; more of them do not fit into the processor's cache.
        otherwise: activations per row of a network whose layers have no known outputs, such as a subclassed one.
    """
    values = sum(_values_per_row(network) or otherwise for network in networks)
    return max(1, min(most, ACTIVATIONS // (4 * values)))


def _values_per_row(network):
    outputs = [keras.tree.flatten(getattr(layer, "output", ())) for layer in network.layers]
    return sum(math.prod(output.shape[1:]) for output in sum(outputs, []))
