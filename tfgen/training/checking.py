"""Checks of batches on the host, one after the other, where a data set is seen batch by batch."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.checks import as_array, check_against
from tfgen.data.rows import blocks
from tfgen.data.source import Field
from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.training import accumulation


class Refusals:
    """The first error of a batch, which TensorFlow would pass on as one of its own."""

    def __init__(self) -> None:
        self.first: Exception | None = None

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Keeps an error that is raised within the context."""
        try:
            yield
        except Exception as error:
            self.first = self.first or error
            raise


@contextlib.contextmanager
def refusals(*steps: int | None) -> Iterator[Refusals]:
    """Yields `Refusals`; within the context, TensorFlow's error on such a batch is replaced by the original one.

    Args:
        *steps: that were asked for of a data set; if none are, its end is no surprise, and Keras' warning is left out.
    """
    found = Refusals()
    try:
        with warnings.catch_warnings():
            if not any(steps):
                warnings.filterwarnings("ignore", "Your input ran out of data")
            yield found
    except tf.errors.OpError:
        if found.first is None:
            raise
        raise found.first from None


class Checker:
    """The checks of the batches of one data set.

    Args:
        fields: name -> `Field` that a batch has to hold.
        parts: equal parts into which a step splits its batch.
        accumulate: micro-batches of each part.
        normalized: whether a network has batch normalisation: one example has no statistics.
    """

    def __init__(
        self, fields: Mapping[str, Field], parts: int = 1, accumulate: int = 1, normalized: bool = False
    ) -> None:
        self.fields, self.parts, self.accumulate, self.normalized = fields, parts, accumulate, normalized
        self.first: int | None = None  # rows of the first batch

    def __call__(self, batch: Mapping[str, Any], targets: Any = None) -> dict[str, np.ndarray]:
        """Returns the rows of a batch with which a step can work; none of a last batch that is too small.

        Args:
            batch: name -> array of each field.
            targets: what was given besides, of which the model makes no use.

        Raises:
            UserError: a field does not fit, or the first batch is too small for a step.
        """
        first = self.first is None
        checked = {name: check_against(name, batch[name], field, whole=first) for name, field in self.fields.items()}
        sizes = {name: len(value) for name, value in checked.items()}
        if len(set(sizes.values())) > 1:
            pairs = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise UserError(f"expected as many examples in every field of a batch, got {pairs}")
        check_targets(next(iter(batch.values())), targets)
        rows = self.usable(next(iter(sizes.values())))
        return {name: np.asarray(value[:rows]) for name, value in checked.items()}

    def usable(self, size: int) -> int:
        """Returns how many rows of a batch make up equal parts and micro-batches; 0 to leave it out.

        Raises:
            UserError: it is the first batch, and too small.
        """
        unit = self.parts * self.accumulate
        if self.first is None and size:
            if size < unit:
                raise UserError(
                    f"one step takes at least {unit} images (one per discriminator step and micro-batch), got a batch "
                    f"of {size}: give larger ones"
                )
            accumulation.check(self.accumulate, batch_size=size // self.parts)
            self.first = size
        alone = self.normalized and size < 2 * self.parts <= (self.first or 0)
        if size < unit or alone:
            return 0
        return size if self.accumulate == 1 else size - size % unit


def check_ends(data: Any, **steps: int | None) -> None:
    """Raises UserError for a number of steps below 1, and for batches without end where none is given.

    Args:
        data: in any form.
        **steps: the argument that bounds them, by its name.
    """
    ((name, count),) = steps.items()
    check(name, count, Count | None)
    endless = isinstance(data, tf.data.Dataset) and int(data.cardinality()) == tf.data.INFINITE_CARDINALITY
    endless = endless or (isinstance(data, keras.utils.PyDataset) and data.num_batches is None)
    if endless and count is None:
        raise UserError(f"the {type(data).__name__} never ends: give {name}, or leave out its .repeat()")


def check_targets(data: Any, targets: Any) -> None:
    """Raises UserError for targets that are other images than the model's data: it would never see them."""
    if targets is None or targets is data or len(np.shape(targets)) < 3:  # labels that the model does not use
        return
    one, other = as_array("x", data), as_array("y", targets)
    pairs = zip(blocks(one), blocks(other), strict=False)
    if one.shape != other.shape or not all(np.array_equal(a, b) for a, b in pairs):
        raise UserError("the model takes only images, and its targets are these images themselves: leave out y")
