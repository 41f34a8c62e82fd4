"""A run's folder: where everything lies in it, and reading it back."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from registry import UnknownName
from tfgen.data.source import Field, Source, as_fields, data_field
from tfgen.errors import UserError
from tfgen.machine.precision import using
from tfgen.recipes.recipe import Recipe
from tfgen.storage.atomic import write_text

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

# What Keras and h5py raise for a damaged file, depending on which byte it is.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Paths of a run's folder, all `pathlib.Path`; the one place that knows their names."""

    folder: pathlib.Path

    @property
    def recipe(self) -> pathlib.Path:
        return self.folder / "recipe.json"

    @property
    def history(self) -> pathlib.Path:
        return self.folder / "history.csv"

    @property
    def diagnosis(self) -> pathlib.Path:
        return self.folder / "diagnosis.csv"

    @property
    def findings(self) -> pathlib.Path:
        return self.folder / "diagnosis.json"

    @property
    def tensorboard(self) -> pathlib.Path:
        return self.folder / "tensorboard"

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.folder / "checkpoints"

    @property
    def samples(self) -> pathlib.Path:
        return self.folder / "samples"

    @property
    def models(self) -> pathlib.Path:
        return self.folder / "models"

    @property
    def trainer(self) -> pathlib.Path:
        return self.models / "trainer.keras"

    @property
    def savedmodel(self) -> pathlib.Path:
        return self.folder / "export" / "1"

    @property
    def evaluation(self) -> pathlib.Path:
        return self.folder / "evaluation.json"

    @property
    def nearest(self) -> pathlib.Path:
        """Samples beside the training images nearest to them, of an evaluation."""
        return self.folder / "nearest.png"

    @property
    def film(self) -> pathlib.Path:
        return self.samples / "progress.gif"

    @property
    def report(self) -> pathlib.Path:
        return self.folder / "report.html"


class Run:
    """A run as it lies on disk; each part is read when it is first asked for.

    Args:
        folder: the run's folder, the `--workdir` of training.

    Attributes:
        folder: `pathlib.Path`.
        paths: `Layout` of the folder.

    Raises:
        UserError: the folder holds no recipe.json.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        self.paths = Layout(self.folder)
        if not self.paths.recipe.is_file():
            raise UserError(_not_a_run(self.folder))

    @functools.cached_property
    def record(self) -> dict:
        """The whole of recipe.json: the recipe, the data's fields, versions and where the data came from."""
        try:
            record = json.loads(self.paths.recipe.read_text(encoding="utf-8"))
            record["recipe"]["model"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.paths.recipe} is damaged or not written by tfgen: {error!r}; train anew") from error
        return record

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The `Recipe` that the run was trained by."""
        return Recipe.from_json(self.record["recipe"])

    @functools.cached_property
    def fields(self) -> dict[str, Field]:
        """Name -> `Field`, what a batch of the run's data holds."""
        try:
            return as_fields(self.record.get("fields") or {})
        except (UserError, TypeError, AttributeError) as error:
            raise UserError(f"{self.paths.recipe} is damaged or not written by tfgen: {error}; train anew") from error

    @property
    def makes(self) -> str:
        """The name of the field that the model makes; the model need not be loaded to tell."""
        name = self.record.get("makes")
        return name if name in self.fields else data_field(self.fields)

    @property
    def plugins(self) -> list[str]:
        """Names of the modules that the training imported as plugins. They are told, and never imported from here."""
        found = self.record.get("plugins") or []
        return [str(name) for name in found] if isinstance(found, (list, dict)) else []

    @property
    def plugin_flags(self) -> str:
        """` --plugin=NAME` for each of them, for commands that are shown."""
        return "".join(f" --plugin={name}" for name in self.plugins)

    def source(self, dataset: str | None = None, data_dir: str | None = None, image_size=None) -> Source:
        """Returns the `Source` that the run was trained on; each argument replaces what its recipe says.

        Raises:
            UserError: the data are not there; the data set comes from a plugin that is not imported.
        """
        from tfgen.data import load_dataset

        recipe = self.recipe
        settings = {"data_dir": data_dir or recipe.data_dir, "image_size": image_size or recipe.image_size}
        if dataset is not None:
            return load_dataset(dataset, **settings)
        return self._known("data set", recipe.dataset, lambda name: load_dataset(name, **settings))

    def _known(self, kind: str, name: str, find: Callable):
        """What `find(name)` gives; an unknown name is said to come from a plugin where the run had some."""
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
        """history.csv as it is now, dict of lists: `epoch` and `step` int, all else float, NaN where it is blank."""
        return read_history(self.paths.history)

    @property
    def diagnosis(self) -> dict[str, list]:
        """diagnosis.csv as it is now, as `history`: `step`, and what each probe measured."""
        return read_history(self.paths.diagnosis)

    @functools.cached_property
    def model(self) -> GenerativeModel:
        """The trained, compiled model as it was last saved: by the end of a run, or by a later checkpoint."""
        from tfgen.models import MODELS
        from tfgen.training.checkpoints import Checkpoints

        self._known(
            "model", self.recipe.model, MODELS.get
        )  # a plugin's classes must be known to Keras before it loads them
        ended = self.paths.trainer.is_file()
        model = self._loaded() if ended else self._rebuilt()
        checkpoints = Checkpoints(model, self.paths.checkpoints)
        steps = checkpoints.steps()
        if not (ended or steps):
            raise UserError(f"{self.folder} has neither {self.paths.trainer.name} nor a checkpoint yet: train it first")
        if steps and (not ended or steps[-1] > int(model.step.numpy())):
            checkpoints.restore()
        return model

    def _loaded(self):
        import keras

        import tfgen.families.adversarial.model
        import tfgen.families.variational.model  # noqa: F401  both register the classes of saved models

        try:
            return keras.saving.load_model(self.paths.trainer)
        except _UNREADABLE as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"cannot load {self.paths.trainer}: {reason:.200}; delete it to use the newest checkpoint instead"
            ) from error

    def _rebuilt(self):
        from tfgen.models import build_from_recipe

        with using(self.recipe.precision):
            return build_from_recipe(self.recipe, self.fields)


def load_run(folder: str | os.PathLike) -> Run:
    """Opens a run's folder: `.model`, `.recipe`, `.history`, `.folder`.

    Raises:
        UserError: it is not the folder of a run; the sentence names runs that lie nearby.
    """
    return Run(folder)


def save_record(folder: str | os.PathLike, recipe: Recipe, fields: dict[str, Field], **more) -> None:
    """Writes recipe.json, whole and synced.

    Args:
        folder: the run's folder.
        recipe: `Recipe`.
        fields: what a batch holds, dict of `Field`.
        **more: whatever else repeats the run (versions, provenance, class_names, ...), as `json` can write it.
    """
    fields = {name: dataclasses.asdict(field) for name, field in fields.items()}
    record = {"recipe": recipe.to_json(), "fields": fields, **more}
    write_text(Layout(pathlib.Path(folder)).recipe, json.dumps(record, indent=2) + "\n", sync=True)


def read_history(path: str | os.PathLike) -> dict[str, list]:
    """A history.csv as a dict of lists, empty if there is none: `epoch`, `step` int, all else float, NaN for blank."""
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
