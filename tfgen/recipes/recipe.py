"""Recipe: what one run is made of. Loaded from `configs/`, changed by flags, saved beside the run's results."""

import copy
import dataclasses
import json
import pathlib
import re
import traceback
import types
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import registry
from tfgen import faults
from tfgen.errors import UserError, nearest, shown
from tfgen.recipes.comparison import changed, digest
from tfgen.recipes.fields import (
    DISTRIBUTIONS,
    PRECISIONS,
    BatchSize,
    Boolean,
    Choice,
    Classes,
    Integer,
    Loggers,
    OptionValues,
    Path,
    Positive,
    Row,
    Schedule,
    Size,
    Stages,
    Start,
    Stop,
    Text,
    row,
)

DEFAULT_EPOCHS = 10
OPTION = "option "  # before the names of options among those of fields
_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The settings of one run, as plain values that are checked when the recipe is made.

    The fields are a table: type, default, check, flag (its help says what the field means), and whether a continued run
    may have another value. A new field is one row.

    `load_recipe("dcgan")` is what the name stands for elsewhere. A recipe that is made here has the options that it
    is given, over the defaults of the builder.

    Attributes:
        given: names of the options that a user gave, in Python or by a flag, over those of a config. Given options that
            have no effect are an error; those of a config are left out.
        config: (path of the config, the recipe as it stands there) that this recipe was made from, or None.
    """

    model: str = row(Text(), flag="what to train; --list_models shows the names")
    dataset: str = row(
        Text(),
        "fashion_mnist_mini",
        flag="a data set's name, tfds:NAME, folder:PATH, npz:PATH, idx:PATH, or 'edges(NAME)', ...",
    )
    # the builder's keyword arguments as plain values; objects by name: "uniform(-1, 1)"
    options: dict[str, Any] = row(OptionValues(), {})
    # exactly one of epochs and steps is set: 10 epochs if neither is given
    epochs: int | None = row(
        Integer(1, optional=True),
        None,
        changes=True,
        flag="passes through the data, in all; more continue a run (schedules cosine and linear span them all)",
    )
    steps: int | None = row(
        Integer(1, optional=True), None, changes=True, flag="how many training steps, in all; wins over --epochs"
    )
    leave_out: str | None = row(
        Classes(), None, flag="classes, by number or name, that training and validation do not see: sneaker,bag"
    )
    init_from: str | None = row(
        Start(),
        None,
        flag="start from the weights of a run, of pretrained:NAME or of a .keras file, as far as they fit",
    )
    max_minutes: float | None = row(Positive(), None, changes=True, flag="stop after so much time at the latest")
    max_cpu_seconds: float | None = row(
        Positive(), None, changes=True, flag="stop after so many CPU seconds of this process, all threads together"
    )
    stop: str | None = row(
        Stop(),
        None,
        changes=True,
        flag="stop early: equilibrium, kid (keeps its best weights), divergence, or several; none undoes a config's",
    )
    stages: str | None = row(
        Stages(), None, flag="phases one after the other, with their steps: autoencoder:1000,flow; + joins phases"
    )
    # auto: the largest power of two whose training step fits; a run measures it when it begins, and records it
    batch_size: int | str = row(
        BatchSize(), 64, flag="images in one training step's update; auto: as many as fit in memory"
    )
    accumulate: int = row(Integer(1), 1, flag="micro-batches that an update is made from, in the memory of one")
    seed: int = row(
        Integer(0, maximum=2**31 - 1), 0, flag="of the initial weights, the order of the data and the noise"
    )
    image_size: tuple[int, int] | int | None = row(Size(), None, flag="bring images to 28, or to HEIGHTxWIDTH: 28x32")
    mirror: bool = row(Boolean(), False, flag="mirror training images at random; --nomirror undoes a config's")
    data_dir: str | None = row(Path(), None, changes=True, flag="where to look for data sets first")
    # auto: mixed_bfloat16 where the machine multiplies bfloat16 itself; a run records which of the two it was
    precision: str = row(Choice(PRECISIONS), "float32", flag="of the computation; weights stay float32")
    # of the learning rates: a name, or a dict with a "name" and its settings
    schedule: str | dict[str, Any] = row(Schedule(), "constant")
    # batch_size stays that of all devices together
    distribute: str = row(
        Choice(DISTRIBUTIONS),
        "none",
        changes=True,
        flag="share each batch among devices, or among TF_CONFIG's workers",
    )
    replicas: int | None = row(
        Integer(1, optional=True),
        None,
        changes=True,
        flag="of --distribute=mirrored: so many logical CPUs (default: all devices)",
    )
    # None: 16 for dense networks, else 1
    steps_per_execution: int | None = row(
        Integer(1, optional=True), None, flag="training steps in one call of the graph"
    )
    checkpoint_steps: int | None = row(
        Integer(1, optional=True),
        None,
        changes=True,
        flag="a checkpoint every so many steps (default: each epoch, each 60 s)",
    )
    # names of LOGGERS, which a run looks up: plugins may add some
    logger: str = row(
        Loggers(),
        "tensorboard",
        changes=True,
        flag="where metrics go: tensorboard, wandb, mlflow, trackio, several with commas between them, or none",
    )
    given: frozenset[str] = dataclasses.field(init=False, repr=False, compare=False, default=frozenset())
    config: ClassVar["tuple[pathlib.Path, Recipe] | None"] = None  # of a single recipe, where it has one

    def __new__(cls, *args: Any, **fields: Any) -> Self:
        # before the generated __init__, whose TypeError would name no remedy
        names = list(rows())
        for name in fields:
            if name not in names:
                expected = nearest(name, names) or f"; a model's own settings go into options={{{name!r}: ...}}"
                raise UserError(f"a recipe has no field {name!r}{expected}")
        if fields and not args and "model" not in fields:
            raise UserError("a recipe needs a model, for example Recipe(model='dcgan')")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, described in rows().items():
            object.__setattr__(self, name, described.kind.check(name, getattr(self, name)))
        object.__setattr__(self, "given", frozenset(self.options))
        if self.replicas is not None and self.distribute != "mirrored":
            raise UserError(
                f"replicas={self.replicas} belongs to distribute=mirrored, got distribute={self.distribute}; leave it "
                "out"
            )
        if self.epochs is not None and self.steps is not None:
            raise UserError(f"give epochs or steps, not both, got epochs={self.epochs} and steps={self.steps}")
        if self.batch_size != "auto" and self.batch_size % self.accumulate:
            raise UserError(f"accumulate={self.accumulate} does not divide a batch of {self.batch_size} equally")
        if self.epochs is None and self.steps is None:
            object.__setattr__(self, "epochs", DEFAULT_EPOCHS)

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with `changes`; `options` are merged, and epochs and steps displace each other."""
        given = self.given
        if "options" in changes:
            options = OptionValues().check("options", changes["options"])
            changes["options"], given = {**self.options, **options}, given | options.keys()
        for name, other in (("steps", "epochs"), ("epochs", "steps")):
            if changes.get(name) is not None:
                changes.setdefault(other, None)
        return type(self)(**{**self.values(), **changes})._marked(given, self.config)

    def without_options(self, names: Iterable[str]) -> Self:
        """Returns a copy without the options `names`."""
        left_out = set(names)
        options = {name: value for name, value in self.options.items() if name not in left_out}
        return type(self)(**{**self.values(), "options": options})._marked(self.given & options.keys(), self.config)

    def values(self) -> dict[str, Any]:
        """Returns name -> value of every field of the table."""
        return {name: getattr(self, name) for name in rows()}

    def to_json(self) -> dict[str, Any]:
        """Returns a dict of plain values that `json` can write and `from_json` can read."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.values().items()}

    @classmethod
    def from_json(cls, saved: dict[str, Any] | str) -> Self:
        """Returns the recipe that `to_json` saved, from the dict or its JSON text; its options count as a config's."""
        return cls(**(json.loads(saved) if isinstance(saved, str) else saved))._marked(())

    def differences(self, other: Self) -> list[str]:
        """Returns sentences on the differences that prevent `other` from continuing a run of this recipe.

        For example ["batch_size was 64, now 128"]; fields that may change are left out.
        """
        old, new = compared(self), compared(other)
        return [
            f"{name} was {old.get(name, 'not set')!s}, now {new.get(name, 'not set')!s}"
            for name in self.changed_by(other)
        ]

    def changed_by(self, other: Self) -> list[str]:
        """Returns the names that `differences` is about, those of options with `OPTION` before them."""
        return changed(compared(self), compared(other))

    @property
    def identity(self) -> str:
        """16 hexadecimal digits, the same for two recipes exactly where `differences` finds none."""
        defaults = {name: field.default for name, field in self.__dataclass_fields__.items()}
        return digest(compared(self), defaults)

    def _marked(self, given: Iterable[str], config: "tuple[pathlib.Path, Recipe] | None" = None) -> Self:
        recipe = copy.copy(self)
        object.__setattr__(recipe, "given", frozenset(given))
        object.__setattr__(recipe, "config", config)
        return recipe


def rows() -> dict[str, Row]:
    """Returns the table of a recipe's fields: name -> `Row`."""
    return {name: field.metadata["row"] for name, field in Recipe.__dataclass_fields__.items() if field.metadata}


def changes_from(texts: Mapping[str, str]) -> dict[str, Any]:
    """Returns the arguments of `Recipe.replace` for texts by name: fields of a recipe, all others options of its model.

    Raises:
        UserError: a text is not of the kind of its field.
    """
    changes: dict[str, Any] = {}
    for name in [name for name in texts if name in rows() and name != "options"]:
        kind = rows()[name].kind
        try:
            changes[name] = kind.parse(texts[name])
        except UserError:
            raise
        except faults.NUMBER:
            raise UserError(f"{name} expects {kind.expected}, got {texts[name]!r}") from None
    return {**changes, "options": {name: text for name, text in texts.items() if name not in changes}}


def load_recipe(name_or_path: str | pathlib.Path) -> Recipe:
    """Returns the recipe of a config: a bare name means one in `configs/`, a path any Python file.

    Raises:
        UserError: there is no such config, or it fails; the message has the file and the line.
    """
    text = str(name_or_path)
    names = recipe_names()
    if text in names:
        return _run_config(names[text])
    if not text.endswith(".py") and pathlib.Path(text).name == text:
        expected = nearest(text, names) or f"; expected one of {', '.join(names)}, or a path to a .py file"
        raise UserError(f"unknown config {text!r}{expected}")
    if not pathlib.Path(text).is_file():
        raise UserError(f"there is no config file {text}; a bare name means one of {', '.join(names)}")
    return _run_config(pathlib.Path(text))


def default_recipe(model: str, dataset: str | None = None) -> Recipe:
    """Returns the recipe of `--model` and `--dataset`.

    That is configs/NAME_DATASET.py, else configs/NAME.py, else 10 epochs with the builder's defaults.
    """
    names = recipe_names()
    if dataset and f"{model}_{dataset}" in names:
        return load_recipe(f"{model}_{dataset}")
    recipe = load_recipe(model) if model in names else Recipe(model=model)
    return recipe.replace(dataset=dataset) if dataset else recipe


def recipe_names() -> dict[str, pathlib.Path]:
    """Returns the configs that come with tfgen: name -> path, sorted by name."""
    found = {path.stem: path for path in configs_folder().rglob("*.py") if not path.stem.startswith("_")}
    return dict(sorted(found.items()))


def configs_folder() -> pathlib.Path:
    """Returns the folder of the configs: inside an installed package, beside the package in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def _run_config(path: pathlib.Path) -> Recipe:
    module = types.ModuleType(f"tfgen_config_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}")
    module.__file__ = str(path)
    try:
        # compiled here: an import would leave __pycache__ among the configs, and could find an older version there
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
        make = getattr(module, "recipe", None)
        recipe = make() if callable(make) else None
    except (Exception, SystemExit) as error:
        raise UserError(f"{_place(path, error)}: {_reason(error)}") from error
    if not callable(make):
        raise UserError(f"{path} has no function recipe(); a config is a module with `def recipe()` returning a Recipe")
    if not isinstance(recipe, Recipe):
        raise UserError(f"recipe() in {path} returned {shown(recipe)}, expected a tfgen.Recipe")
    recipe = recipe._marked(())
    return recipe._marked((), (path, recipe))


def _place(path: pathlib.Path, error: BaseException) -> str:
    """Returns file:line of the config at which `error` was raised."""
    if isinstance(error, SyntaxError) and error.filename == str(path) and error.lineno:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _reason(error: BaseException) -> str:
    if isinstance(error, (UserError, registry.RegistryError)):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def compared(recipe: Recipe) -> dict[str, Any]:
    """Returns what makes a recipe that recipe: its options as `option NAME`, and the fields that may not change."""
    fields = {name: value for name, value in recipe.values().items() if not rows()[name].changes}
    return {**{f"{OPTION}{name}": value for name, value in fields.pop("options").items()}, **fields}
