"""Files of samples written by one process: `.npz`, a grid or a scatter plot as `.png`, a folder of pictures."""

import pathlib
import re
from collections.abc import Callable, Iterable

import numpy as np

from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.sampling.asked import NOTHING, Asked
from tfgen.sampling.grids import class_columns, enlarged
from tfgen.sampling.lettering import caption_rows, rows_fit
from tfgen.sampling.shards import formats
from tfgen.storage import images
from tfgen.storage.atomic import replacing, write_text
from tfgen.storage.paths import Read, check_output

MAX_GRID = 400  # pictures in one file
MAX_COLUMNS = 20

Chunks = Iterable[np.ndarray]


def kind(out: pathlib.Path) -> str:
    """Returns the kind of an output path: ".npz", ".png", or "" for a folder."""
    suffix = out.suffix.lower()
    return "" if out.is_dir() or suffix not in (".npz", ".png") else suffix


def check(out: pathlib.Path, num: int, field: Field, read: Read | None = None) -> None:
    """Checks, before any work, that `out` can be written and does not mix two sets of images.

    Args:
        out: path of the output.
        num: number of samples.
        field: the field of the samples.
        read: flag -> path that the same command reads, or None.

    Raises:
        UserError: it cannot; the sentence says which paths can.
    """
    if field.kind != "image":
        _check_numbers(out, field)
    elif kind(out) == ".png" and num > MAX_GRID:
        raise UserError(f"a grid holds {MAX_GRID} images, got --num={num}; give --out=FILE.npz or a folder for more")
    elif not kind(out):
        _check_pictures(out, num)
    check_output(out, folder=not kind(out), read=read)


def check_folder(out: pathlib.Path) -> None:
    """Raises UserError where a path that is neither FILE.npz nor FILE.png can be no folder of pictures."""
    if re.fullmatch(r"\.[A-Za-z]{2,4}", out.suffix) and not out.is_dir():
        raise UserError(f"--out must end in .npz or .png, or be a folder without a dot in its name, got {out}")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; --out must be FILE.npz, FILE.png or a folder")


def _check_pictures(out, num):
    check_folder(out)
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    foreign = sorted(names - {formats.file_name(i) for i in range(num)} - {formats.LABELS, formats.METADATA})
    if foreign:
        raise UserError(
            f"{out} holds {foreign[0]!r}, which these {num} images would not replace; give an empty or a new folder"
        )


def _check_numbers(out, field):
    planar = field.kind == "point"
    if kind(out) == ".npz" or (planar and kind(out)):
        return
    expected = "FILE.npz or FILE.png (a scatter plot)" if planar else "FILE.npz"
    raise UserError(f"{field.kind}s are written as --out={expected}, got {out}")


def check_format(name: str, out: pathlib.Path, field: Field) -> None:
    """Checks that `out` can be a folder of shards, and that their format can hold the data.

    Args:
        name: of the format.
        out: path of the output.
        field: the field of the samples.

    Raises:
        UserError: it cannot; the sentence says which can.
    """
    if kind(out):
        raise UserError(f"--format={name} fills a folder with shards: give --out=FOLDER, got {out}")
    if field.kind != "image" and name != "npz":
        raise UserError(f"{field.kind}s are written as --format=npz, got {name}")
    if name == "array_record":
        formats.array_record()


def writer_for(out: pathlib.Path, field: Field) -> Callable[..., None]:
    """Returns the function that writes samples of `field` to `out`: (out, chunks, shape, asked)."""
    picture = write_grid if field.kind == "image" else write_scatter
    return {".npz": write_npz, ".png": picture}.get(kind(out), write_folder)


def write_npz(out: pathlib.Path, chunks: Chunks, shape: tuple[int, ...], asked: Asked = NOTHING) -> None:
    """Writes `images` uint8 [num, H, W, C], or `points` float32 [num, D], and what they were asked for, by its names.

    Memory does not grow with num, the first entry of `shape`: chunks are written one by one.
    """
    with replacing(out) as partial:
        formats.write_npz(partial, chunks, shape, asked)


def write_grid(out: pathlib.Path, chunks: Chunks, shape: tuple[int, ...], asked: Asked = NOTHING) -> None:
    """Writes one PNG of about ten columns; each of them holds one class where classes come in turn.

    Of captions that repeat, and are few enough, each has a row, and is written to the left of it.
    """
    if asked.captions is not None and rows_fit(asked.captions):
        images.save_png(out, caption_rows(np.concatenate(list(chunks)), list(asked.captions)))
        return
    period = _period(asked.labels) if asked.labels is not None else 1
    columns = class_columns(period) if 1 < period <= MAX_COLUMNS else None
    images.save_png(out, enlarged(images.grid(np.concatenate(list(chunks)), columns), shape[1:]))


def write_scatter(out: pathlib.Path, chunks: Chunks, shape: tuple[int, ...], asked: Asked = NOTHING) -> None:
    """Writes one PNG with a dot per point."""
    images.save_png(out, images.scatter(np.concatenate(list(chunks))))


def write_folder(out: pathlib.Path, chunks: Chunks, shape: tuple[int, ...], asked: Asked = NOTHING) -> None:
    """Writes 000000.png, 000001.png, ..., and the tables of `formats.tables_beside`."""
    index = 0
    for chunk in chunks:
        for image in chunk:
            images.save_png(out / formats.file_name(index), image)
            index += 1
    names = [formats.file_name(number) for number in range(index)]
    for file, text in formats.tables_beside(names, asked).items():
        write_text(out / file, text)


def _period(labels):
    """Returns the period of the labels."""
    labels = np.asarray(labels)
    return next((p for p in range(1, len(labels)) if np.array_equal(labels[p:], labels[:-p])), len(labels))
