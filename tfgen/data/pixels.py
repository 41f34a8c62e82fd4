"""Single pictures: conversion of every Pillow mode to gray or RGB, centre crop, antialiased resizing."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import ExifTags, Image, features

from tfgen import domains, faults
from tfgen.data.source import empty
from tfgen.errors import UserError, shown
from tfgen.faults import PICTURE

# the parsers that see a file, whatever its suffix, and the usual suffixes of each
_SUFFIXES = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
}
if features.check("avif"):  # Pillow can be built without it
    _SUFFIXES["AVIF"] = (".avif",)
FORMATS = tuple(_SUFFIXES)
SUFFIXES = tuple(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# where Pillow keeps an orientation; `getexif` of a PNG without any of them would decode the whole picture
_ORIENTED = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
SIDES = (8, 512)  # pixels of the sides of images that models take, from and to
_GRAY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}


def parse_size(image_size: int | str | Sequence[int] | None) -> tuple[int, int] | None:
    """Returns (height, width) of an int, a pair, or a text like 64 or 48x64; None for None.

    Raises:
        UserError: it is none of these, or a side is less than 1 pixel, or more than any picture that is read.
    """
    if image_size is None:
        return None
    value = image_size.lower().replace("x", ",").split(",") if isinstance(image_size, str) else image_size
    sides: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value, value]
    try:
        numbers = [domains.integer(side) if isinstance(side, str) else int(side) for side in sides]
    except faults.NUMBER:
        numbers = []
    if len(numbers) == 1:
        numbers *= 2
    exact = all(isinstance(side, str) or side == number for side, number in zip(sides, numbers, strict=False))
    if len(numbers) != 2 or min(numbers) < 1 or not exact:
        raise UserError(f"image_size: expected 64 or (height, width), got {shown(image_size)}")
    if max(numbers) > SIDES[1]:  # before anything is resized to it
        raise UserError(f"image_size: expected at most {SIDES[1]} pixels per side, got {shown(image_size)}")
    return numbers[0], numbers[1]


def centre_box(width: int, height: int, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Returns the largest box (left, top, right, bottom) about the centre with the shape of `size` (height, width)."""
    # the side that limits the box is taken as it is, by a comparison of integers: rounded, it may exceed the picture,
    # and Pillow rejects a box that begins at -1e-15
    limited_by_width = width * size[0] <= height * size[1]
    wide = width if limited_by_width else height * size[1] / size[0]
    high = width * size[0] / size[1] if limited_by_width else height
    left, top = (width - wide) / 2, (height - high) / 2
    return (left, top, left + wide, top + high)


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Returns a Pillow image, cropped about its centre and resized to (height, width) with Lanczos, antialiased."""
    if (image.height, image.width) == tuple(size):
        return image
    box = centre_box(image.width, image.height, size)
    return image.resize((size[1], size[0]), Image.Resampling.LANCZOS, box=box)


def in_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Returns images uint8 [N, H, W, C], C 1 or 3, with `channels`, 1 or 3; gray is Pillow's."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    return np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images])


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
    """Returns the EXIF orientation 1 .. 8 in the header; 1, upright, without a readable one.

    To be asked before the pixels are decoded. TIFF files are turned by Pillow itself.
    """
    if image.format == "TIFF" or not any(key in image.info for key in _ORIENTED):
        return 1
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except PICTURE:  # a picture is readable without its EXIF
        return 1
    return found if found in _TURNS else 1


def to_array(image: Image.Image, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns a Pillow image as uint8 [H, W, channels]: upright, over white, 8 bits, cropped and resized to `size`.

    Raises:
        ValueError: as `to_mode`; and whatever Pillow raises.
    """
    turn = _TURNS.get(orientation(image))
    image = to_mode(image, "L" if channels == 1 else "RGB")
    if turn is not None:
        image = image.transpose(turn)
    if size is not None:
        image = resize(image, size)
    return np.asarray(image).reshape(image.height, image.width, channels)


def to_mode(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """Returns a picture in mode "L" or "RGB", 8 bits per channel, transparent parts laid over white.

    Raises:
        ValueError: its pixels are floating-point numbers, or outside of 0 .. 65535: their range is not known.
    """
    if image.mode == "F":
        raise ValueError("pixels of floating-point numbers")
    if image.mode.startswith("I"):
        # not by Pillow, which clips mode I at 255 instead of scaling it
        values = np.asarray(image).astype(np.int64)
        if values.size and not 0 <= values.min() <= values.max() <= 65535:
            raise ValueError(f"pixels from {values.min()} to {values.max()}")
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    elif image.mode in ("P", "CMYK", "YCbCr"):
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)
