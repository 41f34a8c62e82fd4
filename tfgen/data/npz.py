"""NumPy files: npz:PATH, and binarized_mnist."""

import dataclasses
import math
import os
import zipfile
from typing import cast

import numpy as np

from tfgen import faults
from tfgen.data.arrays import from_splits
from tfgen.data.paths import existing, expanded
from tfgen.data.source import DEFLATE_LIMIT, Arrays, Source, empty
from tfgen.errors import UserError
from tfgen.storage.hashes import file_digest

_CHUNK = 1 << 20
_BINARIZED_SHAPES = {"train": 50_000, "valid": 10_000, "test": 10_000}


def load(path: str | os.PathLike[str]) -> Source:
    """a NumPy file with x_train, y_train, x_valid, x_test, ...

    Args:
        path: .npz with x_train uint8 or float in [0, 1], [N, H, W] or [N, H, W, C], and optionally y_train, x_valid (or
            x_val), y_valid, x_test, y_test, class_names; or with `images` and `labels`. Any other NAME_train,
            NAME_valid, NAME_test are further fields: images if [N, H, W, C], tokens if integers [N, length], else
            vectors. Nothing is unpickled.

    Raises:
        UserError: there is no such file, it is damaged, or an array is missing or malformed.
    """
    file = existing("npz", path, folder=False, what="a file")
    arrays = read(file)
    provenance = {"source": str(file.resolve()), "sha256": {file.name: file_digest(file)}}
    return from_splits(arrays, f"npz:{path}", provenance)


def binarized_mnist(data_dir: str | os.PathLike[str] | None = None) -> Source:
    """MNIST in black and white as Larochelle fixed it, 28x28

    From `data_dir`: binarized_mnist.npz (x_train, x_valid, x_test: uint8 0 or 255), or the published
    binarized_mnist_train.amat, _valid.amat and _test.amat. The test images are ordered by digit:
    their first n are not a random sample.
    """
    folder = expanded("--data_dir", "." if data_dir is None else data_dir)
    files = {split: folder / f"binarized_mnist_{split}.amat" for split in _BINARIZED_SHAPES}
    packed = folder / "binarized_mnist.npz"
    if packed.is_file():
        source = load(packed)
    elif all(file.is_file() for file in files.values()):
        arrays = {f"x_{split}": _read_amat(file) for split, file in files.items()}
        digests = {file.name: file_digest(file) for file in files.values()}
        source = from_splits(arrays, "binarized_mnist", {"source": str(folder.resolve()), "sha256": digests})
    else:
        raise UserError(
            f"dataset 'binarized_mnist': expected binarized_mnist.npz, or binarized_mnist_train.amat, _valid.amat and "
            f"_test.amat, in {folder}: give their folder by --data_dir"
        )
    for split, examples in source.splits.items():
        images = cast(Arrays, examples).arrays["image"]
        if not ((images == 0) | (images == 255)).all():
            raise UserError(f"dataset 'binarized_mnist': expected pixels of 0 and 255, got other ones in {split}")
    return dataclasses.replace(source, extractor="mnist")


def _read_amat(path):
    """Returns lines of 784 digits 0 or 1, separated by blanks, as uint8 [N, 28, 28], 0 or 255."""
    characters = np.fromfile(path, np.uint8)
    pixels = characters[characters > 32]  # without blanks and line ends
    if pixels.size % 784 or not np.isin(pixels, (48, 49)).all():
        raise UserError(f"{path}: expected lines of 784 digits, each 0 or 1: fetch the file again")
    return (pixels.reshape(-1, 28, 28) - np.uint8(48)) * np.uint8(255)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the arrays of an .npz as a dict. Nothing is unpickled.

    Raises:
        UserError: the file is damaged, or an array holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name[: -len(".npy")]: _read_member(archive, name, path) for name in names}
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{path}: its arrays do not fit into memory") from None
    except faults.ARCHIVE as error:
        why = faults.reason(error)
        raise UserError(f"{path}: expected a NumPy .npz file, got a damaged or another one ({why})") from None


def _read_member(archive, name, path):
    """Returns one array, read into memory that TensorFlow uses in place, so that there is no second copy."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in header:
            raise UserError(f"{path}: {name} has the .npy version {version}, expected 1.0 or 2.0: save it again")
        shape, columns_first, dtype = header[version](stream)
        if dtype.hasobject:
            raise UserError(f"{path}: {name} holds Python objects, which are not read: save numbers or texts")
        size = math.prod(shape) * dtype.itemsize
        _check_size(f"{path}: {name}", archive.getinfo(name), size, min(shape, default=0), stream.tell())
        array = empty(shape[::-1] if columns_first else shape, dtype)
        if size:
            _fill(memoryview(array.reshape(-1).view(np.uint8)), stream, f"{path}: {name}")
        return array.T if columns_first else array


def _check_size(what, member, size, shortest, header):
    """Raises UserError before memory is allocated: a damaged or hostile header can promise terabytes."""
    held = member.file_size - header
    if shortest < 0 or size < held:
        raise UserError(f"{what} is damaged: its header promises {size} bytes, and it holds {held}")
    if size > held:
        raise UserError(f"{what} is truncated: its header promises {size} bytes, and it holds {held}")
    if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > member.compress_size * DEFLATE_LIMIT:
        raise UserError(f"{what} is damaged: {member.compress_size} bytes cannot unpack to {member.file_size}")
    if member.compress_type == zipfile.ZIP_STORED and member.file_size > member.compress_size:
        raise UserError(f"{what} is damaged: it holds {member.compress_size} bytes instead of {member.file_size}")


def _fill(view, stream, what):
    done = 0
    while done < len(view):
        count = stream.readinto(view[done : done + _CHUNK])
        if not count:
            raise UserError(f"{what} is truncated: expected {len(view)} bytes, got {done}")
        done += count
