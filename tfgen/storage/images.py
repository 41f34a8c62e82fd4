"""Pictures as arrays and files: a grid of images, PNG, and the animated GIF of a run's progress."""

import io
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tfgen import domains, faults
from tfgen.errors import UserError
from tfgen.storage.atomic import replacing

BACKGROUND = 255  # white
ORIGIN = ("Software", "tfgen")  # the text of every PNG, by which a later command knows what it may replace
GIF_FRAMES = 40
GIF_SIDE = 640  # pixels
GIF_SECONDS = 6.0
GIF_HOLD_SECONDS = 2.0


def to_uint8(images: Any) -> Any:
    """Rounds images from [0, 1] to bytes: floor(255 x + 0.5), with x clipped and NaN replaced by 0.

    Args:
        images: float array or `tf.Tensor` of any shape.

    Returns:
        uint8 of the same shape and kind; that of a tensor is a tensor, so that exported graphs round in the same way.
    """
    if isinstance(images, (np.ndarray, np.generic, list, tuple)):
        # NaN first: its conversion to an integer is undefined
        images = np.nan_to_num(np.asarray(images, np.float32), nan=0.0)
        return np.floor(np.clip(images, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    import tensorflow as tf  # here, so that writing a PNG does not import it

    images = tf.where(tf.math.is_nan(images), tf.zeros_like(images), images)
    return tf.cast(tf.floor(tf.clip_by_value(images, 0.0, 1.0) * 255.0 + 0.5), tf.uint8)


def as_bytes(images: ArrayLike) -> np.ndarray:
    """Returns images of a data set or a network, uint8 or float in [0, 1], as uint8."""
    images = np.asarray(images)
    return images if images.dtype == np.uint8 else to_uint8(images)


def like(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns uint8 images [N, h, w, c] resized and converted to `shape` (H, W, C)."""
    height, width, channels = shape
    made = np.empty((len(images), *shape), np.uint8)
    for place, image in zip(made, images, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture = picture.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BOX)
        place[...] = np.asarray(picture).reshape(shape)
    return made


def grid(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Returns images laid out in rows, from the top left.

    Args:
        images: uint8 [N, H, W, C] with C 1, 3 or 4, or [N, H, W].
        columns: images per row; the default makes the grid about as many images wide as high.
        padding: white pixels between and around the images.

    Returns:
        uint8 [rows * (H + padding) + padding, columns * (W + padding) + padding, C].

    Raises:
        UserError: `images` has another dtype or shape, N or `columns` is 0.
    """
    images = _checked(images)
    if columns is None:
        columns = math.ceil(math.sqrt(len(images)))
    domains.check("columns", columns, domains.Count)
    domains.check("padding", padding, domains.Natural)
    number, height, width, channels = images.shape
    columns = min(columns, number)
    rows = math.ceil(number / columns)
    cells = np.full((rows * columns, height + padding, width + padding, channels), BACKGROUND, np.uint8)
    cells[:number, padding:, padding:] = images
    cells = cells.reshape(rows, columns, height + padding, width + padding, channels)
    sheet = cells.transpose(0, 2, 1, 3, 4).reshape(rows * (height + padding), columns * (width + padding), channels)
    return np.pad(sheet, ((0, padding), (0, padding), (0, 0)), constant_values=BACKGROUND)


def scatter(points: ArrayLike, reference: ArrayLike | None = None, side: int = 480) -> np.ndarray:
    """Returns a scatter plot of points in blue over reference points in gray, each a small square.

    Args:
        points: float [N, 2].
        reference: float [M, 2], drawn in gray, whose range (or, without it, that of `points`) and a margin of a fifth
            the plot shows. Points outside are drawn at its edge.
        side: width and height of the plot, in pixels.

    Returns:
        uint8 [side, side, 3]; y grows upwards.
    """
    drawn = np.asarray(points, np.float64).reshape(-1, 2)
    behind = None if reference is None else np.asarray(reference, np.float64).reshape(-1, 2)
    frame = drawn if behind is None else behind
    frame = frame[np.isfinite(frame).all(axis=1)]
    low, high = (frame.min(axis=0), frame.max(axis=0)) if len(frame) else (-np.ones(2), np.ones(2))
    reach = 0.6 * max((high - low).max(), 1e-6)  # equal points have no extent to divide by
    picture = np.full((side, side, 3), BACKGROUND, np.uint8)
    for cloud, colour in ((behind, (190, 190, 190)), (drawn, (20, 80, 200))):
        if cloud is not None:
            _dots(picture, (cloud - (low + high) / 2) / reach, colour)
    return picture


def _dots(picture, places, colour, size=3):
    """Paints squares at `places` [N, 2] of the plane from -1 to 1, x to the right and y upwards."""
    side = len(picture)
    places = places[np.isfinite(places).all(axis=1)]
    corners = np.clip((np.clip(places, -1, 1) * [1, -1] + 1) / 2 * side - size / 2, 0, side - size).round().astype(int)
    for across in range(size):
        for down in range(size):
            picture[corners[:, 1] + down, corners[:, 0] + across] = colour


def save_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes one image, uint8 [H, W] or [H, W, C] with C 1, 3 or 4, as PNG, atomically."""
    origin = PngInfo()
    origin.add_text(*ORIGIN)
    with replacing(path) as partial:
        _picture(image).save(partial, format="PNG", pnginfo=origin)


def is_own_png(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file was written by `save_png`, as far as its header says."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.info.get(ORIGIN[0]) == ORIGIN[1]
    except faults.PICTURE:
        return False


def encode_png(image: np.ndarray) -> bytes:
    """Returns the bytes of a PNG file of one image, uint8 as in `save_png`."""
    file = io.BytesIO()
    _picture(image).save(file, format="PNG")
    return file.getvalue()


def save_gif(
    path: str | os.PathLike[str],
    frames: Sequence[np.ndarray | str | pathlib.Path],
    *,
    max_frames: int = GIF_FRAMES,
    max_side: int = GIF_SIDE,
    seconds: float = GIF_SECONDS,
    hold: float = GIF_HOLD_SECONDS,
) -> None:
    """Writes an endless animated GIF atomically.

    It opens on the last frame, as which it is shown wherever it does not move: the first ones are gray noise.

    Args:
        path: the GIF.
        frames: in order, uint8 images of one shape or paths of PNG files; those that cannot be read are left out.
        max_frames: number of frames to use, evenly spaced, with the first and the last.
        max_side: pixels; larger pictures are reduced so that no side is longer.
        seconds: length of the animation without the additional time of the last frame.
        hold: seconds that the last frame is shown.

    Raises:
        UserError: there is no frame.
    """
    if not len(frames):
        raise UserError(f"expected at least one frame for {path}, got none: train for one epoch first")
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, max_frames)})
    pictures = [_shrunk(picture, max_side) for picture in map(_opened, (frames[i] for i in chosen)) if picture]
    if not pictures:
        raise UserError(f"no frame for {path} can be read")
    step = int(min(500, 1000 * seconds / len(pictures)))  # milliseconds; a few frames are not shown in slow motion
    pictures = pictures[-1:] + pictures[:-1]
    durations = [int(1000 * hold)] + [step] * (len(pictures) - 1)
    with replacing(path) as partial:
        pictures[0].save(
            partial, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
        )


def _checked(images):
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not len(images):
        raise UserError(
            "expected images as uint8 [N, H, W, C], N at least 1 and C 1, 3 or 4, to draw them, "
            f"got {images.dtype} {list(images.shape)}; tfgen.storage.images.to_uint8 converts floats in [0, 1]"
        )
    return images


def _picture(image):
    image = _checked(np.asarray(image)[None])[0]
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def size_of(path: pathlib.Path) -> tuple[int, int] | None:
    """Returns the (width, height) of a picture; None for a file that is damaged or no picture, and for a folder."""
    try:
        if not path.is_file():
            return None
        with Image.open(path) as picture:
            return picture.size
    except faults.PICTURE:
        return None


def _opened(frame):
    """Returns a frame as a picture; None for a file that cannot be read, which a film does without."""
    if not isinstance(frame, (str, pathlib.Path)):
        return _picture(frame)
    try:
        with Image.open(frame) as picture:
            picture.load()
            return picture
    except faults.PICTURE:
        return None


def _shrunk(picture, max_side):
    scale = max(picture.size) / max_side
    if scale <= 1:
        return picture
    return picture.resize([max(1, round(side / scale)) for side in picture.size], Image.Resampling.BOX)
