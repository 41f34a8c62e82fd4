"""Sheets of samples with what was asked for: one caption per row, written to the left of its samples."""

import contextlib
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgen.sampling.grids import MAX_CLASSES, enlarged
from tfgen.storage import images

LETTERS = 24  # of a line
# of the usual systems, those with most letters first; Pillow finds them by name
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf", "NotoSansCJK-Regular.ttc")
SIZE, LEADING, EDGE = 13, 16, 6  # pixels: of letters, from line to line, and beside them


def distinct(texts: Iterable[str]) -> list[str]:
    """Returns the different texts, in the order in which they come first."""
    return list(dict.fromkeys(texts))


def rows_fit(texts: Sequence[str] | np.ndarray | None) -> bool:
    """Returns whether samples of these captions are shown in a row per caption: captions repeat, and are not many."""
    count = 0 if texts is None else len(distinct(texts))
    return 0 < count <= MAX_CLASSES and texts is not None and len(texts) > count


def caption_rows(samples: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Returns a sheet, uint8 [H, W, C], of a row per caption, in the order in which the captions come first.

    Args:
        samples: uint8 [N, h, w, c]; small ones are enlarged.
        texts: the caption of each.
    """
    shown, known = distinct(texts), np.array(texts, object)
    columns = max(int((known == text).sum()) for text in shown)
    cells = np.full((len(shown), columns, *samples.shape[1:]), images.BACKGROUND, np.uint8)
    for row, text in zip(cells, shown, strict=True):
        made = samples[known == text]
        row[: len(made)] = made
    sheet = enlarged(images.grid(cells.reshape(-1, *samples.shape[1:]), columns), samples.shape[1:])
    return beside(shown, sheet)


def beside(texts: Sequence[str], sheet: np.ndarray) -> np.ndarray:
    """Returns a sheet, uint8 [H, W, C], with a text to the left of each of its rows, which are as many as texts."""
    return np.concatenate([_margin(texts, len(sheet), sheet.shape[-1]), sheet], axis=1)


def lettered(texts: Sequence[str]) -> tuple[Any, list[str]]:
    """Returns a font of Pillow, and the texts as it can write them.

    Pillow's own font has the letters of ASCII alone. For others, that of `FONTS` on this machine is taken which lacks
    the fewest; what it lacks loses its accents, and what is left are question marks.
    """
    letters = "".join(texts)
    font, lacking = min(((font, _lacking(font, letters)) for font in _fonts()), key=lambda pair: len(pair[1]))
    return font, ["".join(c if c not in lacking else _plain(font, c) for c in text) for text in texts]


def _fonts():
    """Yields Pillow's own font, then those of the machine."""
    yield ImageFont.load_default(SIZE)
    for name in FONTS:
        with contextlib.suppress(OSError):  # it is not on this machine
            yield ImageFont.truetype(name, SIZE)


def _lacking(font, letters):
    """Returns the letters, each once, that a font shows as it shows what is no letter."""
    blank = bytes(font.getmask("\uffff"))
    return "".join(c for c in dict.fromkeys(letters) if not c.isspace() and bytes(font.getmask(c)) == blank)


def _plain(font, letter):
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare and not _lacking(font, bare) else "?"


def _margin(texts, height, channels):
    """Returns the texts, each in the middle of its part of the height: uint8 [height, width, channels]."""
    font, texts = lettered(texts)
    part = height / len(texts)
    most = max(1, int(part // LEADING))
    wrapped = [textwrap.wrap(text, LETTERS, max_lines=most, placeholder=" ...") or [""] for text in texts]
    width = max(int(font.getlength(line)) for lines in wrapped for line in lines) + 2 * EDGE
    picture = Image.new("L", (width, height), images.BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for number, lines in enumerate(wrapped):
        top = part * number + (part - LEADING * len(lines)) / 2
        for place, line in enumerate(lines):
            draw.text((EDGE, round(top + LEADING * place)), line, fill=0, font=font)
    return np.repeat(np.asarray(picture)[..., None], channels, axis=-1)
