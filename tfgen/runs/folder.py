"""A run's folder: reading it, and its record."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from registry import UnknownName
from tfgen import faults
from tfgen.data.labels import without_classes
from tfgen.data.paths import within
from tfgen.data.source import Field, Source, as_fields, data_field
from tfgen.errors import UserError
from tfgen.machine.precision import using
from tfgen.recipes.recipe import Recipe
from tfgen.runs.layout import Layout
from tfgen.runs.pretrained import is_pretrained, located
from tfgen.storage.atomic import write_text
from tfgen.storage.origin import Origin, stamp_of, steps_of
from tfgen.storage.tables import load_json, read_table

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel


class Run:
    """A run on disk; each part is read on first use.

    Args:
        folder: the run's folder, the `--workdir` of training; or `pretrained:NAME`, a model of the package.

    Attributes:
        place: the run as a flag names it, text.
        folder: as a `pathlib.Path`.
        paths: `Layout` of the folder.

    Raises:
        UserError: the folder holds no recipe.json, or there is no such model.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.paths = located(folder)
        self.folder = self.paths.folder
        self.place = str(folder) if is_pretrained(folder) else str(self.folder)
        try:
            found = self.paths.recipe.is_file()
        except faults.PATH as error:
            raise UserError(f"cannot read {self.folder}: {faults.reason(error)}") from None
        if not found:
            raise UserError(_not_a_run(self.folder))

    def __repr__(self) -> str:
        place = f"Run({self.place!r}"
        try:
            stamp = stamp_of(self.paths.trainer)
            steps = [*steps_of(self.paths.checkpoints), *([] if stamp is None else [stamp.step])]
            total = self.record.get("total_steps") or self.recipe.steps
            of = f" of {total}" if isinstance(total, int) and total < 10**18 else ""
            return f"{place}: {self.recipe.model}{f', step {max(steps)}{of}' if steps else ', not trained yet'})"
        except Exception:  # a representation never fails
            return f"{place})"

    @functools.cached_property
    def record(self) -> dict:
        """The contents of recipe.json: the recipe, the data's fields, versions and provenance of the data."""
        with self._readable():
            record = load_json(self.paths.recipe)
            if not isinstance(record, dict) or "model" not in (record.get("recipe") or {}):
                raise ValueError("expected an object with a recipe")
            # what only helps, and is no reason to fail
            if not isinstance(record.get("data"), dict):
                record["data"] = {}
            return record

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The `Recipe` of the training."""
        record = self.record  # outside of the block: its own sentence is not to be said within another one
        with self._readable():
            return Recipe.from_json(record["recipe"])

    @functools.cached_property
    def fields(self) -> dict[str, Field]:
        """Name -> `Field` of the run's data."""
        record = self.record
        with self._readable():
            fields = as_fields(record["fields"])
            if not fields or not all(map(_is_sound, fields.values())):
                raise ValueError("its fields are not those of a data set")
            return fields

    @property
    def origin(self) -> Origin:
        """The recipe and the data of the run, in short, as its checkpoints and models record them."""
        return origin_of(self.recipe, self.record["data"])

    @contextlib.contextmanager
    def _readable(self):
        try:
            yield
        except faults.TEXT as error:
            raise UserError(
                f"{self.paths.recipe} is damaged or not written by tfgen: {faults.reason(error)}; train anew"
            ) from error

    @property
    def ended(self) -> int | None:
        """The step at which the training has ended that wrote the models; None without models that say it."""
        stamp = stamp_of(self.paths.trainer)
        return None if stamp is None else stamp.ended

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes of the run's data, in the order of the labels, or None."""
        names = self.record.get("class_names")
        return [str(name) for name in names] if isinstance(names, list) and names else None

    @property
    def makes(self) -> str:
        """The name of the field that the model makes, read without loading the model."""
        name = self.record.get("makes")
        return name if isinstance(name, str) and name in self.fields else data_field(self.fields)

    @property
    def plugins(self) -> list[str]:
        """Names of the modules that the training imported as plugins; they are never imported from here.

        A run's folder may come from elsewhere, and must not decide which code runs.
        """
        found = self.record.get("plugins") or []
        return [str(name) for name in found] if isinstance(found, (list, dict)) else []

    @property
    def plugin_flags(self) -> str:
        """` --plugin=NAME` for each plugin, for commands in messages."""
        return "".join(f" --plugin={name}" for name in self.plugins)

    def source(
        self,
        dataset: str | None = None,
        data_dir: str | None = None,
        image_size: str | int | tuple[int, int] | None = None,
    ) -> Source:
        """Returns the `Source` that the run was trained on; each argument replaces a setting of its recipe.

        Classes that the training left out are not in its training and validation splits. Of a model of the package
        it is by default an embedded data set, a part of the one that it was trained on, which may be missing here.

        Raises:
            UserError: the data are missing, or the data set comes from a plugin that is not imported.
        """
        from tfgen.data import load_dataset

        def load(name: str, base: str = "") -> Source:
            folder = data_dir
            if folder is None and self.recipe.data_dir is not None:
                folder = os.path.join(base, self.recipe.data_dir)
            size = self.recipe.image_size if image_size is None else image_size
            return load_dataset(within(name, base), data_dir=folder, image_size=size)

        def find(name: str) -> Source:
            base = str(self.record.get("cwd") or "")
            try:
                return load(name)
            except UnknownName:
                raise
            except UserError:
                if not base or pathlib.Path(base) == pathlib.Path.cwd():
                    raise
            return dataclasses.replace(load(name, base), name=name)  # paths are those of where the training began

        if dataset is not None:
            return load(dataset)
        name = str(self.record.get("part") or self.recipe.dataset)
        return without_classes(self._known("data set", name, find), self.recipe.leave_out)

    def _known(self, kind: str, name: str, find: Callable):
        """Returns `find(name)`; the message on an unknown name points to the run's plugins."""
        try:
            return find(name)
        except UnknownName as error:
            if not self.plugins:
                raise UserError(
                    f"the {kind} {name!r} of {self.folder} is not known; if it comes from a plugin, give --plugin=NAME "
                    "(in Python: import NAME first)"
                ) from error
            flags, names = self.plugin_flags.strip(), ", ".join(self.plugins)
            raise UserError(
                f"the {kind} {name!r} of {self.folder} comes from a plugin: give {flags} "
                f"(in Python: import {names} first)"
            ) from error

    @property
    def history(self) -> dict[str, list]:
        """The columns of history.csv as it is now: `epoch` and `step` int, all others float, NaN for blank cells."""
        return read_history(self.paths.history)

    @property
    def diagnosis(self) -> dict[str, list]:
        """The columns of diagnosis.csv as it is now: `step` int, and the measurements of the probes, float."""
        return read_history(self.paths.diagnosis, ("step",))

    @functools.cached_property
    def model(self) -> GenerativeModel:
        """The trained, compiled model as it was saved last: at the end of a run, or by a later checkpoint.

        At the end of a run with `stop=kid` it is that of the best score.
        """
        from tfgen.models import MODELS
        from tfgen.training.checkpoints import Checkpoints

        # a plugin's classes have to be registered with Keras before it loads them
        self._known("model", self.recipe.model, MODELS.get)
        if not self.paths.trainer.is_file():
            model = self._rebuilt()
            if Checkpoints(model, self.paths.checkpoints, origin=self.origin).restore() is None:
                name = self.paths.trainer.name
                raise UserError(f"{self.folder} has neither {name} nor a checkpoint yet: train it first")
            return self._named(model)
        model, stamp = self._loaded(), stamp_of(self.paths.trainer)
        if stamp is not None and not stamp.origin.agrees(self.origin):
            raise UserError(
                f"{self.paths.trainer} is of another recipe or of other data than {self.paths.recipe} says: put back "
                "what belongs to this run, or train anew"
            )
        checkpoints = Checkpoints(model, self.paths.checkpoints, origin=None if stamp is None else stamp.origin)
        ended = int(model.step.numpy()) if stamp is None else stamp.ended  # later than the weights that were kept
        newer = any(saved > ended for saved in checkpoints.steps())
        # one that turns out to be damaged may have been restored in part
        return self._named(self._loaded() if newer and checkpoints.restore(after=ended) is None else model)

    def _named(self, model):
        model.take_class_names(self.class_names)  # of a run from before models kept them
        return model

    def _loaded(self):
        from tfgen.export.keras_files import read_keras_file

        try:
            return read_keras_file(self.paths.trainer)
        except UserError as error:
            raise UserError(f"{error}; delete it to use the newest checkpoint instead") from error

    def _rebuilt(self):
        from tfgen.models import build_from_recipe

        with using(self.recipe.precision):
            return build_from_recipe(self.recipe, self.fields)


def load_run(folder: str | os.PathLike) -> Run:
    """Returns the run in a folder, with `.model`, `.recipe`, `.history` and `.folder`.

    Args:
        folder: of the run, or `pretrained:NAME` for a model of the package.

    Raises:
        UserError: it is not the folder of a run; the sentence names runs nearby.
    """
    return Run(folder)


def save_record(folder: str | os.PathLike, recipe: Recipe, fields: dict[str, Field], **more: Any) -> None:
    """Writes recipe.json, atomically and synced.

    Args:
        folder: the run's folder.
        recipe: `Recipe`.
        fields: name -> `Field` of a batch.
        **more: plain values that help to repeat the run (versions, provenance, class_names, ...).
    """
    described = {name: dataclasses.asdict(field) for name, field in fields.items()}
    record = {"recipe": recipe.to_json(), "fields": described, **more}
    write_text(Layout(pathlib.Path(folder)).recipe, json.dumps(record, indent=2) + "\n", sync=True)


def add_to_record(run: Run, **more: Any) -> None:
    """Writes recipe.json anew, with further plain values."""
    write_text(run.paths.recipe, json.dumps({**run.record, **more}, indent=2) + "\n", sync=True)


def origin_of(recipe: Recipe, data: Mapping[str, Any]) -> Origin:
    """Returns the `Origin` of a training by a recipe on data with this provenance."""
    digests = data.get("sha256")
    text = json.dumps(digests, sort_keys=True)
    return Origin(recipe.identity, hashlib.sha256(text.encode()).hexdigest()[:16] if digests else None)


def changed_since(run: Run, source: Source) -> bool:
    """Returns whether data are known to be others than those that a run began with."""
    before, now = run.record["data"].get("sha256"), source.provenance.get("sha256")
    return bool(before and now and before != now)


def read_history(path: str | os.PathLike, counts: Sequence[str] = ("epoch", "step")) -> dict[str, list]:
    """Reads the columns of a history.csv, none without the file: `epoch`, `step` int, others float, NaN for blank.

    Raises:
        UserError: the file is damaged.
    """
    table = read_table(path, counts)
    if table.problem is not None:
        raise UserError(f"{path} is damaged: {table.problem}; going on with the training writes it anew")
    return {name: [row.get(name, math.nan) for row in table.rows] for name in table.names}


def _is_sound(field: Field) -> bool:
    """Returns whether a field from a file can be one of a data set: its sides, numbers and range are checked."""
    np.dtype(field.dtype)  # raises TypeError
    sides = all(isinstance(side, int) and 0 < side < 2**31 for side in field.shape)
    return sides and (field.range is None or all(math.isfinite(end) for end in field.range) and len(field.range) == 2)


def _not_a_run(folder):
    if not folder.exists():
        problem = f"there is no folder {folder}"
    elif not folder.is_dir():
        problem = f"{folder} is a file, expected the folder of a run"
    else:
        problem = f"{folder} is not the folder of a run: it has no recipe.json"
    near = folder if folder.is_dir() else folder.parent
    runs = sorted(path.parent for path in near.glob("[!.]*/recipe.json"))[:5] if near.is_dir() else []
    return f"{problem}; runs nearby: {', '.join(map(str, runs))}" if runs else f"{problem}; tfgen.run makes one"
