"""Samples of a run as a folder of shards, by any number of processes: `python -m tfgen.sample --format`."""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Sequence

import numpy as np

from tfgen.runs.folder import load_run
from tfgen.runs.sampling import Draw, Request, default_name, opened
from tfgen.sampling import writers
from tfgen.sampling.chunks import conditions_digest
from tfgen.sampling.shards import formats, workers
from tfgen.sampling.shards.plan import IMAGES_A_SHARD, Plan, written_once


def fill_folder(
    folder: str | os.PathLike,
    request: Request,
    kind: str,
    out: str | os.PathLike | None = None,
    *,
    shards: int | None = None,
    worker: int | None = None,
    number: int | None = None,
    plugins: Sequence[str] = (),
) -> str:
    """Fills a folder with shards of a run's samples: this worker's, or all of them with processes started here.

    Args:
        folder: of the run. request: what to sample.
        kind: of shards, a key of `tfgen.sampling.shards.plan.SUFFIXES`.
        out: the folder, by default one in the run's samples folder.
        shards: parts; by default one for `IMAGES_A_SHARD` samples.
        worker, number: which worker this is and of how many, as of `workers.place`.
        plugins: modules that processes started here import.

    Returns:
        A line on what the folder holds now.

    Raises:
        UserError: the request does not fit, or the folder holds something else; nothing has been written then.
    """
    run = load_run(folder)
    out = pathlib.Path(out) if out else default_name(run, request, kind)
    worker, number = workers.place(worker, number)
    writers.check_format(kind, out, run.fields[run.makes])
    plan = Plan(out, kind, request.num, shards or -(-request.num // IMAGES_A_SHARD))
    plan.check_folder()
    if worker is None:
        workers.share_threads(number)
    draw = opened(run, request)
    next(draw.chunks(0, 1))  # refuses what does not fit before anything is written
    plan.settle(run=str(run.folder), **recipe_of(draw))
    if worker is not None:
        make_shards(plan, draw, worker, number)
    else:
        command = arguments(folder, request, kind, out, shards, plugins)
        with workers.started("tfgen.sample", command, number) as processes:
            make_shards(plan, draw, 0, number)
        for index, process in enumerate(processes, start=1):
            if process.returncode:
                print(f"worker {index} ended early (exit code {process.returncode})", file=sys.stderr)
        make_shards(plan, draw)  # what a worker that was killed has left
    missing = plan.missing()
    if not missing:
        plan.tidy()
    left = f"{len(missing)} of {plan.shards} shards are left to other workers" if missing else f"{plan.shards} shards"
    return f"{out}: {request.num - sum(np.diff(plan.bounds(s))[0] for s in missing)} images, {left}"


def recipe_of(draw: Draw) -> dict:
    """Returns what samples follow from, as plain values: weights, seed, conditions, sampler."""
    model, request, classes = draw.model, draw.request, None
    if model.label_field is not None:
        given = draw.given.get(model.label_field)
        classes = range(model.num_classes) if given is None and model.num_classes else given
        classes = draw.labels(0, request.num) if classes is None else np.atleast_1d(classes)
        classes = [int(c) for c in classes]
    return {
        "weights": model.digest(),
        "seed": request.seed,
        "label": classes,
        "conditions": conditions_digest(model, request.num, draw.given, draw.examples),
        "sampler": None if draw.sampler is None else repr(draw.sampler),
        "stochastic": request.stochastic,
        "shape": [model.data_field, *model.data_shape],
        "dtype": model.data_dtype,
    }


def make_shards(plan: Plan, draw: Draw, worker: int = 0, number: int = 1) -> None:
    """Makes the shards of worker `worker` of `number` that are missing."""
    missing = plan.missing(worker, number)
    for done, shard in enumerate(missing, start=1):
        if plan.path(shard).exists():  # another process has made it meanwhile
            continue
        start, (first, end) = time.perf_counter(), plan.bounds(shard)
        samples = (made for made, _ in draw.chunks(first, end))
        with written_once(plan.path(shard)) as partial:
            formats.write_shard(partial, plan.format, samples, draw.shape(end - first), draw.labels(first, end), first)
        rate = (end - first) / (time.perf_counter() - start)
        print(f"worker {worker}: {plan.path(shard).name} ({rate:.0f} a second), {done}/{len(missing)}", file=sys.stderr)


def arguments(folder, request: Request, kind: str, out: pathlib.Path, shards: int | None, plugins) -> list[str]:
    """Returns the command line by which another process takes part."""
    names = ("num", "seed", "label", "conditions", "sampler", "sampling_steps", "guidance")
    values = {"run": folder, **{name: getattr(request, name) for name in names}, "format": kind, "shards": shards}
    given = [f"--{name}={value}" for name, value in values.items() if value is not None]
    given += [f"--plugin={name}" for name in plugins]
    return [*given, f"--out={out}", *(["--stochastic"] if request.stochastic else [])]
