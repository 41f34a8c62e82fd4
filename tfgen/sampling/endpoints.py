"""Signatures of a SavedModel."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfgen.storage import images

BLANK = images.encode_png(np.zeros((1, 1, 1), np.uint8))  # a picture of one pixel
GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A signature of a SavedModel.

    Attributes:
        function: takes the inputs by name and returns name -> tensor; traceable.
        inputs: their names, shapes and dtypes, each with a batch dimension.
        blank: a text or a file that the function can read, where an input is of strings.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: tuple[tf.TensorSpec, ...]
    blank: bytes = b""


def pictures_of(files: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Returns the pictures in PNG files, string [B], as images float32 [B, H, W, C] in [0, 1]; traceable.

    As those of a folder (`tfgen.data.pixels.to_array`) they are laid over white where they are transparent, made gray
    by Pillow's weights, cropped about their centres and resized. Four channels keep the transparency.

    Args:
        files: the contents of the files, of any sizes.
        shape: (H, W, C), C of 1, 3 or 4.
    """
    size = tf.constant(shape[:2], tf.float32)

    def picture(file: tf.Tensor) -> tf.Tensor:
        pixels = in_channels(tf.io.decode_png(file, channels=4), shape[2])
        sides = tf.cast(tf.shape(pixels)[:2], tf.float32)
        scale = tf.reduce_max(size / sides)
        resized = tf.raw_ops.ScaleAndTranslate(
            images=pixels[None],
            size=shape[:2],
            scale=tf.stack([scale, scale]),
            translation=0.5 * (size - sides * scale),
            kernel_type="lanczos3",
            antialias=True,
        )
        return tf.clip_by_value(tf.round(resized[0]), 0.0, 255.0) / 255.0

    def in_channels(pixels: tf.Tensor, channels: int) -> tf.Tensor:
        pixels = tf.cast(pixels, tf.float32)
        if channels == 4:
            return pixels
        share = pixels[..., 3:] / 255.0
        colors = tf.round(pixels[..., :3] * share + 255.0 * (1.0 - share))
        return colors if channels == 3 else tf.round(tf.reduce_sum(colors * GRAY, axis=-1, keepdims=True))

    return tf.map_fn(picture, files, fn_output_signature=tf.TensorSpec(shape, tf.float32))
