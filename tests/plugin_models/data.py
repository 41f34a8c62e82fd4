"""The small data set of the plugin models: images, labels, and images of a second domain that are not paired."""

import numpy as np

from tfgen.data.source import Field

SHAPE, CLASSES = (16, 16, 1), 3


def fields():
    """What `arrays` holds."""
    return {
        "image": Field("image", SHAPE),
        "label": Field("label", range=(0, CLASSES)),
        "other": Field("image", SHAPE),
    }


def arrays(seed, count):
    """Bright bars on black, a class per direction, and their negatives in another order: arrays [count, ...]."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    waves = np.stack([rows, columns, rows + columns])[labels] + random.integers(0, 8, (count, 1, 1))
    images = np.where(waves % 8 < 4, 200, 20) + random.integers(0, 20, (count, *SHAPE[:2]))
    images = images[..., None].astype(np.uint8)
    return {"image": images, "label": labels.astype(np.int64), "other": 255 - images[random.permutation(count)]}


def write_npz(path):
    """Writes the data set as `npz:PATH` reads it."""
    names = {"image": "x", "label": "y", "other": "other"}
    splits = {"train": arrays(0, 96), "valid": arrays(1, 32), "test": arrays(2, 48)}
    values = {f"{names[field]}_{split}": v for split, found in splits.items() for field, v in found.items()}
    np.savez(path, **values)
