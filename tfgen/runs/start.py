"""The start of a run from the weights of another one, or of a `.keras` file: `--init_from`."""

import pathlib
from typing import Any

import keras

from tfgen.errors import UserError
from tfgen.export.keras_files import read_keras_file
from tfgen.extractors.hashes import sha256_of
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import Run
from tfgen.runs.layout import Layout
from tfgen.runs.resume import recorded
from tfgen.storage.origin import STATE, path_of, steps_of
from tfgen.storage.paths import expanded
from tfgen.training.model import GenerativeModel
from tfgen.training.transfer import transfer


def start_from(recipe: Recipe, model: GenerativeModel, paths: Layout, resume: str) -> dict[str, Any] | None:
    """Sets a new run's weights as its recipe says, prints what fits, and returns it for the record of the run.

    A run that goes on from a checkpoint is left as it is, and the record of its start is kept.

    Args:
        recipe: whose `init_from` is a run's folder, a `.keras` file or None.
        model: compiled, with initial weights.
        paths: of the run that is about to begin or to go on.
        resume: as `train` resolved it.

    Raises:
        UserError: there is no such run or file, it is damaged, or none of its weights fits.
    """
    if recipe.init_from is None:
        return None
    if resume != "never" and steps_of(paths.checkpoints):
        run, _ = recorded(paths)
        return None if run is None else run.record.get("init_from")
    place = recipe.init_from
    source, file = read(place)
    networks, averaged = parts_of(source, file.stem, model)
    states = None
    if isinstance(source, GenerativeModel):
        model.check_start(source)
        states = source.states
    made = transfer(model, networks, averaged, place, states)
    print(f"starts from the weights of {place}: {made.report()}", flush=True)
    known = {"file": str(file), "sha256": sha256_of(file), "arrays": {name: list(n) for name, n in made.taken.items()}}
    return {**known, "step": int(source.step)} if isinstance(source, GenerativeModel) else known


def read(place: str) -> tuple[keras.Model, pathlib.Path]:
    """Returns the model of a run's folder or of a file, and the file that it was read from.

    Raises:
        UserError: it is neither, or it is damaged.
    """
    path = expanded("init_from", place)
    if path.suffix == ".keras" and not path.is_dir():
        return read_keras_file(path), path
    if path.is_file():
        raise UserError(f"init_from expects the folder of a run or a .keras file, got {place}")
    run = Run(place)
    model = run.model
    steps = steps_of(run.paths.checkpoints)
    newest = path_of(run.paths.checkpoints, steps[-1]) / STATE if steps else run.paths.trainer
    return model, run.paths.trainer if run.paths.trainer.is_file() else newest


def parts_of(
    source: keras.Model, stem: str, model: GenerativeModel
) -> tuple[dict[str, keras.Model], dict[str, keras.Model]]:
    """Returns the networks of what was read, with trained and with averaged weights; a network alone is both."""
    if isinstance(source, GenerativeModel):
        return dict(source.networks), dict(source.averaged_networks)
    # a file of a network is called as the network is, whatever name the network was built with
    name = next((name for name in (stem, source.name) if name in model.networks), source.name)
    return {name: source}, {}
