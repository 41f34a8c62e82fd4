"""`predict`, the call of a model, and its export: what Keras' users expect of any model."""

import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.sampling.chunks import turned
from tfgen.training.abilities import Abilities
from tfgen.training.attributes import Attributes
from tfgen.training.checking import check_ends
from tfgen.training.savedmodel import export_savedmodel

_ROWS = 32  # Keras' own batch size


class Predicting(Abilities, Attributes):
    """The part of `GenerativeModel` that predicts by the first of `reconstruct`, `encode` and `translate` that fits."""

    def __call__(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Returns the prediction for one batch, in inference mode, as tensors; see `predict`."""
        # past Keras' `__call__`, which would make several lines of one sentence
        if any(isinstance(value, keras.KerasTensor) for value in tf.nest.flatten(inputs)):
            raise UserError(
                f"{self.name} is not a layer of another model: take one of its networks, such as "
                f"model.best({next(iter(self.networks))!r})"
            )
        return self._predicted(self._named(inputs))

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: None = None,
    ) -> Any:
        """Returns the first of `reconstruct`, `encode` and `translate` that the model has, as arrays.

        Args:
            x: images uint8 (or float in [0, 1]) [N, H, W, C], or what else the model reads; a pair (images, labels), a
                dict of fields, `Examples`, or any iterable of batches, such as a `tf.data.Dataset`.
            batch_size: rows at a time, 32 by default; a data set of batches is used as it is.
            verbose: without effect.
            steps: batches after which it ends.
            callbacks: None.

        Raises:
            UserError: the model can do none of them, or the data do not fit.
        """
        if callbacks:
            raise UserError("predict of a generative model takes no callbacks: leave them out")
        check("batch_size", batch_size, Count | None)
        check_ends(x, steps=steps)
        made, start = [], 0
        for number, batch in enumerate(self._batches(x, _ROWS if batch_size is None else batch_size)):
            if number == steps:
                break
            part = tf.nest.map_structure(np.asarray, self._predicted(self._named(batch), start))
            made.append(part)
            start += len(tf.nest.flatten(part)[0])
        if not made:
            raise UserError("predict needs at least one example, got none")
        return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *made)

    def export(self, filepath: str | os.PathLike, format: str = "tf_saved_model", **options: Any) -> None:
        """Writes a SavedModel with the signatures of the model (`endpoints`), as a run does.

        Args:
            filepath: the folder, replaced if it exists.
            format: `tf_saved_model`; other formats hold one function, and are exported from a network.
            **options: `verbose`, without effect.

        Raises:
            UserError: another format, or the disk is full or read-only.
        """
        networks, first = ", ".join(self.networks), next(iter(self.networks))
        if format != "tf_saved_model":
            raise UserError(
                f"{self.name} exports a tf_saved_model with several signatures, got format={format!r}: export a "
                f"network ({networks}), as in model.exported_networks()[{first!r}].export(path, format={format!r})"
            )
        if unknown := set(options) - {"verbose"}:
            raise UserError(f"export of {self.name} takes no {min(unknown)}: its signatures are those of endpoints()")
        export_savedmodel(self, pathlib.Path(filepath))

    def _has(self, ability: str) -> bool:
        return getattr(type(self), ability) is not getattr(Abilities, ability)

    @property
    def _source(self) -> str:
        """The name of the field that is read to predict: that of the data, or the one image that they are made of."""
        reads = self._has("reconstruct") or self._has("encode") or len(self.sources) != 1
        return self.data_field if reads else self.sources[0]

    def _named(self, batch: Any) -> dict[str, Any]:
        """Returns a batch, or all data, as a dict of fields: the source first, then the others as declared."""
        if isinstance(batch, (tuple, list)) and len(batch) and isinstance(batch[0], dict):
            batch = batch[0]
        if isinstance(batch, dict):
            return batch
        values = batch if isinstance(batch, tuple) else (batch,)
        # not strict: a pair (images, labels) where labels are not used
        return dict(zip([self._source, *(name for name in self.fields if name != self._source)], values, strict=False))

    def _predicted(self, fields: dict[str, Any], start: int = 0) -> Any:
        """Returns what is predicted of a batch, whose first row has the number `start`."""
        if self._source not in fields:
            raise UserError(f"predict needs {self._source}s, got the fields {', '.join(sorted(fields)) or 'none'}")
        data = fields[self._source]
        given = {name: fields[name] for name in self.conditions if name in fields and name != self._source}
        for ability in ("reconstruct", "encode"):
            if self._has(ability):
                return getattr(self, ability)(data, conditions=given)
        if self._source != self.data_field or self._has("translate"):
            rows = {name: turned(np.asarray(values), start) for name, values in given.items()}
            more: dict[str, Any] = {"start": start} if start else {}  # a model from outside may know no other number
            return self.translate(data, rows, **more)
        hint = "" if self.sampler is None else f"; sample(n) makes {self.data_field}s"
        raise UserError(f"{self.name} has nothing to predict: it cannot reconstruct, encode or translate{hint}")

    def _batches(self, x: Any, rows: int) -> Iterator[Any]:
        if isinstance(x, Examples):
            for first in range(0, len(x), rows):
                yield x.gather(np.arange(first, min(first + rows, len(x))))
        elif isinstance(x, (dict, tuple, list)) or hasattr(x, "shape"):
            fields = self._named(np.asarray(x) if isinstance(x, list) else x)
            count = len(next(iter(fields.values())))
            for first in range(0, count, rows):
                yield {name: value[first : first + rows] for name, value in fields.items() if value is not None}
        elif isinstance(x, keras.utils.PyDataset):
            yield from (x[number] for number in range(len(x)))
        elif isinstance(x, Iterable):
            yield from x
        else:
            raise UserError(f"predict takes arrays or a data set of batches, got {type(x).__name__}")
