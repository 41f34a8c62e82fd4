"""The seventeen tricks of "How to train a GAN" (Chintala et al. 2016), each with and without, measured: docs/tricks.md.

    python -m benchmarks.tricks --work=runs/tricks                  # fills rows that are not there; stop it at any time
    python -m benchmarks.tricks --work=runs/tricks --only=2,13 --seeds=3 --steps=1500 --out=docs/tricks

A row is one training with a trick and one without, of the same recipe, number of steps and seed, for each of `--seeds`
seeds; its score is the Frechet distance of the samples to the test images. What has been trained with the same settings
is not trained again. `--out` writes OUT.md from the rows that are there, and names those that are not.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import pathlib
import statistics
import tempfile

from benchmarks.tricks_rows import ROWS, Trick
from tfgen.storage.atomic import write_text

SIDES = ("with", "without")


@dataclasses.dataclass(frozen=True)
class Task:
    """One training of a row: of a trick's number, a side and a seed, for so many steps."""

    trick: Trick
    side: str
    seed: int
    steps: int

    @property
    def name(self):
        """The name of its file: what was trained, so that other settings make another file."""
        return f"{self.trick.number:02d}-{self.side}-{self.seed}-{self.steps}steps"


def tasks(tricks, seeds, steps):
    """Returns the trainings of all rows, the first seed of all before the second of any."""
    return [
        Task(trick, side, seed, steps) for seed in range(seeds) for trick in tricks if trick.sides for side in SIDES
    ]


def recipe_of(task):
    """Returns the recipe of a task."""
    import tfgen

    model, options = task.trick.sides[task.side]
    return tfgen.load_recipe(model).replace(seed=task.seed, steps=task.steps, options=options)


def measured(task):
    """Trains, and returns the Frechet distance of as many samples as there are test images."""
    import keras

    import tfgen
    from tfgen.evaluation import Settings, evaluate_model

    keras.backend.clear_session()
    recipe = recipe_of(task)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = tfgen.train(recipe, folder)
        source = tfgen.load_dataset(recipe.dataset)
        settings = Settings(metrics=("fd",), controls=False)
        found = evaluate_model(run.model, source, settings, say=lambda line: None)
    return {"fd": found.scores["fd"].value, "recipe": recipe.to_json()}


def change(files, trick, seeds, steps):
    """Returns (mean with, mean without, mean difference, its standard error or None) of a row; None if it is not full.

    The differences are taken seed by seed.
    """
    values = {}
    for side in SIDES:
        made = [files / f"{Task(trick, side, seed, steps).name}.json" for seed in range(seeds)]
        if not all(file.exists() for file in made):
            return None
        values[side] = [json.loads(file.read_text(encoding="utf-8"))["fd"] for file in made]
    differences = [a - b for a, b in zip(values["with"], values["without"], strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
    return statistics.mean(values["with"]), statistics.mean(values["without"]), statistics.mean(differences), error


def cells(files, trick, seeds, steps):
    """Returns the last three cells of a row of the table."""
    if not trick.sides:
        return [trick.why, "", ""]
    found = change(files, trick, seeds, steps)
    if found is None:
        return ["not yet run", "", ""]
    *means, difference, error = found
    return [*(f"{mean:.1f}" for mean in means), f"{difference:+.1f}" + ("" if error is None else f" ± {error:.1f}")]


def page(files, seeds, steps):
    """Returns docs/tricks.md."""
    rows = [
        f"| {trick.number} | {trick.says} | {trick.option} | {' | '.join(cells(files, trick, seeds, steps))} |"
        for trick in ROWS
    ]
    missing = [str(t.number) for t in ROWS if t.sides and change(files, t, seeds, steps) is None]
    left = f"Not yet run: rows {', '.join(missing)}. The command fills them.\n" if missing else ""
    return f"""# Tricks

The seventeen tricks of [How to train a GAN](https://github.com/soumith/ganhacks) (Chintala, Denton, Arjovsky, Mathieu
2016): what each one says, which option it is here, and what it changes. One training with and one without: the same
recipe, {steps} steps, {seeds} seed{"s" if seeds > 1 else ""}. The score is the Fréchet distance of the samples to the
test images of `fashion_mnist_mini` by the shipped extractor, where smaller is better; the last column has the mean
difference and its standard error. A negative difference means that the trick helps.

<!-- not run -->
```
python -m benchmarks.tricks --work=runs/tricks --seeds={seeds} --steps={steps} --out=docs/tricks
```

| | the trick | here | with | without | difference |
|---|---|---|---|---|---|
{chr(10).join(rows)}

{left}"""


def main():
    args = parse()
    files = pathlib.Path(args.work)
    files.mkdir(parents=True, exist_ok=True)
    wanted = {int(number) for number in args.only.split(",")} if args.only else {trick.number for trick in ROWS}
    for task in tasks([trick for trick in ROWS if trick.number in wanted], args.seeds, args.steps):
        file = files / f"{task.name}.json"
        if not file.exists() and not args.page_alone:
            write_text(file, json.dumps(measured(task), indent=1) + "\n")
            print(f"{task.name}: fd {json.loads(file.read_text(encoding='utf-8'))['fd']:.2f}", flush=True)
    if args.out:
        write_text(pathlib.Path(args.out).with_suffix(".md"), page(files, args.seeds, args.steps))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="runs/tricks", help="folder of the results, a file for each training")
    parser.add_argument("--only", help="numbers of tricks, with commas between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    parser.add_argument("--out", help="path of the page without suffix: docs/tricks")
    return parser.parse_args()


if __name__ == "__main__":
    main()
