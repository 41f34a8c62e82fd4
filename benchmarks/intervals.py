"""How often the 95 % interval of each score covers: redraws from known populations, scored as evaluations score them.

    python -m benchmarks.intervals --redraws=400 --out=docs/intervals.md     # blank cells alone: several sittings
    python -m benchmarks.intervals --rows=gauss:300x300 --scores=kid,recall --redraws=50

A redraw takes N real images and M samples from a population, without replacement. What an interval should cover is the
mean of the score over all redraws. The table holds the share of redraws whose interval does, in per cent; of 400
redraws it is certain to about 2. Intervals of drawing samples (authenticity, classes) meet the same training images.
"""

import argparse
import collections
import dataclasses
import functools
import os
import pathlib
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tfgen.evaluation.contest import Contest
from tfgen.evaluation.real import Side, as_side
from tfgen.evaluation.samples import score_samples

SCORES = (
    *("fd", "fd_infinity", "kid", "clipped_precision", "clipped_recall", "precision", "recall", "density", "coverage"),
    *("authenticity", "fd_train", "smallest_class", "label_agreement", "inception_score"),
)
EACH_CLASS = "each class"
ROWS = (  # population: real images x samples
    *("real:300x300", "noisy:300x300", "noisy:1000x1000", "blurred:300x300"),
    *("gauss:300x300", "gauss:1000x1000", "gauss:2000x500", "heavy:300x300", "heavy:1000x1000"),
)
TRAIN = 5_000  # training images, the same for all redraws


@dataclasses.dataclass(frozen=True)
class Population:
    """Real images and samples to draw from, as many as there are rows, and training images.

    Attributes:
        real, fake: the `Side` of each; rows of equal index are of one image, and never drawn both.
        train: the `Side` of the training images.
    """

    real: Side
    fake: Side
    train: Side

    def drawn(self, n: int, m: int, rng: np.random.Generator) -> Contest:
        """Returns a redraw of `n` real images and `m` samples."""
        rows = rng.permutation(len(self.real))[: n + m]
        fake = self.fake.take(rows[n:])
        return Contest(self.real.take(rows[:n]), fake, fake, self.train, {}, seed=int(rng.integers(2**31)))


def fashion(change) -> Population:
    """Returns Fashion-MNIST by the features of its extractor, and the images changed by a function as the samples."""
    from tfgen.data import load_dataset
    from tfgen.extractors import default_extractor, load_extractor

    source = load_dataset("fashion_mnist")
    extractor = load_extractor(default_extractor(source))
    parts = [split.gather(np.arange(len(split))) for split in source.splits.values()]
    images, labels = (np.concatenate([part[name] for part in parts]) for name in ("image", "label"))
    mixed = np.random.default_rng(0).permutation(len(images))
    real = dataclasses.replace(as_side(extractor, images[mixed]), labels=labels[mixed])
    fake = (
        real if change is None else dataclasses.replace(as_side(extractor, change(images[mixed])), labels=real.labels)
    )
    rest = np.arange(TRAIN, len(images))
    return Population(real.take(rest), fake.take(rest), real.take(np.arange(TRAIN)))


def noisy() -> Population:
    """Returns Fashion-MNIST against itself with noise."""
    from tfgen.evaluation.corruptions import noisy as change

    return fashion(change)


def blurred() -> Population:
    """Returns Fashion-MNIST against itself blurred."""
    from tfgen.evaluation.corruptions import blurred as change

    return fashion(change)


def drawn_from(draw, fake_scale: float, count: int = 50_000) -> Population:
    """Returns random features of six classes; `draw(rng, count)` are those of the real images."""
    rng = np.random.default_rng(0)

    sides = [
        of_six_classes(scale * draw(rng, n), rng) for n, scale in ((count, 1.0), (count, fake_scale), (TRAIN, 1.0))
    ]
    return Population(*sides)


def of_six_classes(features: np.ndarray, rng: np.random.Generator) -> Side:
    """Returns features [N, 6 or more] with probabilities that follow from them, and labels drawn by these."""
    powers = np.exp(features[:, :6] + [0.0, 0.3, 0.6, 0.9, 1.2, 1.5])
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) > rng.random((len(features), 1))).argmax(axis=1)
    return Side(features.astype(np.float32), probabilities, labels)


POPULATIONS = {
    "real": lambda: fashion(None),
    "noisy": noisy,
    "blurred": blurred,
    "gauss": lambda: drawn_from(lambda rng, count: rng.normal(size=(count, 16)), 0.85),
    "heavy": lambda: drawn_from(lambda rng, count: rng.standard_t(3.0, size=(count, 8)), 1.3),
}


def covered(population: Population, n: int, m: int, redraws: int, names, seed: int = 0) -> dict[str, float]:
    """Returns score -> share of redraws whose interval covers the mean over redraws; "each class": the mean of all."""
    rng = np.random.default_rng(seed)
    found = collections.defaultdict(list)
    for _ in range(redraws):
        scores, details, _ = score_samples(population.drawn(n, m, rng), names, say=lambda line: None)
        for name, score in scores.items():
            if score.low is not None:
                found[name].append((score.value, score.low, score.high))
        if "class_histogram" in details:
            histogram = details["class_histogram"]
            found[EACH_CLASS].append([histogram[key] for key in ("samples", "low", "high")])
    return {name: share_covered(np.array(rows)) for name, rows in found.items()}


def share_covered(rows: np.ndarray) -> float:
    """Returns the share of rows (value, low, high) that cover the mean value: [redraws, 3] or [redraws, 3, classes]."""
    mean = rows[:, 0].mean(axis=0)
    return float(((rows[:, 1] <= mean) & (mean <= rows[:, 2])).mean())


def row(key: str, cells: dict[str, str], names) -> str:
    """Returns a line of the table; `key` is "population:real images x samples"."""
    name, size = key.split(":")
    return "| " + " | ".join([name, *size.split("x"), *(cells.get(score, "") for score in (*names, EACH_CLASS))]) + " |"


def head(names) -> str:
    """Returns the first two lines of the table."""
    titles = ["population", "real images", "samples", *names, EACH_CLASS]
    return "| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|"


def held(page: str) -> dict[str, dict[str, str]]:
    """Returns the cells of a page's table that are not blank, those of each row by its key and their column."""
    found = re.search("<!-- table -->\n(.*)<!-- end -->", page, flags=re.S)
    lines = [line for line in found[1].splitlines() if line.startswith("|")] if found else []
    (titles, _, *rows) = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] or [[], []]
    return {f"{name}:{n}x{m}": {t: c for t, c in zip(titles[3:], cells) if c} for name, n, m, *cells in rows}


def write(path: pathlib.Path, table: str) -> None:
    """Puts the table into the page, between its marks."""
    page = path.read_text()
    path.write_text(re.sub("(<!-- table -->\n).*(<!-- end -->)", rf"\1\n{table}\n\n\2", page, flags=re.S))


def fill(rows: dict[str, dict[str, str]], key: str, names, redraws: int) -> None:
    """Measures the scores `names` of a row whose cells are blank."""
    name, size = key.split(":")
    n, m = map(int, size.split("x"))
    blank = [score for score in names if score not in rows.setdefault(key, {})]
    if not blank:
        return
    population = population_of(name)
    if min(n, m) <= 2 * population.real.features.shape[1] + 2:
        blank = [score for score in blank if score != "fd_infinity"]
    shares = covered(population, n, m, redraws, blank)
    rows[key] |= {score: f"{100 * share:.1f}" for score, share in shares.items()}


@functools.cache
def population_of(name: str) -> Population:
    """Returns the population of this name, made once."""
    return POPULATIONS[name]()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS), help="population:real images x samples")
    parser.add_argument("--scores", default=",".join(SCORES))
    parser.add_argument("--redraws", type=int, default=400)
    parser.add_argument("--out", type=pathlib.Path, help="the page that holds the table; what it has stays")
    args = parser.parse_args()
    names = args.scores.split(",")
    rows = held(args.out.read_text()) if args.out else {}
    print(head(names), flush=True)
    for key in args.rows.split(","):
        fill(rows, key, names, args.redraws)
        print(row(key, rows[key], names), flush=True)
        if args.out:
            write(args.out, "\n".join([head(SCORES), *(row(key, cells, SCORES) for key, cells in rows.items())]))


if __name__ == "__main__":
    main()
