"""Samples beside the training images nearest to them: copies show at a glance."""

import numpy as np

from tfgen.evaluation.real import gathered
from tfgen.storage import images as pictures

PAIRS, COLUMNS = 40, 10


def nearest_picture(samples, nearest, originals, path):
    """Writes a PNG of rows of samples, each above the row of their nearest training images; closest pairs first.

    Args:
        samples: uint8 [N, H, W, C].
        nearest: (index, distance) of each one's nearest training image, as `tfgen.metrics.nearest` gives them.
        originals: the training `Examples`.
        path: of the PNG.

    Returns:
        list of (sample, training image, distance), as many as are shown.
    """
    index, distance = nearest
    shown = np.argsort(distance)[:PAIRS]
    shown = shown[: max(COLUMNS, len(shown) // COLUMNS * COLUMNS)]
    found, _ = gathered(originals, index[shown])
    pairs = zip(np.array_split(samples[shown], _rows(shown)), np.array_split(found, _rows(shown)))
    grid = pictures.grid(np.concatenate([part for pair in pairs for part in pair]), min(COLUMNS, len(shown)))
    pictures.save_png(path, grid)
    return [(int(i), int(index[i]), float(distance[i])) for i in shown]


def _rows(shown):
    return max(1, len(shown) // COLUMNS)
