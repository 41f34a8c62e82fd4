"""Leaderboard: entries trained under equal budgets, each with several seeds, and their scores in one table.

Each run is one process of tfgen.run and one of tfgen.evaluate. A finished run leaves NAME-SEED.json in the board's
folder and is not repeated: a board can be interrupted, and extended by more seeds or entries.
"""

import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tfgen import faults
from tfgen.errors import UserError
from tfgen.evaluation.entries import Budget, Entry, read_entries, safe
from tfgen.evaluation.ranking import Outcome, as_csv, markdown, summary, write_picture
from tfgen.evaluation.stored import read_evaluation
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import Layout, Run
from tfgen.runs.resume import check_place
from tfgen.storage.atomic import write_text
from tfgen.storage.tables import load_json


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

    Raises:
        UserError: the budget or an entry is not valid.
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
    ) -> None:
        self.budget = Budget.parse(budget)
        self.dataset, self.seeds, self.num = dataset, seeds, num
        self.data_dir, self.plugins = data_dir, tuple(plugins)
        self.folder = pathlib.Path(workdir or f"runs/leaderboard-{safe(dataset)}-{safe(budget)}")
        given = {"entries": ",".join(entries), "num": num, "data_dir": data_dir, "workdir": workdir}
        flags = {"dataset": dataset, "budget": budget, "seeds": seeds, **{n: v for n, v in given.items() if v}}
        words = [f"--{name}={value}" for name, value in flags.items()] + [f"--plugin={name}" for name in self.plugins]
        self.command = shlex.join(["python", "-m", "tfgen.leaderboard", *words])
        self.entries = read_entries(entries, dataset, data_dir)
        for entry in self.entries:
            self.budget.flags(entry.recipe)  # raises before the first training

    def run(self) -> pathlib.Path:
        """Trains and evaluates the entries that are not finished, and rewrites the table after each run.

        Returns:
            The folder, with leaderboard.md, leaderboard.csv, leaderboard.json and leaderboard.png.

        Raises:
            UserError: a training or an evaluation failed, or the folder belongs to a board of other settings.
        """
        check_place(self.folder)  # before the first training
        outcomes = []
        for seed in range(self.seeds):  # seeds outermost: an unfinished board compares all entries
            for entry in self.entries:
                outcomes.append(self.outcome(entry, seed))
                self.write_table(outcomes)
        self.write_samples()
        return self.folder

    def outcome(self, entry: Entry, seed: int) -> Outcome:
        """Returns how a run ended; trains and evaluates it unless its record exists."""
        workdir = self.folder / f"{safe(entry.name)}-{seed}"
        record = workdir.with_name(f"{workdir.name}.json")
        wanted = {"recipe": entry.recipe.to_json(), "budget": dataclasses.asdict(self.budget), "num": self.num}
        wanted = json.loads(json.dumps(wanted))  # tuples become lists, as in the file
        if record.is_file():
            return self.recorded(record, wanted)
        print(f"{entry.name}, seed {seed}: training for {self.budget}", flush=True)
        status = self.train(entry, seed, workdir)
        scores, steps = {}, 0
        if status == "done":
            print(f"{entry.name}, seed {seed}: evaluating", flush=True)
            evaluation = self.evaluate(workdir)
            scores, steps = evaluation["metrics"], evaluation["subject"]["step"]
        outcome = Outcome(entry.name, seed, status, steps, scores)
        write_text(record, json.dumps({"wanted": wanted, "entry": dataclasses.asdict(outcome)}, indent=1))
        return outcome

    def recorded(self, record: pathlib.Path, wanted: dict[str, Any]) -> Outcome:
        """Returns the outcome in a run's record.

        Raises:
            UserError: the record is of other settings, or damaged.
        """
        try:
            saved = load_json(record)
            # fields that recipes did not have then have their defaults
            same = {**saved["wanted"], "recipe": Recipe.from_json(saved["wanted"]["recipe"]).to_json()} == wanted
            outcome = Outcome(**saved["entry"])
            summary([outcome])  # its scores are read before hours of training
        except faults.TEXT as error:
            raise UserError(f"{record} is damaged ({faults.reason(error)}); remove it to repeat its run") from error
        if not same:
            raise UserError(f"{self.folder} holds a board of other settings ({record.name}); choose another --workdir")
        return outcome

    def train(self, entry: Entry, seed: int, workdir: pathlib.Path) -> str:
        """Trains an entry by tfgen.run in its own process; returns "done" or "diverged"."""
        # A run that was cut short starts anew: to resume it would give it a second budget.
        flags = [*entry.flags, f"--dataset={self.dataset}", f"--seed={seed}", f"--workdir={workdir}", "--resume=never"]
        code, output = self.call("tfgen.run", [*flags, *self.budget.flags(entry.recipe)], workdir)
        if code == 0:
            return "done"
        if "training stopped at step" in output:
            return "diverged"
        raise UserError(f"{entry.name} could not be trained: {_last_line(output)}")

    def evaluate(self, workdir: pathlib.Path) -> dict:
        """Evaluates a run by tfgen.evaluate in its own process; returns the contents of evaluation.json."""
        flags = [f"--run={workdir}", "--nocontrols"] + ([f"--num={self.num}"] if self.num else [])
        code, output = self.call("tfgen.evaluate", flags, workdir)
        if code:
            raise UserError(f"{workdir} could not be evaluated: {_last_line(output)}")
        return read_evaluation(Run(workdir).paths.evaluation)

    def call(self, module: str, arguments: list[str], workdir: pathlib.Path) -> tuple[int, str]:
        """Runs a command of tfgen, writes its output to a log beside the run, and returns (exit code, output)."""
        arguments = arguments + [f"--plugin={name}" for name in self.plugins]
        arguments += [f"--data_dir={self.data_dir}"] if self.data_dir else []
        done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
        output = done.stdout + done.stderr
        write_text(workdir.with_name(f"{workdir.name}.{module.split('.')[1]}.log"), output)
        return done.returncode, output

    def write_table(self, outcomes: Sequence[Outcome]) -> None:
        """Writes leaderboard.json, leaderboard.csv and leaderboard.md."""
        rows = summary(outcomes)
        record = {"command": self.command, "rows": rows, "entries": [dataclasses.asdict(one) for one in outcomes]}
        write_text(self.folder / "leaderboard.json", json.dumps(record, indent=1) + "\n")
        write_text(self.folder / "leaderboard.csv", as_csv(rows))
        table = markdown(rows, outcomes, self.command, self.budget.constant_rates)
        write_text(self.folder / "leaderboard.md", table)

    def write_samples(self, count: int = 12) -> None:
        """Writes leaderboard.png: a row of samples per entry, from its run with seed 0 if that has finished."""
        try:
            folders = {entry.name: self.folder / f"{safe(entry.name)}-0" for entry in self.entries}
            finished = {name: Run(path) for name, path in folders.items() if Layout(path).models.is_dir()}
            samples = {name: run.model.sample(count, seed=0) for name, run in finished.items()}
            if samples:
                write_picture(self.folder / "leaderboard.png", samples)
        except Exception as error:  # a failure here must not end a finished board
            print(f"no leaderboard.png: {' '.join(str(error).split())}", flush=True)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
