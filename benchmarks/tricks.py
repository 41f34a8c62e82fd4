"""The seventeen tricks of "How to train a GAN" (Chintala et al. 2016), each with and without, measured: docs/tricks.md.

    python -m benchmarks.tricks                                  # fills rows that are not there; stop it at any time
    python -m benchmarks.tricks --only=2,13 --seeds=3 --steps=1500 --out=docs/tricks

A row is one training with a trick and one without, of the same recipe, number of steps and seed, for each of `--seeds`
seeds; its score is the Frechet distance of the samples to the test images. OUT.json keeps what has been trained, which
several rows share; OUT.md is written from it, and names the rows that are not there.
"""

import argparse
import contextlib
import dataclasses
import io
import pathlib
import statistics
import tempfile

from benchmarks.rows import filled
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
        """Its key in OUT.json: what is trained, so that rows share it and other settings make another."""
        model, options = self.trick.sides[self.side]
        words = " ".join([model, *(f"{name}={value}" for name, value in sorted(options.items()))])
        return f"{words}, seed {self.seed}, {self.steps} steps"


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
    return found.scores["fd"].value


def change(found, trick, seeds, steps):
    """Returns (mean with, mean without, mean difference, its standard error or None) of a row; None if it is not full.

    The differences are taken seed by seed.
    """
    values = {}
    for side in SIDES:
        names = [Task(trick, side, seed, steps).name for seed in range(seeds)]
        if not all(name in found for name in names):
            return None
        values[side] = [found[name] for name in names]
    differences = [a - b for a, b in zip(values["with"], values["without"], strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else None
    return statistics.mean(values["with"]), statistics.mean(values["without"]), statistics.mean(differences), error


def cells(found, trick, seeds, steps):
    """Returns the last three cells of a row of the table."""
    if not trick.sides:
        return [trick.why, "", ""]
    changed = change(found, trick, seeds, steps)
    if changed is None:
        return ["not yet run", "", ""]
    *means, difference, error = changed
    return [*(f"{mean:.1f}" for mean in means), f"{difference:+.1f}" + ("" if error is None else f" ± {error:.1f}")]


def page(found, seeds, steps):
    """Returns docs/tricks.md."""
    rows = [
        f"| {trick.number} | {trick.says} | {trick.option} | {' | '.join(cells(found, trick, seeds, steps))} |"
        for trick in ROWS
    ]
    missing = [str(t.number) for t in ROWS if t.sides and change(found, t, seeds, steps) is None]
    left = f"Not yet run: rows {', '.join(missing)}. The command fills them.\n" if missing else ""
    return f"""# Tricks

The seventeen tricks of [How to train a GAN](https://github.com/soumith/ganhacks) (Chintala, Denton, Arjovsky, Mathieu
2016): what each one says, which option it is here, and what it changes. One training with and one without: the same
recipe, {steps} steps, {seeds} seed{"s" if seeds > 1 else ""}. The score is the Fréchet distance of the samples to the
test images of `fashion_mnist_mini` by the shipped extractor, where smaller is better; the last column has the mean
difference and its standard error. A negative difference means that the trick helps.

<!-- not run -->
```
python -m benchmarks.tricks --seeds={seeds} --steps={steps} --out=docs/tricks
```

| | the trick | here | with | without | difference |
|---|---|---|---|---|---|
{chr(10).join(rows)}

{left}"""


def main():
    args = parse()
    out = pathlib.Path(args.out)
    wanted = {int(number) for number in args.only.split(",")} if args.only else {trick.number for trick in ROWS}
    chosen = [] if args.page_alone else [trick for trick in ROWS if trick.number in wanted]
    found = filled(out.with_suffix(".json"), tasks(chosen, args.seeds, args.steps), measured)
    write_text(out.with_suffix(".md"), page(found, args.seeds, args.steps))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="numbers of tricks, with commas between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    parser.add_argument("--out", default="docs/tricks", help="path of the page and of its rows, without suffix")
    return parser.parse_args()


if __name__ == "__main__":
    main()
