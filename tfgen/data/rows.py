"""Arrays that stay where they are: memory maps, and arrays of a file such as h5py's, read when rows are needed."""

import ctypes
import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

READ_LIMIT = 256 << 20  # bytes; a file's smaller array is read at once, which makes random order fast
_BLOCK = 64 << 20  # bytes of an array that are looked at together


class Rows:
    """An array [N, ...] whose rows are read and converted when a batch is gathered.

    Args:
        source: an array in a file: `shape`, `dtype`, and rows by slices.
        dtype: to which the rows are converted; by default that of `source`.
        factor: by which they are multiplied then.
        channel: whether the rows get a last axis of length 1.
    """

    def __init__(self, source: Any, dtype: DTypeLike | None = None, factor: int = 1, channel: bool = False) -> None:
        known = source if isinstance(source, Rows) else None
        self.channel: bool = channel or (known is not None and known.channel)
        self.source: Any = source if known is None else known.source
        self.factor = factor
        self.dtype = np.dtype(source.dtype if dtype is None else dtype)
        self.shape = (*map(int, self.source.shape), *([1] if self.channel else []))
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """Returns rows by a slice, or by integers [B] in any order."""
        rows = self._read(index).astype(self.dtype, copy=False)
        rows = rows if self.factor == 1 else rows * self.dtype.type(self.factor)
        return rows[..., None] if self.channel else rows

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def __repr__(self) -> str:
        return f"Rows({self.dtype} {self.shape} of {type(self.source).__name__})"

    def _read(self, index):
        if isinstance(index, slice) or isinstance(self.source, np.ndarray):
            return np.asarray(self.source[index])
        # h5py takes increasing indices alone, and reads single rows faster than a list of them
        places, inverse = np.unique(np.asarray(index, np.int64), return_inverse=True)
        if not len(places):
            return np.asarray(self.source[:0])
        return np.stack([np.asarray(self.source[int(place)]) for place in places])[inverse]


def as_rows(values: Any) -> Rows | None:
    """Returns a large array of a file as `Rows`; None for all else, which `np.asarray` takes."""
    if isinstance(values, Rows):
        return values
    known = isinstance(values, np.ndarray) or any(hasattr(values, name) for name in ("__dlpack__", "iloc"))
    if known or not isinstance(getattr(values, "dtype", None), np.dtype) or len(getattr(values, "shape", ())) < 2:
        return None
    size = math.prod(values.shape) * values.dtype.itemsize
    return Rows(values) if size > READ_LIMIT else None


def with_channel(array: np.ndarray | Rows) -> np.ndarray | Rows:
    """Returns the array with a last axis of length 1."""
    return Rows(array, array.dtype, array.factor, True) if isinstance(array, Rows) else array[..., None]


def converted(array: np.ndarray | Rows, dtype: DTypeLike, factor: int = 1) -> np.ndarray | Rows:
    """Returns the array in another dtype, times `factor`; of an array in a file, the rows that are read."""
    if array.dtype == dtype and factor == 1:
        return array
    if isinstance(array, Rows) or in_file(array):
        return Rows(array, dtype, factor)
    made = array.astype(dtype)
    return made if factor == 1 else made * np.dtype(dtype).type(factor)


def blocks(array: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """Yields consecutive rows of an array, a bounded number of bytes at a time, so that none is copied whole."""
    if array.ndim == 0:
        yield np.asarray(array)
        return
    row = math.prod(array.shape[1:]) * array.dtype.itemsize
    step = max(1, _BLOCK // max(row, 1))
    for first in range(0, len(array), step):
        yield array[first : first + step]


def in_file(array: np.ndarray) -> bool:
    """Returns whether an array is a memory map of a file, or a part of one."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    base = base.obj if isinstance(base, memoryview) else base
    return isinstance(base, mmap.mmap)


def writable(array: np.ndarray) -> np.ndarray:
    """Returns a writable view of a contiguous array, for libraries that refuse to read from any other.

    Nobody may write to it: the memory of a read-only map is protected.
    """
    if array.flags.writeable:
        return array
    memory: Any = (ctypes.c_ubyte * array.nbytes).from_address(array.ctypes.data)
    memory.owner = array  # the view keeps the memory alive
    return np.frombuffer(memory, array.dtype).reshape(array.shape)
