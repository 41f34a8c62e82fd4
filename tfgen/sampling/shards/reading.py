"""Reading of folders of shards: images as one array that is decoded in parts, never as a whole."""

import io
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.sampling.shards.formats import array_record, file_name
from tfgen.sampling.shards.plan import Plan, read_manifest

CHUNK = 1_000  # images per part of `StoredSamples.chunks`


class StoredSamples:
    """Images 0..N-1 of a folder of shards; an index of the first axis decodes uint8 [n, H, W, C] or points float32.

    Args:
        folder: as `python -m tfgen.sample --format` fills it.
        num: number of images, from the first on; None for all.

    Attributes:
        shape: (N, H, W, C), or (N, D) of points.
        dtype: uint8 of images, float32 of points.
        labels: int64 [N], or None.
        captions: texts [N], or None.
        plan: the division into shards.

    Raises:
        UserError: samples.json is missing or damaged, or a shard is missing.
    """

    def __init__(self, folder: str | os.PathLike, num: int | None = None) -> None:
        manifest = read_manifest(folder)
        self.plan = Plan(pathlib.Path(folder), manifest["format"], manifest["num"], manifest["shards"])
        missing = self.plan.missing()
        if missing:
            raise UserError(
                f"{folder} lacks {len(missing)} of {self.plan.shards} shards, {self.plan.path(missing[0]).name} the "
                "first; repeat the command of tfgen.sample to resume it"
            )
        field, *shape = manifest["shape"]
        images = manifest.get("dtype", "uint8" if field == "image" else "float32") == "uint8"
        self.dtype = np.dtype(np.uint8 if images else np.float32)
        check("num", num, Count | None)
        self.shape = (self.plan.num if num is None else min(num, self.plan.num), *shape)
        self._ends = np.array([self.plan.bounds(shard)[1] for shard in range(self.plan.shards)])
        # (number, reader) of the shard that was read last
        self._open: tuple[int, Callable[[np.ndarray, int], np.ndarray]] | None = None
        self.labels = self._in_turn(manifest["label"], np.int64)
        self.captions = self._in_turn(manifest.get("captions"), object)  # earlier versions had none

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, (int, np.integer)):
            return self[np.array([rows])][0]
        rows = np.arange(len(self))[rows]
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        shards = np.searchsorted(self._ends, rows, side="right")
        for shard in np.unique(shards):
            places = np.flatnonzero(shards == shard)
            found[places] = self._read(int(shard), rows[places])
        return found

    def __array__(self, dtype=None, copy=None):
        return self[:] if dtype is None else self[:].astype(dtype)

    def chunks(self) -> Iterator[np.ndarray]:
        """Yields all images in order, `CHUNK` at once."""
        for start in range(0, len(self), CHUNK):
            yield self[start : min(start + CHUNK, len(self))]

    def _in_turn(self, cycle, dtype):
        return None if cycle is None else np.array(cycle, dtype)[np.arange(len(self)) % len(cycle)]

    def _read(self, shard, rows):
        path, first = self.plan.path(shard), self.plan.bounds(shard)[0]
        try:
            if self._open is None or self._open[0] != shard:
                self._open = shard, _READERS[self.plan.format](path)
            return self._open[1](rows, first)
        except (OSError, ValueError, KeyError, RuntimeError, IndexError) as error:
            reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
            remedy = "delete it and repeat the command of tfgen.sample"
            raise UserError(f"{path} is damaged ({reason}); {remedy}") from error


def _array_record_reader(path):
    import tensorflow as tf

    reader = array_record().ArrayRecordReader(str(path))

    def read(rows, first):
        examples = map(tf.train.Example.FromString, reader.read([int(row - first) for row in rows]))
        return np.stack([_decoded(io.BytesIO(e.features.feature["image"].bytes_list.value[0])) for e in examples])

    return read


def _picture_reader(path):
    return lambda rows, first: np.stack([_decoded(path / file_name(row)) for row in rows])


def _npz_reader(path):
    with np.load(path, allow_pickle=False) as file:
        array = file["images" if "images" in file.files else "points"]
    return lambda rows, first: array[rows - first]


_READERS = {"array_record": _array_record_reader, "png": _picture_reader, "npz": _npz_reader}


def _decoded(file):
    """Returns the image uint8 [H, W, C] in a PNG file."""
    with Image.open(file, formats=("PNG",)) as picture:
        array = np.asarray(picture)
    return array[..., None] if array.ndim == 2 else array
