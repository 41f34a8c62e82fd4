"""`python -m tfgen.run --model=dcgan`: trains a model. Flags in, one library call out."""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from registry import RegistryError
from tfgen import cli, plugins, tables
from tfgen.errors import UserError, closest
from tfgen.machine import startup
from tfgen.machine.output import check_printed
from tfgen.recipes.fields import Boolean
from tfgen.recipes.recipe import Recipe, default_recipe, load_recipe, recipe_names, rows


class RunCommand(cli.Command):
    """The training command, which knows what is an option of a model and not a flag."""

    def hint(self, name: str, value: str, arguments: Sequence[str]) -> str:
        """Returns that an option of a model, or what is close to one, is given by --set."""
        plugins.import_plugins(a.partition("=")[2] for a in arguments if a.startswith("--plugin="))
        options = {*option_names(), *settable_fields()}
        if name in options:
            return f"; an option of a model is given as --set={name}={value}"
        close = closest(name, {*options, *self._shown})
        return f"; did you mean '--set={close}={value}'?" if close in options else super().hint(name, value, arguments)


COMMAND = RunCommand(
    "run",
    "Trains a generative model and leaves samples, .keras files and a SavedModel in its folder.",
    example="python -m tfgen.run --model=dcgan --set=latent_dim=64\n"
    "python -m tfgen.run --model=cgan --dataset=folder:pictures --image_size=32 --logger=tensorboard,wandb\n"
    "python -m tfgen.run --model=gan --init_from=runs/gan-fashion_mnist_mini --set=learning_rate=5e-5 --epochs=20",
)

for name, row in rows().items():
    if row.flag and isinstance(row.kind, Boolean):
        COMMAND.boolean(name, None, row.flag)
    elif row.flag:
        COMMAND.parsed(name, None, row.flag, row.kind.parse, row.kind.expected)
COMMAND.path("config", None, "a recipe: a name in configs/ or a Python file with def recipe(); flags override it")
COMMAND.path("workdir", None, "where the results go (default: runs/MODEL-DATASET, and the changes of the recipe)")
COMMAND.choice("resume", "auto", "continue what is in the workdir", ("auto", "never", "must"))
COMMAND.multiple("set", "name=value for an option of the model, repeatable; --list_options shows them")
COMMAND.multiple("plugin", "a Python module, or the path of one, that registers models or data sets, repeatable")
COMMAND.boolean("dry_run", False, "print the resolved recipe, parameter counts and the steps to come, then stop")
COMMAND.boolean("list_models", False, "print the models' names and exit")
COMMAND.boolean("list_options", False, "print the options of --model or --config, with its values, and exit")


@COMMAND.action
def main(flags: Any) -> None:
    """Trains by the flags."""
    plugins.import_plugins(flags.plugin)
    if flags.list_models:
        list_models()
        check_printed()
        return
    recipe = recipe_from_flags(flags)
    if flags.list_options or flags.dry_run:
        recipe = recipe.replace(distribute="none", replicas=None)
    startup.start_tensorflow(lambda: start(recipe))  # now that the flags are known to be good
    if flags.list_options:
        list_options(recipe)
        check_printed()
        return
    import tfgen

    tfgen.train(recipe, flags.workdir, resume=flags.resume, dry_run=flags.dry_run)
    if flags.dry_run:
        check_printed()


def start(recipe: Recipe) -> None:
    """Initialises TensorFlow's devices, those of the recipe's strategy first."""
    if recipe.distribute == "multiworker" and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "2":
        # TensorFlow logs pages about a lost worker, of which tfgen's own message is a sentence
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from tfgen.distribution import cluster

    # a strategy has to exist before the first operation, and logical devices before any device is in use
    if cluster.start(recipe.distribute, recipe.replicas) is None:
        startup.wake_devices()


def recipe_from_flags(flags: Any) -> Recipe:
    """Returns the recipe of --config or --model, changed by all other flags.

    Raises:
        UserError: neither flag is given, the config does not exist, or another flag does not fit.
        RegistryError: the model does not exist.
    """
    if flags.config:
        recipe = load_recipe(flags.config)
        recipe = recipe.replace(model=flags.model) if flags.model else recipe
    elif flags.model:
        if flags.model not in recipe_names():
            _check_model(flags.model)
        recipe = default_recipe(flags.model, flags.dataset)
    else:
        raise UserError("give --model=NAME or --config=NAME; --list_models shows the models")
    _check_model(recipe.model)
    names = [name for name, row in rows().items() if row.flag and name != "model"]
    changes = {name: flags[name].value for name in names if flags[name].value is not None}
    if "steps" in changes:
        changes.pop("epochs", None)  # a recipe takes one of the two
    return recipe.replace(**changes, **_set_values(flags.set))


def _set_values(texts: list[str]) -> dict[str, Any]:
    """Returns the changes of a recipe by --set=name=value: options of the model, and fields without a flag."""
    options = cli.assignments(texts)
    fields = {name: options.pop(name) for name in settable_fields() & options.keys()}
    for name, value in options.items():
        if _has_flag(name):
            raise UserError(f"{name} has a flag of its own: write --{name}={value}")
    return {**fields, "options": options}


def settable_fields() -> set[str]:
    """Returns the fields of a recipe that have no flag of their own."""
    return {name for name, row in rows().items() if row.flag is None} - {"options"}


def option_names() -> set[str]:
    """Returns the names of the options of all models, those of broken distributions left out."""
    startup.start_tensorflow(startup.import_tensorflow)  # builders import it
    from tfgen.models import MODELS
    from tfgen.recipes import options

    found: set[str] = set()
    for model in MODELS.names():
        with contextlib.suppress(RegistryError):
            found |= options.option_parameters(MODELS.get(model)).keys()
    return {name for name in found if not _has_flag(name)}


def _has_flag(name: str) -> bool:
    return name in rows() and rows()[name].flag is not None


def _check_model(name: str) -> None:
    from tfgen.models import MODELS

    if name not in MODELS:
        MODELS.get(name)  # raises, naming the nearest


def list_models() -> None:
    """Prints the names and summaries of all models."""
    from tfgen.models import MODELS

    tables.show(list(MODELS.summaries().items()))


def list_options(recipe: Recipe) -> None:
    """Prints the options of a recipe's model: names, the recipe's values, what they mean, and their types."""
    from tfgen.models import MODELS
    from tfgen.recipes import options

    rows = [row for row in options.table(MODELS.get(recipe.model), recipe.options) if not _has_flag(row.name)]
    print(f"options of {recipe.model}, given as --set=name=value:")
    lines = [(row.name, row.value, f"{row.meaning}  ({row.expected})".strip()) for row in rows]
    tables.show(lines, indent=2)


if __name__ == "__main__":
    sys.exit(COMMAND())
