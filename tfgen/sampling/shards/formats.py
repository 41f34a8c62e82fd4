"""The file formats of shards, written from a stream of images: memory does not grow with their number."""

import csv
import io
import pathlib
import types
import zipfile
from collections.abc import Iterable

import numpy as np

from tfgen.errors import UserError
from tfgen.sampling.asked import NOTHING, Asked
from tfgen.storage.images import encode_png

Chunks = Iterable[np.ndarray]
LABELS, METADATA = "labels.csv", "metadata.csv"  # tables beside pictures

# One record per chunk, as TFDS and Grain need it for random access; PNG cannot be compressed any further.
_ARRAY_RECORD_OPTIONS = "group_size:1,uncompressed"


def write_shard(
    path: pathlib.Path,
    kind: str,
    chunks: Chunks,
    shape: tuple[int, ...],
    asked: Asked = NOTHING,
    first: int = 0,
) -> None:
    """Writes one shard at `path`.

    Args:
        path: a file, or for png a folder, that does not exist yet.
        kind: "array_record", "png" or "npz".
        chunks: images uint8 [n, H, W, C] (for npz also points float32 [n, 2]).
        shape: (number, H, W, C) of all chunks together.
        asked: what they were asked for.
        first: index of the first image in the whole sequence.

    Raises:
        UserError: the package of the format is missing, or its file cannot be written.
    """
    if kind == "npz":
        write_npz(path, chunks, shape, asked)
    else:
        {"array_record": write_array_record, "png": write_pictures}[kind](path, chunks, asked, first)


def write_array_record(path: pathlib.Path, chunks: Chunks, asked: Asked, first: int) -> None:
    """Writes an ArrayRecord of serialised `tf.train.Example`: `image` (PNG bytes), `index`, and `label` and `caption`.

    TFDS stores the features {"image": Image(), "index": Scalar(int64), "label": ClassLabel()} in the same way.
    """
    import tensorflow as tf

    module = array_record()

    def value(number):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))

    try:
        writer = module.ArrayRecordWriter(str(path), _ARRAY_RECORD_OPTIONS)
        for index, image in _numbered(chunks):
            picture = tf.train.BytesList(value=[encode_png(image)])
            features = {"image": tf.train.Feature(bytes_list=picture), "index": value(first + index)}
            if asked.labels is not None:
                features["label"] = value(int(asked.labels[index]))
            if asked.captions is not None:
                text = tf.train.BytesList(value=[asked.captions[index].encode()])
                features["caption"] = tf.train.Feature(bytes_list=text)
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
        writer.close()
    except RuntimeError as error:  # the only exception of the library
        raise UserError(f"cannot write {path}: {str(error).split(';')[0]}") from error


def array_record() -> types.ModuleType:
    """Returns the module that reads and writes ArrayRecord files.

    Raises:
        UserError: it is not installed.
    """
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise UserError(
            f"ArrayRecord files need the package array_record ({error}), which is there for Linux: "
            "pip install array_record, or give --format=png"
        ) from None
    return array_record_module


def write_pictures(folder: pathlib.Path, chunks: Chunks, asked: Asked, first: int) -> None:
    """Writes INDEX.png, at least six digits, in `folder`, and the tables of `tables_beside`."""
    folder.mkdir(parents=True)
    names = []
    for index, image in _numbered(chunks):
        names.append(file_name(first + index))
        (folder / names[-1]).write_bytes(encode_png(image))
    for file, text in tables_beside(names, asked).items():
        (folder / file).write_text(text, encoding="utf-8")


def write_npz(path: pathlib.Path, chunks: Chunks, shape: tuple[int, ...], asked: Asked = NOTHING) -> None:
    """Writes `images` uint8 [number, H, W, C], or `points` float32 [number, 2], and what they were asked for.

    That is `labels` int64 [number] and `captions`, texts [number].
    """
    name, kind_of_number = ("images", "|u1") if len(shape) == 4 else ("points", "<f4")
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            header = {"descr": kind_of_number, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(chunk.astype(kind_of_number, copy=False).tobytes())
        beside = {"labels": (asked.labels, np.int64), "captions": (asked.captions, np.str_)}
        for name, (values, kind) in beside.items():
            if values is not None:
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array(file, np.asarray(values, kind), allow_pickle=False)


def file_name(index: int) -> str:
    """Returns the file name of the picture of sample `index`, with at least six digits."""
    return f"{index:06d}.png"


def tables_beside(names: list[str], asked: Asked) -> dict[str, str]:
    """Returns file -> text of the tables beside pictures, of what is known: labels.csv (`file`, `label`), metadata.csv.

    The latter (`file_name`, `caption`) is what a folder of pictures says of them as a data set.
    """
    kept = {LABELS: (("file", "label"), asked.labels), METADATA: (("file_name", "caption"), asked.captions)}
    found = {}
    for file, (head, values) in kept.items():
        if values is not None:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([head, *zip(names, values, strict=True)])
            found[file] = text.getvalue()
    return found


def _numbered(chunks):
    return enumerate(image for chunk in chunks for image in chunk)
