"""Conditions of samples: which fields of the data a model takes, their values in turn, and what is refused."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen.data.arrays import check_class_names
from tfgen.data.checks import as_array, check_against
from tfgen.data.classes import class_numbers
from tfgen.data.source import Examples, Field
from tfgen.errors import UserError, nearest
from tfgen.networks.calling import input_names

if TYPE_CHECKING:
    from tfgen.samplers import Sampler

Networks = dict[str, keras.Model]


class Conditioned:
    """The part of `GenerativeModel` that knows its conditions.

    Attributes:
        sampling_network: name of the network that makes the data, or None.
    """

    sampling_network: str | None = None
    # of the model, as `tfgen.training.attributes` describes them
    name: str
    networks: Networks
    fields: dict[str, Field]
    data_field: str

    if TYPE_CHECKING:  # of `Batches` and `Sampling`: a definition here would hide it

        @property
        def sampler(self) -> Sampler | None: ...

        def as_field(self, name: str, value: Any) -> tf.Tensor: ...

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the fields that the sampling network takes besides noise; all others are targets of training."""
        if self.sampling_network is None:
            return ()
        named = input_names(self.networks[self.sampling_network])
        return tuple(name for name in self.fields if name != self.data_field and name in named)

    @property
    def coding_conditions(self) -> tuple[str, ...]:
        """Names of the conditions without which data are neither encoded nor reconstructed, nor latents decoded."""
        return self.conditions

    def sampling_conditions(self, sampler: "Sampler | None" = None) -> tuple[str, ...]:
        """Returns the names of the conditions that a sampler takes, by default the model's own."""
        sampler = self.sampler if sampler is None else sampler
        return self.conditions if sampler is None else sampler.conditions(self)

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
            UserError: when set, the model has no label, as condition or as target, or another number of classes.
        """
        field = self.fields.get(self.named_field or "")
        return list(field.names) if field is not None and field.names else None

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        name = self.named_field
        if name is None:
            raise UserError(f"{self.name} neither takes nor learns labels, and has no classes to name")
        field = self.fields[name]
        checked = check_class_names(self.name, names, int(field.range[1]) if field.range else len(names or ()))
        self.fields = {**self.fields, name: dataclasses.replace(field, names=tuple(checked or ()))}

    @property
    def named_field(self) -> str | None:
        """The name of the label whose classes have names: the condition, else the one label that is learnt."""
        labels = [name for name, field in self.fields.items() if field.kind == "label"]
        return self.label_field or (labels[0] if len(labels) == 1 else None)

    def take_class_names(self, names: Sequence[str] | None) -> None:
        """Keeps the names of the classes of training data, where none are known and their number is that of labels."""
        own = self.fields.get(self.named_field or "")
        if own is not None and own.range and len(names or ()) == int(own.range[1]) and not self.class_names:
            self.class_names = names

    def conditions_for(
        self,
        n: int,
        given: dict[str, Any] | None = None,
        examples: Examples | None = None,
        start: int = 0,
        sampler: "Sampler | None" = None,
    ) -> dict[str, np.ndarray]:
        """Returns the conditions of samples start, ..., start + n - 1, by field name; {} of an unconditional model.

        Args:
            n: number of samples.
            given: field name -> one value or several, which are taken in turn.
            examples: `Examples` whose rows are taken in turn for conditions that are not given. Labels that are not
                given are all classes in turn.
            start: number of the first sample.
            sampler: of the samples, by default the model's own; there may be conditions that it does not take.

        Raises:
            UserError: a name that is not a condition, values that do not fit, or a condition without values.
        """
        given = {name: value for name, value in (given or {}).items() if value is not None}
        self.check_taken(given, sampler)
        names = self.sampling_conditions(sampler)
        places = np.arange(start, start + n)
        cycles = self.cycles_classes(given, examples, sampler)
        rows = {name: self._condition_rows(name, given.get(name), examples, places, cycles) for name in names}
        return {name: values[places % len(values)] for name, values in rows.items()}

    def cycles_classes(
        self, given: Iterable[str] = (), examples: Examples | None = None, sampler: "Sampler | None" = None
    ) -> bool:
        """Returns whether labels that are not given are all classes in turn, and not those of the examples.

        Beside a source or a vector of an example its own label belongs. Arguments as in `conditions_for`.
        """
        left = [name for name in self.sampling_conditions(sampler) if name not in given]
        return examples is None or all(self.fields[name].kind == "label" for name in left)

    def check_taken(self, given: Iterable[str], sampler: "Sampler | None" = None) -> None:
        """Raises UserError if one of the names is not a condition of the model, or has no effect under the sampler."""
        for name in given:
            if name not in self.conditions:
                known = (
                    f"its conditions are {', '.join(self.conditions)}" if self.conditions else "it is not conditional"
                )
                raise UserError(f"{self.name} takes no {name}: {known}{nearest(name, self.conditions)}")
            if name not in self.sampling_conditions(sampler):
                raise UserError(f"{self.name} decodes its latents without {name}, which has no effect: leave it out")

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

    def with_label(self, label: ArrayLike | None, conditions: dict[str, Any] | None) -> dict[str, Any]:
        """Returns `conditions` with the values of `label`, if any, under the name of the label field.

        Raises:
            UserError: the model is not conditioned on one label.
        """
        if label is None:
            return dict(conditions or {})
        if self.label_field is None:
            hint = f"; give conditions={{{self.conditions[0]!r}: ...}}" if self.conditions else ""
            hint += " (--caption on the command line)" if self.text_field else ""
            known = "is not conditioned on a label" if self.conditions else "is not conditional and takes no label"
            raise UserError(f"{self.name} {known}{hint}")
        if conditions and self.label_field in conditions:
            raise UserError(f"give label= or conditions={{{self.label_field!r}: ...}}, not both")
        return {**(conditions or {}), self.label_field: class_numbers(label, self.class_names)}
