"""A GAN, a VAE, a flow and an autoregressive model after 1, 10 and 60 minutes of two cores: docs/families.md.

    python -m benchmarks.families                          # fills rows that are not there; stop it at any time
    python -m benchmarks.families --only=flow --minutes=1 --seeds=1  # these alone
    python -m benchmarks.families --page_alone

A row is one training on the whole Fashion-MNIST with constant rates, its evaluation and its speed; a minute of two
cores is 120 CPU seconds of the training's process, start and tracing included, so that rows from a busy machine
and from one core compare. OUT.json keeps the rows, and OUT/ROW.png samples of their first seeds; OUT.md and OUT.png are
written from them, and name those that are not there. A training that was cut short begins anew.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import statistics
import sys
import time

from benchmarks.rows import filled
from tfgen.machine.children import run_child
from tfgen.machine.processor import cpu_flags
from tfgen.storage.atomic import write_text

CPU_SECONDS = 120  # of a minute of two cores
SAMPLES, TIMED, REPEATS, SHOWN = 5000, 200, 3, 16


@dataclasses.dataclass(frozen=True)
class Family:
    """A row of the page for each budget.

    Attributes:
        title: of the family.
        model: what represents it.
        flags: of tfgen.run.
        flags_after: minutes -> more flags.
        scores: names of those that it has.
    """

    title: str
    model: str
    flags: tuple[str, ...]
    flags_after: dict = dataclasses.field(default_factory=dict)
    scores: tuple[str, ...] = ("fd", "recall", "precision")


def stages(second, steps):
    """Returns `flags_after` of a model whose autoencoder trains first, for so many steps after so many minutes."""
    return {minutes: (f"--stages=autoencoder:{count},{second}",) for minutes, count in steps.items()}


FAMILIES = {
    "gan": Family("GAN", "dcgan", ("--model=dcgan",)),
    "vae": Family("VAE", "vq_vae", ("--model=vq_vae",), stages("prior", {1: 300, 10: 2500, 60: 8000})),
    "flow": Family("flow", "latent_flow", ("--model=latent_flow",), stages("flow", {1: 300, 10: 2000, 60: 6000})),
    "autoregressive": Family(
        "autoregressive", "pixelcnn", ("--model=pixelcnn",), scores=("fd", "recall", "precision", "bits_per_dimension")
    ),
}
MINUTES = {1: 3, 10: 3, 60: 1}  # minutes -> seeds
SEEDS = max(MINUTES.values())


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: the name of a family, a budget and a seed."""

    family: str
    minutes: int
    seed: int

    @property
    def name(self):
        return f"{self.family}-{self.minutes}min-{self.seed}"


def rows(families, minutes, seeds=SEEDS):
    """Returns the rows of so many seeds at most: the first seed of all before the second of any, short ones first."""
    wanted = [(m, s) for s in range(seeds) for m in minutes if s < MINUTES[m]]
    return [Row(family, m, s) for m, s in wanted for family in families]


def measured(row, work, pictures):
    """Trains and evaluates a row, each in a process of its own; returns what was found.

    Samples of a first seed go to PICTURES/ROW.png.
    """
    family, folder = FAMILIES[row.family], work / row.name
    shutil.rmtree(folder, ignore_errors=True)  # cut short: to go on would give it a second budget
    budget = (f"--max_cpu_seconds={row.minutes * CPU_SECONDS}", "--epochs=1000000", "--set=schedule=constant")
    place = ("--dataset=fashion_mnist", f"--seed={row.seed}", f"--workdir={folder}")
    call("tfgen.run", *family.flags, *family.flags_after.get(row.minutes, ()), *budget, *place, log=folder)
    call(
        "tfgen.evaluate",
        f"--run={folder}",
        f"--num={SAMPLES}",
        f"--metrics={','.join(family.scores)}",
        "--nocontrols",
        log=folder,
    )
    call("benchmarks.families", f"--time={folder}", log=folder)
    scores = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["metrics"]
    found = json.loads((folder / "speed.json").read_text(encoding="utf-8"))
    if row.seed == 0:
        pictures.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "shown.png", pictures / f"{row.name}.png")
    return found | {name: scores[name]["value"] for name in family.scores}


def call(module, *flags, log):
    """Runs a command in a process of its own; its output goes to a file beside the run."""
    file = log.with_name(f"{log.name}.{module.split('.')[1]}.log")
    if code := run_child([sys.executable, "-m", module, *flags], file):
        sys.exit(f"{module} failed with exit code {code}: {file}")


def time_samples(folder):
    """Writes speed.json, samples per CPU second of a run, its steps and processor, and shown.png, a few samples."""
    import numpy as np

    import tfgen
    from tfgen.storage.images import grid, save_png

    model = tfgen.load_run(folder).model
    save_png(folder / "shown.png", grid(np.asarray(model.sample(SHOWN, seed=0)), SHOWN))
    model.sample(TIMED, seed=0)  # traced
    seconds = []
    for seed in range(REPEATS):
        start = time.process_time()
        model.sample(TIMED, seed=seed)
        seconds.append(time.process_time() - start)
    found = {"steps": int(model.step), "samples_per_cpu_second": TIMED / statistics.median(seconds)}
    found["bfloat16"] = "avx512_bf16" in cpu_flags()  # which `precision=auto` takes
    write_text(folder / "speed.json", json.dumps(found) + "\n")


def cell(found, name, digits):
    """Returns the mean over seeds, and its standard error where there are several."""
    values = [row[name] for row in found if row.get(name) is not None]
    if not values:
        return ""
    error = f" ± {statistics.stdev(values) / len(values) ** 0.5:.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{error}"


COLUMNS = (
    ("FD", "fd", 2),
    ("recall", "recall", 3),
    ("precision", "precision", 3),
    ("bits/dim", "bits_per_dimension", 3),
)


def page(found, picture):
    """Returns the text of the page of what was found, row -> values."""
    lines = []
    for minutes, seeds in MINUTES.items():
        for name, family in FAMILIES.items():
            each = [row.name for row in rows([name], [minutes])]
            there = [found[row] for row in each if row in found]
            cells = [cell(there, *column[1:]) for column in COLUMNS]
            speed, steps = cell(there[:1], "samples_per_cpu_second", 0), cell(there[:1], "steps", 0)
            count = f"{len(there)} of {seeds}" + (" (bf16)" if any(one.get("bfloat16") for one in there) else "")
            lines.append(
                f"| {minutes} | {family.title} | `{family.model}` | {count} | {' | '.join(cells)} | {speed} | {steps} |"
            )
    missing = [row.name for row in rows(FAMILIES, MINUTES) if row.name not in found]
    left = f"Not yet run: {', '.join(missing)}. The command fills them.\n" if missing else ""
    head = " | ".join(column[0] for column in COLUMNS)
    return PAGE.format(head=head, rule="---|" * (len(COLUMNS) + 6), rows="\n".join(lines), left=left, picture=picture)


PAGE = """# Four families under one budget

A GAN, a VAE, a flow and an autoregressive model on the whole Fashion-MNIST (28 x 28, 57,000 training images), each
by the recipe below, after 1, 10 and 60 minutes of two cores: 120, 1,200 and 7,200 CPU seconds of the process that
trains, start and tracing of graphs included. Rates are constant, samples come from averaged weights where the recipe
has them.

<!-- not run -->
```
python -m benchmarks.families
```

* **FD**: Fréchet distance of 5,000 samples to the 10,000 test images by the shipped extractor; smaller is better.
* **recall**, **precision**: the share of the test images that lie among samples, and of samples among test images
  (Kynkäänniemi et al. 2019, k = 3). A family that draws few kinds of pictures well has precision without recall.
* **bits/dim**: bits per dimension of the test images' gray values, exact for `pixelcnn`. The others give none: a GAN
  has no density, `vq_vae` takes gray values as shares of black and white, which is no likelihood of them, and
  the decoder of a flow of codes has no density. Bounds and exact likelihoods of binarised pictures:
  [likelihoods](likelihoods.md).
* **samples**: images per CPU second, 200 at once, after tracing; `latent_flow` with its default sampler.

Means over the seeds and their standard error; speed and steps of the first seed. `bf16` marks rows of a processor with
avx512_bf16, whose trainings come to more steps where the recipe has `precision="auto"`.

| minutes | family | model | seeds | {head} | samples | steps |
|{rule}
{rows}

{left}
![Samples of each row's first seed]({picture})

From above: a row of samples for each row of the table that has been run, in its order.
"""


def sheet(found, pictures):
    """Returns a picture uint8 [H, W, C] of the samples of each row of the page that is there; None: none is."""
    import numpy as np
    from PIL import Image

    strips = [row.name for row in rows(FAMILIES, MINUTES) if row.seed == 0 and row.name in found]
    files = [pictures / f"{name}.png" for name in strips]
    images = [np.asarray(Image.open(file).convert("L"))[..., None] for file in files if file.exists()]
    return np.concatenate(images).repeat(2, axis=0).repeat(2, axis=1) if images else None


def main():
    args = parse()
    if args.time:
        time_samples(pathlib.Path(args.time))
        return
    out, work = pathlib.Path(args.out), pathlib.Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    wanted = args.only.split(",") if args.only else FAMILIES
    asked = [] if args.page_alone else rows(wanted, [int(m) for m in args.minutes.split(",")], args.seeds)
    found = filled(out.with_suffix(".json"), asked, lambda row: measured(row, work, out.with_suffix("")))
    write(out, found)


def write(out, found):
    """Writes OUT.md and OUT.png."""
    from tfgen.storage.images import save_png

    write_text(out.with_suffix(".md"), page(found, f"{out.stem}.png"))
    if (picture := sheet(found, out.with_suffix(""))) is not None:
        save_png(out.with_suffix(".png"), picture)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="runs/families", help="folder of the runs")
    parser.add_argument("--only", help=f"families, with commas between them: {','.join(FAMILIES)}")
    parser.add_argument("--minutes", default="1,10,60", help="budgets")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each row; at most those of the page")
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    parser.add_argument("--out", default="docs/families", help="path of the page and of its rows, without suffix")
    parser.add_argument("--time", help=argparse.SUPPRESS)  # the process that times a run
    args = parser.parse_args()
    if unknown := set(args.only.split(",") if args.only else ()) - set(FAMILIES):
        parser.error(f"--only expects some of {','.join(FAMILIES)}, got {', '.join(sorted(unknown))}")
    if unknown := set(args.minutes.split(",")) - {str(minutes) for minutes in MINUTES}:
        parser.error(f"--minutes expects some of {','.join(map(str, MINUTES))}, got {', '.join(sorted(unknown))}")
    return args


if __name__ == "__main__":
    main()
