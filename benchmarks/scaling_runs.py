"""The measured side of `benchmarks.scaling`: the same run on one, two and three workers of this machine."""

import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np

from benchmarks import machine
from benchmarks.scaling_formula import Traffic

WARM = 5  # steps before the ones that count


def measure(args):
    """Runs all kinds in turns, `args.repeats` times, and writes the JSON file that `predict` reads."""
    model = model_of(args.run)  # first, since it finds the mistakes in the command
    numbers = [int(word) for word in args.workers.split(",")]
    kinds = kinds_of(numbers, args.batch_size, args.weak_batch_size)
    seconds = {kind: [] for kind in kinds}
    for turn in range(args.repeats):
        for kind in kinds:
            seconds[kind].append(one_run(kind[1], kind[2], args))
            print(
                f"round {turn + 1}  {kind[0]}, {kind[1]} workers, batch {kind[2]}: {seconds[kind][-1]:.4f} s",
                flush=True,
            )
    found = {
        "command": "python -m tfgen.run " + shlex.join(args.run),
        "machine": machine.describe(),
        "cores": machine.cores(),
        "threads": args.threads,
        "weak_batch_size": args.weak_batch_size,
        **model,
        "rows": [row_of(kind, seconds[kind]) for kind in kinds],
    }
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(args.out)


def kinds_of(numbers, batch, weak_batch):
    """[(scaling, workers, global batch)] without repetition; a strong batch is the next multiple of the workers."""
    kinds = [("weak", number, weak_batch * number) for number in numbers]
    kinds += [("strong", number, -(-batch // number) * number) for number in numbers]
    alone = {}
    return [kind for kind in kinds if kind[1] > 1 or alone.setdefault(kind[2], kind) == kind]


def row_of(kind, seconds):
    scaling, workers, batch = kind
    middle = statistics.median(seconds)
    row = {"scaling": scaling, "workers": workers, "batch_size": batch, "seconds": middle}
    return {**row, "low": min(seconds), "high": max(seconds)}


def one_run(workers, batch, args):
    """Median seconds of a step, of the slowest worker."""
    threads = {name: str(args.threads) for name in machine.VARIABLES}
    threads["TF_NUM_INTEROP_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            **threads,
            "STEP_TIMES": folder,
            "STEP_TIMES_WARM": str(WARM),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        done = subprocess.run(command(workers, batch, args, folder), env=environ, capture_output=True, text=True)
        times = [json.loads(path.read_text())["seconds"] for path in pathlib.Path(folder).glob("*.json")]
    if done.returncode or len(times) != workers:
        sys.exit(f"{workers} workers, batch {batch}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return max(statistics.median(seconds) for seconds in times)


def command(workers, batch, args, folder):
    """The command line of one run: alone, or as `tfgen.launch` starts several."""
    steps = WARM + args.steps
    run = [sys.executable, "-m", "tfgen.run", *args.run, "--plugin=benchmarks.step_times", f"--batch_size={batch}"]
    run += [f"--steps={steps}", f"--checkpoint_steps={10 * steps}", "--steps_per_execution=1", "--resume=never"]
    run += [f"--workdir={folder}/run"]
    if workers == 1:
        return run
    return [sys.executable, "-m", "tfgen.launch", f"--workers={workers}", "--", *run, "--distribute=multiworker"]


def model_of(run):
    """What a step of the run's model takes and exchanges: `images`, `updates`, `small`."""
    from tfgen import plugins
    from tfgen.data import load_dataset
    from tfgen.machine import startup
    from tfgen.models import build_from_recipe
    from tfgen.run import COMMAND, recipe_from_flags
    from tfgen.runs.batch_size import random_examples

    flags = COMMAND.parse(run)
    plugins.import_plugins(flags.plugin)
    recipe = recipe_from_flags(flags)
    source = load_dataset(recipe.dataset, data_dir=recipe.data_dir, image_size=recipe.image_size)
    startup.start_tensorflow()
    model = build_from_recipe(recipe, source.fields)
    batch = {name: np.asarray(value) for name, value in random_examples(model.fields, 2 * model.parts).items()}
    traffic = traffic_of(model, batch)
    return {"images": model.parts, "updates": list(traffic.updates), "small": traffic.small}


def traffic_of(model, batch):
    """The `Traffic` of a built `GenerativeModel` with synchronised batch statistics.

    Every pass of a batch through a `BatchNormalization` has three sums to exchange, and two more where it is
    differentiated, which is assumed of all of them; logged means are one more.

    Args:
        batch: a dict of arrays, as `fit` takes them, of two images a part at least.
    """
    import tensorflow as tf

    updates = tuple(
        4 * sum(int(w.shape.num_elements()) for n in phase.trains for w in _trained(model, n))
        for phase in model.phases
        for _ in range(phase.steps)
    )
    passes = _passes(model, {name: tf.convert_to_tensor(value) for name, value in batch.items()})
    return Traffic(updates, 1 + 5 * passes)


def _trained(model, name):
    return [variable.value for variable in model.networks[name].trainable_variables]


def _passes(model, batch):
    """How often a batch goes through a `BatchNormalization` in one training step."""
    import keras
    import tensorflow as tf

    kind, found = keras.layers.BatchNormalization, []
    call = kind.__call__

    def counted(self, *inputs, **settings):
        found.append(self.name)
        return call(self, *inputs, **settings)

    with mock.patch.object(kind, "__call__", counted):
        tf.function(model.train_step, autograph=False).get_concrete_function(batch)
    return len(found)
