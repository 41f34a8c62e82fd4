"""Continuing the run in a folder, or setting the folder aside."""

import contextlib
import os
import pathlib

import tensorflow as tf

from tfgen.data.source import Source
from tfgen.distribution import cluster
from tfgen.distribution.launcher import LAUNCHED
from tfgen.errors import UserError
from tfgen.optimizers.schedules import parse_schedule, spans_all_steps
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import Run, changed_since, origin_of
from tfgen.runs.layout import Layout
from tfgen.storage.atomic import put_aside
from tfgen.storage.origin import Origin, path_of, stamp_of, steps_of
from tfgen.storage.paths import whole
from tfgen.training.checkpoints import Checkpoints


def resolved_resume(resume: str, paths: Layout) -> str:
    """Returns `resume`, or `auto` instead of `never` where `tfgen.launch` has started this process again.

    Raises:
        UserError: it is none of auto, must and never.
    """
    if resume not in ("auto", "must", "never"):
        raise UserError(f"resume must be auto, must or never, got {resume!r}")
    # or every restart would set aside the run that it is to continue
    return "auto" if resume == "never" and restarted(paths) else resume


def restarted(paths: Layout) -> bool:
    """Returns whether `tfgen.launch` has started this process again, after the run in `paths` had begun."""
    launch = os.environ.get(LAUNCHED)
    with contextlib.suppress(UserError):
        return launch is not None and Run(paths.folder).record.get("launch") == launch
    return False


def check_earlier(paths: Layout, recipe: Recipe, source: Source, resume: str) -> None:
    """Checks that the run in a folder, if any, can be continued; nothing is changed.

    A run is what its files say inside: weights of another recipe or of other data are never gone on from.

    Raises:
        UserError: it is of another recipe or on other data, `resume` is must and there is no run or checkpoint, or
            there are models without a checkpoint, which would be written over.
    """
    if resume == "never":
        return
    weights, ours = paths.weights(), origin_of(recipe, source.provenance)
    run, problem = recorded(paths)
    if run is not None:
        check_record(run, recipe, source)
    elif resume == "must" and not weights:
        raise UserError(f"--resume=must, but {paths.folder} holds no run")
    if resume == "must" and not steps_of(paths.checkpoints):
        raise UserError(f"--resume=must, but {paths.folder} holds no checkpoint")
    check_origins(paths, run, problem, ours)
    if weights and not steps_of(paths.checkpoints):
        raise UserError(
            f"{weights[0]} is there and no checkpoint to go on from: a training would write over it; choose another "
            f"--workdir (with --init_from={paths.folder} it starts from these weights), or --resume=never to start anew"
        )
    if run is None and weights:
        print(f"{paths.recipe} {problem}; the weights in {paths.folder} say that they are of this recipe", flush=True)
    elif any(stamp_of(path_of(paths.checkpoints, step)) is None for step in steps_of(paths.checkpoints)[-1:]):
        print(f"the last checkpoint does not say of which recipe it is; {paths.recipe} is believed", flush=True)


def check_origins(paths: Layout, run: Run | None, problem: str, ours: Origin) -> None:
    """Raises UserError if weights in a folder are not of a training by this recipe on these data.

    Args:
        paths: of the folder.
        run: the run that its recipe.json tells of, or None.
        problem: what is wrong with that file where there is none.
        ours: origin of the training that is asked for.
    """
    for path in paths.weights():
        stamp = stamp_of(path)
        # those of earlier versions say nothing, and damaged ones neither: then the record of the run decides
        if stamp is not None and not stamp.origin.agrees(ours):
            raise UserError(
                f"{path} is of another recipe or of other data than this run; choose another --workdir, or "
                "--resume=never to start anew"
            )
        if stamp is None and run is None:
            raise UserError(
                f"{paths.recipe} {problem}, and {path} does not say which recipe it is of; choose another --workdir, "
                "or --resume=never to start anew"
            )


def recorded(paths: Layout) -> tuple[Run | None, str]:
    """Returns (the run in a folder, or None without a readable recipe.json; what is wrong with that file)."""
    if not os.path.lexists(paths.recipe):
        return None, "is missing"
    try:
        run = Run(paths.folder)
        _ = run.recipe, run.origin
    except UserError:
        return None, "is damaged"
    return run, ""


def check_record(run: Run, recipe: Recipe, source: Source) -> None:
    """Raises UserError if a run is of another recipe, or on other data."""
    differences = run.recipe.differences(recipe)
    if differences:
        raise UserError(
            f"{run.folder} holds a run of another recipe: {'; '.join(differences)}; choose another --workdir, or "
            "--resume=never to start anew"
        )
    if changed_since(run, source):
        raise UserError(
            f"the data of {source.name} have changed since {run.folder} began (their sha256 is another); choose "
            "another --workdir"
        )


def remark_on_schedule(paths: Layout, recipe: Recipe, begun: int | None, total: int) -> str | None:
    """Returns a sentence where a run goes on to another number of steps, over all of which its schedule is stretched.

    Call it before the record of the run is written anew.
    """
    run, _ = recorded(paths)
    before = None if run is None else run.record.get("total_steps")
    if begun is None or begun >= total or before in (None, total) or not spans_all_steps(recipe.schedule):
        return None
    name = parse_schedule(recipe.schedule)[0]
    return (
        f"the schedule {name!r} spans all steps, {before} when this run began and {total} now: continued so, it does "
        "not end as a run that was never stopped; a new run with a schedule that does not depend on the number of "
        "steps, such as --set=schedule=constant, does"
    )


def check_length(paths: Layout, begun: int | None, total: int) -> None:
    """Raises UserError if a run has done more steps than it is asked for."""
    if begun is not None and begun > total:
        raise UserError(
            f"the run in {paths.folder} is at step {begun}, more than the {total} that are asked for; raise --steps or "
            "--epochs, or choose another --workdir"
        )


def set_aside(paths: Layout) -> pathlib.Path | None:
    """Renames a folder that holds a run or a part of one, so that a new run can begin and nothing is lost.

    Returns:
        The new path of the folder, or None if there is nothing to keep.

    Raises:
        UserError: it cannot be renamed.
    """
    records = (paths.recipe, paths.history, paths.diagnosis, paths.checkpoints)
    if not paths.weights() and not any(map(os.path.lexists, records)):
        return None
    folder = whole(paths.folder)
    if pathlib.Path.cwd().is_relative_to(folder):
        raise UserError(f"--resume=never renames {folder}, in which this command runs; run it from elsewhere")
    old = put_aside(folder, "old")
    print(f"the earlier run is kept in {paths.folder.with_name(old.name)}", flush=True)
    return old


def clear_the_way(paths: Layout) -> None:
    """Renames what lies where a run writes and is of another kind: a folder in the place of a file, or the reverse.

    Raises:
        UserError: it cannot be renamed.
    """
    folders = (paths.checkpoints, paths.samples, paths.models, paths.tensorboard, paths.savedmodel.parent)
    files = [paths.recipe, paths.history, paths.diagnosis, paths.findings, paths.loggers, paths.film, paths.trainer]
    files += [*paths.samples.glob("epoch_*.png"), *paths.models.glob("*.keras")]
    found = {path: path.is_dir() for path in folders} | {path: path.is_file() for path in files}
    for path, fits in found.items():
        if os.path.lexists(path) and not fits:
            print(f"{path} is in the way, and kept as {put_aside(path).name}", flush=True)


def restore(checkpoints: Checkpoints, strategy: tf.distribute.Strategy | None) -> int | None:
    """Restores the newest readable checkpoint, the same on every worker; returns its step, or None without any.

    Raises:
        UserError: all are damaged, or the workers find different ones.
    """
    begun = checkpoints.restore()
    if not cluster.same_everywhere(strategy, -1 if begun is None else begun):
        raise UserError(
            f"the workers find different checkpoints in {checkpoints.folder}, this one step {begun}: the run's folder "
            "has to be one that all workers see, on a shared file system"
        )
    if begun is not None:
        print(f"resumed from step {begun}", flush=True)
    return begun
