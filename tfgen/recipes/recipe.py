"""Recipe: what one run is made of. Loaded from `configs/`, changed by flags, saved beside the run's results."""

import dataclasses
import json
import pathlib
import re
import traceback
import types

import registry
from tfgen.errors import UserError, nearest
from tfgen.recipes import fields as recipe_fields

DEFAULT_EPOCHS = 10

# Not part of a run's identity: a continued run may have other values of these.
_CHANGEABLE = {"epochs", "steps", "max_minutes", "stop", "checkpoint_steps", "data_dir", "distribute", "replicas"}
_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides how one run goes; checked when made, plain values throughout.

    Attributes:
        model: a registered name.
        dataset: a data set's name, or tfds:NAME, folder:PATH, npz:PATH, idx:PATH.
        options: the builder's keyword arguments as plain values; objects by name, "uniform(-1, 1)".
        batch_size: images per update of a network; "auto": the largest power of two whose training step fits into
            memory, which a run measures when it begins, and records.
        accumulate: micro-batches of batch_size / accumulate images that an update is made from, in the memory of one.
        epochs: the total; exactly one of epochs and steps is set (10 epochs if neither was given).
        steps: the total number of training steps, resumed ones included.
        max_minutes: stop after so much time, even if epochs or steps are left.
        stop: reasons to stop earlier, with commas between: "equilibrium", "kid", "divergence"; None for none.
        seed: of the initial weights, the order of the data and the noise; in [0, 2^31).
        precision: "float32", "mixed_bfloat16", or "auto": the latter where the machine multiplies bfloat16 itself; a
            run records which of the two it was.
        image_size: (height, width) that images are brought to, or one number for both; None keeps their size.
        mirror: whether training images are mirrored at random.
        schedule: of the learning rates: a name, or a dict with a "name" and its settings.
        steps_per_execution: training steps in one call of the graph; None: 16 for dense networks, else 1.
        distribute: over what a step is shared out: "none", "mirrored" (devices of this machine), "multiworker"
            (processes that TF_CONFIG names). batch_size stays that of all together.
        replicas: of "mirrored": so many logical CPUs; None for all local devices.
        checkpoint_steps: a checkpoint every so many steps; None: every epoch and at least every 60 s.
        data_dir: where data sets are looked for first.
    """

    model: str
    dataset: str = "fashion_mnist_mini"
    options: dict = dataclasses.field(default_factory=dict)
    batch_size: int | str = 64
    accumulate: int = 1
    epochs: int | None = None
    steps: int | None = None
    max_minutes: float | None = None
    stop: str | None = None
    seed: int = 0
    precision: str = "float32"
    image_size: tuple[int, int] | int | None = None
    mirror: bool = False
    schedule: str | dict = "constant"
    steps_per_execution: int | None = None
    distribute: str = "none"
    replicas: int | None = None
    checkpoint_steps: int | None = None
    data_dir: str | None = None

    def __new__(cls, *args, **fields):
        # Before the generated __init__ can answer with a TypeError that names no remedy.
        names = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in names:
                expected = nearest(name, names) or f"; a model's own settings go into options={{{name!r}: ...}}"
                raise UserError(f"a recipe has no field {name!r}{expected}")
        if fields and not args and "model" not in fields:
            raise UserError("a recipe needs a model, for example Recipe(model='dcgan')")
        return super().__new__(cls)

    def __post_init__(self):
        for name, check in recipe_fields.CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
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

    def replace(self, **changes):
        """A copy with `changes`; `options` are merged into the old ones, and epochs and steps displace each other."""
        if "options" in changes:
            changes["options"] = {**self.options, **recipe_fields.options("options", changes["options"])}
        for name, other in (("steps", "epochs"), ("epochs", "steps")):
            if changes.get(name) is not None:
                changes.setdefault(other, None)
        return Recipe(**{**vars(self), **changes})

    def to_json(self):
        """A dict of plain values that `json` can write and `from_json` can read."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, saved):
        """The recipe that `to_json` saved, from the dict or its JSON text."""
        return cls(**(json.loads(saved) if isinstance(saved, str) else saved))

    def differences(self, other):
        """Sentences on what keeps `other` from continuing a run of this recipe, e.g. ["batch_size was 64, now 128"].

        Epochs, steps, max_minutes, stop, checkpoint_steps, data_dir, distribute and replicas may change.
        """
        old, new = _flat(self), _flat(other)
        names = [name for name in {**old, **new} if name not in _CHANGEABLE]
        return [
            f"{name} was {old.get(name, 'not set')!s}, now {new.get(name, 'not set')!s}"
            for name in names
            if _canonical(old.get(name)) != _canonical(new.get(name)) or (name in old) != (name in new)
        ]


def load_recipe(name_or_path):
    """The recipe that a config returns: a bare name means one in `configs/`, a path any Python file.

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


def default_recipe(model, dataset=None):
    """What `--model=NAME` (and `--dataset`) mean: configs/NAME_DATASET.py, configs/NAME.py or 10 epochs as built."""
    names = recipe_names()
    if dataset and f"{model}_{dataset}" in names:
        return load_recipe(f"{model}_{dataset}")
    recipe = load_recipe(model) if model in names else Recipe(model=model)
    return recipe.replace(dataset=dataset) if dataset else recipe


def recipe_names():
    """The configs that come with tfgen: name -> path, sorted by name."""
    found = {path.stem: path for path in configs_folder().rglob("*.py") if not path.stem.startswith("_")}
    return dict(sorted(found.items()))


def configs_folder():
    """Where the configs are: inside an installed package, beside the package in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def _run_config(path):
    module = types.ModuleType(f"tfgen_config_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}")
    module.__file__ = str(path)
    try:
        # Compiled here: an import would leave __pycache__ among the configs, and could serve an older version.
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
        make = getattr(module, "recipe", None)
        recipe = make() if callable(make) else None
    except Exception as error:
        raise UserError(f"{_place(path, error)}: {_reason(error)}") from error
    if not callable(make):
        raise UserError(f"{path} has no function recipe(); a config is a module with `def recipe()` returning a Recipe")
    if not isinstance(recipe, Recipe):
        raise UserError(f"recipe() in {path} returned {recipe!r:.40}, expected a tfgen.Recipe")
    return recipe


def _place(path, error):
    """file:line of the config at which `error` came up."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _reason(error):
    if isinstance(error, (UserError, registry.RegistryError)):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _flat(recipe):
    fields = vars(recipe).copy()
    return {**{f"option {name}": value for name, value in fields.pop("options").items()}, **fields}


def _canonical(value):
    """Two spellings of one value alike: "64" and 64, "uniform(-1,1)" and "uniform(-1, 1)", "1,2" and [1, 2]."""
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    text = re.sub(r"\s", "", value)
    try:
        return float(text)
    except ValueError:
        pass
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if "," in text and "(" not in text.strip("()"):
        return [_canonical(item) for item in text.strip("()[]").split(",") if item]
    return text
