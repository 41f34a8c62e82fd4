"""The data set inside the package: 10,000 + 2,000 images of Fashion-MNIST as two PNG sheets."""

import os
import pathlib
from typing import cast

import numpy as np
from PIL import Image

from tfgen.data import idx
from tfgen.data.source import Arrays, Field, Source, empty

CLASS_NAMES = idx.CLASS_NAMES["fashion_mnist"]
_COLUMNS = 100
_SIDE = 28
_LICENCE = "MIT, Copyright (c) 2017 Zalando SE; see fashion_mnist_mini.md beside the images"


def fashion_mnist_mini() -> Source:
    """10,000 + 2,000 garments, part of tfgen, 28x28"""
    fields = {"image": Field("image", (_SIDE, _SIDE, 1)), "label": Field("label", range=(0, len(CLASS_NAMES)))}
    splits = {split: Arrays(_read(_sheet(split)), fields) for split in ("train", "test")}
    provenance = {"source": "embedded", "original": "Fashion-MNIST, Zalando Research", "licence": _LICENCE}
    return Source("fashion_mnist_mini", fields, splits, list(CLASS_NAMES), provenance, extractor="fashion_mnist")


def make(idx_folder: str | os.PathLike[str], target: str | os.PathLike[str] | None = None) -> None:
    """Writes both sheets from the original IDX files: the first 1,000 (test: 200) of each class in original order.

    Args:
        idx_folder: folder with train-images-idx3-ubyte.gz and the other files.
        target: folder to write to; by default this module's.
    """
    original = idx.load(idx_folder).splits
    for split, per_class in {"train": 1000, "test": 200}.items():
        arrays = cast(Arrays, original[split]).arrays
        rows = [np.flatnonzero(arrays["label"] == label)[:per_class] for label in range(len(CLASS_NAMES))]
        images = arrays["image"][np.concatenate(rows), ..., 0]
        tiles = images.reshape(-1, _COLUMNS, _SIDE, _SIDE).swapaxes(1, 2)
        sheet = Image.fromarray(tiles.reshape(-1, _COLUMNS * _SIDE))
        sheet.save(_sheet(split, target), optimize=True)


def _sheet(split, folder=None):
    return pathlib.Path(folder or pathlib.Path(__file__).parent) / f"fashion_mnist_mini_{split}.png"


def _read(path):
    """Returns image uint8 [N, 28, 28, 1] and label int64 [N]. Example i is of class i mod 10: prefixes are balanced."""
    with Image.open(path, formats=("PNG",)) as sheet:
        pixels = np.asarray(sheet)
    tiles = pixels.reshape(-1, _SIDE, _COLUMNS, _SIDE).swapaxes(1, 2).reshape(len(CLASS_NAMES), -1, _SIDE, _SIDE, 1)
    images = empty((tiles.shape[0] * tiles.shape[1], _SIDE, _SIDE, 1), np.uint8)
    images.reshape(-1, len(CLASS_NAMES), _SIDE, _SIDE, 1)[:] = tiles.swapaxes(0, 1)
    return {"image": images, "label": np.tile(np.arange(len(CLASS_NAMES)), len(images) // len(CLASS_NAMES))}
