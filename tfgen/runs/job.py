"""One run from its recipe to its files: data, model, resume, `fit`, samples, models, export."""

import contextlib
import json
import math
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfgen.data import load_dataset
from tfgen.data.labels import without_classes
from tfgen.data.source import Source
from tfgen.distribution import cluster
from tfgen.distribution.replicas import check_divisible, within
from tfgen.errors import UserError
from tfgen.export.keras_files import are_stamped, save_keras_files
from tfgen.machine.precision import resolve, using
from tfgen.models import check_options, settle
from tfgen.optimizers.schedules import apply_schedule, parse_schedule
from tfgen.recipes.recipe import Recipe
from tfgen.runs import batch_size
from tfgen.runs.folder import Run, add_to_record, origin_of, save_record
from tfgen.runs.interrupts import interruptible
from tfgen.runs.layout import Layout
from tfgen.runs.lock import FolderLock
from tfgen.runs.naming import default_workdir
from tfgen.runs.pretrained import check_workdir
from tfgen.runs.provenance import provenance
from tfgen.runs.resume import (
    check_earlier,
    check_length,
    clear_the_way,
    recorded,
    remark_on_schedule,
    resolved_resume,
    restore,
    set_aside,
)
from tfgen.runs.start import start_from
from tfgen.runs.watching import best_row, callbacks_of, check_stops, loggers_of
from tfgen.storage.atomic import ANY, put_aside, sweep
from tfgen.storage.origin import Origin, Stamp, stamp_of
from tfgen.storage.paths import expanded, folder_above
from tfgen.tables import progress
from tfgen.training import accumulation
from tfgen.training.callbacks import Progress, StopOnNonFinite
from tfgen.training.callbacks.adapted import adapted
from tfgen.training.callbacks.guarded import checked, guarded
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import check_stages, parse_stages, updates_of
from tfgen.training.savedmodel import export_savedmodel


def train(
    recipe: Recipe,
    workdir: str | os.PathLike | None = None,
    *,
    resume: str = "auto",
    dry_run: bool = False,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    **changes: Any,
) -> Run | None:
    """Trains a model by a recipe, or continues a run of it, and leaves the run's folder complete.

    Args:
        recipe: a `Recipe`.
        workdir: the run's folder; by default `runs/<model>-<dataset>`, and a suffix where the recipe is not the
            default one of model and data set.
        resume: `auto` continues a run of the same recipe, `must` requires one, `never` starts anew and keeps the old
            folder under another name.
        dry_run: print the recipe, the parameter counts and the steps to come, and do nothing; no data are downloaded.
        callbacks: further Keras callbacks; a failing one is reported once, and training goes on. recipe.json names
            their classes.
        **changes: fields of the recipe, as in `recipe.replace`: init_from="runs/a", logger="wandb", epochs=20.

    Returns:
        the `Run`; None for a dry run, and on workers other than the first, which print and write nothing.

    Raises:
        UserError: the recipe, the data or the folder do not fit; nothing in the folder has been changed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint has been written.
        WorkerLost: `distribute=multiworker`, and another worker has ended; start all of them again.
    """
    recipe, callbacks = recipe.replace(**changes), checked(callbacks)
    check_workdir(workdir or "")
    paths = Layout(expanded("workdir", workdir or default_workdir(recipe)))
    folder_above("workdir", paths.folder)
    resume = resolved_resume(resume, paths)
    strategy = None if dry_run else cluster.start(recipe.distribute, recipe.replicas)
    recipe = recipe.replace(precision=resolve(recipe.precision))
    chief = cluster.is_chief(strategy)
    with (
        cluster.together(strategy),
        printing(chief),
        using(recipe.precision),
        FolderLock(paths.lock) if chief and not dry_run else contextlib.nullcontext() as lock,
    ):
        recipe, source, model, total = set_up(recipe, paths, resume, strategy, download=not dry_run)
        begins = start_from(recipe, model, paths, resume)
        print("\n".join([plan(recipe, source, model, total, paths), *source.provenance.get("notes", ())]), flush=True)
        if dry_run:
            model.say_before(total)  # else `fit` says it
            return None
        origin = origin_of(recipe, source.provenance)
        if lock is not None and resume == "never":
            lock.release(set_aside(paths))
        cluster.wait_for_all(strategy)  # or another worker could restore from the folder that is set aside
        checkpoints = Checkpoints(model, paths.checkpoints, origin=origin)
        begun = restore(checkpoints, strategy)
        check_length(paths, begun, total)
        if remark := remark_on_schedule(paths, recipe, begun, total):
            print(remark, flush=True)
        finished = begun is not None and begun >= total
        if lock is not None:
            prepare(paths, lock)
            if not finished or recorded(paths)[0] is None:
                given = [f"{type(callback).__module__}.{type(callback).__name__}" for callback in callbacks]
                more = {"init_from": begins, "total_steps": total, "callbacks": given}
                save_record(paths.folder, recipe, source.fields, **provenance(source, model), **more)
        if finished:
            print(f"this run is finished: step {begun} of {total}; raise --epochs or --steps to go on", flush=True)
        else:
            fit(model, recipe, source, paths, checkpoints, total, strategy, callbacks)
        if chief:
            keep_models(model, recipe, paths, checkpoints, origin)
        cluster.wait_for_all(strategy)  # workers end together: one that is lost now has them all started again
        print(farewell(model, paths), flush=True)
        return Run(paths.folder) if chief else None


def prepare(paths: Layout, lock: FolderLock) -> None:
    """Makes and locks the folder of a run, and clears it of what a killed process has left.

    Raises:
        UserError: another process trains there, or the folder cannot be written to.
    """
    lock.take()
    lock.sign()
    clear_the_way(paths)
    if recorded(paths)[0] is None and paths.recipe.exists():
        print(f"{paths.recipe} is kept as {put_aside(paths.recipe).name}, and written anew", flush=True)
    for folder in (paths.folder, paths.samples, paths.models, paths.checkpoints, paths.savedmodel.parent):
        sweep(folder, ANY)


def keep_models(
    model: GenerativeModel, recipe: Recipe, paths: Layout, checkpoints: Checkpoints, origin: Origin
) -> None:
    """Writes the `.keras` files and the SavedModel of a training that has ended, unless they are there.

    They are of its last step, or of the best score of `stop=kid`, whose checkpoint is read into `model`. A kill may
    have come after the last checkpoint and before the models.

    Raises:
        UserError: the disk is full or read-only.
    """
    last, found = int(model.step), stamp_of(paths.trainer)
    if found is not None and (found.origin, found.ended) == (origin, last):
        if are_stamped(model, paths.models, found) and stamp_of(paths.savedmodel) == found:
            return
    kept = best_row(recipe, paths)
    if kept is not None:
        read_best(model, paths, checkpoints, kept, last)
    step = int(model.step)
    stamp = Stamp(origin, step, None if step == last else last)
    save_keras_files(model, paths.models, stamp)
    export(model, paths, stamp)


def read_best(
    model: GenerativeModel, paths: Layout, checkpoints: Checkpoints, row: dict[str, float], last: int
) -> None:
    """Sets a model to the state of its best score, and says and records what is kept; the last if that is damaged.

    Args:
        model, paths, checkpoints: of the run.
        row: measurements of the step to keep.
        last: step at which the training has ended.
    """
    best = int(row["step"])
    if best != last and (problem := checkpoints.read(best)):
        print(f"checkpoint {checkpoints.path(best)}, of the best kid, {problem}; the last one is kept", flush=True)
        if problem := checkpoints.read(last):  # the damaged one may have been read in part
            raise UserError(f"checkpoint {checkpoints.path(last)} {problem}; start the command again")
        return
    score = f"kid {row['kid']:.4g} +- {row['kid_error']:.2g}"
    print(f"the models are those of step {best}, with the best {score}; training ended at step {last}", flush=True)
    add_to_record(Run(paths.folder), kept={"step": best, "last": last, "by": "kid", "kid": row["kid"]})


def fit(
    model: GenerativeModel,
    recipe: Recipe,
    source: Source,
    paths: Layout,
    checkpoints: Checkpoints,
    total: int,
    strategy: tf.distribute.Strategy | None,
    callbacks: Iterable[keras.callbacks.Callback],
) -> None:
    """Trains a model that `set_up` made and `restore` restored, up to step `total`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM on any worker; a checkpoint has been written.
    """
    train, size = source.splits["train"], update_size(recipe)
    per_epoch = model.steps_per_epoch(train, size)
    done, epochs = int(model.step) // per_epoch, -(-total // per_epoch)
    chief = cluster.is_chief(strategy)
    watching = callbacks_of(model, recipe, source, paths, checkpoints, total, done) if chief else [StopOnNonFinite()]
    with interruptible() as interrupted, progress("training", total, sys.stdout) as show:
        model.fit_examples(
            train,
            size,
            epochs,
            held_out=source.splits.get("validation"),
            initial_epoch=done,
            last_step=total,
            mirror=recipe.mirror,
            callbacks=[
                *watching,
                *guarded(adapted(model, callbacks)),
                *guarded([Progress(show)]),
                interrupted,
            ],
            verbose=2,
        )
    if cluster.any_worker(strategy, interrupted.caught):
        where = f"stopped after step {int(model.step)} of {total}, and saved"
        raise KeyboardInterrupt(f"{where}; give the same command again to go on")


def export(model: GenerativeModel, paths: Layout, stamp: Stamp) -> None:
    """Writes the SavedModel; if a signature fails, which is a model's own code, that is said and the run is complete.

    Raises:
        UserError: the disk is full or read-only.
    """
    try:
        export_savedmodel(model, paths.savedmodel, stamp)
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"no SavedModel was written: {reason:.200}", flush=True)


def set_up(
    recipe: Recipe, paths: Layout, resume: str, strategy: tf.distribute.Strategy | None, download: bool = True
) -> tuple[Recipe, Source, GenerativeModel, int]:
    """Returns (resolved recipe, data, compiled model, total steps) of a run; nothing is written.

    Args:
        download: whether data that are not on disk are downloaded.

    Raises:
        UserError: the recipe, the data or what the folder holds do not fit.
    """
    check_options(recipe.model, recipe.options)  # before data are downloaded and read
    parse_schedule(recipe.schedule)
    source = load_dataset(recipe.dataset, data_dir=recipe.data_dir, image_size=recipe.image_size, download=download)
    source = without_classes(source, recipe.leave_out)
    recipe = with_batch_size(recipe, source, paths, resume, strategy)
    size = update_size(recipe)
    replicas = strategy.num_replicas_in_sync if strategy else recipe.replicas or 1
    check_divisible(size, replicas)
    with within(strategy):
        model, recipe, notes = settle(recipe, source.fields)
    for note in notes:
        print(note, flush=True)
    check_earlier(paths, recipe, source, resume)
    if recipe.mirror and not any(field.kind == "image" for field in source.fields.values()):
        raise UserError(f"mirror flips images, and {source.name} has none: leave it out")
    said = [name for name, field in model.fields.items() if field.kind in ("text", "vector") and name in source.fields]
    if recipe.mirror and said:
        print(f"mirror flips images alone: leave it out where {' or '.join(said)} tell left from right", flush=True)
    # a checkpoint every n steps needs a call of the graph to end there
    every = math.gcd(model.steps_per_execution, recipe.checkpoint_steps or 0)
    model.steps_per_execution = recipe.steps_per_execution or every
    model.accumulate, model.stages = recipe.accumulate, parse_stages(recipe.stages) or model.stages
    check_stages(model.stages, model.phases, model.name)
    accumulation.check(model.accumulate, model.needs_whole_batch, size, replicas)
    model.check_held_out(source.splits.get("validation"), size)
    check_stops(model, recipe, source)
    loggers_of(recipe, paths)
    model.check_savable()  # said now, not after hours
    train = model.as_examples(source.splits["train"])
    if model.needs_examples is not None:  # what they lack is said now
        model.prepare(train, source.splits.get("validation"))
    per_epoch = model.steps_per_epoch(train, size)
    total = recipe.steps or (recipe.epochs or 0) * per_epoch  # a recipe has one of the two
    for name, optimizer in model.optimizers.items():
        updates = [updates_of(name, model.phases, model.stages, steps) for steps in (total, per_epoch)]
        apply_schedule(optimizer, recipe.schedule, *updates)
    if model.sampler is not None:  # a model that cannot be sampled fails now, not after hours
        seeds, conditions = [0], model.conditions_for(1, examples=train)
        model.samples_from_seeds(seeds, conditions)
    return recipe, source, model, total


def with_batch_size(
    recipe: Recipe, source: Source, paths: Layout, resume: str, strategy: tf.distribute.Strategy | None
) -> Recipe:
    """Returns the recipe with a number as its batch size, measured for `auto` or taken from the run that continues.

    Raises:
        UserError: `auto` together with `distribute`.
    """
    if recipe.batch_size == "auto" and resume != "never" and (run := recorded(paths)[0]) is not None:
        recipe = recipe.replace(batch_size=run.recipe.batch_size)
    if recipe.batch_size != "auto":
        return recipe
    if strategy is not None:
        raise UserError("batch_size=auto measures the memory of one process; give a number beside distribute")
    fewest = min(map(len, source.splits["train"].parts()))
    return recipe.replace(batch_size=batch_size.automatic(recipe, source.fields, fewest))


def update_size(recipe: Recipe) -> int:
    """Returns the images per update of a recipe whose batch size is a number."""
    return int(recipe.batch_size)


def plan(recipe: Recipe, source: Source, model: GenerativeModel, total: int, paths: Layout) -> str:
    """Returns the plan of a run as text: the resolved recipe, parameter counts, steps."""
    size = update_size(recipe)
    counts = [f"{name}: {network.count_params():,} parameters" for name, network in model.networks.items()]
    per_step, train, kind = size * model.parts, source.splits["train"], f"{model.fields[model.data_field].kind}s"
    per_epoch = model.steps_per_epoch(train, size)
    steps = f"{total} steps of {per_step} {kind}, {per_epoch} per epoch of {len(train)} {kind}"
    return "\n".join([json.dumps(recipe.to_json(), indent=2), *counts, f"to do: {steps}, into {paths.folder}"])


def farewell(model: GenerativeModel, paths: Layout) -> str:
    """Returns the paths of the results and the commands that use them, as text."""
    run = Run(paths.folder)
    folder, plugins = shlex.quote(str(paths.folder)), "".join(f" --plugin={name}" for name in run.record["plugins"])
    longer = "--epochs" if run.recipe.steps is None else "--steps"
    lines = [f"samples: {paths.samples}    models: {paths.models}    SavedModel: {paths.savedmodel}"]
    if model.sampler is not None:
        lines.append(f"next: python -m tfgen.sample --run={folder}{plugins} --num=100 --out=samples.png")
    lines.append(f"how good it is: python -m tfgen.evaluate --run={folder}{plugins}")
    lines.append(f"all of it on a page: python -m tfgen.report --run={folder}{plugins}")
    lines.append(f'in Python: tfgen.load_run("{paths.folder}").model; to train on: the same command with more {longer}')
    return "\n".join(lines)


@contextlib.contextmanager
def printing(allowed: bool) -> Iterator[None]:
    """Context that drops what is printed unless it is `allowed`, which one of several workers is."""
    if allowed:
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
