"""A run's folder: where everything lies in it, and reading it back."""

import csv
import dataclasses
import functools
import json
import math
import pathlib
import zipfile

from tfgen.errors import UserError
from tfgen.recipes.recipe import Recipe
from tfgen.storage.atomic import write_text

# What Keras and h5py raise for a damaged file, depending on which byte it is.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Paths of a run's folder, all `pathlib.Path`; the one place that knows their names."""

    folder: pathlib.Path

    @property
    def recipe(self):
        return self.folder / "recipe.json"

    @property
    def history(self):
        return self.folder / "history.csv"

    @property
    def diagnosis(self):
        return self.folder / "diagnosis.csv"

    @property
    def findings(self):
        return self.folder / "diagnosis.json"

    @property
    def tensorboard(self):
        return self.folder / "tensorboard"

    @property
    def checkpoints(self):
        return self.folder / "checkpoints"

    @property
    def samples(self):
        return self.folder / "samples"

    @property
    def models(self):
        return self.folder / "models"

    @property
    def trainer(self):
        return self.models / "trainer.keras"

    @property
    def savedmodel(self):
        return self.folder / "export" / "1"

    @property
    def evaluation(self):
        return self.folder / "evaluation.json"


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

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.paths = Layout(self.folder)
        if not self.paths.recipe.is_file():
            raise UserError(_not_a_run(self.folder))

    @functools.cached_property
    def record(self):
        """The whole of recipe.json: the recipe, the data's fields, versions and where the data came from."""
        try:
            record = json.loads(self.paths.recipe.read_text(encoding="utf-8"))
            record["recipe"]["model"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.paths.recipe} is damaged or not written by tfgen: {error!r}; train anew") from error
        return record

    @functools.cached_property
    def recipe(self):
        """The `Recipe` that the run was trained by."""
        return Recipe.from_json(self.record["recipe"])

    @property
    def history(self):
        """history.csv as it is now, dict of lists: `epoch` and `step` int, all else float, NaN where it is blank."""
        return read_history(self.paths.history)

    @property
    def diagnosis(self):
        """diagnosis.csv as it is now, as `history`: `step`, and what each probe measured."""
        return read_history(self.paths.diagnosis)

    @functools.cached_property
    def model(self):
        """The trained, compiled model as it was last saved: by the end of a run, or by a later checkpoint."""
        from tfgen.models import MODELS
        from tfgen.training.checkpoints import Checkpoints

        MODELS.get(self.recipe.model)  # a plugin's classes must be known to Keras before it loads them
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
                f"cannot load {self.paths.trainer}: {reason}; delete it to use the newest checkpoint instead"
            ) from error

    def _rebuilt(self):
        import keras

        from tfgen.data.source import Field
        from tfgen.models import build_from_recipe

        fields = {name: Field(**_tuples(field)) for name, field in self.record["fields"].items()}
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.recipe.precision)
        try:
            return build_from_recipe(self.recipe, fields)
        finally:
            keras.config.set_dtype_policy(before)


def load_run(folder):
    """Opens a run's folder: `.model`, `.recipe`, `.history`, `.folder`.

    Raises:
        UserError: it is not the folder of a run; the sentence names runs that lie nearby.
    """
    return Run(folder)


def save_record(folder, recipe, fields, **more):
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


def read_history(path):
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


def _tuples(field):
    return {name: tuple(value) if isinstance(value, list) else value for name, value in field.items()}


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
