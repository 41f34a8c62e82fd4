"""Sheets of related pictures: originals above reconstructions, conditions above samples, one class per row."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfgen.storage import images

MAX_CLASSES = 20
COLUMNS = 10  # of a sheet, about
_SIDE, _MOST = 64, 3  # pixels up to which a tile is enlarged, and how often at most


def class_rows(num_classes: int, n: int, columns: int) -> tuple[np.ndarray, int]:
    """Returns (labels int64 of a grid with one class per row, its columns): at most `n` images, `MAX_CLASSES` rows."""
    rows = min(num_classes, MAX_CLASSES, n)
    columns = max(1, min(columns, n // rows))
    return np.repeat(np.arange(rows, dtype=np.int64), columns), columns


def class_columns(period: int) -> int:
    """Returns about `COLUMNS` columns, so that each holds one class where `period` classes come in turn."""
    return period * max(1, COLUMNS // period)


def enlarged(sheet: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a sheet, uint8 [H, W, C], of tiles of `shape` (h, w, C), small ones enlarged two or three times."""
    times = max(1, min(_MOST, _SIDE // max(shape[:2])))
    return sheet.repeat(times, axis=0).repeat(times, axis=1)


def paired(above: np.ndarray, below: np.ndarray, columns: int) -> np.ndarray:
    """Returns a sheet of rows of `above`, each above the row of the same examples in `below`; as `stacked`."""
    return stacked((above, below), columns)


def stacked(parts: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Returns a sheet, uint8 [H, W, C], of a row of each part, one above the other, then their next rows.

    Args:
        parts: uint8 or float in [0, 1] [N, h, w, c] of the same examples, converted to size and channels of the last.
        columns: pictures per row.
    """
    last = as_bytes(parts[-1])
    parts = [np.stack([fitted(image, last.shape[1:]) for image in as_bytes(part)]) for part in parts]
    rows = [part[i : i + columns] for i in range(0, len(last), columns) for part in parts]
    missing = columns - len(rows[-1])
    if missing and len(rows) > len(parts):  # pad the last rows, so that each but the very last ends its line
        for row in range(len(rows) - len(parts), len(rows) - 1):
            rows[row] = np.concatenate([rows[row], np.full_like(rows[0][:missing], images.BACKGROUND)])
    return images.grid(np.concatenate(rows), min(columns, len(last)))


def fitted(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a picture, uint8 [h, w, c], with the size and the channels of `shape` (H, W, C)."""
    image = np.asarray(image)
    if image.shape[:2] != tuple(shape[:2]):
        planes = [Image.fromarray(plane) for plane in np.moveaxis(image, -1, 0)]
        planes = [plane.resize((shape[1], shape[0]), Image.Resampling.NEAREST) for plane in planes]
        image = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    if image.shape[-1] == shape[-1]:
        return image
    gray = image[..., :3].mean(axis=-1, keepdims=True).astype(np.uint8)
    return np.repeat(image[..., :1] if image.shape[-1] == 1 else gray, shape[-1], axis=-1)


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Returns pictures, uint8 or float in [0, 1], as uint8."""
    pictures = np.asarray(pictures)
    return pictures if pictures.dtype == np.uint8 else images.to_uint8(pictures)
