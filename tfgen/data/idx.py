"""IDX files, the format of MNIST and Fashion-MNIST, gzipped or not."""

import dataclasses
import gzip
import hashlib
import math
import os
import pathlib
import re

import numpy as np

from tfgen import faults
from tfgen.data.arrays import from_splits
from tfgen.data.paths import existing, expanded
from tfgen.data.source import DEFLATE_LIMIT, Source, empty
from tfgen.errors import UserError

DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")  # installed by the package dataset-fashion-mnist
CLASS_NAMES = {
    "mnist": [str(digit) for digit in range(10)],
    "fashion_mnist": "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag".split() + ["Ankle boot"],
}
# sha256 of the unpacked training images, since gzip files differ. MNIST and Fashion-MNIST have the same file names.
PUBLISHED = {
    "mnist": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "fashion_mnist": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
}
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(?:.*[-_.])?(train|t10k|test|validation|valid|val)[-_](images|labels)[-.]idx\d-ubyte(\.gz)?")
_CHUNK = 1 << 20


def mnist(data_dir: str | os.PathLike[str] | None = None) -> Source:
    """60,000 + 10,000 handwritten digits, 28x28, 10 classes"""
    return dataclasses.replace(_published("mnist", data_dir, []), extractor="mnist")


def fashion_mnist(data_dir: str | os.PathLike[str] | None = None) -> Source:
    """60,000 + 10,000 garments, 28x28, 10 classes"""
    return dataclasses.replace(_published("fashion_mnist", data_dir, [DEBIAN]), extractor="fashion_mnist")


def _published(name, data_dir, places):
    """Returns the set from `data_dir` or `places`, else from TFDS."""
    if data_dir is not None:
        base = expanded("--data_dir", data_dir)
        places = [base, base / name, base / name.replace("_", "-"), *places]
    for place in places:
        if place.is_dir() and _find(place).get("train-images"):
            return _known(name, place)
    from tfgen.data import tfds

    return tfds.load(name, data_dir=data_dir)


def _known(name, folder):
    source = load(folder)
    digest = source.provenance["sha256"].get("train-images")
    if digest != PUBLISHED[name]:
        other = next((known for known, value in PUBLISHED.items() if value == digest), None)
        what = f"those of {other}: say --dataset={other}" if other else f"other ones: say --dataset=idx:{folder}"
        raise UserError(f"dataset {name!r}: expected its published images in {folder}, got {what}")
    source.class_names = list(CLASS_NAMES[name])
    return source


def load(path: str | os.PathLike[str]) -> Source:
    """a folder of IDX files, as MNIST's

    Args:
        path: a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-... (or test-, valid-), each
            with or without .gz; labels and the other splits are optional.

    Returns:
        `Source`; its provenance has the sha256 of every file's unpacked bytes.

    Raises:
        UserError: there is no such folder, no file of training images in it, or a damaged file.
    """
    folder = existing("idx", path, folder=True, what="a folder of IDX files")
    files = _find(folder)
    if "train-images" not in files:
        raise UserError(f"idx: expected a file like train-images-idx3-ubyte.gz in {folder}, got {_listing(folder)}")
    arrays, digests = {}, {}
    for role, file in files.items():
        split, kind = role.split("-")
        array, digests[role] = read(file)
        arrays[f"{'x' if kind == 'images' else 'y'}_{split}"] = array
    return from_splits(arrays, f"idx:{path}", {"source": str(folder.resolve()), "sha256": digests})


def _find(folder):
    """Returns "train-images" and the like -> file."""
    splits = {"t10k": "test", "val": "valid", "validation": "valid"}
    found = {}
    for file in sorted(folder.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match:
            found.setdefault(f"{splits.get(match[1], match[1])}-{match[2]}", file)
    return found


def read(path: str | os.PathLike[str]) -> tuple[np.ndarray, str]:
    """Reads one IDX file.

    Returns:
        (array in the file's dtype, aligned so that TensorFlow uses it in place; sha256 of the unpacked bytes).

    Raises:
        UserError: the file is missing, truncated, longer than its header says, or no IDX file.
    """
    path, zipped = existing("idx", path, folder=False, what="a file"), False
    try:
        packed = path.stat().st_size
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else open(path, "rb") as stream:
            return _read_stream(stream, path, packed * DEFLATE_LIMIT if zipped else packed)
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{path}: its array does not fit into memory") from None
    except faults.ARCHIVE as error:
        what = "a whole gzip file" if zipped else "an IDX file"
        why = faults.reason(error)
        raise UserError(f"{path}: expected {what}, got a damaged one ({why}): fetch it again") from None


def _read_stream(stream, path, most):
    digest = hashlib.sha256()
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES or not 1 <= head[3] <= 4:
        raise UserError(f"{path}: expected an IDX file, got one that begins with {head.hex() or 'nothing'}")
    sides = stream.read(4 * head[3])
    digest.update(head + sides)
    if len(sides) < 4 * head[3]:
        raise UserError(f"{path}: ends within its header: fetch it again")
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    dtype = np.dtype(_DTYPES[head[2]])
    size = math.prod(shape) * dtype.itemsize
    if size > most:  # before memory is allocated: a damaged header can promise terabytes
        raise UserError(f"{path}: truncated: its header promises {size} bytes of shape {shape}, more than it can hold")
    array = empty(shape, dtype)
    view, done = memoryview(array.reshape(-1).view(np.uint8)), 0
    while done < size:
        count = stream.readinto(view[done : done + _CHUNK])
        if not count:
            raise UserError(f"{path}: truncated: expected {size} bytes of shape {shape}, got {done}: fetch it again")
        digest.update(view[done : done + count])
        done += count
    if stream.read(1):
        raise UserError(f"{path}: expected {size} bytes of shape {shape}, got more: fetch it again")
    # IDX is big-endian; native bytes are returned as they are
    return array.astype(dtype.newbyteorder("="), copy=False), digest.hexdigest()


def _listing(folder, limit=5):
    names = sorted(file.name for file in folder.iterdir())
    return ", ".join(names[:limit]) + (" ..." if len(names) > limit else "") or "an empty folder"
