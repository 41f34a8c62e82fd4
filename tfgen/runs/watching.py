"""The callbacks of a run."""

from collections.abc import Callable

import keras
import numpy as np

from tfgen.data.source import Source
from tfgen.data.unpaired import of_field
from tfgen.diagnosis.callback import Diagnosis
from tfgen.diagnosis.stops import StopOnScore, stops_for
from tfgen.errors import UserError
from tfgen.extractors import default_extractor, load_extractor
from tfgen.loggers.base import Boards, LoggedRun, make_loggers
from tfgen.machine.startup import STARTED
from tfgen.metrics import kernel_distance
from tfgen.recipes.recipe import Recipe
from tfgen.runs.layout import Layout
from tfgen.storage.tables import read_table
from tfgen.training.callbacks import HistoryCSV, SampleGrid, StopAfter, StopAfterCPU, StopOnNonFinite, TensorBoard
from tfgen.training.callbacks.guarded import OURS, Guarded, guarded
from tfgen.training.callbacks.samples import POINTS
from tfgen.training.checkpoints import Checkpoints, SaveCheckpoints
from tfgen.training.model import GenerativeModel

ORIGINALS = 100  # held-out examples of which a sample grid may show some


def callbacks_of(
    model: GenerativeModel,
    recipe: Recipe,
    source: Source,
    paths: Layout,
    checkpoints: Checkpoints,
    total: int,
    done: int,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of the process that writes, in their order.

    Args:
        model: compiled.
        recipe: of the run; its batch size is a number.
        source: the data set.
        paths: of the run's files.
        checkpoints: of the run.
        total: steps of the whole run.
        done: epochs that are done.
    """
    train, held_out = source.splits["train"], source.splits.get("validation")
    shown = train if held_out is None else held_out
    number = min(len(shown), ORIGINALS if model.data_dtype == "uint8" else POINTS)
    grid = SampleGrid(paths.samples, examples=shown.select(np.arange(number)))
    loggers = loggers_of(recipe, paths, grid)
    stops = [
        StopOnScore("kid", kernel_score(source, model.data_field)) if name == "kid" else name
        for name in stops_of(recipe)
    ]
    diagnosis = Diagnosis(train, held_out, folder=paths.folder, stop=stops, board=Boards(loggers))
    checkpoints.best = diagnosis.best_step
    per_epoch = model.steps_per_epoch(train, int(recipe.batch_size))
    return [
        *guarded([diagnosis], OURS),  # first, so that it sees the step at which StopOnNonFinite ends training
        StopOnNonFinite(),
        HistoryCSV(paths.history, resume_epoch=done),
        *guarded([grid], OURS),
        *loggers,
        *([StopAfter(recipe.max_minutes, since=STARTED)] if recipe.max_minutes else []),
        *([StopAfterCPU(recipe.max_cpu_seconds)] if recipe.max_cpu_seconds else []),
        SaveCheckpoints(checkpoints, per_epoch, total, recipe.checkpoint_steps),
    ]


def loggers_of(recipe: Recipe, paths: Layout, samples: SampleGrid | None = None) -> list[Guarded]:
    """Returns the loggers that a recipe names; called before a run begins too, to find what is missing.

    Raises:
        UserError: the package of a tracker is missing.
        RegistryError: there is no logger of a name.
    """
    names = [name for name in recipe.logger.split(",") if name != "none"]
    return make_loggers(names, LoggedRun(paths.folder, recipe.to_json(), samples, paths.loggers))


def tensorboard(run: LoggedRun) -> TensorBoard:
    """Event files in the run's folder; needs no package."""
    return TensorBoard(Layout(run.folder).tensorboard, samples=run.samples)


def stops_of(recipe: Recipe) -> list[str]:
    """Returns the names of the stops of a recipe."""
    return [] if recipe.stop is None else recipe.stop.split(",")


def best_row(recipe: Recipe, paths: Layout) -> dict[str, float] | None:
    """Returns the measurements of the step whose weights a run keeps, the best score of `stop=kid`; else None."""
    if "kid" not in stops_of(recipe):
        return None
    return StopOnScore("kid", lambda model: (0.0, 0.0)).best(read_table(paths.diagnosis).rows)


def check_stops(model: GenerativeModel, recipe: Recipe, source: Source) -> None:
    """Raises UserError where a stop of the recipe does not fit the model or the data."""
    names = stops_of(recipe)
    for stop in stops_for(model, [name for name in names if name != "kid"]):
        stop.check(model)
    if "kid" in names:
        StopOnScore("kid", lambda model: (0.0, 0.0)).check(model)
        check_comparable(source)


def check_comparable(source: Source) -> None:
    """Raises UserError where there are no held-out images."""
    if "validation" not in source.splits or not any(field.kind == "image" for field in source.fields.values()):
        raise UserError(f"stop=kid compares samples with held-out images, and {source.name} has none")


def kernel_score(
    source: Source, data_field: str, limit: int = 2000
) -> Callable[[GenerativeModel], tuple[float, float]]:
    """Returns `f(model) -> (KID, standard error)` of samples against as many held-out images, at most `limit`.

    Args:
        source: the data set.
        data_field: name of the images that the model makes: of two domains, samples are compared with that one.
        limit: number of images.

    Raises:
        UserError: there are no held-out images, or no feature extractor for this data set.
    """
    check_comparable(source)
    held_out = source.splits["validation"]
    extractor = load_extractor(default_extractor(source))
    targets = of_field(source, data_field).splits["validation"]
    rows = np.arange(min(len(held_out), len(targets), limit))
    chosen, real = held_out.select(rows), extractor.features(targets.gather(rows)["image"])

    def score(model: GenerativeModel) -> tuple[float, float]:
        fake = model.sample(len(real), conditions=model.conditions_for(len(real), examples=chosen))
        return kernel_distance(real, extractor.features(fake), subset_size=len(real))

    return score
