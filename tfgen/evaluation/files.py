"""Samples in files: an .npz or a folder of shards as `tfgen.sample` writes them, or a folder of pictures."""

import csv
import hashlib
import os

import numpy as np

from tfgen import faults
from tfgen.data import folder, npz
from tfgen.data.arrays import check_images, check_labels
from tfgen.errors import UserError, nearest
from tfgen.sampling.shards.plan import MANIFEST
from tfgen.sampling.shards.reading import CHUNK, StoredSamples
from tfgen.storage.images import to_uint8
from tfgen.storage.paths import expanded


def read_samples(
    path: str | os.PathLike, num: int | None = None
) -> tuple[np.ndarray | StoredSamples, np.ndarray | None]:
    """Reads samples.

    Args:
        path: FILE.npz with `images` [N, H, W, C], uint8 or float in [0, 1] (and `labels` int [N]), or with `points`
            float [N, 2]; or a folder of pictures (and labels.csv: `file`, `label`); or a folder of shards.
        num: number of samples to read, from the first on, or None for all.

    Returns:
        (images uint8 [N, H, W, C] or points float32 [N, 2], labels int64 [N] or None). Images in shards stay in their
        files, as `StoredSamples`.

    Raises:
        UserError: the path holds no samples, or is damaged.
    """
    path = expanded("--samples", path)
    if (path / MANIFEST).is_file():
        samples = StoredSamples(path, num)
        return (samples, samples.labels) if samples.dtype == np.uint8 else (np.asarray(samples), None)
    samples, labels = _from_folder(path) if path.is_dir() else _from_npz(path)
    return samples[:num], None if labels is None else labels[:num]


def _from_npz(path):
    if not path.is_file():
        raise UserError(f"--samples: there is no file or folder {path}")
    arrays = npz.read(path)
    if "points" in arrays:
        points = arrays["points"]
        if points.dtype.kind not in "fiu":
            raise UserError(f"{path}: expected points as numbers [N, 2], got {points.dtype}")
        points = np.asarray(points, np.float32)
        if points.ndim != 2 or not np.isfinite(points).all():
            raise UserError(f"{path}: expected finite points [N, 2], got shape {points.shape}")
        return points, None
    if "images" not in arrays:
        close = nearest("images", arrays)
        raise UserError(f"{path}: expected an array 'images', got {', '.join(sorted(arrays)) or 'none'}{close}")
    images = check_images(str(path), arrays["images"])
    if not len(images):
        raise UserError(f"{path}: expected at least one image, got none")
    labels = check_labels(f"{path}: labels", arrays["labels"]) if "labels" in arrays else None
    if labels is not None and len(labels) != len(images):
        raise UserError(f"{path}: expected as many labels as images, got {len(labels)} and {len(images)}")
    return images if images.dtype == np.uint8 else to_uint8(images), labels


def _from_folder(path):
    pictures, images, stored = folder.read_all(path)
    if images is None:
        images = stored.gather(np.arange(len(stored)))["image"]
    return images, _labels(path / "labels.csv", [picture.path for picture in pictures])


def _labels(path, names):
    if not path.is_file():
        return None
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        known = {row["file"]: int(row["label"]) for row in rows}
        return np.array([known[name] for name in names], np.int64)
    except faults.TEXT as error:
        raise UserError(
            f"{path}: expected columns file and label with a row for every picture ({faults.reason(error)})"
        ) from None


def digest(samples: np.ndarray | StoredSamples) -> str:
    """Returns the sha256 of the samples' bytes, hexadecimal."""
    found = hashlib.sha256()
    for start in range(0, len(samples), CHUNK):
        found.update(np.ascontiguousarray(samples[start : start + CHUNK]).tobytes())
    return found.hexdigest()
