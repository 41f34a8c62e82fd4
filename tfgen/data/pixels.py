"""Single pictures: conversion of every Pillow mode to gray or RGB, centre crop, antialiased resizing."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

from tfgen.data.source import empty
from tfgen.errors import UserError

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "BMP",
    "GIF",
)  # the parsers that see a file, whatever its suffix
_GRAY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}


def parse_size(image_size: int | str | Sequence[int] | None) -> tuple[int, int] | None:
    """Returns (height, width) of an int, a pair, or a text like 64 or 48x64; None for None.

    Raises:
        UserError: it is none of these, or a side is less than 1 pixel.
    """
    if image_size is None:
        return None
    value = image_size.lower().replace("x", ",").split(",") if isinstance(image_size, str) else image_size
    sides: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value, value]
    try:
        numbers = [int(side) for side in sides]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == 1:
        numbers *= 2
    exact = all(isinstance(side, str) or side == number for side, number in zip(sides, numbers, strict=False))
    if len(numbers) != 2 or min(numbers) < 1 or not exact:
        raise UserError(f"image_size: expected 64 or (height, width), got {image_size!r}")
    return numbers[0], numbers[1]


def centre_box(width: int, height: int, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Returns the largest box (left, top, right, bottom) about the centre with the shape of `size` (height, width)."""
    scale = min(width / size[1], height / size[0])
    wide, high = size[1] * scale, size[0] * scale
    left, top = (width - wide) / 2, (height - high) / 2
    # rounding may put an edge outside the picture, which Pillow rejects
    return (left, top, min(left + wide, width), min(top + high, height))


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Returns a Pillow image, cropped about its centre and resized to (height, width) with Lanczos, antialiased."""
    if (image.height, image.width) == tuple(size):
        return image
    box = centre_box(image.width, image.height, size)
    return image.resize((size[1], size[0]), Image.Resampling.LANCZOS, box=box)


def resize_all(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns images uint8 [N, H, W, C] as [N, *size, C], cropped and resized as in `resize`."""
    out = empty((len(images), *size, images.shape[3]), np.uint8)
    for number, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        out[number] = np.asarray(resize(picture, size)).reshape(out.shape[1:])
    return out


def is_gray(image: Image.Image) -> bool:
    """Returns whether a picture is gray by its mode or palette; pixels are not decoded."""
    if image.mode == "P" and image.palette is not None:
        order, entries = image.palette.getdata()  # getpalette() would decode the picture
        colours = np.frombuffer(entries, np.uint8)
        colours = colours[: len(colours) // len(order) * len(order)].reshape(-1, len(order))[:, :3]
        return bool((colours == colours[:, :1]).all())
    return image.mode in _GRAY


def traits(image: Image.Image) -> list[str]:
    """Returns which conversions a picture needs, as short phrases for a log line."""
    found = []
    if image.mode == "P":
        found.append("palette, expanded")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        found.append("transparent, laid over white")
    if image.mode == "CMYK":
        found.append("CMYK, to RGB")
    if image.mode.startswith("I"):
        found.append("16-bit, scaled to 8")
    if image.mode == "1":
        found.append("1-bit, to gray")
    if getattr(image, "is_animated", False):
        found.append("with several frames, the first taken")
    return found


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation 1 .. 8 in the header; 1, upright, without one."""
    if "exif" not in image.info:
        return 1  # getexif() of a PNG decodes the whole picture
    return image.getexif().get(0x0112, 1)


def to_array(image: Image.Image, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns a Pillow image as uint8 [H, W, channels]: upright, over white, 8 bits, cropped and resized to `size`."""
    image = to_mode(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    if size is not None:
        image = resize(image, size)
    return np.asarray(image).reshape(image.height, image.width, channels)


def to_mode(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """Returns a picture in mode "L" or "RGB", 8 bits per channel, transparent parts laid over white."""
    if image.mode.startswith("I"):
        # not by Pillow, which clips mode I at 255 instead of scaling it
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    elif image.mode in ("P", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)
