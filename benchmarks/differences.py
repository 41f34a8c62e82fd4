"""How often the paired interval of a difference covers it, over redraws of the real images and of both sets of samples.

    python -m benchmarks.differences                # docs/differences.md, ten minutes of one core
    python -m benchmarks.differences --redraws=40 --settings=gaussians --out=/tmp/differences.md

Each redraw scores two models against the same real images as tfgen.evaluate does, and compares them. The truth is the
mean difference over all redraws. Models are known distributions, so that they can be drawn from anew.
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib

import numpy as np
import threadpoolctl

from benchmarks.intervals import of_six_classes
from tfgen.evaluation.real import Side, as_side

METRICS = (
    *("fd", "kid", "clipped_precision", "clipped_recall", "precision", "recall", "density", "coverage"),
    *("authenticity", "smallest_class", "label_agreement"),
)
COUNT = 500  # real images, and samples of each model
TRAIN = 1_000  # training images, the same for all redraws
POOL = 19_000  # images that a side is drawn from, without replacement
PARTS = [field.name for field in dataclasses.fields(Side)]
LENGTH = 16  # of a Gaussian's feature vectors
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "differences.md"

TEXT = """# Intervals of differences

Two models that are scored against the same real images share the noise of these images, which cancels in their
difference. A score's replicates r_1, ..., r_S are half of its difference between two random halves of the images,
scaled to its [standard error](intervals.md). The splits of the real images are the same for both models, so that
r^A - r^B is a replicate of the difference: its interval is -+ Student's t of S degrees of freedom times the root mean
square of r^A - r^B. It is of these two trained models; of several seeds, differences between trainings are added
(Welch), as on a leaderboard.

<!-- not run -->
```
python -m benchmarks.differences
```

{redraws} redraws of {count:,} real images and of {count:,} samples of each model, from fixed seeds; the truth is the
mean difference. Wanted: 92 to 98 %, which 400 redraws show to about 2. “Unpaired” combines the intervals of both
scores as if they were independent. `authenticity`, `smallest_class` and `label_agreement` are of the samples alone, of
which two models have none in common: nothing cancels, and the interval of their difference is the unpaired one. (By
replicates, that of `smallest_class` would cover 90 % on Fashion-MNIST: a minimum over classes is skewed.)"""


def gaussians(rng):
    """Unit normal real features; two models that are shifted, the second one farther."""
    return normal(rng, (1.0, 0.0), (1.0, 0.25), (1.0, 0.35))


def equal(rng):
    """The same, of two models with one distribution: the difference is 0."""
    return normal(rng, (1.0, 0.0), (0.9, 0.2), (0.9, 0.2))


def alike(rng):
    """Fashion-MNIST after the shipped extractor; models are other images with noise, sd 16 and 20."""
    return drawn_from("real", "noise of 16", "noise of 20", rng)


def apart(rng):
    """The same; models are other images with noise, and blurred ones."""
    return drawn_from("real", "noise of 16", "blur", rng)


SETTINGS = {function.__name__: function for function in (gaussians, equal, alike, apart)}


def normal(rng, *sides):
    """Returns a training set, the same for all redraws, and a `Side` per (scale, shift), of six classes."""
    train = of_six_classes(np.random.default_rng(0).normal(size=(TRAIN, LENGTH)), rng)
    drawn = [scale * rng.normal(size=(COUNT, LENGTH)) + shift for scale, shift in sides]
    return train, *(of_six_classes(features, rng) for features in drawn)


def drawn_from(*names_and_rng):
    """Returns the training set and COUNT rows of each pool."""
    *names, rng = names_and_rng
    pools = np.load(pools_path())
    side = lambda name: Side(*(pools[f"{name}/{part}"] for part in PARTS))  # noqa: E731
    return side("train"), *(side(name).take(rng.choice(POOL, COUNT, replace=False)) for name in names)


def pools_path():
    from tfgen.evaluation.cache import default_folder

    return default_folder() / f"benchmark_differences_{POOL}_{TRAIN}.npz"


def write_pools():
    """Writes the features of disjoint parts of Fashion-MNIST, as they are and as the models have them."""
    if pools_path().is_file():
        return
    from tfgen.data import load_dataset
    from tfgen.evaluation.corruptions import blurred
    from tfgen.extractors import load_extractor

    source, extractor, found = load_dataset("fashion_mnist"), load_extractor("fashion_mnist"), {}
    data, test = source.to_numpy("train"), source.to_numpy("test")

    def add(name, images, labels):
        side = as_side(extractor, np.asarray(images, np.uint8), labels)
        found.update({f"{name}/{part}": getattr(side, part) for part in PARTS})

    rows = np.random.default_rng(0).permutation(len(data["image"]))
    real, first, second = (rows[start * POOL : (start + 1) * POOL] for start in range(3))
    noisy = lambda part, sd: np.clip(part + np.random.default_rng(sd).normal(0, sd, part.shape), 0, 255)  # noqa: E731
    add("train", test["image"][:TRAIN], test["label"][:TRAIN])
    add("real", data["image"][real], data["label"][real])
    add("noise of 16", noisy(data["image"][first], 16), data["label"][first])
    add("noise of 20", noisy(data["image"][second], 20), data["label"][second])
    add("blur", blurred(data["image"][second]), data["label"][second])
    pools_path().parent.mkdir(parents=True, exist_ok=True)
    np.savez(pools_path(), **found)


def redraw(setting, seed):
    """Returns metric -> (difference, low, high, low and high of the unpaired interval) of one redraw."""
    from tfgen.evaluation import compare
    from tfgen.evaluation.samples import Contest, score_samples

    train, real, *samples = SETTINGS[setting](np.random.default_rng(seed))
    contents = []
    for fake in samples:
        scores, *_ = score_samples(Contest(real, fake, real, train, {}), METRICS, say=lambda line: None)
        metrics = {name: score.to_json() for name, score in scores.items()}
        contents.append({"metrics": metrics, "replicates": {n: list(score.replicates) for n, score in scores.items()}})
    paired = compare(*contents)
    unpaired = compare(*({**one, "replicates": {}} for one in contents))
    return {n: (s.value, s.low, s.high, unpaired[n].low, unpaired[n].high) for n, s in paired.items()}


def measured(setting, redraws, workers):
    """Returns metric -> (mean difference, its spread, share covered: paired, unpaired; ratio of the widths)."""
    found = []
    with concurrent.futures.ProcessPoolExecutor(
        workers, initializer=threadpoolctl.threadpool_limits, initargs=(1,)
    ) as pool:
        for one in pool.map(redraw, [setting] * redraws, range(redraws)):
            found.append(one)
            if len(found) % 50 == 0:
                print(f"{setting}: {len(found)} of {redraws} redraws", flush=True)
    table = {}
    for name in METRICS:
        value, *limits = np.array([one[name] for one in found]).T
        truth = value.mean()
        covered = [np.mean((low <= truth) & (truth <= high)) for low, high in (limits[:2], limits[2:])]
        widths = [np.mean(high - low) for low, high in (limits[:2], limits[2:])]
        table[name] = (truth, value.std(ddof=1), *covered, widths[0] / widths[1])
    return table


def page(tables, redraws):
    """Returns the page of the tables, setting -> what `measured` returns."""
    lines = [TEXT.format(redraws=redraws, count=COUNT, pool=POOL), ""]
    for setting, table in tables.items():
        lines += [f"{' '.join(SETTINGS[setting].__doc__.split())}", ""]
        lines += [
            "| metric | difference | over redraws | paired covers | unpaired covers | width, paired : unpaired |",
            "|---" * 6 + "|",
        ]
        for name, (truth, spread, paired, unpaired, ratio) in table.items():
            covers = f"{100 * paired:.1f} % | {100 * unpaired:.1f} %"
            lines.append(f"| {name} | {truth:.3g} | ± {spread:.2g} | {covers} | {ratio:.2f} |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redraws", type=int, default=400)
    parser.add_argument("--settings", default="gaussians,alike", help=", ".join(SETTINGS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default=PAGE, type=pathlib.Path)
    given = parser.parse_args()
    write_pools()
    tables = {setting: measured(setting, given.redraws, given.workers) for setting in given.settings.split(",")}
    given.out.write_text(page(tables, given.redraws), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
