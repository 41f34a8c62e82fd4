"""Pictures as parts of a page, reduced in size, with a caption."""

import io

import numpy as np
from PIL import Image

from tfgen.report.markup import Markup, data_uri, element

SIDE = 400  # pixels of a sheet at most, so that ten of them stay below 2 MB
SHOWN = 604  # pixels on the page, about


def figure(sheet: np.ndarray, spoken: str, caption: str) -> Markup:
    """Returns a picture, uint8 [H, W] or [H, W, C], with its caption; `spoken` is its text alternative."""
    return captioned(img(sheet, spoken), caption)


def captioned(picture: Markup, caption: str) -> Markup:
    """Returns a `figure` element of a picture and its caption."""
    return element("figure", picture, element("figcaption", caption))


def img(sheet: np.ndarray, spoken: str) -> Markup:
    """Returns the `img` element of a picture as PNG, reduced in size where it is large."""
    sheet = sheet[..., 0] if sheet.ndim == 3 and sheet.shape[-1] == 1 else sheet
    picture = Image.fromarray(sheet)
    scale = max(picture.size) / SIDE
    if scale > 1.6:
        picture = picture.resize([max(1, round(side / scale)) for side in picture.size], Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return shown(data_uri(file.getvalue(), "png"), *picture.size, spoken)


def shown(address: str, width: int, height: int, spoken: str) -> Markup:
    """Returns an `img` element at a whole multiple of its pixels."""
    times = max(1, round(SHOWN / max(width, 1)))
    return element("img", src=address, alt=spoken, width=times * width, height=times * height)
