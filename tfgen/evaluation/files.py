"""Samples in files: an .npz or a folder of shards as `tfgen.sample` writes them, or a folder of pictures."""

import csv
import hashlib
import os
from typing import NamedTuple

import numpy as np

from tfgen import faults
from tfgen.data import folder, metadata, npz
from tfgen.data.arrays import check_images, check_labels
from tfgen.data.checks import check_field
from tfgen.data.source import content_of
from tfgen.errors import UserError, nearest
from tfgen.runs.layout import Layout
from tfgen.sampling.shards.formats import LABELS
from tfgen.sampling.shards.plan import MANIFEST
from tfgen.sampling.shards.reading import CHUNK, StoredSamples
from tfgen.storage.images import to_uint8
from tfgen.storage.paths import expanded


class Samples(NamedTuple):
    """Samples, and what they were made for.

    Attributes:
        data: images uint8 [N, H, W, C], which stay in their files where these are shards, or points float32 [N, 2].
        labels: int64 [N], or None.
        captions: texts [N], or None.
    """

    data: np.ndarray | StoredSamples
    labels: np.ndarray | None = None
    captions: np.ndarray | None = None


def read_samples(path: str | os.PathLike, num: int | None = None, size: tuple[int, int] | None = None) -> Samples:
    """Returns the `Samples` in files.

    Args:
        path: FILE.npz with `images` [N, H, W, C], uint8 or float in [0, 1] (and `labels` int [N], `captions`), or with
            `points` float [N, 2]; or a folder of pictures (and labels.csv: `file`, `label`; metadata.csv as data sets
            have it); or a folder of shards.
        num: number of samples to read, from the first on, or None for all.
        size: (height, width) to which pictures of a folder are cropped and resized; None: as they are.

    Raises:
        UserError: the path holds no samples, or is damaged.
    """
    path = expanded("--samples", path)
    if (path / MANIFEST).is_file():
        samples = StoredSamples(path, num)
        if samples.dtype != np.uint8:
            return Samples(np.asarray(samples))
        return Samples(samples, samples.labels, samples.captions)
    found = _from_folder(path, size) if path.is_dir() else _from_npz(path)
    asked = (None if values is None else values[:num] for values in found[1:])
    return Samples(found.data[:num], *asked)


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
        return Samples(points)
    if "images" not in arrays:
        close = nearest("images", arrays)
        raise UserError(f"{path}: expected an array 'images', got {', '.join(sorted(arrays)) or 'none'}{close}")
    images = check_images(str(path), arrays["images"])
    if not len(images):
        raise UserError(f"{path}: expected at least one image, got none")
    labels = check_labels(f"{path}: labels", arrays["labels"]) if "labels" in arrays else None
    captions = check_field(f"{path}: captions", arrays["captions"], "text") if "captions" in arrays else None
    for name, values in {"labels": labels, "captions": captions}.items():
        if values is not None and len(values) != len(images):
            raise UserError(f"{path}: expected as many {name} as images, got {len(values)} and {len(images)}")
    return Samples(images if images.dtype == np.uint8 else to_uint8(images), labels, captions)


def _from_folder(path, size):
    pictures, images, stored = folder.read_all(path, size, outside=_written_here)
    if images is None:
        images = stored.gather(np.arange(len(stored)))["image"]
    names = [picture.path for picture in pictures]
    said = metadata.read(path, names)
    known = metadata.CAPTION in said.values and set(names) <= set(said.paths)
    captions = said.of(names)[metadata.CAPTION] if known else None
    return Samples(images, _labels(path / LABELS, names), captions)


def _written_here(root, paths):
    """Returns path -> reason of the picture that an evaluation has written beside the samples."""
    ours = Layout(root)
    there = ours.evaluation.is_file() and ours.nearest.name in paths
    return {ours.nearest.name: "the picture of an evaluation"} if there else {}


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


def digest_asked(samples: Samples) -> str | None:
    """Returns the sha256 of what samples were made for, labels and captions; None without any."""
    asked = [values for values in (samples.labels, samples.captions) if values is not None]
    return hashlib.sha256(b"".join(map(content_of, asked))).hexdigest() if asked else None


def digest(samples: np.ndarray | StoredSamples) -> str:
    """Returns the sha256 of the samples' bytes, hexadecimal."""
    found = hashlib.sha256()
    for start in range(0, len(samples), CHUNK):
        found.update(np.ascontiguousarray(samples[start : start + CHUNK]).tobytes())
    return found.hexdigest()
