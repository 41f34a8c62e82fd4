"""Leaderboard: entries trained under equal budgets, each with several seeds, and their scores in one table.

Each run is one process of tfgen.run and one of tfgen.evaluate, which end with the board. NAME-SEED.json in the board's
folder says how far a run is, and what is done of it is not repeated: a board can be interrupted, and extended by more
seeds or entries.
"""

import dataclasses
import json
import pathlib
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.evaluation.entries import Budget, Entry, read_entries, safe
from tfgen.evaluation.ranking import Outcome, as_csv, markdown, own_scores, summary, write_picture
from tfgen.evaluation.record import Record
from tfgen.evaluation.stored import read_evaluation
from tfgen.machine.children import fate, run_child
from tfgen.runs.folder import Run
from tfgen.runs.layout import Layout
from tfgen.runs.lock import FolderLock
from tfgen.runs.sampling import condition_examples
from tfgen.sampling.chunks import drawn
from tfgen.storage.atomic import remove, write_text
from tfgen.storage.images import grid, save_png, scatter
from tfgen.storage.paths import folder_above


class Board:
    """A leaderboard and its folder.

    Args:
        dataset: name of the data set that all entries are trained on.
        budget: length of each run, as `Budget.parse` reads it.
        entries: models, configs or recipe files, each with its changes (`read_entries`); empty: all models that fit.
        seeds: number of runs per entry, with seeds 0, 1, ...
        num: number of samples per evaluation; None: as many as there are test images.
        workdir: folder of the runs and the table; None: runs/leaderboard-DATASET-BUDGET.
        data_dir: folder of the data set.
        plugins: modules that the processes of the runs import first.
        metrics: names of the scores of every run, as of tfgen.evaluate; None: all that fit.
        constant_rates: whether learning rates stay constant, instead of following the schedule of each recipe.

    Raises:
        UserError: the budget, an entry or a score is not valid.
    """

    def __init__(
        self,
        dataset: str,
        budget: str,
        *,
        entries: Sequence[str] = (),
        seeds: int = 3,
        num: int | None = None,
        workdir: str | None = None,
        data_dir: str | None = None,
        plugins: Sequence[str] = (),
        metrics: Sequence[str] | None = None,
        constant_rates: bool = False,
    ) -> None:
        self.budget = Budget.parse(budget)
        self.constant_rates = constant_rates
        check("seeds", seeds, Count)
        check("num", num, Count | None)
        self.dataset, self.seeds, self.num = dataset, seeds, num
        self.data_dir, self.plugins, self.metrics = data_dir, tuple(plugins), tuple(metrics) if metrics else None
        named = f"{budget}cpu" if budget[-1:].isdigit() else budget
        self.folder = pathlib.Path(workdir or f"runs/leaderboard-{safe(dataset)}-{safe(named)}")
        given = {"entries": ",".join(entries), "num": num, "data_dir": data_dir, "workdir": workdir}
        given["metrics"] = ",".join(self.metrics or ())
        flags = {
            "dataset": dataset,
            "budget": budget,
            "seeds": seeds,
            **{n: v for n, v in given.items() if v not in (None, "")},
        }
        words = [f"--{name}={value}" for name, value in flags.items()] + [f"--plugin={name}" for name in self.plugins]
        words += ["--constant_rates"] if constant_rates else []
        self.command = shlex.join(["python", "-m", "tfgen.leaderboard", *words])
        self.entries = read_entries(entries, dataset, data_dir, self.metrics)
        for entry in self.entries:
            self.budget.flags(entry.recipe)  # raises before the first training

    def run(self) -> pathlib.Path:
        """Trains and evaluates the entries that are not finished, and rewrites the table after each run.

        A run that fails does not end the board: the others follow, and are in the table.

        Returns:
            The folder, with leaderboard.md, leaderboard.csv, leaderboard.json and leaderboard.png.

        Raises:
            UserError: a training or an evaluation failed, the folder belongs to a board of other settings, or another
                process works in it.
        """
        folder_above("workdir", self.folder)  # before the first training
        with FolderLock(Layout(self.folder).lock) as lock:
            lock.take()
            # seeds outermost: an unfinished board compares all entries
            runs = [(self.record(entry, seed), entry, seed) for seed in range(self.seeds) for entry in self.entries]
            failures = []
            self.write_table(runs)
            for record, entry, seed in runs:
                if record.stage == "done":
                    continue
                try:
                    self.finish(record, entry, seed)
                except Failed as error:
                    failures.append(str(error))
                    print(error, flush=True)
                self.write_table(runs)
                self.write_samples()  # the sitting may end in the next training
            self.write_samples()
        if failures:
            more = f"; and {len(failures) - 1} more failed" if failures[1:] else ""
            raise UserError(f"{failures[0]}{more}; the others are in {self.folder}; the same command tries again")
        return self.folder

    def record(self, entry: Entry, seed: int) -> Record:
        """Returns the record of a run.

        Raises:
            UserError: the one in the folder is of other settings, or damaged.
        """
        wanted: dict[str, Any] = {
            "recipe": entry.recipe.to_json(),
            "budget": dataclasses.asdict(self.budget),
            "num": self.num,
        }
        # boards of earlier versions have all that fit
        wanted |= {} if self.metrics is None else {"metrics": self.metrics}
        if self.constant_rates != self.budget.timed:  # within a time, they had constant rates
            wanted["constant_rates"] = self.constant_rates
        return Record.read(self.folder / f"{safe(entry.name)}-{seed}", wanted)

    def finish(self, record: Record, entry: Entry, seed: int) -> None:
        """Does what is left of a run, and writes it to its record.

        Raises:
            Failed: the training or the evaluation did.
        """
        if record.stage in ("new", "training"):
            self.train(record, entry, seed)
        if record.stage == "trained":
            print(f"{entry.name}, seed {seed}: evaluating", flush=True)
            evaluation = self.evaluate(entry.name, record.workdir)
            # later than the step of the weights, where the recipe keeps those of its best score
            ended, replicates = Run(record.workdir).ended, evaluation["replicates"]
            steps = evaluation["subject"]["step"] if ended is None else ended
            scored = evaluation["metrics"], replicates, evaluation["findings"], evaluation["details"].get("floors", {})
            record.write("done", Outcome(entry.name, seed, "done", steps, *scored))

    def train(self, record: Record, entry: Entry, seed: int) -> None:
        """Trains an entry by tfgen.run in its own process.

        A run that was cut short starts anew: to resume it would give it a second budget.
        """
        if record.stage == "training":
            discard(record.workdir)
        strip_of(record.workdir).unlink(missing_ok=True)  # of an earlier run of this name
        print(f"{entry.name}, seed {seed}: training for {self.budget}", flush=True)
        record.write("training")
        place = (f"--dataset={self.dataset}", f"--seed={seed}", f"--workdir={record.workdir}", "--resume=never")
        flags = [*entry.flags, *place, *self.budget.flags(entry.recipe, self.constant_rates)]
        code, output = self.call("tfgen.run", flags, record.workdir)
        diverged = re.search(r"training stopped at step ([0-9]+)", output)
        if code and diverged:
            record.write("done", Outcome(entry.name, seed, "diverged", int(diverged[1]), {}))
        elif code:
            raise Failed(f"{entry.name} could not be trained with seed {seed}: {last_words(code, output)}")
        else:
            record.write("trained")

    def evaluate(self, name: str, workdir: pathlib.Path) -> dict[str, Any]:
        """Evaluates a run by tfgen.evaluate in its own process; returns the contents of evaluation.json."""
        flags = [f"--run={workdir}", "--nocontrols"] + ([] if self.num is None else [f"--num={self.num}"])
        flags += [] if self.metrics is None else [f"--metrics={','.join(self.metrics)}"]
        code, output = self.call("tfgen.evaluate", flags, workdir)
        if code:
            raise Failed(f"{name} was trained, and {workdir} could not be evaluated: {last_words(code, output)}")
        return read_evaluation(Run(workdir).paths.evaluation)

    def call(self, module: str, arguments: list[str], workdir: pathlib.Path) -> tuple[int, str]:
        """Runs a command of tfgen, its output in a log beside the run, and returns (exit code, output).

        The command ends when this process is interrupted or terminated.
        """
        arguments = arguments + [f"--plugin={name}" for name in self.plugins]
        arguments += [f"--data_dir={self.data_dir}"] if self.data_dir else []
        log = workdir.with_name(f"{workdir.name}.{module.split('.')[1]}.log")
        code = run_child([sys.executable, "-m", module, *arguments], log)
        return code, log.read_text(encoding="utf-8", errors="replace")

    def write_table(self, runs: Sequence[tuple[Record, Entry, int]]) -> None:
        """Writes leaderboard.json, leaderboard.csv and leaderboard.md of the runs that are done, naming the others."""
        outcomes = [record.outcome for record, *_ in runs if record.outcome is not None]
        missing: dict[str, list[int]] = {}
        for record, entry, seed in runs:
            if record.outcome is None:
                missing.setdefault(entry.name, []).append(seed)
        rows = summary(outcomes)
        entries = [{**dataclasses.asdict(one), "replicates": {}} for one in outcomes]  # each run's record has them
        contents = {"command": self.command, "rows": rows, "entries": entries}
        write_text(self.folder / "leaderboard.json", json.dumps(contents, indent=1) + "\n")
        write_text(self.folder / "leaderboard.csv", as_csv(rows, own_scores(outcomes)))
        table = markdown(rows, outcomes, self.command, self.rates, missing)
        write_text(self.folder / "leaderboard.md", table)

    @property
    def rates(self) -> str:
        """Says what learning rates the runs have."""
        if self.constant_rates:
            return "constant"
        return "as in each recipe" + (", constant where its schedule spans all steps" if self.budget.timed else "")

    def write_samples(self) -> None:
        """Writes leaderboard.png: a row of samples per entry, from its run with seed 0 if that has finished.

        The row itself is in NAME-0.png beside the record, which outlives the run's folder.
        """
        try:
            rows = {}
            for entry in self.entries:
                workdir = self.folder / f"{safe(entry.name)}-0"
                if not (file := strip_of(workdir)).is_file() and Layout(workdir).models.is_dir():
                    made = shown(Run(workdir))
                    save_png(file, grid(made, len(made)))
                if file.is_file():
                    with Image.open(file) as row:
                        rows[entry.name] = row.copy()
            if rows:
                write_picture(self.folder / "leaderboard.png", rows)
        except Exception as error:  # a failure here must not end a finished board
            print(f"no leaderboard.png: {' '.join(str(error).split())}", flush=True)


def strip_of(workdir: pathlib.Path) -> pathlib.Path:
    """Returns the path of the row of samples of a run."""
    return workdir.with_name(f"{workdir.name}.png")


def shown(run: Run, count: int = 12) -> np.ndarray:
    """Returns what a row of leaderboard.png shows of a run: `count` samples, or one plot of many points."""
    model = run.model
    points = model.fields[model.data_field].kind == "point"
    number = 2_500 if points else count
    made, _ = drawn(model, number, examples=condition_examples(run, model, {}), seed=0)
    return scatter(made, side=240)[None] if points else made


class Failed(UserError):
    """A run could not be trained or evaluated."""


def discard(workdir: pathlib.Path) -> None:
    """Removes the folder of a training of the board that was cut short.

    Raises:
        UserError: it still runs.
    """
    with FolderLock(Layout(workdir).lock):
        remove(workdir)


def last_words(code: int, output: str) -> str:
    """Returns why a command has failed: the last line of its output, or the signal that killed it."""
    if code < 0:
        hint = "; perhaps there was no memory left" if code == -signal.SIGKILL else ""
        return f"it {fate(code)}{hint}"
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else f"it {fate(code)} and printed nothing"
