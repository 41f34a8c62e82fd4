"""Pictures that a user gives to a command: a folder of them, one file, or an array."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from tfgen.data import npz, pixels
from tfgen.data.arrays import check_images
from tfgen.data.listing import listed
from tfgen.data.pictures import Files, quiet_pillow
from tfgen.errors import UserError
from tfgen.storage.images import to_uint8

CHUNK = 250  # pictures in memory at once
NAMED = 5  # of the skipped files


def picture_names(path: pathlib.Path) -> list[str]:
    """Returns the relative names of the pictures of a folder or of one file.

    Raises:
        UserError: the folder holds no pictures.
    """
    if path.is_file():
        return [path.name]
    listing = listed(path)
    if not listing.pictures:
        got = listing.other_files() or "none"
        raise UserError(f"--images: expected pictures ({', '.join(pixels.SUFFIXES)}) in {path}, got {got}")
    return listing.pictures


def read_pictures(
    path: pathlib.Path, names: list[str], shape: tuple[int, ...], flag: str = "--images"
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yields (names, images uint8 [n, h, w, c] in the shape that the model takes) of what can be read.

    Args:
        path: a folder of pictures, one picture, or FILE.npz with `images`.
        names: of the pictures, by `picture_names`.
        shape: (h, w, c), to which pictures are cropped about their centres and resized.
        flag: that gave the path, for messages.

    Raises:
        UserError: nothing can be read.
    """
    if path.suffix.lower() == ".npz" and path.is_file():
        yield from _read_array(path, shape)
        return
    root = path if path.is_dir() else path.parent
    problems: dict[str, str] = {}
    for first in range(0, len(names), CHUNK):
        some = names[first : first + CHUNK]
        with quiet_pillow():
            found, rows = Files(root, some, shape[-1], (shape[0], shape[1])).decode_all(problems)
        if len(found):
            yield [some[row] for row in rows], found
    if len(problems) == len(names):
        raise UserError(f"{flag}: no picture of {path} can be read: {_said(problems)}")
    if problems:
        print(f"skipped {len(problems)} of {len(names)} files: {_said(problems)}", flush=True)


def _said(problems):
    return ", ".join(f"{name} ({why})" for name, why in sorted(problems.items())[:NAMED])


def _read_array(path, shape):
    arrays = npz.read(path)
    if "images" not in arrays:
        raise UserError(f"{path}: expected an array 'images', got {', '.join(sorted(arrays)) or 'none'}")
    images = check_images(str(path), arrays["images"])
    images = images if images.dtype == np.uint8 else to_uint8(images)
    if not len(images) or (images.shape[-1] != shape[-1] and not {images.shape[-1], shape[-1]} <= {1, 3}):
        raise UserError(f"{path}: expected images [N, H, W, {shape[-1]}], got {images.shape}")
    for first in range(0, len(images), CHUNK):
        part = pixels.in_channels(images[first : first + CHUNK], shape[-1])
        part = pixels.resize_all(part, (shape[0], shape[1]))
        yield [f"{first + number:06d}.png" for number in range(len(part))], part
