"""Pictures from a run's folder, reduced in size for the page."""

import contextlib
import io
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageSequence

from tfgen.errors import UserError
from tfgen.report.evidence import Evidence
from tfgen.report.figures import captioned, figure, shown
from tfgen.report.markup import Markup, data_uri, folded

FILM_BYTES, FILM_FRAMES, FILM_LEVELS = 500_000, 20, 32


def film(evidence: Evidence) -> Markup | None:
    """Returns the animation of the samples during training, reduced in size where it is large; None without one."""
    path = evidence.run.paths.film
    if not path.is_file():
        return None
    content = path.read_bytes()
    with opened(path) as picture:
        width, height = picture.size
        if len(content) > FILM_BYTES:
            content = smaller_film(picture)
    said = "After each epoch of the training, from the same noise or the same examples."
    animation = captioned(shown(data_uri(content, "gif"), width, height, "samples after each epoch, animated"), said)
    return folded("Play or stop", animation, open_=True)  # folding stops the movement, as WCAG 2.2.2 asks


def nearest(evidence: Evidence) -> Markup | None:
    """Returns the picture by tfgen.evaluate of samples beside their nearest training images, or None."""
    path = evidence.run.paths.nearest
    if not path.is_file():
        return None
    with opened(path) as picture:
        sheet = np.asarray(picture.convert("L" if picture.mode in ("1", "L", "I;16") else "RGB"))
    said = "Rows of samples, below each the training image nearest to it; the closest pairs first. Copies would show."
    return figure(sheet, "samples, the nearest training images below", said)


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Image.Image]:
    """Opens a picture file.

    Raises:
        UserError: it is not a picture, or is truncated.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            yield picture
    except (OSError, EOFError, ValueError, SyntaxError) as error:  # what Pillow raises for damaged files
        raise UserError(f"{path} is damaged: {error}") from None


def smaller_film(film: Image.Image) -> bytes:
    """Returns the bytes of a GIF with fewer frames and colours."""
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, FILM_FRAMES)})
    frames = [frames[i].quantize(FILM_LEVELS, dither=Image.Dither.NONE) for i in chosen]
    durations = [2000] + [250] * (len(frames) - 1)  # the first one is the end of the training
    file = io.BytesIO()
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return file.getvalue()
