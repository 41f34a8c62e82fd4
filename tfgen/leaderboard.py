"""`python -m tfgen.leaderboard`: models trained under one equal budget, each with several seeds, and one table."""

import dataclasses
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.recipes.recipe import default_recipe
from tfgen.runs.folder import Run
from tfgen.storage.atomic import write_text

MODELS = "gan,dcgan,cgan,vae"
COLUMNS = ("fd", "kid", "precision", "recall", "density", "coverage", "smallest_class", "authenticity")
UNBOUNDED = 1_000_000  # epochs: it is the budget that ends a run
# 97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)

COMMAND = cli.Command(
    "leaderboard",
    "Trains models under one equal budget and sets their scores side by side.",
    "python -m tfgen.leaderboard --dataset=fashion_mnist --budget=10m --seeds=3",
)
COMMAND.string("dataset", "fashion_mnist_mini", "what all of them are trained on")
COMMAND.string("data_dir", None, "where the data set lies")
COMMAND.string("models", MODELS, "which models, each by its recipe for this data set")
COMMAND.string("budget", "10m", "wall-clock time of each run, from its process's start: 90s, 10m or 2h")
COMMAND.integer("seeds", 3, "runs of each model, seeds 0, 1, ...", minimum=1)
COMMAND.integer("num", None, "samples in an evaluation; default: as many as there are test images", minimum=10)
COMMAND.string("workdir", None, "folder of the runs and the table; default: runs/leaderboard-DATASET-BUDGET")
COMMAND.multiple("plugin", "a module that registers models or data sets")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run: how it ended, and what it scored."""

    model: str
    seed: int
    status: str  # "done", or "diverged": its loss or weights were no numbers any more
    steps: int
    scores: dict


@COMMAND.action
def main(flags):
    plugins.import_plugins(flags.plugin)
    minutes = minutes_of(flags.budget)
    folder = pathlib.Path(flags.workdir or f"runs/leaderboard-{safe(flags.dataset)}-{flags.budget}")
    names = [name.strip() for name in flags.models.split(",") if name.strip()]
    check_models(names)
    entries = []
    for seed in range(flags.seeds):  # seeds outermost: an unfinished board compares all models
        for name in names:
            entries.append(run_once(name, seed, folder, minutes, flags))
            write_board(folder, entries, flags)
    print((folder / "leaderboard.md").read_text(encoding="utf-8"))
    startup.start_tensorflow()
    write_picture(folder, names)
    print(f"{folder / 'leaderboard.md'}  {folder / 'leaderboard.json'}  {folder / 'leaderboard.png'}")


def minutes_of(text):
    """The minutes of "90s", "10m" or "2h"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    if not match or not float(match[1]) > 0:
        raise UserError(f"--budget expects a time such as 90s, 10m or 2h, got {text!r}")
    return float(match[1]) * {"s": 1 / 60, "m": 1.0, "h": 60.0}[match[2]]


def check_models(names):
    from tfgen.models import MODELS as TABLE

    if not names:
        raise UserError(f"--models expects names such as {MODELS}, got none")
    for name in names:
        TABLE.get(name)  # raises, naming the nearest
    if "ae" in names:
        raise UserError("a plain autoencoder cannot generate and has no place on a leaderboard; leave out ae")


def run_once(name, seed, folder, minutes, flags):
    """Trains and evaluates one model with one seed, unless that has been done before: an `Entry`."""
    workdir, record = folder / f"{name}-{seed}", folder / f"{name}-{seed}.json"
    recipe = default_recipe(name, flags.dataset)
    wanted = {"recipe": {**recipe.to_json(), "max_minutes": minutes}, "num": flags.num}
    if record.is_file():
        saved = json.loads(record.read_text(encoding="utf-8"))
        if saved["wanted"] != wanted:
            raise UserError(f"{folder} holds a board of other settings ({record.name}); choose another --workdir")
        return Entry(**saved["entry"])
    print(f"{name}, seed {seed}: training for {minutes:g} minutes", flush=True)
    status = train(name, seed, workdir, minutes, flags)
    scores, steps = {}, 0
    if status == "done":
        print(f"{name}, seed {seed}: evaluating", flush=True)
        evaluation = evaluate(workdir, flags)
        scores, steps = evaluation["metrics"], evaluation["subject"]["step"]
    entry = Entry(name, seed, status, steps, scores)
    write_text(record, json.dumps({"wanted": wanted, "entry": dataclasses.asdict(entry)}, indent=1))
    return entry


def train(name, seed, workdir, minutes, flags):
    """Runs tfgen.run in a process of its own; "done" or "diverged"."""
    # A run that was cut short begins anew: a second start would give it a second budget. The rate stays constant, since
    # nobody knows beforehand how many steps a schedule would have.
    command = [f"--model={name}", f"--dataset={flags.dataset}", f"--seed={seed}", f"--workdir={workdir}"]
    command += [f"--max_minutes={minutes}", f"--epochs={UNBOUNDED}", "--set=schedule=constant", "--resume=never"]
    code, said = call("tfgen.run", command, workdir, flags)
    if code == 0:
        return "done"
    if "training stopped at step" in said:
        return "diverged"
    raise UserError(f"{name} could not be trained: {last_line(said)}")


def evaluate(workdir, flags):
    """Runs tfgen.evaluate in a process of its own; what evaluation.json holds."""
    command = [f"--run={workdir}", "--nocontrols"] + ([f"--num={flags.num}"] if flags.num else [])
    code, said = call("tfgen.evaluate", command, workdir, flags)
    if code:
        raise UserError(f"{workdir} could not be evaluated: {last_line(said)}")
    return json.loads(Run(workdir).paths.evaluation.read_text(encoding="utf-8"))


def call(module, arguments, workdir, flags):
    """(exit code, what it printed); the output is kept beside the run."""
    arguments = arguments + [f"--plugin={name}" for name in flags.plugin]
    arguments += [f"--data_dir={flags.data_dir}"] if flags.data_dir else []
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
    said = done.stdout + done.stderr
    write_text(workdir.with_name(f"{workdir.name}.{module.split('.')[1]}.log"), said)
    return done.returncode, said


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def write_board(folder, entries, flags):
    """Writes leaderboard.json and leaderboard.md."""
    rows = summary(entries)
    command = f"python -m tfgen.leaderboard --dataset={flags.dataset} --budget={flags.budget} --seeds={flags.seeds}"
    command += f" --models={flags.models}" if flags.models != MODELS else ""
    command += f" --num={flags.num}" if flags.num else ""
    record = {"command": command, "rows": rows, "entries": [dataclasses.asdict(entry) for entry in entries]}
    write_text(folder / "leaderboard.json", json.dumps(record, indent=1) + "\n")
    write_text(folder / "leaderboard.md", markdown(rows, command, entries))


def summary(entries):
    """A row for each model, best first: its runs, its diverged runs, and (mean, half interval) of every score.

    Raises:
        UserError: two runs were measured by different protocols.
    """
    from tfgen.metrics.score import check_comparable

    for name in COLUMNS:
        scored = [entry for entry in entries if name in entry.scores]
        check_comparable([e.scores[name] for e in scored], [f"{name} of {e.model}-{e.seed}" for e in scored])
    rows = []
    for model in dict.fromkeys(entry.model for entry in entries):
        runs = [entry for entry in entries if entry.model == model]
        done = [entry for entry in runs if entry.status == "done"]
        scores = {}
        for name in COLUMNS:
            values = [entry.scores[name]["value"] for entry in done if name in entry.scores]
            scores[name] = interval([value for value in values if value is not None])
        steps = statistics.mean(entry.steps for entry in done) if done else 0
        rows.append({"model": model, "runs": len(runs), "diverged": len(runs) - len(done), "steps": steps, **scores})
    return sorted(rows, key=lambda row: row["fd"][0] if row["fd"] else math.inf)


def interval(values):
    """(mean, half of its 95 % interval by Student's t over the runs, None for one run); None for no values."""
    if not values:
        return None
    if len(values) == 1:
        return values[0], None
    quantile = STUDENT[min(len(values) - 1, len(STUDENT)) - 1]
    return statistics.mean(values), quantile * statistics.stdev(values) / math.sqrt(len(values))


def markdown(rows, command, entries):
    """The table, with the command and the protocol that it came from."""
    lines = ["| model | runs | diverged | steps | " + " | ".join(COLUMNS) + " |"]
    lines.append("|---" * (4 + len(COLUMNS)) + "|")
    for row in rows:
        cells = [row["model"], row["runs"], row["diverged"], f"{row['steps']:.0f}"]
        lines.append("| " + " | ".join(map(str, cells + [cell(row[name]) for name in COLUMNS])) + " |")
    floors = [floor_of(entries, name) for name in COLUMNS]
    lines.append("| *real images* | | | | " + " | ".join(floors) + " |")
    lines += ["", f"`{command}`", "", protocol_line(entries), ""]
    return "\n".join(lines)


def cell(value):
    if value is None:
        return "-"
    mean, half = value
    return f"{mean:.3g}" if half is None else f"{mean:.3g} ± {half:.2g}"


def floor_of(entries, name):
    floors = [entry.scores[name]["floor"] for entry in entries if name in entry.scores]
    return f"*{floors[0]:.3g}*" if floors and floors[0] is not None else ""


def protocol_line(entries):
    scored = next((entry.scores["fd"] for entry in entries if "fd" in entry.scores), None)
    if scored is None:
        return "No run has been evaluated yet."
    real, extractor = scored["protocol"]["real"], scored["protocol"]["extractor"]
    return (
        f"Mean over the seeds and half of its 95 % interval by Student's t; "
        f"{scored['protocol']['fake']['count']} samples against "
        f"{real['count']} images of the {real['split']} split of {real['dataset']}; features of "
        f"{extractor['name']}@{extractor['version']} {extractor['sha256'][:8]}; learning rates constant."
    )


def write_picture(folder, names, count=12):
    """leaderboard.png: a row of samples for each model, of its first seed."""
    import numpy as np
    from PIL import Image, ImageDraw

    from tfgen.storage import images

    strips = {}
    for name in names:
        if (folder / f"{name}-0" / "models").is_dir():
            strips[name] = images.grid(Run(folder / f"{name}-0").model.sample(count, seed=0), count)
    if not strips:
        return
    margin, scale = 90, 2
    pictures = [Image.fromarray(np.squeeze(strip)).convert("RGB") for strip in strips.values()]
    pictures = [
        picture.resize([scale * side for side in picture.size], Image.Resampling.NEAREST) for picture in pictures
    ]
    size = (margin + max(p.width for p in pictures), sum(p.height for p in pictures))
    sheet, top = Image.new("RGB", size, "white"), 0
    draw = ImageDraw.Draw(sheet)
    for name, picture in zip(strips, pictures):
        sheet.paste(picture, (margin, top))
        draw.text((8, top + picture.height // 2 - 8), name, fill="black", font_size=16)
        top += picture.height
    images.save_png(folder / "leaderboard.png", np.asarray(sheet))


def safe(name):
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


if __name__ == "__main__":
    sys.exit(COMMAND())
