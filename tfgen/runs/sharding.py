"""Samples of a run as a folder of shards, by any number of processes: `python -m tfgen.sample --format`."""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen.domains import Count, check
from tfgen.runs.folder import load_run
from tfgen.runs.layout import check_spares_runs
from tfgen.runs.sampling import Draw, Request, default_name, opened
from tfgen.sampling import writers
from tfgen.sampling.chunks import conditions_digest
from tfgen.sampling.shards import formats, workers
from tfgen.sampling.shards.plan import IMAGES_A_SHARD, Plan
from tfgen.storage.atomic import written_once


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
    """Writes shards of a run's samples, all or those of this worker; returns a line on the contents of their folder.

    Args:
        folder, request: of the run, and the settings of the sampling.
        kind: format of the shards, a key of `tfgen.sampling.shards.plan.SUFFIXES`.
        out, shards: the folder, by default in the run's samples; number of shards, one per `IMAGES_A_SHARD` samples.
        worker, number: index of this worker and number of workers, as in `workers.place`.
        plugins: modules that processes started here import.

    Raises:
        UserError: the request does not fit, or the folder holds other files; nothing has been written then.
    """
    run = load_run(folder)
    out = pathlib.Path(out) if out else default_name(run, request, kind)
    worker, number = workers.place(worker, number)
    writers.check_format(kind, check_spares_runs(out), run.fields[run.makes])
    check("shards", shards, Count | None)
    plan = Plan(out, kind, request.num, -(-request.num // IMAGES_A_SHARD) if shards is None else shards)
    plan.check_folder()
    if worker is None:
        workers.share_threads(number)
    draw = opened(run, request)
    next(draw.chunks(0, 1))  # raises for conditions that do not fit, before anything is written
    plan.settle(run=run.place, **recipe_of(draw))
    if worker is not None:
        make_shards(plan, draw, worker, number)
    else:
        command = arguments(folder, request, kind, out, shards, plugins)
        with workers.started("tfgen.sample", command, number) as processes:
            make_shards(plan, draw, 0, number)
        for index, process in enumerate(processes, start=1):
            if process.returncode:
                print(f"worker {index} ended early (exit code {process.returncode})", file=sys.stderr)
        make_shards(plan, draw)  # the shards that a killed worker has not made
    missing = plan.missing()
    if not missing:
        plan.tidy()
    left = f"{len(missing)} of {plan.shards} shards are left to other workers" if missing else f"{plan.shards} shards"
    return f"{out}: {request.num - sum(np.diff(plan.bounds(s))[0] for s in missing)} images, {left}"


def recipe_of(draw: Draw) -> dict:
    """Returns the plain values that determine the samples: weights, seed, conditions, sampler."""
    model, request, (label, text) = draw.model, draw.request, draw.asked_fields
    classes: list[int] | None = None
    if label is not None:
        given = draw.given.get(label)
        if given is None and model.num_classes and model.cycles_classes(draw.given, draw.examples, draw.sampler):
            given = range(model.num_classes)
        cycle = draw.asked(0, request.num).labels if given is None else given
        classes = [int(c) for c in np.atleast_1d(np.asarray(cycle))]
    captions: list[str] | None = None
    if text is not None:
        given = draw.given.get(text)
        period = len(draw.examples or ()) if given is None else len(np.atleast_1d(given))
        captions = np.asarray(draw.asked(0, min(period, request.num)).captions).tolist()
    return {
        "weights": model.digest(),
        "seed": request.seed,
        "label": classes,
        "captions": captions,
        "conditions": conditions_digest(model, request.num, draw.given, draw.examples, draw.sampler),
        "sampler": None if draw.sampler is None else repr(draw.sampler),
        "stochastic": request.stochastic,
        "shape": [model.data_field, *model.data_shape],
        "dtype": model.data_dtype,
    }


def make_shards(plan: Plan, draw: Draw, worker: int = 0, number: int = 1) -> None:
    """Writes the missing shards of worker `worker` of `number`."""
    missing = plan.missing(worker, number)
    for done, shard in enumerate(missing, start=1):
        if plan.path(shard).exists():  # another process has made it in the meantime
            continue
        start, (first, end) = time.perf_counter(), plan.bounds(shard)
        samples = (made for made, _ in draw.chunks(first, end))
        with written_once(plan.path(shard)) as partial:
            count = end - first
            formats.write_shard(partial, plan.format, samples, draw.shape(count), draw.asked(first, end), first)
        rate = (end - first) / (time.perf_counter() - start)
        print(f"worker {worker}: {plan.path(shard).name} ({rate:.0f} a second), {done}/{len(missing)}", file=sys.stderr)


def arguments(
    folder: str | os.PathLike,
    request: Request,
    kind: str,
    out: pathlib.Path,
    shards: int | None,
    plugins: Sequence[str],
) -> list[str]:
    """Returns the arguments of the command by which another process makes its shards."""
    names = ("num", "seed", "label", "conditions", "sampler", "sampling_steps", "guidance", "temperature", "prior")
    values: dict[str, Any] = {
        "run": folder,
        **{name: getattr(request, name) for name in names},
        "format": kind,
        "shards": shards,
    }
    given = [f"--{name}={value}" for name, value in values.items() if value is not None]
    given += [f"--caption={text}" for text in request.caption] + [f"--plugin={name}" for name in plugins]
    return [*given, f"--out={out}", *(["--stochastic"] if request.stochastic else [])]
