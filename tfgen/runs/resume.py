"""Continuing the run in a folder, or setting the folder aside."""

import os
import pathlib
import shutil

import tensorflow as tf

from tfgen.data.source import Source
from tfgen.distribution import cluster
from tfgen.distribution.launcher import LAUNCHED
from tfgen.errors import UserError
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import Layout, Run
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
    # the recipe is written when a run begins: a file later than the launch was written by a process of this launch
    launched = float(os.environ.get(LAUNCHED, "inf"))
    return paths.recipe.exists() and paths.recipe.stat().st_mtime > launched


def check_earlier(paths: Layout, recipe: Recipe, source: Source, resume: str) -> None:
    """Checks that the run in a folder, if any, can be continued.

    Raises:
        UserError: it is of another recipe or on other data, or `resume` is must and there is no run or checkpoint.
    """
    if resume == "never":
        return
    if not paths.recipe.exists():
        if resume == "must":
            raise UserError(f"--resume=must, but {paths.folder} holds no run")
        return
    run = Run(paths.folder)
    differences = run.recipe.differences(recipe)
    if differences:
        raise UserError(
            f"{paths.folder} holds a run of another recipe: {'; '.join(differences)}; choose another --workdir, or "
            "--resume=never to start anew"
        )
    if resume == "must" and not any(paths.checkpoints.glob("step_*")):
        raise UserError(f"--resume=must, but {paths.folder} holds no checkpoint")
    before, now = (run.record.get("data") or {}).get("sha256"), source.provenance.get("sha256")
    if before and now and before != now:
        raise UserError(
            f"the data of {source.name} have changed since {paths.folder} began (their sha256 is another); choose "
            "another --workdir"
        )


def set_aside(folder: pathlib.Path) -> None:
    """Renames a folder that holds a run, so that a new run can begin and nothing is lost."""
    if not Layout(folder).recipe.exists():
        return
    number = next(i for i in range(1, 10_000) if not folder.with_name(f"{folder.name}.old{i}").exists())
    old = folder.with_name(f"{folder.name}.old{number}")
    shutil.move(folder, old)
    print(f"the earlier run is kept in {old}", flush=True)


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


def models_are_older(paths: Layout, checkpoint: pathlib.Path) -> bool:
    """Returns whether the models are missing, or older than `checkpoint` since a kill came between the two."""
    written = [paths.trainer, paths.savedmodel / "saved_model.pb"]
    return any(not path.exists() or path.stat().st_mtime < checkpoint.stat().st_mtime for path in written)
