"""What augmentations save where pictures are few: docs/augmentation.md.

    python -m benchmarks.augmentation               # fills rows that are not there; stop it at any time
    python -m benchmarks.augmentation --only=none,moved --seeds=3

A row is one training of the default dcgan on 1,000 pictures of Fashion-MNIST, 100 per class, which its seed chooses:
5,000 samples against the 10,000 test images after each of `STEPS`. OUT.json keeps the rows; OUT.md is written from it,
and names those that are not there.
"""

import argparse
import contextlib
import dataclasses
import io
import pathlib
import statistics
import tempfile

import keras
import numpy as np

from benchmarks import few_pictures
from benchmarks.rows import chosen, filled, not_run
from tfgen.storage.atomic import write_text

PICTURES, HELD_OUT = 1000, 500
STEPS = (1000, 2000, 4000, 8000)
POLICIES = {
    "none": None,
    "moved": "diff_augment('translation')",
    "cut": "diff_augment('translation,cutout')",
    "mirrored": "diff_augment('mirror,translation,cutout')",
    "adaptive": "adaptive(0.6, 20000, 'translation,cutout')",
}

PAGE = """# Few pictures, with and without augmentation

The default `dcgan` on 1,000 pictures of Fashion-MNIST, 100 per class: without augmentation, with the same augmentations
of real and generated pictures at every step (DiffAugment, Zhao et al. 2020), and with a probability that follows the
signs of D's outputs (adaptive augmentation, Karras et al. 2020). Fréchet distance of 5,000 samples to the 10,000 test
images by the shipped extractor, mean ± standard error over the seeds. `best`: of the four, seed by seed. Authenticity:
the share of samples that are farther from their nearest training picture than that is from its own nearest (Alaa et al.
2022); real pictures have 0.62.

<!-- not run -->
```
python -m benchmarks.augmentation --seeds={count}
```

{table}

Recall and authenticity are those after the last step. Distances of the same seed:

{ratios}
What an augmentation does to all pictures alike, G may do as well: where half of the shoes that D sees face the other
way, G may make such shoes, and test images do not. Take augmentations whose results could be real pictures.

{left}
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: with a policy, from a seed, which chooses the pictures as well."""

    policy: str
    seed: int

    @property
    def name(self):
        """Its key in OUT.json."""
        return f"{self.policy}, seed {self.seed}"


def measured(row):
    """Trains, and returns the scores after each of `STEPS`."""
    import tfgen
    from tfgen.data.labels import evenly_chosen
    from tfgen.extractors import load_extractor

    keras.backend.clear_session()
    splits = tfgen.load_dataset("fashion_mnist").splits
    every, test = splits["train"].to_numpy(), splits["test"].to_numpy()["image"]
    rows = evenly_chosen(every["label"], PICTURES, 10, row.seed)
    others = np.delete(np.arange(len(every["label"])), rows)[:HELD_OUT]
    images, extractor = every["image"][rows], load_extractor("fashion_mnist")
    real = extractor.features(test)

    def scores(model):
        found = few_pictures.measured(model, extractor, images, test, real)
        return {name: round(float(value), 4) for name, value in found.items()}

    measure = few_pictures.Measure(STEPS, scores)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        few = pathlib.Path(folder) / "few.npz"
        np.savez(few, x_train=images, x_valid=every["image"][others], x_test=test[:HELD_OUT])
        options = {"augment": POLICIES[row.policy]} if POLICIES[row.policy] else {}
        recipe = tfgen.load_recipe("dcgan").replace(
            dataset=f"npz:{few}", steps=STEPS[-1], seed=row.seed, options=options
        )
        tfgen.train(recipe, f"{folder}/run", callbacks=[measure])
    return measure.rows


def seeds_of(found, policy, seeds):
    """Returns the seeds below `seeds` whose rows are there."""
    return [seed for seed in range(seeds) if Row(policy, seed).name in found]


def distances(found, policy, seeds):
    """Returns seeds x (distances after each of `STEPS`, then the best of them), of rows that are there."""
    values = np.array([[scores["fd"] for scores in found[Row(policy, seed).name]] for seed in seeds])
    return np.concatenate([values, values.min(axis=1, keepdims=True)], axis=1)


def spread(values):
    """Returns the text of a mean and its standard error."""
    error = f" ± {statistics.stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{error}"


def cells(found, policy, seeds):
    """Returns the cells of a row of the table beside its name."""
    there = seeds_of(found, policy, seeds)
    if not there:
        return [f"0 of {seeds}", *[""] * (len(STEPS) + 3)]
    last = [found[Row(policy, seed).name][-1] for seed in there]
    means = [f"{statistics.mean(scores[key] for scores in last):.2f}" for key in ("recall", "authenticity")]
    values = distances(found, policy, there).T
    return [f"{len(there)} of {seeds}", *(spread([float(value) for value in column]) for column in values), *means]


def ratios(found, seeds):
    """Returns a sentence for each policy with seeds that the trainings without augmentation have as well."""
    lines = []
    for policy in POLICIES:
        both = [seed for seed in seeds_of(found, policy, seeds) if seed in seeds_of(found, "none", seeds)]
        if policy != "none" and both:
            shares = distances(found, policy, both) / distances(found, "none", both)
            of_last, of_best = shares.mean(axis=0)[[-2, -1]]
            among = f"{len(both)} seed" + ("s" if len(both) > 1 else "")
            lines.append(
                f"* `{POLICIES[policy]}` to none, mean over {among}: {of_last:.2f} after {STEPS[-1]:,} steps, "
                f"{of_best:.2f} at the best of each."
            )
    return lines


def page(found, seeds):
    """Returns docs/augmentation.md."""
    columns = ["seeds", *(f"{steps:,} steps" for steps in STEPS), "best", "recall", "authenticity"]
    lines = ["| augmentation | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for policy, text in POLICIES.items():
        lines.append(f"| `{text or 'none'}` | {' | '.join(cells(found, policy, seeds))} |")
    names = [Row(policy, seed).name for policy in POLICIES for seed in range(seeds)]
    left = not_run([name for name in names if name not in found])
    said = "\n".join([*ratios(found, seeds), ""])
    return PAGE.format(table="\n".join(lines), ratios=said, left=left, count=seeds).rstrip() + "\n"


def main():
    """Fills rows and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="policies, with commas between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--page_alone", action="store_true", help="train nothing")
    parser.add_argument("--out", default="docs/augmentation", help="path of the page and of its rows, without suffix")
    args = parser.parse_args()
    out, policies = pathlib.Path(args.out), chosen("only", args.only, POLICIES)
    rows = [] if args.page_alone else [Row(policy, seed) for seed in range(args.seeds) for policy in policies]
    write_text(out.with_suffix(".md"), page(filled(out.with_suffix(".json"), rows, measured), args.seeds))


if __name__ == "__main__":
    main()
