"""The doors by which data come into a model: all pass the same checks, on every batch where batches are seen."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters import get_data_adapter
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from tfgen.data import from_arrays, hints, pipeline
from tfgen.data.checks import as_array, check_against, check_form
from tfgen.data.numbering import check_same_classes
from tfgen.data.source import KINDS, Arrays, Examples
from tfgen.data.source import Source as Data
from tfgen.distribution.replicas import ReplicatedFit
from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.training.attributes import Attributes
from tfgen.training.checking import Checker, Refusals, check_ends, check_targets, refusals

BATCH_SIZE = 32  # Keras' default
Source = Callable[[], Iterator[Any]]


class Checked(DataAdapter):
    """Checked batches, as Keras takes them in the place of a data set.

    Args:
        dataset: of batches.
        length: their number at most, since some may be left out; None where it is unknown.
        source: Keras' adapter of where they come from, which is told of the epochs.
    """

    def __init__(self, dataset: tf.data.Dataset, length: int | None, source: DataAdapter | None = None) -> None:
        self.dataset, self.length, self.source = dataset, length, source

    def get_tf_dataset(self) -> tf.data.Dataset:
        """Returns the data set."""
        return self.dataset

    @property
    def num_batches(self) -> int | None:
        """The number of batches per epoch; None where it is unknown."""
        return self.length

    @property
    def batch_size(self) -> int | None:
        """None: batches may differ in size."""
        return None

    def on_epoch_begin(self) -> None:
        """Starts the workers of the source."""
        if self.source is not None:
            self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Stops the workers of the source, which may order its batches anew."""
        if self.source is not None:
            self.source.on_epoch_end()


def is_dataset(x: Any) -> bool:
    """Returns whether data are a `tf.data.Dataset`, distributed or not."""
    return isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset))


def at_once(x: Any) -> bool:
    """Returns whether data are given as arrays, and not in batches."""
    if isinstance(x, (np.ndarray, Mapping, Examples, list, tuple)):
        return True
    return hasattr(x, "shape") and hasattr(x, "dtype")


class Doors(ReplicatedFit, Attributes):
    """The part of `GenerativeModel` that takes data in, in all forms in which Keras does."""

    # Fields by name.

    def named(self, data: Any, y: Any = None) -> tuple[dict[str, Any], Any]:
        """Returns (name -> value of the model's fields, targets that it does not use or None).

        Args:
            data: a dict of fields; or the data field; or a tuple or list, one of these first, then the other fields as
                they are declared.
            y: one more of these.

        Raises:
            UserError: a field is missing.
        """
        parts = list(data) if isinstance(data, (tuple, list)) else [data]
        while parts and isinstance(parts[0], tuple):
            parts = [*parts[0], *parts[1:]]
        parts += [] if y is None else [y]
        given = dict(parts.pop(0)) if parts and isinstance(parts[0], Mapping) else {}
        others = [name for name in self.fields if name != self.data_field]
        places = [name for name in (self.data_field, *others) if given.get(name) is None]
        given |= dict(zip(places, parts, strict=False))
        spare = parts[len(places) :]
        if isinstance(data, (tuple, list)) and len(data) > 2 and spare and spare[-1] is data[-1]:  # (x, y, weights)
            refuse_weights(sample_weight=spare[-1])
        return self.needed(given), next(iter(spare), None)

    def needed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the model's fields among those that are given.

        Raises:
            UserError: one is missing.
        """
        names = sorted(name for name in given if given[name] is not None)
        missing = [name for name in self.fields if name not in names]
        if missing:
            close = difflib.get_close_matches(missing[0], [name for name in names if name not in self.fields], 1)
            hint = f"; rename {close[0]!r} to {missing[0]!r}" if close else hints.of_missing(missing[0])
            got = f"got {', '.join(names) or 'nothing'}{hint}"
            raise UserError(
                f"{self.name} is trained on {' and '.join(self.fields)}, but {missing[0]!r} is missing: {got}"
            )
        return {name: given[name] for name in self.fields}

    def as_examples(self, x: Any, y: Any = None) -> Examples:
        """Returns `Examples` with the fields that this model needs.

        Args:
            x: `Examples`, a dict of arrays by field, the array of the data field, or a tuple (x, y).
            y: the array of the second field, where `x` is an array.

        Raises:
            UserError: a field is missing, is not of the declared kind, dtype, range and shape, or has classes of other
                names.
        """
        if isinstance(x, Examples):
            held = self.needed(x.fields())
            self.as_batch(x.gather(np.arange(1)))
            arrays = x.arrays if isinstance(x, Arrays) else {}
            for name, field in self.fields.items():
                check_same_classes(self.name, held[name].names, field.names)
                if field.kind == "label" and name in arrays:
                    check_against(name, arrays[name], field)
            return x
        # a list of examples is an array; a list of arrays of unequal shapes are fields, where there are several
        sort: Any = np.shape if len(self.fields) > 1 else np.ndim
        if isinstance(x, list) and len({sort(part) for part in x[:3]}) == 1:
            x = as_array(self.data_field, x)
        given, targets = self.named(x, y)
        check_targets(given[self.data_field], targets)
        return self.examples_of(given)

    def examples_of(self, given: dict[str, Any]) -> Examples:
        """Returns arrays by field name as checked examples, of which each has a row of every array."""
        return from_arrays(given.pop("image", None), given.pop("label", None), declared=self.fields, **given)

    # Batches.

    def batches(
        self, x: Any, y: Any, refused: Refusals, *, train: bool, shuffle: bool = False, size: int | None = None
    ) -> Any:
        """Returns data in any form as checked batches, for Keras' `fit` and `evaluate`.

        Args:
            x: as `fit` takes it.
            y: the second field, where `x` is an array.
            refused: keeps the error of a batch.
            train: whether the batches are for training steps, not for evaluation.
            shuffle: whether a `PyDataset` is read in random order.
            size: examples per batch, of arrays; 32 by default.

        Raises:
            UserError: the data do not fit.
        """
        if isinstance(x, Checked):
            return x
        if at_once(x):
            return pipeline.in_order(self.as_examples(x, y), checked_size(size))
        if y is not None:
            raise UserError(f"a {type(x).__name__} gives the labels in its own elements, (images, labels): leave out y")
        if isinstance(x, tf.distribute.DistributedDataset):
            return Checked(x, None)  # made for this strategy already
        checker = self.checker(train)
        return self._of_dataset(x, checker, refused) if is_dataset(x) else self._of_python(x, checker, refused, shuffle)

    def checker(self, train: bool) -> Checker:
        """Returns the checks of one data set's batches, for training steps or for evaluation."""
        if not train:
            return Checker(self.fields)
        layers = [layer for network in self.networks.values() for layer in network._flatten_layers()]
        normalized = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
        return Checker(self.fields, self.parts, self.accumulate, normalized)

    def _of_dataset(self, dataset: tf.data.Dataset, checker: Checker, refused: Refusals) -> Checked:
        @tf.autograph.experimental.do_not_convert
        def checked_batch(*batch: Any) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            given, targets = self.named(batch)
            for name, value in given.items():
                self.check_form(name, value)
            names = list(given)

            def on_host(*values: np.ndarray) -> np.int64:
                with refused.noted():
                    checked = checker(dict(zip(names, values, strict=False)), *values[len(names) :])
                return np.int64(len(checked[names[0]]))

            values = [*given.values(), *([] if targets is None else [targets])]
            count = tf.numpy_function(on_host, values, tf.int64)
            static = given[names[0]].shape[:1].as_list()
            if static != [None]:  # all batches are equally large
                with tf.control_dependencies([count]):
                    return {name: tf.identity(value) for name, value in given.items()}, tf.constant(1, tf.int64)
            return {name: value[:count] for name, value in given.items()}, count

        length = int(dataset.cardinality())
        if not length:
            raise UserError("expected at least one batch, got an empty data set")
        kept = dataset.map(checked_batch).filter(lambda batch, count: count > 0)
        return Checked(kept.map(lambda batch, count: batch), length if length > 0 else None)

    def _of_python(self, x: Any, checker: Checker, refused: Refusals, shuffle: bool) -> Checked:
        adapter = None if isinstance(x, Iterator) else adapter_of(x, shuffle)
        source: Source = once(x) if adapter is None else adapter.get_numpy_iterator
        # float images, into which bytes can be turned: batches may differ
        kinds = {
            name: "float32" if field.kind == "image" else KINDS[field.kind][0] for name, field in self.fields.items()
        }

        def batches() -> Iterator[dict[str, np.ndarray]]:
            with refused.noted():
                for batch in source():
                    checked = checker(*self.named(batch))
                    if len(next(iter(checked.values()))):
                        yield {name: as_unit(value) for name, value in checked.items()}

        spec = {
            name: tf.TensorSpec([None, *field.shape], pipeline.tensor_dtype(kinds[name]))
            for name, field in self.fields.items()
        }
        dataset = tf.data.Dataset.from_generator(batches, output_signature=spec).prefetch(2)
        return Checked(dataset, adapter and adapter.num_batches, adapter)

    def check_form(self, name: str, value: tf.Tensor) -> None:
        """Raises UserError for a tensor whose dtype or shape, as far as they are known, are not those of the field."""
        field, shape = self.fields[name], value.shape
        known = None if shape.rank is None else shape.as_list()
        check_form(name, value.dtype.name, known, field.kind, field.shape)

    # What Keras calls them by.

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Returns the terms of all phases on held-out data, as Keras' `evaluate` does; data as in `fit`."""
        refuse_weights(sample_weight=sample_weight)
        kwargs |= {"verbose": verbose, "steps": steps, "callbacks": callbacks, "return_dict": return_dict}
        if kwargs.get("_use_cached_eval_dataset"):  # of `fit`, which has made them checked batches
            return super().evaluate(x, batch_size=batch_size, **kwargs)
        check_ends(x, steps=steps)
        with refusals(steps) as refused:
            return super().evaluate(self.batches(x, y, refused, train=False, size=batch_size), **kwargs)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Runs one training step on a batch, as Keras' `train_on_batch` does; data as in `fit`."""
        refuse_weights(sample_weight=sample_weight, class_weight=class_weight)
        batch = x if self.sees_held_out else self.checker(train=True)(*self.named(x, y))
        return super().train_on_batch(batch, return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Returns the terms of all phases on a batch, as Keras' `test_on_batch` does; data as in `fit`."""
        refuse_weights(sample_weight=sample_weight)
        return super().test_on_batch(self.checker(train=False)(*self.named(x, y)), return_dict=return_dict)


def checked_size(batch_size: int | None) -> int:
    """Returns the number of images per update: Keras' default for None.

    Raises:
        UserError: it is no integer of at least 1.
    """
    check("batch_size", BATCH_SIZE if batch_size is None else batch_size, Count)
    return BATCH_SIZE if batch_size is None else int(batch_size)


def refuse_weights(**given: Any) -> None:
    """Raises UserError for weights of examples or classes, of which no phase knows."""
    for name, value in given.items():
        if value is not None:
            raise UserError(f"a generative model takes no {name!r}: leave it out")


def as_unit(value: np.ndarray) -> np.ndarray:
    """Returns images float32 in [0, 1], from uint8 by the operations of a training step."""
    return (value.astype(np.float64) / 255.0).astype(np.float32) if value.dtype == np.uint8 else value


def once(batches: Iterator[Any]) -> Source:
    """Returns a source that gives what is left of a generator, and says so when nothing is."""
    count = 0

    def source() -> Iterator[Any]:
        nonlocal count
        before = count
        for batch in batches:
            count += 1
            yield batch
        if count == before:
            raise UserError(
                f"the generator has ended after {count} batches: for more of them give a keras.utils.PyDataset or a "
                "tf.data.Dataset, which can be read again, or fewer epochs"
            )

    return source


def adapter_of(x: Any, shuffle: bool) -> DataAdapter:
    """Returns Keras' adapter of a `PyDataset` or another source of batches.

    Raises:
        UserError: Keras knows no such source.
    """
    try:
        if x is None:
            raise ValueError
        finite = isinstance(x, keras.utils.PyDataset) and x.num_batches is not None  # what Keras can shuffle
        return get_data_adapter(x, shuffle=shuffle and finite)
    except ValueError as error:
        hint = '; a data set by name is load_dataset(name).splits["train"]' if isinstance(x, (str, Data)) else ""
        hint = "; call the function first" if callable(x) else hint
        raise UserError(
            "expected arrays, a dict of them, a tf.data.Dataset, a keras.utils.PyDataset or a generator of batches, "
            f"got {type(x).__name__}{hint}"
        ) from error
