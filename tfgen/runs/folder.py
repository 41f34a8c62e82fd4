"""A run's folder: its layout, and reading it."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import math
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from registry import UnknownName
from tfgen.data.source import Field, Source, as_fields, data_field
from tfgen.errors import UserError
from tfgen.machine.precision import using
from tfgen.recipes.recipe import Recipe
from tfgen.storage.atomic import write_text
from tfgen.storage.paths import expanded

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class Layout:
    """The paths of a run's folder; no other module holds their names."""

    folder: pathlib.Path

    @property
    def recipe(self) -> pathlib.Path:
        """The resolved recipe, with versions and provenance."""
        return self.folder / "recipe.json"

    @property
    def history(self) -> pathlib.Path:
        """Losses and metrics, one row per epoch."""
        return self.folder / "history.csv"

    @property
    def diagnosis(self) -> pathlib.Path:
        """Measurements of the diagnosis, one row per probe."""
        return self.folder / "diagnosis.csv"

    @property
    def findings(self) -> pathlib.Path:
        """Findings of the diagnosis."""
        return self.folder / "diagnosis.json"

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of TensorBoard's event files."""
        return self.folder / "tensorboard"

    @property
    def loggers(self) -> pathlib.Path:
        """Names that trackers of `--logger` have given to this run."""
        return self.folder / "loggers.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the latest checkpoints."""
        return self.folder / "checkpoints"

    @property
    def samples(self) -> pathlib.Path:
        """Folder of pictures and files of samples."""
        return self.folder / "samples"

    @property
    def models(self) -> pathlib.Path:
        """Folder of the `.keras` files."""
        return self.folder / "models"

    @property
    def trainer(self) -> pathlib.Path:
        """The model with its optimizers."""
        return self.models / "trainer.keras"

    @property
    def savedmodel(self) -> pathlib.Path:
        """Folder of the SavedModel, in TensorFlow Serving's layout."""
        return self.folder / "export" / "1"

    @property
    def evaluation(self) -> pathlib.Path:
        """Scores of an evaluation."""
        return self.folder / "evaluation.json"

    @property
    def nearest(self) -> pathlib.Path:
        """Samples beside their nearest training images, from an evaluation."""
        return self.folder / "nearest.png"

    @property
    def film(self) -> pathlib.Path:
        """Animation of the samples after each epoch."""
        return self.samples / "progress.gif"

    @property
    def report(self) -> pathlib.Path:
        """The HTML report."""
        return self.folder / "report.html"


class Run:
    """A run on disk; each part is read on first use.

    Args:
        folder: the run's folder, the `--workdir` of training.

    Attributes:
        folder: as a `pathlib.Path`.
        paths: `Layout` of the folder.

    Raises:
        UserError: the folder holds no recipe.json.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = expanded("the folder of a run", folder)
        self.paths = Layout(self.folder)
        if not self.paths.recipe.is_file():
            raise UserError(_not_a_run(self.folder))

    @functools.cached_property
    def record(self) -> dict:
        """The contents of recipe.json: the recipe, the data's fields, versions and provenance of the data."""
        try:
            record = json.loads(self.paths.recipe.read_text(encoding="utf-8"))
            record["recipe"]["model"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.paths.recipe} is damaged or not written by tfgen: {error!r}; train anew") from error
        return record

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The `Recipe` of the training."""
        return Recipe.from_json(self.record["recipe"])

    @functools.cached_property
    def fields(self) -> dict[str, Field]:
        """Name -> `Field` of the run's data."""
        try:
            return as_fields(self.record.get("fields") or {})
        except (UserError, TypeError, AttributeError) as error:
            raise UserError(f"{self.paths.recipe} is damaged or not written by tfgen: {error}; train anew") from error

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

        Raises:
            UserError: the data are missing, or the data set comes from a plugin that is not imported.
        """
        from tfgen.data import load_dataset

        def load(name: str) -> Source:
            folder, size = data_dir or self.recipe.data_dir, image_size or self.recipe.image_size
            return load_dataset(name, data_dir=folder, image_size=size)

        return load(dataset) if dataset is not None else self._known("data set", self.recipe.dataset, load)

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
        return read_history(self.paths.diagnosis)

    @functools.cached_property
    def model(self) -> GenerativeModel:
        """The trained, compiled model as it was saved last: at the end of a run, or by a later checkpoint."""
        from tfgen.models import MODELS
        from tfgen.training.checkpoints import Checkpoints

        # a plugin's classes have to be registered with Keras before it loads them
        self._known("model", self.recipe.model, MODELS.get)
        ended = self.paths.trainer.is_file()
        model = self._loaded() if ended else self._rebuilt()
        checkpoints = Checkpoints(model, self.paths.checkpoints)
        steps = checkpoints.steps()
        if not (ended or steps):
            raise UserError(f"{self.folder} has neither {self.paths.trainer.name} nor a checkpoint yet: train it first")
        if steps and (not ended or steps[-1] > int(model.step.numpy())):
            checkpoints.restore()
        if self.class_names and len(self.class_names) == model.num_classes and not model.class_names:
            model.class_names = self.class_names  # of a run from before models kept them
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


def read_history(path: str | os.PathLike) -> dict[str, list]:
    """Reads the columns of a history.csv, none without the file: `epoch`, `step` int, others float, NaN for blank."""
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows:
        return {}
    columns = zip(*rows[1:]) if len(rows) > 1 else ([] for _ in rows[0])
    return {name: [_number(name, text) for text in column] for name, column in zip(rows[0], columns)}


def _number(name, text):
    if name in ("epoch", "step"):
        return int(text)
    return float(text) if text else math.nan


def _not_a_run(folder):
    if not folder.exists():
        problem = f"there is no folder {folder}"
    elif not folder.is_dir():
        problem = f"{folder} is a file, expected the folder of a run"
    else:
        problem = f"{folder} is not the folder of a run: it has no recipe.json"
    near = folder if folder.is_dir() else folder.parent
    runs = sorted(path.parent for path in near.glob("*/recipe.json"))[:5] if near.is_dir() else []
    return f"{problem}; runs nearby: {', '.join(map(str, runs))}" if runs else f"{problem}; tfgen.run makes one"
