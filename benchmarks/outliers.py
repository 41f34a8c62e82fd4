"""Precision and recall by four definitions, where outliers, collapse and lost classes are known: docs/intervals.md.

    python -m benchmarks.outliers --sets=10

One set of 1,000 samples against `--sets` disjoint thousands of real images (Fashion-MNIST by the features of its
extractor, and Gaussians), each cell the mean, and the lowest and highest value where they differ.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tfgen import metrics
from tfgen.metrics.pairwise import own_neighbours, squared_distances

COUNT = 1_000


def between(a, b):
    """Returns distances [N, M]."""
    squared = np.concatenate([part for _, part in squared_distances(a.astype(np.float64), b.astype(np.float64))])
    return np.sqrt(np.maximum(squared, 0.0))


def probabilistic(real, fake):
    """Returns P-precision and P-recall of Park and Kim 2023 with their a = 1.2, k = 4."""
    distances = between(real, fake)
    radii = [1.2 * np.sqrt(own_neighbours(side.astype(np.float64), 4).radius(4)).mean() for side in (real, fake)]
    missed = [np.prod(np.minimum(distances / radius, 1.0), axis=axis) for axis, radius in enumerate(radii)]
    return tuple(1.0 - one.mean() for one in missed)


def clipped(real, fake, k=5):
    """Returns clipped density of Salvy et al. 2025, and clipped coverage over its mean for equal distributions."""
    own = own_neighbours(real.astype(np.float64), k)
    radius = np.sqrt(own.radius(k))
    small = np.minimum(radius, np.median(radius))
    distances, within = between(real, fake), between(real, real)
    np.fill_diagonal(within, np.inf)
    held, usual = (np.minimum((part < small[:, None]).sum(axis=0), k).mean() for part in (distances, within))
    reached = np.minimum((distances < radius[:, None]).sum(axis=1), k).mean() / k
    halves = np.minimum(np.random.default_rng(0).negative_binomial(k, 0.5, 100_000), k).mean() / k
    return min(1.0, held / usual), min(1.0, reached / halves)


DEFINITIONS = {
    "2019": metrics.precision_recall,
    "probabilistic": probabilistic,
    "clipped density, coverage": clipped,
    "tfgen": metrics.clipped_precision_recall,
}


def images(rng):
    """Yields (name, sets of real features -> the same changed, samples [COUNT, F]) on Fashion-MNIST."""
    from benchmarks.intervals import fashion
    from tfgen.evaluation.corruptions import blurred, noisy

    keep = lambda sets: sets  # noqa: E731
    real, labels = (population := fashion(None)).real.features, population.real.labels
    rest, label = real[-30_000:], labels[-30_000:]
    centre, far = real.mean(axis=0), 1_000.0 * rng.normal(size=real.shape[1])
    outlier = lambda features: np.vstack([features[1:], centre + far])  # noqa: E731
    blur, noise = fashion(blurred).fake.features[-COUNT:], fashion(noisy).fake.features[-COUNT:]
    yield "real images", keep, rest[:COUNT]
    yield "a far outlier among the real ones", lambda sets: [outlier(one) for one in sets], rest[:COUNT]
    yield "a far outlier among the samples", keep, outlier(rest[:COUNT])
    yield "blurred", keep, blur
    yield "blurred, a far outlier among the real ones", lambda sets: [outlier(one) for one in sets], blur
    yield "half of them blurred", keep, np.vstack([rest[: COUNT // 2], blur[: COUNT // 2]])
    yield "noise of 16/255", keep, noise
    yield "features half as far from their mean", keep, centre + 0.5 * (rest[:COUNT] - centre)
    for number in (9, 5, 1):
        yield f"{number} of 10 classes", keep, rest[label < number][:COUNT]


def gaussians(rng, length=64):
    """Yields the same for Gaussians of deviation 1."""
    keep = lambda sets: [rng.normal(size=(COUNT, length)) for _ in sets]  # noqa: E731
    for scale in (1.0, 0.5, 0.1, 2.0):
        yield f"{length} Gaussians, samples of deviation {scale:g}", keep, scale * rng.normal(size=(COUNT, length))


def cell(values):
    mean, low, high = np.mean(values), np.min(values), np.max(values)
    return f"{mean:.2f}" if high - low < 0.015 else f"{mean:.2f} ({low:.2f} to {high:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10)
    args = parser.parse_args()
    from benchmarks.intervals import fashion

    real = fashion(None).real.features
    sets = [real[COUNT * i : COUNT * (i + 1)] for i in range(args.sets)]
    titles = [f"{part}, {name}" for name in DEFINITIONS for part in ("precision", "recall")]
    print("| samples | " + " | ".join(titles) + " |\n" + "|---" * (1 + len(titles)) + "|")
    rng = np.random.default_rng(0)
    for cases in (images(rng), gaussians(rng)):
        for name, changed, fake in cases:
            against = changed(sets)
            found = np.array([[definition(one, fake) for one in against] for definition in DEFINITIONS.values()])
            cells = [cell(found[i, :, j]) for i in range(len(DEFINITIONS)) for j in (0, 1)]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
