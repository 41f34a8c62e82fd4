"""Sampling that does not depend on the batch: sample i follows from (seed, i) and its conditions alone."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen.data.arrays import check_class_names
from tfgen.data.checks import as_array, check_against
from tfgen.data.classes import class_numbers
from tfgen.data.source import Examples, Field
from tfgen.domains import Count, Natural, Seed, check
from tfgen.errors import UserError, nearest
from tfgen.networks.calling import input_names
from tfgen.samplers import Sampler
from tfgen.sampling.endpoints import Endpoint

CHUNK = 250  # rows per call of the network, always: other shapes may round differently

Networks = dict[str, keras.Model]


class Sampling:
    """The part of `GenerativeModel` that samples, and that knows its conditions.

    Attributes:
        sampling_network: name of the network that makes the data, or None.
    """

    sampling_network: str | None = None
    _sample_functions: dict | None = None
    # of the model, as `tfgen.training.attributes` describes them
    name: str
    networks: Networks
    fields: dict[str, Field]
    data_field: str

    if TYPE_CHECKING:  # of `Batches`: a definition here would hide it

        @property
        def data_shape(self) -> tuple[int, ...]: ...

        @property
        def data_dtype(self) -> str: ...

        def as_field(self, name: str, value: Any) -> tf.Tensor: ...

        def as_stored(self, data: tf.Tensor) -> tf.Tensor: ...

        def spec(self, name: str) -> tf.TensorSpec: ...

    @property
    def sampler(self) -> Sampler | None:
        """The default sampler; None for a model that cannot sample."""
        return None

    # Conditions.

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the fields that the sampling network takes besides noise; all others are targets of training."""
        if self.sampling_network is None:
            return ()
        named = input_names(self.networks[self.sampling_network])
        return tuple(name for name in self.fields if name != self.data_field and name in named)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the conditions that are images."""
        return tuple(name for name in self.conditions if self.fields[name].kind == "image")

    @property
    def conditional(self) -> bool:
        """Whether the model has conditions."""
        return bool(self.conditions)

    @property
    def label_field(self) -> str | None:
        """The name of the one condition that is a label, or None."""
        labels = [name for name in self.conditions if self.fields[name].kind == "label"]
        return labels[0] if len(labels) == 1 else None

    @property
    def text_field(self) -> str | None:
        """The name of the one condition that is a text, or None."""
        texts = [name for name in self.conditions if self.fields[name].kind == "text"]
        return texts[0] if len(texts) == 1 else None

    @property
    def num_classes(self) -> int | None:
        """The number of classes of a model conditioned on labels, if known."""
        field = self.fields.get(self.label_field or "")
        return int(field.range[1]) if field is not None and field.range else None

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, in the order of the labels, or None if unknown.

        They come with the data of a run, or are set here, and are saved with the model.

        Raises:
            UserError: when set, the model is not conditioned on a label, or has another number of classes.
        """
        names = self.fields[self.label_field].names if self.label_field else None
        return list(names) if names else None

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        if self.label_field is None:
            raise UserError(f"{self.name} is not conditioned on a label, and has no classes to name")
        checked = check_class_names(self.name, names, self.num_classes or len(names or ()))
        named = dataclasses.replace(self.fields[self.label_field], names=tuple(checked or ()))
        self.fields = {**self.fields, self.label_field: named}

    def take_class_names(self, examples: Examples) -> None:
        """Keeps the names of the classes of training data, where none are known."""
        field = examples.fields().get(self.label_field or "")
        if field is not None and field.names and not self.class_names and len(field.names) == self.num_classes:
            self.class_names = list(field.names)

    def conditions_for(
        self, n: int, given: dict[str, Any] | None = None, examples: Examples | None = None, start: int = 0
    ) -> dict[str, np.ndarray]:
        """Returns the conditions of samples start, ..., start + n - 1, by field name; {} of an unconditional model.

        Args:
            n: number of samples.
            given: field name -> one value or several, which are taken in turn.
            examples: `Examples` whose rows are taken in turn for conditions that are not given. Labels that are not
                given are all classes in turn.
            start: number of the first sample.

        Raises:
            UserError: a name that is not a condition, values that do not fit, or a condition without values.
        """
        given = {name: value for name, value in (given or {}).items() if value is not None}
        for name in given:
            if name not in self.conditions:
                known = f"its conditions are {', '.join(self.conditions)}" if self.conditions else "is not conditional"
                raise UserError(f"{self.name} takes no {name}: {known}{nearest(name, self.conditions)}")
        places = np.arange(start, start + n)
        left = [name for name in self.conditions if name not in given]
        # beside a source or a vector of an example its own label belongs, not any class in turn
        cycles = examples is None or all(self.fields[name].kind == "label" for name in left)
        rows = {name: self._condition_rows(name, given.get(name), examples, places, cycles) for name in self.conditions}
        return {name: values[places % len(values)] for name, values in rows.items()}

    def _condition_rows(
        self, name: str, given: Any, examples: Examples | None, places: np.ndarray, cycles: bool
    ) -> np.ndarray:
        """Returns values of which sample i takes number i modulo their count."""
        field = self.fields[name]
        if given is not None:
            return self._checked_labels(name, given) if field.kind == "label" else self.checked_rows(name, given)
        if field.kind == "label" and field.range and cycles:
            return np.arange(int(field.range[1]))
        if examples is not None:
            # only the rows that these samples take are read: examples may be files
            needed = np.unique(places % len(examples))
            rows = np.zeros(len(examples), np.int64)
            rows[needed] = np.arange(len(needed))
            return examples.gather(needed)[name][rows]
        if field.kind == "label":
            raise UserError(f"{self.name} does not know how many classes there are: give label=")
        raise UserError(f"{self.name} is conditioned on {name!r}: give conditions={{{name!r}: ...}}")

    def _checked_labels(self, name: str, values: ArrayLike) -> np.ndarray:
        cycle = np.atleast_1d(np.asarray(class_numbers(values, self.class_names)))
        if cycle.ndim > 1:
            return check_against(name, cycle, self.fields[name])  # says what to do about one-hot rows
        if cycle.dtype.kind not in "iu" or not len(cycle):
            raise UserError(f"{name} must be one integer or a list of them, got {values!r}")
        limits = self.fields[name].range
        classes = limits and int(limits[1])
        if cycle.min() < 0 or (classes and cycle.max() >= classes):
            top = f"0..{classes - 1}" if classes else "0 and up"
            raise UserError(f"labels are {top}, got {sorted(set(cycle.tolist()))}")
        return cycle.astype(np.int64)

    def checked_rows(self, name: str, values: ArrayLike, field: Field | None = None) -> np.ndarray:
        """Returns values of a field [N, ...], checked as training data are; a single one as [1, ...].

        Args:
            name: for messages.
            values: one example, or several.
            field: by default the model's own of this name.
        """
        field = field or self.fields[name]
        rows = as_array(name, values)
        if rows.shape in (tuple(field.shape), tuple(field.shape)[:2] if field.kind == "image" else ()):
            rows = np.asarray(rows)[None]  # one value, for all samples
        if rows.ndim and not len(rows):
            raise UserError(f"{name}: expected at least one value of shape {tuple(field.shape)}, got {rows.shape}")
        return np.asarray(check_against(name, rows, field, whole=False))

    def condition_fields(self, conditions: dict[str, Any] | None, *networks: str) -> dict[str, tf.Tensor]:
        """Returns the conditions as the networks see them, by field name.

        Args:
            conditions: field name -> values as a data set holds them.
            *networks: names of networks; their conditions alone are returned, by default all.

        Raises:
            UserError: one is missing.
        """
        conditions = conditions or {}
        taken = {name for network in networks for name in input_names(self.networks[network])}
        needed = [name for name in self.conditions if not networks or name in taken]
        for name in needed:
            if conditions.get(name) is None:
                raise UserError(f"{self.name} is conditional: give {name}=")
        return {name: self.as_field(name, conditions[name]) for name in needed}

    # Samples.

    def sample(
        self,
        n: int,
        seed: int = 0,
        label: ArrayLike | None = None,
        stochastic: bool = False,
        batch_size: int = CHUNK,
        start: int = 0,
        *,
        conditions: dict[str, Any] | None = None,
        sampler: Sampler | None = None,
    ) -> np.ndarray:
        """Returns samples start, ..., start + n - 1 of the endless sequence that belongs to `seed`.

        Args:
            n: number of samples.
            seed: integer in [0, 2^31).
            label: of a model conditioned on labels, a class or a list of classes taken in turn (default: all in turn):
                numbers, or names where `class_names` are known.
            stochastic: draw the pixels from p(x|z) instead of giving its mean (variational models only).
            batch_size: samples per call of the network; it changes them by rounding at most.
            start: number of the first sample.
            conditions: field name -> values taken in turn; `label=` is the shorthand for labels.
            sampler: of `tfgen.samplers`, instead of the model's own.

        Returns:
            uint8 [n, H, W, C]; of a model of points or vectors, float32 [n, D].

        Raises:
            UserError: the model cannot sample, or the arguments do not fit.
        """
        sampler = sampler or self.sampler
        if sampler is None:
            raise UserError(self.cannot_sample)
        for name, value, domain in (
            ("n", n, Natural),
            ("start", start, Natural),
            ("seed", seed, Seed),
            ("batch_size", batch_size, Count),
        ):
            check(name, value, domain)
        rows = self.conditions_for(int(n), self.with_label(label, conditions), start=int(start))
        return self.draw_rows(self.sample_from_seeds(sampler, bool(stochastic)), n, seed, rows, batch_size, start)

    def draw_rows(
        self,
        function: Callable[..., tf.Tensor],
        n: int,
        seed: int,
        rows: dict[str, np.ndarray],
        batch_size: int = CHUNK,
        start: int = 0,
    ) -> np.ndarray:
        """Returns samples start, ..., start + n - 1 of `function(seeds, rows)`, as data sets hold them [n, ...].

        Args:
            function: of `sample_from_seeds`.
            n, seed, batch_size, start: as in `sample`.
            rows: name -> values [n, ...], a row per sample.
        """
        n, start, seed = int(n), int(start), int(seed)  # an int32 of NumPy would overflow below
        made = np.empty((n, *self.data_shape), self.data_dtype)
        for first in range(0, n, batch_size):
            # the last batch is filled up: the same shape is neither traced again nor rounded differently
            places = np.arange(first, first + batch_size, dtype=np.int64)
            taken = {name: tf.constant(values[np.minimum(places, n - 1)]) for name, values in rows.items()}
            count = min(batch_size, n - first)
            # one int64 per sample: the seed in its upper 32 bits, the sample's number in the lower
            made[first : first + count] = function(tf.constant((seed << 32) + start + places), taken).numpy()[:count]
        return made

    @property
    def cannot_sample(self) -> str:
        """A sentence on why the model cannot sample."""
        return f"{self.name} cannot generate"

    def with_label(self, label: ArrayLike | None, conditions: dict[str, Any] | None) -> dict[str, Any]:
        """Returns `conditions` with the values of `label`, if any, under the name of the label field.

        Raises:
            UserError: the model is not conditioned on one label.
        """
        if label is None:
            return dict(conditions or {})
        if self.label_field is None:
            hint = f"; give conditions={{{self.conditions[0]!r}: ...}}" if self.conditions else ""
            known = "is not conditioned on a label" if self.conditions else "is not conditional and takes no label"
            raise UserError(f"{self.name} {known}{hint}")
        if conditions and self.label_field in conditions:
            raise UserError(f"give label= or conditions={{{self.label_field!r}: ...}}, not both")
        return {**(conditions or {}), self.label_field: class_numbers(label, self.class_names)}

    def sample_from_seeds(self, sampler: Sampler, stochastic: bool = False) -> Callable[..., tf.Tensor]:
        """Returns `f(seeds int64 [B], conditions) -> samples [B, ...]`, as data sets hold them, a compiled function."""
        # past Keras' bookkeeping of attributes, which would wrap the dict
        functions = vars(self).setdefault("_sample_functions", {})
        if (sampler, stochastic) not in functions:

            def draw(seeds: tf.Tensor, conditions: dict[str, tf.Tensor]) -> tf.Tensor:
                return self.samples_from_seeds(seeds, conditions, sampler=sampler, stochastic=stochastic)

            functions[sampler, stochastic] = tf.function(draw, reduce_retracing=True, autograph=False)
        return functions[sampler, stochastic]

    def forget_traces(self) -> None:
        """Drops the compiled functions, which keep the model as it was when they were traced."""
        vars(self)["_sample_functions"] = {}

    def samples_from_seeds(
        self,
        seeds: tf.Tensor,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
        *,
        sampler: Sampler | None = None,
        stochastic: bool = False,
    ) -> tf.Tensor:
        """Returns samples [B, ...] as data sets hold them, sample i from seeds[i] and its conditions alone; traceable.

        Args:
            seeds: int64 [B].
            conditions: field name -> values [B, ...].
            networks: name -> network, used instead of the model's own.
            sampler: instead of the model's own.
            stochastic: as in `sample`.

        Raises:
            UserError: the model cannot sample.
        """
        if stochastic:
            return self.as_stored(self.draw_stochastic(seeds, conditions, networks, sampler or self.sampler))
        sampler = sampler or self.sampler
        if sampler is None:
            raise UserError(self.cannot_sample)
        return self.as_stored(sampler.draw(self, seeds, conditions or {}, networks))

    def draw_stochastic(
        self,
        seeds: tf.Tensor,
        conditions: dict[str, Any] | None,
        networks: Networks | None = None,
        sampler: Sampler | None = None,
    ) -> tf.Tensor:
        """Returns samples float32 [B, ...] drawn from p(x|z), row i from seeds[i] and its conditions alone.

        z is that of `sampler`, by default of one pass from the model's own prior.
        """
        raise UserError(f"{self.name} has no distribution of pixels given z: leave out stochastic")

    # Signatures.

    def sampling_endpoints(self, networks: Networks | None = None) -> dict[str, Endpoint]:
        """Returns the signatures `sample` {seed} and, of images, `sample_png`; none for a model that cannot sample.

        A model conditioned on texts has `sample` under the name `sample_text`, too.
        """
        if self.sampler is None:
            return {}
        inputs = (tf.TensorSpec([None], tf.int64, name="seed"), *map(self.spec, self.conditions))

        def sample(seed: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.data_field: self.samples_from_seeds(seed, conditions, networks)}

        def sample_png(seed: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            images = sample(seed, **conditions)[self.data_field]
            return {
                "image_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.TensorSpec([], tf.string))
            }

        found = {"sample": Endpoint(sample, inputs)}
        if any(spec.dtype == tf.string for spec in inputs):
            found["sample_text"] = found["sample"]
        if self.data_dtype == "uint8" and self.data_shape[-1] in (1, 3, 4):
            found["sample_png"] = Endpoint(sample_png, inputs)
        return found
