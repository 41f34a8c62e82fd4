"""Samples beside the training images nearest to them, in which copies are visible."""

import os

import numpy as np

from tfgen.data.source import Examples
from tfgen.evaluation.real import gathered
from tfgen.sampling.grids import paired
from tfgen.sampling.shards.reading import StoredSamples
from tfgen.storage.images import save_png

PAIRS, COLUMNS = 40, 10


def nearest_picture(
    samples: np.ndarray | StoredSamples,
    nearest: tuple[np.ndarray, np.ndarray],
    originals: Examples,
    path: str | os.PathLike,
) -> list[tuple[int, int, float]]:
    """Writes a PNG of rows of samples, each above the row of their nearest training images; closest pairs first.

    Args:
        samples: uint8 [N, H, W, C], in memory or in shards.
        nearest: (index, distance) of the training image nearest to each sample, as `tfgen.metrics.nearest` returns.
        originals: the training `Examples`.
        path: of the PNG.

    Returns:
        list of (index of the sample, index of the training image, distance) of the pairs in the picture.
    """
    index, distance = nearest
    shown = np.argsort(distance)[:PAIRS]
    shown = shown[: max(COLUMNS, len(shown) // COLUMNS * COLUMNS)]  # whole rows
    found, _ = gathered(originals, index[shown])
    save_png(path, paired(samples[shown], found, COLUMNS))
    return [(int(i), int(index[i]), float(distance[i])) for i in shown]
