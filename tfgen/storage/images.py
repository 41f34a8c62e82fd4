"""Pictures as arrays and files: a grid of images, PNG, and the animated GIF of a run's progress."""

import io
import math
import pathlib

import numpy as np
from PIL import Image

from tfgen.errors import UserError
from tfgen.storage.atomic import replacing

BACKGROUND = 255
GIF_FRAMES = 40
GIF_SIDE = 640
GIF_SECONDS = 6.0
GIF_HOLD_SECONDS = 2.0


def to_uint8(images):
    """Rounds images from [0, 1] to bytes: floor(255 x + 0.5), with x clipped and NaN taken as 0.

    Args:
        images: float array or `tf.Tensor` of any shape.

    Returns:
        uint8 of the same shape and kind; a tensor stays in the graph, so that exports round as Python does.
    """
    if isinstance(images, (np.ndarray, np.generic, list, tuple)):
        images = np.nan_to_num(np.asarray(images, np.float32), nan=0.0)
        return np.floor(np.clip(images, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    import tensorflow as tf

    images = tf.where(tf.math.is_nan(images), tf.zeros_like(images), images)
    return tf.cast(tf.floor(tf.clip_by_value(images, 0.0, 1.0) * 255.0 + 0.5), tf.uint8)


def grid(images, columns=None, padding=2):
    """Lays images out in rows, first image at the top left.

    Args:
        images: uint8 [N, H, W, C] with C 1, 3 or 4, or [N, H, W].
        columns: images in a row; the default makes the grid about as wide as it is high.
        padding: white pixels between and around the images.

    Returns:
        uint8 [rows * (H + padding) + padding, columns * (W + padding) + padding, C].
    """
    images = _checked(images)
    number, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(number)), number)
    rows = math.ceil(number / columns)
    cells = np.full((rows * columns, height + padding, width + padding, channels), BACKGROUND, np.uint8)
    cells[:number, padding:, padding:] = images
    cells = cells.reshape(rows, columns, height + padding, width + padding, channels)
    sheet = cells.transpose(0, 2, 1, 3, 4).reshape(rows * (height + padding), columns * (width + padding), channels)
    return np.pad(sheet, ((0, padding), (0, padding), (0, 0)), constant_values=BACKGROUND)


def scatter(points, reference=None, side=480):
    """Draws points of the plane, each a small blue square, over others in gray.

    Args:
        points: float [N, 2].
        reference: float [M, 2], real ones, which then decide what part of the plane is shown: theirs and a fifth more.
            Points outside it are drawn at its edge.
        side: of the picture, in pixels.

    Returns:
        uint8 [side, side, 3]; y grows upwards.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    frame = points if reference is None else np.asarray(reference, np.float64).reshape(-1, 2)
    frame = frame[np.isfinite(frame).all(axis=1)]
    low, high = (frame.min(axis=0), frame.max(axis=0)) if len(frame) else (-np.ones(2), np.ones(2))
    reach = 0.6 * max((high - low).max(), 1e-6)
    picture = np.full((side, side, 3), BACKGROUND, np.uint8)
    for drawn, colour in ((reference, (190, 190, 190)), (points, (20, 80, 200))):
        if drawn is not None:
            _dots(picture, (drawn - (low + high) / 2) / reach, colour)
    return picture


def _dots(picture, places, colour, size=3):
    """Paints squares at `places` [N, 2] of the plane from -1 to 1, x to the right and y upwards."""
    side = len(picture)
    places = places[np.isfinite(places).all(axis=1)]
    corners = np.clip((np.clip(places, -1, 1) * [1, -1] + 1) / 2 * side - size / 2, 0, side - size).round().astype(int)
    for across in range(size):
        for down in range(size):
            picture[corners[:, 1] + down, corners[:, 0] + across] = colour


def save_png(path, image):
    """Writes one image, uint8 [H, W] or [H, W, C] with C 1, 3 or 4, as PNG, whole or not at all."""
    with replacing(path) as partial:
        _picture(image).save(partial, format="PNG")


def encode_png(image):
    """The bytes of a PNG file of one image, uint8 as in `save_png`."""
    file = io.BytesIO()
    _picture(image).save(file, format="PNG")
    return file.getvalue()


def save_gif(path, frames, *, max_frames=GIF_FRAMES, max_side=GIF_SIDE, seconds=GIF_SECONDS, hold=GIF_HOLD_SECONDS):
    """Writes an endless animated GIF, whole or not at all.

    Args:
        path: the GIF.
        frames: in order, uint8 images of one shape or paths of PNG files; at most `max_frames` of them are used, evenly
            spaced, the first and the last among them.
        max_side: larger pictures are made smaller until no side is longer than this many pixels.
        seconds: the length of the whole animation, without the last frame's `hold`.

    Raises:
        UserError: there is no frame.
    """
    if not len(frames):
        raise UserError(f"expected at least one frame for {path}, got none: train for one epoch first")
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, max_frames)})
    pictures = [_shrunk(_opened(frames[i]), max_side) for i in chosen]
    step = int(min(500, 1000 * seconds / len(pictures)))
    durations = [step] * (len(pictures) - 1) + [int(1000 * hold)]
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


def _opened(frame):
    if isinstance(frame, (str, pathlib.Path)):
        with Image.open(frame) as picture:
            picture.load()
            return picture
    return _picture(frame)


def _shrunk(picture, max_side):
    scale = max(picture.size) / max_side
    if scale <= 1:
        return picture
    return picture.resize([max(1, round(side / scale)) for side in picture.size], Image.Resampling.BOX)
