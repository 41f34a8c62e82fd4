"""Unusual images: models trained without one class, and how well each score of theirs finds it: docs/anomaly.md.

    python -m benchmarks.anomaly --out=docs/anomaly             # fills rows that are not there; stop it at any time
    python -m benchmarks.anomaly --out=docs/anomaly --models=ae,vae --classes=Sneaker,Bag --seeds=3

A row is one training, with the options of a model's default recipe and one class left out, for so many epochs, and the
area under the ROC curve of each score on the whole test split, that class against all others. OUT.json keeps the rows;
OUT.md is written from them, and names those that are not there.
"""

import argparse
import collections
import dataclasses
import itertools
import pathlib
import statistics

import numpy as np

from benchmarks.rows import chosen, filled, not_run
from tfgen.storage.atomic import write_text

DATASET = "fashion_mnist_mini"
# model -> what differs from its default recipe: scores are likelihoods where the pixels have one
MODELS = {
    "ae": {},
    "aae": {},
    "vae": {"likelihood": "discretized_logistic"},
    "made": {},
    "realnvp": {},
}
WORDS = {
    "reconstruction_error": "error",
    "bound": "bound",
    "log_likelihood": "log p",
    "negative_elbo": "negative ELBO",
}


PAGE = """# What is unusual

Models trained without one class of garments, and how well their scores of single test images find it: the area under
the ROC curve, that class (200 images) against the nine others (1,800). 0.5 says nothing, and less that the class looks
more usual than the others. Options of the default recipes, `vae` with `likelihood=discretized_logistic`; {epochs}
epochs at a constant rate, {seeds}. `error` is the squared error of the reconstruction, the only score of a plain
autoencoder (`ae`); `bound` an importance-weighted bound on log p(x) of 10 draws; `log p` the exact one.

<!-- not run -->
```
python -m benchmarks.anomaly --out={out}
```

{table}

{left}
For a class of your own data: `python -m tfgen.run --leave_out=CLASS`, then `python -m tfgen.encode`
([single images](likelihoods.md)).
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: of a model without a class, from a seed, for so many epochs."""

    model: str
    left_out: str
    seed: int
    epochs: int

    @property
    def name(self):
        """Its key in OUT.json."""
        return f"{self.model}, {self.left_out}, seed {self.seed}, {self.epochs} epochs"


def class_names():
    """Returns the classes of the data set."""
    import tfgen

    return list(tfgen.load_dataset(DATASET).class_names)


def rows_of(models, classes, seeds, epochs):
    """Returns the rows of a table: the first seed of all before the second of any, one class after the other."""
    return [Row(model, name, seed, epochs) for seed, name, model in itertools.product(range(seeds), classes, models)]


def measured(row):
    """Trains, and returns score -> AUROC of the class that was left out, on the whole test split."""
    import keras

    import tfgen
    from tfgen.data.labels import numbers_of, without_classes
    from tfgen.models import build_from_recipe
    from tfgen.runs.encoding import aurocs, encoded

    keras.backend.clear_session()
    recipe = tfgen.load_recipe(row.model).replace(seed=row.seed, options=MODELS[row.model])
    source = tfgen.load_dataset(DATASET)
    model = build_from_recipe(recipe, source.fields)
    seen = without_classes(source, row.left_out)
    model.fit(seen.splits["train"], batch_size=recipe.batch_size, epochs=row.epochs, verbose=0)
    test = source.splits["test"].to_numpy()
    unusual = np.isin(test["label"], numbers_of(row.left_out, source))
    return aurocs(encoded(model, test["image"], seed=row.seed), unusual)


def columns(models, found):
    """Returns (model, score) of each column: the scores that the rows that are there have."""
    named = {model: [] for model in models}
    for key, areas in found.items():
        model = key.split(",")[0]
        if model in named:
            named[model] += [score for score in areas if score not in named[model]]
    return [(model, score) for model in models for score in named[model] or [None]]


def cell(model, score, classes, seeds, epochs, found):
    """Returns the text of one cell: the mean over seeds and classes, None without all rows."""
    rows = [Row(model, name, seed, epochs).name for name in classes for seed in range(seeds)]
    if score is None or not all(row in found for row in rows):
        return ""
    areas = [found[row][score] for row in rows]
    spread = ""
    if seeds > 1 and len(classes) == 1:
        spread = f" ± {statistics.stdev(areas) / len(areas) ** 0.5:.3f}"
    return f"{statistics.mean(areas):.3f}{spread}"


def page(models, classes, seeds, epochs, found, out):
    """Returns the page."""
    heads = columns(models, found)
    names = [f"`{model}`: {WORDS.get(score, score)}" if score else f"`{model}`" for model, score in heads]
    lines = ["| left out | " + " | ".join(names) + " |", "|---|" + "---:|" * len(heads)]
    for title, group in [*((name, [name]) for name in classes), ("mean of all", classes)]:
        cells = (cell(model, score, group, seeds, epochs, found) for model, score in heads)
        lines.append(f"| {title} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    empty = collections.defaultdict(list)
    for row in rows_of(models, classes, seeds, epochs):
        if row.name not in found:
            empty[f"`{row.model}`, seed {row.seed}"].append(row.left_out)
    groups = [f"{group}: {'all' if len(names) == len(classes) else ', '.join(names)}" for group, names in empty.items()]
    left = not_run(groups)
    return PAGE.format(
        table=table, left=left, out=out, epochs=epochs, seeds="1 seed" if seeds == 1 else f"{seeds} seeds"
    )


def main():
    args = parse()
    out, everything = pathlib.Path(args.out), class_names()
    models, classes = chosen("models", args.models, list(MODELS)), chosen("classes", args.classes, everything)
    asked = [] if args.page_alone else rows_of(models, classes, args.seeds, args.epochs)
    found = filled(out.with_suffix(".json"), asked, measured)
    write_text(out.with_suffix(".md"), page(list(MODELS), everything, args.seeds, args.epochs, found, args.out))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="docs/anomaly", help="path of the page and of its rows, without suffix")
    parser.add_argument("--models", help=f"of {', '.join(MODELS)}; default: all")
    parser.add_argument("--classes", help="names, with commas between them; default: all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
