"""The rows of pythae's table of reproduced figures that fit: ours, pythae's, the papers': docs/pythae.md.

    python -m benchmarks.pythae_table --data_dir=FOLDER --mnist_dir=FOLDER --minutes=60 --work=runs/pythae
    python -m benchmarks.pythae_table --only=vae --data_dir=FOLDER --minutes=25

A row is one training into WORK/NAME, which goes on where it was stopped, and the importance-weighted bound of the whole
test set with as many draws as pythae took. OUT.json keeps the rows; OUT.md is written from them, and names those that
are not there.
"""

import argparse
import dataclasses
import pathlib
from typing import Any

from benchmarks.rows import chosen, filled, not_run
from tfgen.storage.atomic import write_text


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: of the row in OUT.json, and of the run.
        model: as the table has it.
        pixels: static, Larochelle's binarisation, or dynamic.
        draws: k of the bound.
        theirs, published: pythae's figure and that of the paper or its authors' code, in nats.
        source: of the latter.
        config: the recipe that ours derives from.
        options: what differs from it.
    """

    name: str
    model: str
    pixels: str
    draws: int
    theirs: str
    published: str
    source: str
    config: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


STATIC = "vae_binarized_mnist"
ROWS = (
    Row("vae", "VAE", "static", 200, "89.78", "89.9", "Rezende and Mohamed 2015", STATIC),
    Row(
        "iwae",
        "IWAE, 50 draws",
        "static",
        5000,
        "86.82",
        "87.10",
        "Burda et al. 2016",
        STATIC,
        {"model": "iwae", "epochs": 50, "options": {"objective": "iwae", "samples": 50}},
    ),
    Row(
        "vamp_vae",
        "VampPrior, K = 500",
        "static",
        5000,
        "85.79",
        "85.57",
        "Tomczak and Welling 2018",
        "vamp_vae_paper",
        {
            "dataset": "binarized_mnist",
            "epochs": 100,
            "schedule": {"name": "cosine", "warmup": 0.01},
            "options": {"binarize": "static", "kl_warmup_steps": 3000, "learning_rate": 1e-3},
        },
    ),
    Row(
        "miwae",
        "MIWAE, 8 x 8 draws",
        "dynamic",
        5000,
        "85.09",
        "84.97 ± 0.10",
        "Rainforth et al. 2018",
        STATIC,
        {
            "model": "miwae",
            "dataset": "mnist",
            "epochs": 12,
            "options": {"objective": "miwae(8)", "samples": 64, "binarize": "dynamic"},
        },
    ),
)
PAGE = """# pythae's table

[pythae](https://github.com/clementchadebec/benchmark_VAE) (Chadebec et al. 2022) repeats published figures, and says
which it has reached. Below are the rows whose model and data are here: -log p(x) in nats of MNIST's 10,000 test images,
as the importance-weighted bound with k draws, smaller is better. Data: `static` is Larochelle's fixed binarisation,
`dynamic` draws the pixels anew. Ours are CPU-sized recipes, and stop after the time in the last column.

| | pixels | k | ours | pythae | published | by | our training |
|---|---|---:|---:|---:|---:|---|---|
{table}

{left}
<!-- not run -->
```
python -m benchmarks.pythae_table --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ --mnist_dir=FOLDER_OF_MNIST --out={out}
```

Rows of theirs that are not here: spherical and Poincaré VAE, PIWAE, CIWAE and Hamiltonian VAE (no such models);
`beta_tc_vae` on dSprites, WAE and AAE on CelebA (no such data); RAE on MNIST, whose figure is an FID: it needs the
Inception graph, which comes with no package (`python -m tfgen.evaluate --extractor=fid:PATH`).
"""


def recipe_of(row, minutes, data_dir=None, mnist_dir=None):
    """Returns the recipe of a row."""
    import tfgen

    recipe = tfgen.load_recipe(row.config).replace(**row.options)
    folder = mnist_dir if recipe.dataset == "mnist" else data_dir
    return recipe.replace(max_minutes=minutes, data_dir=folder)


def measured(row, recipe, work):
    """Trains to the end, and returns the mean bound, its standard error and what the training took."""
    import numpy as np

    import tfgen

    run = tfgen.train(recipe, work / row.name)
    images = run.source().split("test").to_numpy()["image"]
    nats = -tfgen.metrics.importance_weighted_bound(run.model, images, k=row.draws)
    error = float(np.std(nats, ddof=1) / len(nats) ** 0.5)
    return {"nats": float(nats.mean()), "error": error, "steps": int(run.model.step), "minutes": recipe.max_minutes}


def page(found, out):
    """Returns the page of the rows that are there."""
    lines = []
    for row in ROWS:
        ours, training = "", "not yet run"
        if made := found.get(row.name):
            ours = f"{made['nats']:.2f} ± {made['error']:.2f}"
            training = f"{made['steps']:,} steps, {made['minutes']:g} minutes at most"
        cells = (row.model, row.pixels, row.draws, ours, row.theirs, row.published, row.source, training)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    left = not_run([row.name for row in ROWS if row.name not in found])
    return PAGE.format(table="\n".join(lines), left=left, out=out)


def main():
    args = parse()
    out, work = pathlib.Path(args.out), pathlib.Path(args.work)
    names = [] if args.page_alone else chosen("only", args.only, [row.name for row in ROWS])

    def measure(row):
        return measured(row, recipe_of(row, args.minutes, args.data_dir, args.mnist_dir), work)

    found = filled(out.with_suffix(".json"), [row for row in ROWS if row.name in names], measure)
    write_text(out.with_suffix(".md"), page(found, args.out))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of rows, with commas between them; default: all")
    parser.add_argument("--data_dir", help="of binarized_mnist.npz")
    parser.add_argument("--mnist_dir", help="of MNIST's original files")
    parser.add_argument("--minutes", type=float, default=60.0, help="of each training, at most")
    parser.add_argument("--work", default="runs/pythae", help="folder of the runs")
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    parser.add_argument("--out", default="docs/pythae", help="path of the page and of its rows, without suffix")
    return parser.parse_args()


if __name__ == "__main__":
    main()
