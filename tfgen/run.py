"""`python -m tfgen.run --model=dcgan`: trains a model. Flags in, one library call out."""

import os
import sys

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.recipes.fields import DISTRIBUTIONS, PRECISIONS
from tfgen.recipes.recipe import Recipe, default_recipe, load_recipe

COMMAND = cli.Command(
    "run",
    "Trains a generative model and leaves samples, .keras files and a SavedModel in its folder.",
    example="python -m tfgen.run --model=dcgan --set=latent_dim=64",
)

# Recipe fields without a flag of their own.
_SETTABLE = {"schedule"}


def _size(text):
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise ValueError
    return sides[0], sides[-1]


_BATCH_SIZE = "an integer of at least 1, or auto"


def _batch_size(text):
    if text != "auto" and int(text) < 1:
        raise ValueError
    return text if text == "auto" else int(text)


COMMAND.string("model", None, "what to train; --list_models shows the names")
COMMAND.string("dataset", None, "a data set's name, or tfds:NAME, folder:PATH, npz:PATH, idx:PATH")
COMMAND.string("config", None, "a recipe: a name in configs/ or a Python file with def recipe(); flags override it")
COMMAND.string("workdir", None, "where the results go (default: runs/MODEL-DATASET)")
COMMAND.integer("epochs", None, "how often to go through the data, in all", minimum=1)
COMMAND.integer("steps", None, "how many training steps, in all; wins over --epochs", minimum=1)
COMMAND.number("max_minutes", None, "stop after so much time at the latest", minimum=0)
COMMAND.string("stop", None, "stop early: equilibrium, kid, divergence, or some of them; none undoes a config's")
COMMAND.parsed(
    "batch_size", None, "images in one training step's update; auto: as many as fit in memory", _batch_size, _BATCH_SIZE
)
COMMAND.integer("accumulate", None, "micro-batches that an update is made from, in the memory of one", minimum=1)
COMMAND.integer("seed", None, "of the initial weights, the order of the data and the noise", minimum=0)
COMMAND.parsed("image_size", None, "bring images to 28, or to HEIGHTxWIDTH: 28x32", _size, "a size such as 28 or 28x32")
COMMAND.boolean("mirror", None, "mirror training images at random; --nomirror undoes a config's")
COMMAND.string("data_dir", None, "where to look for data sets first")
COMMAND.choice("precision", None, "of the computation; weights stay float32", PRECISIONS)
COMMAND.choice("distribute", None, "share each batch out over devices or over TF_CONFIG's workers", DISTRIBUTIONS)
COMMAND.integer("replicas", None, "of --distribute=mirrored: so many logical CPUs (default: all devices)", minimum=1)
COMMAND.integer("steps_per_execution", None, "training steps in one call of the graph", minimum=1)
COMMAND.integer(
    "checkpoint_steps", None, "a checkpoint every so many steps (default: each epoch, each 60 s)", minimum=1
)
COMMAND.choice("resume", "auto", "continue what is in the workdir", ("auto", "never", "must"))
COMMAND.multiple("set", "name=value for an option of the model, repeatable; --list_options shows them")
COMMAND.multiple("plugin", "a Python module that registers models or data sets, repeatable")
COMMAND.boolean("dry_run", False, "print the resolved recipe, parameter counts and the steps to come, then stop")
COMMAND.boolean("list_models", False, "print the models' names and exit")
COMMAND.boolean("list_options", False, "print the options of --model and exit")


@COMMAND.action
def main(flags):
    plugins.import_plugins(flags.plugin)
    if flags.list_models:
        return list_models()
    recipe = recipe_from_flags(flags)
    if flags.list_options or flags.dry_run:
        recipe = recipe.replace(distribute="none", replicas=None)
    startup.start_tensorflow(lambda: start(recipe))  # now that the flags are known to be good
    if flags.list_options:
        return list_options(recipe.model)
    import tfgen
    from tfgen.distribution.cluster import LOST, WorkerLost

    try:
        tfgen.train(recipe, flags.workdir, resume=flags.resume, dry_run=flags.dry_run)
    except WorkerLost as error:
        print(f"tfgen run: {error}", file=sys.stderr, flush=True)
        return LOST


def start(recipe):
    """Wakes TensorFlow's devices: those of the recipe's strategy have to be asked for before anything else."""
    if recipe.distribute == "multiworker" and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "2":
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow says of a lost worker, tfgen says in a sentence
    from tfgen.distribution import cluster

    if cluster.start(recipe.distribute, recipe.replicas) is None:
        startup.wake_devices()


def recipe_from_flags(flags):
    """The recipe of --config or --model with every other flag put over it.

    Raises:
        UserError, RegistryError: names neither, or one that does not exist, or a flag that does not fit.
    """
    if flags.config:
        recipe = load_recipe(flags.config)
        recipe = recipe.replace(model=flags.model) if flags.model else recipe
    elif flags.model:
        _check_model(flags.model)
        recipe = default_recipe(flags.model, flags.dataset)
    else:
        raise UserError("give --model=NAME or --config=NAME; --list_models shows the models")
    _check_model(recipe.model)
    names = ("dataset", "epochs", "steps", "max_minutes", "batch_size", "seed", "image_size", "mirror", "data_dir")
    names += ("accumulate", "stop", "precision", "steps_per_execution", "checkpoint_steps", "distribute", "replicas")
    changes = {name: flags[name].value for name in names if flags[name].value is not None}
    if "steps" in changes:
        changes.pop("epochs", None)
    return recipe.replace(**changes, **_set_values(flags.set))


def _set_values(texts):
    """Recipe changes that --set=name=value asks for: options of the model, and fields without a flag."""
    options = cli.assignments(texts)
    fields = {name: options.pop(name) for name in _SETTABLE if name in options}
    for name, value in options.items():
        if _has_flag(name):
            raise UserError(f"{name} has a flag of its own: write --{name}={value}")
    return {**fields, "options": options}


def _has_flag(name):
    return name in Recipe.__dataclass_fields__ and name not in _SETTABLE | {"options"}


def _check_model(name):
    from tfgen.models import MODELS

    if name not in MODELS:
        MODELS.get(name)  # raises, naming the nearest


def list_models():
    from tfgen.models import MODELS

    summaries = MODELS.summaries()
    width = max(map(len, summaries), default=0)
    for name, summary in summaries.items():
        print(f"{name:<{width}}  {summary}")


def list_options(model):
    from tfgen.models import MODELS
    from tfgen.recipes import options

    rows = [row for row in options.table(MODELS.get(model)) if not _has_flag(row[0])]
    width = max((len(name) for name, _, _ in rows), default=0)
    print(f"options of {model}, given as --set=name=value:")
    for name, expected, default in rows:
        print(f"  {name:<{width}}  {default}  ({expected})")


if __name__ == "__main__":
    sys.exit(COMMAND())
