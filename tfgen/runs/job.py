"""One run from its recipe to its files: data, model, resume, `fit`, samples, models, export."""

import contextlib
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np

from tfgen.data import load_dataset
from tfgen.data.pipeline import steps_per_epoch
from tfgen.diagnosis.stops import StopOnScore
from tfgen.distribution import cluster
from tfgen.distribution.replicas import check_divisible, within
from tfgen.errors import UserError
from tfgen.export.keras_files import save_keras_files
from tfgen.export.savedmodel import export_savedmodel
from tfgen.launch import LAUNCHED
from tfgen.machine.precision import resolve
from tfgen.models import build_from_recipe
from tfgen.optimizers.building import apply_schedule
from tfgen.runs import batch_size
from tfgen.runs.folder import Layout, Run, save_record
from tfgen.training.callbacks import Diagnosis, HistoryCSV, SampleGrid, StopAfter, StopOnNonFinite, TensorBoard
from tfgen.training.callbacks.samples import POINTS
from tfgen.training.checkpoints import Checkpoints, SaveCheckpoints

STARTED = time.monotonic()


def train(recipe, workdir=None, *, resume="auto", dry_run=False):
    """Trains what a recipe says, or goes on with it, and leaves the run's folder complete.

    Args:
        recipe: a `Recipe`.
        workdir: the run's folder; by default `runs/<model>-<dataset>`.
        resume: `auto` continues a run of the same recipe, `must` insists on one, `never` starts anew and keeps the old
            folder under another name.
        dry_run: print the recipe, the parameter counts and the steps to come, and do nothing.

    Returns:
        the `Run`, or None for a dry run and on workers other than the first, which print and write nothing.

    Raises:
        UserError: the recipe, the data or the folder do not fit; nothing in the folder has been changed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint has been written.
        WorkerLost: `distribute=multiworker`, and another worker has gone; all are to be started again.
    """
    if resume not in ("auto", "must", "never"):
        raise UserError(f"resume must be auto, must or never, got {resume!r}")
    paths = Layout(pathlib.Path(workdir or default_workdir(recipe)))
    resume = "auto" if resume == "never" and restarted(paths) else resume
    strategy = None if dry_run else cluster.start(recipe.distribute, recipe.replicas)
    with cluster.together(strategy), contextlib.ExitStack() as silence:
        if not cluster.is_chief(strategy):
            silence.enter_context(contextlib.redirect_stdout(silence.enter_context(open(os.devnull, "w"))))
        return train_within(strategy, recipe, paths, resume, dry_run)


def train_within(strategy, recipe, paths, resume, dry_run):
    """As `train`, under a strategy that has been started, or None."""
    recipe = recipe.replace(precision=resolve(recipe.precision))
    if recipe.batch_size == "auto" and resume != "never" and paths.recipe.exists():
        recipe = recipe.replace(batch_size=Run(paths.folder).recipe.batch_size)
    earlier = None if resume == "never" else earlier_run(paths, recipe, must=resume == "must")
    source = load_dataset(recipe.dataset, data_dir=recipe.data_dir, image_size=recipe.image_size)
    check_data(earlier, source)
    if recipe.batch_size == "auto" and strategy is not None:
        raise UserError("batch_size=auto measures the memory of one process; give a number beside distribute")
    if recipe.batch_size == "auto":
        chosen = batch_size.automatic(recipe, source.fields, len(source.splits["train"]))
        recipe = recipe.replace(batch_size=chosen)
    with precision(recipe.precision):
        job = Job(recipe, paths, source, strategy)
        if dry_run:
            print(job.plan())
            return None
        if resume == "never" and job.chief:
            set_aside(paths.folder)
        return job.run()


class Job:
    """A recipe with its data and its model, and how far it is to go."""

    def __init__(self, recipe, paths, source, strategy=None):
        self.recipe, self.paths, self.source, self.strategy = recipe, paths, source, strategy
        self.chief = cluster.is_chief(strategy)
        check_divisible(recipe.batch_size, strategy.num_replicas_in_sync if strategy else recipe.replicas or 1)
        with within(strategy):
            self.model = build_from_recipe(recipe, source.fields)
        if recipe.mirror and self.model.data_field != "image":
            raise UserError(f"mirror flips images, and {source.name} has none: leave it out")
        # a checkpoint every n steps needs a call of the graph to end there
        every = math.gcd(self.model.steps_per_execution, recipe.checkpoint_steps or 0)
        self.model.steps_per_execution = recipe.steps_per_execution or every
        self.model.accumulate = recipe.accumulate
        self.examples = self.model.as_examples(source.splits["train"])
        self.per_epoch = steps_per_epoch(self.examples, recipe.batch_size * self.model.parts)
        self.total = recipe.steps or recipe.epochs * self.per_epoch
        for phase in self.model.phases:
            updates = (self.total * phase.steps, self.per_epoch * phase.steps)
            apply_schedule(self.model.optimizers[phase.optimizer], recipe.schedule, *updates)

    def plan(self):
        """What is to be done, as text: the resolved recipe, parameter counts, steps."""
        counts = {name: f"{network.count_params():,} parameters" for name, network in self.model.networks.items()}
        per_step = self.recipe.batch_size * self.model.parts
        kind = f"{self.model.data_field}s"
        steps = f"{self.total} steps of {per_step} {kind}, {self.per_epoch} an epoch of {len(self.examples)} {kind}"
        return "\n".join(
            [
                json.dumps(self.recipe.to_json(), indent=2),
                *(f"{name}: {count}" for name, count in counts.items()),
                f"to do: {steps}, into {self.paths.folder}",
            ]
        )

    def run(self):
        """Trains to the end, writes everything, and says what to do next."""
        if self.chief:
            self.paths.folder.mkdir(parents=True, exist_ok=True)
        print("\n".join([self.plan(), *self.source.provenance.get("notes", ())]), flush=True)
        cluster.wait_for_all(self.strategy)  # an earlier run may have been set aside
        checkpoints = Checkpoints(self.model, self.paths.checkpoints)
        begun = self.restore(checkpoints)
        if self.chief:
            save_record(self.paths.folder, self.recipe, self.source.fields, **provenance(self.source))
        if begun is not None and begun >= self.total:
            print(f"this run is finished: step {begun} of {self.total}; raise --epochs or --steps to go on", flush=True)
            if self.chief and self.models_are_older(checkpoints.path(begun)):
                self.write_models()
        else:
            self.fit(checkpoints)
            if self.chief:
                self.write_models()
        cluster.wait_for_all(self.strategy)  # they end together, or are all started again
        print(self.farewell(), flush=True)
        return Run(self.paths.folder) if self.chief else None

    def restore(self, checkpoints):
        """Restores the newest checkpoint that can be read, the same on every worker; returns its step, or None."""
        begun = checkpoints.restore()
        if not cluster.same_everywhere(self.strategy, -1 if begun is None else begun):
            raise UserError(
                f"the workers find different checkpoints in {self.paths.checkpoints}, this one step {begun}: the run's "
                "folder has to be one that all workers see, on a shared file system"
            )
        if begun is not None:
            print(f"resumed from step {begun}", flush=True)
        return begun

    def fit(self, checkpoints):
        epochs = -(-self.total // self.per_epoch)
        done = int(self.model.step) // self.per_epoch
        with interruptible(self.model) as interrupted:
            self.model.fit_examples(
                self.examples,
                self.recipe.batch_size,
                epochs,
                initial_epoch=done,
                last_step=self.total,
                mirror=self.recipe.mirror,
                callbacks=self.callbacks(checkpoints, done) + [interrupted],
                verbose=1 if sys.stdout.isatty() else 2,
            )
        if cluster.any_worker(self.strategy, interrupted.caught):
            command = "give the same command again to go on"
            raise KeyboardInterrupt(f"stopped after step {int(self.model.step)} of {self.total}, and saved; {command}")

    def callbacks(self, checkpoints, done):
        """What goes on beside training: everything that is written is the chief's."""
        if not self.chief:
            return [StopOnNonFinite()]
        held_out = self.source.splits.get("validation", self.examples)
        number = min(len(held_out), 50 if self.model.data_field == "image" else POINTS)
        originals = held_out.gather(np.arange(number))[self.model.data_field]
        grid = SampleGrid(self.paths.samples, originals=originals, label=self.grid_conditions(held_out))
        timed = [StopAfter(self.recipe.max_minutes, since=STARTED)] if self.recipe.max_minutes else []
        board = TensorBoard(self.paths.tensorboard, samples=grid)
        return [
            self.diagnosis(board),  # first, to see what StopOnNonFinite ends
            StopOnNonFinite(),
            HistoryCSV(self.paths.history, resume_epoch=done),
            grid,
            board,
            *timed,
            SaveCheckpoints(checkpoints, self.per_epoch, self.total, self.recipe.checkpoint_steps),
        ]

    def diagnosis(self, board):
        """The diagnosis of this run, on its train and validation splits, with the stops that the recipe asks for."""
        held_out = self.source.splits.get("validation")
        names = (self.recipe.stop or "none").split(",")
        stops = [StopOnScore("kid", kernel_score(self.source, held_out)) if n == "kid" else n for n in names]
        stops = [stop for stop in stops if stop != "none"]
        return Diagnosis(self.examples, held_out, folder=self.paths.folder, stop=stops, board=board)

    def grid_conditions(self, held_out):
        """The conditions of the sample grid where they are no labels: those of held-out images."""
        name = self.model.condition
        if name in (None, "label"):
            return None
        return held_out.gather(np.arange(min(len(held_out), 100)))[name]

    def write_models(self):
        save_keras_files(self.model, self.paths.models)
        export_savedmodel(self.model, self.paths.savedmodel)

    def models_are_older(self, checkpoint):
        """Whether a kill between the last checkpoint and the models has left these missing or behind."""
        written = [self.paths.trainer, self.paths.savedmodel / "saved_model.pb"]
        return any(not path.exists() or path.stat().st_mtime < checkpoint.stat().st_mtime for path in written)

    def farewell(self):
        folder = self.paths.folder
        lines = [f"samples: {folder / 'samples'}    models: {folder / 'models'}    SavedModel: {self.paths.savedmodel}"]
        if self.model.can_sample:
            lines.append(f"next: python -m tfgen.sample --run={folder} --num=100 --out=samples.png")
        lines.append(f"how good it is: python -m tfgen.evaluate --run={folder}")
        lines.append(f"all of it on a page: python -m tfgen.report --run={folder}")
        lines.append(f'in Python: tfgen.load_run("{folder}").model; to train on: the same command with more --epochs')
        return "\n".join(lines)


def kernel_score(source, held_out, limit=2000):
    """`f(model) -> (KID, standard error)` of samples against as many held-out images, at most `limit`.

    Raises:
        UserError: there are no held-out images, or no feature extractor for this data set.
    """
    from tfgen.extractors import default_extractor, load_extractor
    from tfgen.metrics import kernel_distance

    if held_out is None or "image" not in source.fields:
        raise UserError(f"stop=kid compares samples with held-out images, and {source.name} has none")
    extractor = load_extractor(default_extractor(source.name, source.fields))
    batch = held_out.gather(np.arange(min(len(held_out), limit)))
    real = extractor.features(batch["image"])

    def score(model):
        fake = model.sample(len(real), label=batch.get(model.condition))
        return kernel_distance(real, extractor.features(fake), subset_size=len(real))

    return score


def default_workdir(recipe):
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in recipe.dataset)
    return pathlib.Path("runs") / f"{recipe.model}-{name}"


def restarted(paths):
    """Whether `tfgen.launch` has started this process again, after the run in `paths` had begun."""
    launched = float(os.environ.get(LAUNCHED, "inf"))
    return paths.recipe.exists() and paths.recipe.stat().st_mtime > launched


def earlier_run(paths, recipe, must):
    """The run that `paths` holds already, if it can be continued by `recipe`; None where there is none."""
    if not paths.recipe.exists():
        if must:
            raise UserError(f"--resume=must, but {paths.folder} holds no run")
        return None
    run = Run(paths.folder)
    differences = run.recipe.differences(recipe)
    if differences:
        raise UserError(
            f"{paths.folder} holds a run of another recipe: {'; '.join(differences)}; choose another --workdir, or "
            "--resume=never to start anew"
        )
    if must and not any(paths.checkpoints.glob("step_*")):
        raise UserError(f"--resume=must, but {paths.folder} holds no checkpoint")
    return run


def check_data(earlier, source):
    """Refuses to continue a run on other data than it began with."""
    before = (earlier.record.get("data") or {}).get("sha256") if earlier else None
    now = source.provenance.get("sha256")
    if before and now and before != now:
        raise UserError(
            f"the data of {source.name} have changed since {earlier.folder} began (their sha256 is another); choose "
            "another --workdir"
        )


def set_aside(folder):
    """Renames a folder that holds a run, so that a new one can begin and nothing is lost."""
    if not (folder / "recipe.json").exists():
        return
    number = next(i for i in range(1, 10_000) if not folder.with_name(f"{folder.name}.old{i}").exists())
    old = folder.with_name(f"{folder.name}.old{number}")
    shutil.move(folder, old)
    print(f"the earlier run is kept in {old}", flush=True)


def provenance(source):
    """What recipe.json says besides the recipe: where the data and the code came from."""
    packages = ("keras-tfgen", "tensorflow", "keras", "numpy")
    versions = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "data": {"name": source.name, **source.provenance},
        "class_names": source.class_names,
        "versions": versions,
        "git_revision": git_revision(),
    }


def git_revision():
    """The commit of the checkout that tfgen runs from, or None for an installed package."""
    folder = pathlib.Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip() or None
    return None


@contextlib.contextmanager
def precision(policy):
    """Keras' global dtype policy while a run is built and trained."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class Interrupted(keras.callbacks.Callback):
    """Ends training after the current step once `caught` is set."""

    caught = False

    def on_train_batch_end(self, batch, logs=None):
        if self.caught:
            self.model.stop_training = True


@contextlib.contextmanager
def interruptible(model):
    """Lets Ctrl-C and SIGTERM end training after the current step; a second one interrupts at once."""
    callback, before = Interrupted(), {}

    def catch(number, frame):
        if callback.caught:
            raise KeyboardInterrupt
        callback.caught = True
        os.write(2, b"\nstopping after this step; once more to stop at once\n")

    with contextlib.suppress(ValueError):  # not in the main thread: leave signals alone
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, catch)
    try:
        yield callback
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
