"""The class of feature extractors: images in, features and class probabilities out, and a description."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError

RESIZE = "antialiased bilinear (triangle filter, half-pixel centres, sides independent), float32, no rounding"
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode "L"


class Extractor:
    """A network whose features the metrics compare.

    Args:
        network: float32 tensor [B, h, w, c] in [0, 1] -> (features [B, F], probabilities [B, classes] or None),
            tensors or arrays; `compiled` makes a fast one from TensorFlow operations.
        name: as in `load_extractor`.
        version: of the weights and of the preprocessing.
        sha256: of the file of the weights, or of the files of a folder, hexadecimal.
        image_size: (h, w) that `network` takes.
        channels: 1 or 3.
        classes: number of class probabilities, or None.
        accuracy: fraction of `dataset`'s test images that are classified correctly, or None if not measured.
        dataset: name of the data that the network was trained on, or None if unknown.
        is_fid: whether this is the Inception graph of 2015-12-05, the only one whose distance is the FID.
        resize: how images are brought to `image_size`, in words.
        upscale: False keeps images that fit into `image_size` as they are, for a network that resizes them itself.
        batch_size: default batch size of the methods.
        general: whether its classes are those of pictures of any kind, for the inception score of any data.
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], tuple[Any, Any]],
        *,
        name: str,
        version: str,
        sha256: str,
        image_size: tuple[int, int],
        channels: int,
        classes: int | None = None,
        accuracy: float | None = None,
        dataset: str | None = None,
        is_fid: bool = False,
        resize: str = RESIZE,
        upscale: bool = True,
        batch_size: int = 100,
        general: bool = False,
    ) -> None:
        self.name, self.version, self.sha256 = name, version, sha256
        self.image_size, self.channels, self.resize = tuple(image_size), channels, resize
        self.classes, self.accuracy, self.dataset, self.is_fid = classes, accuracy, dataset, is_fid
        self.batch_size, self.general = batch_size, general
        self._network, self._upscale = network, upscale

    def features(self, images: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Returns the features of images, float32 [N, F].

        Args:
            images: [N, H, W, C], uint8 or float in [0, 1], C 1 or 3, of any size.
            batch_size: images per call of the network.

        Raises:
            UserError: images of another shape or dtype, with NaN, out of range, or none.
        """
        return self._run(images, batch_size)[0]

    def probabilities(self, images: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Returns class probabilities, float32 [N, classes]; arguments as in `features`.

        Raises:
            UserError: as in `features`; or the extractor is not a classifier.
        """
        return self.features_and_probabilities(images, batch_size)[1]

    def features_and_probabilities(
        self, images: np.ndarray, batch_size: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns (features, probabilities) from one pass; arguments and errors as in `probabilities`."""
        if self.classes is None:
            raise UserError(
                f"extractor {self.name!r} has features and no class probabilities, which this metric needs; "
                "use one that is a classifier: fashion_mnist, mnist, lite0, ..."
            )
        return self._run(images, batch_size)

    def describe(self) -> dict[str, Any]:
        """Returns the part of a score's protocol on the extractor, plain values."""
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "resize": self.resize,
            "image_size": list(self.image_size),
            "channels": self.channels,
            "classes": self.classes,
            "accuracy": self.accuracy,
            "dataset": self.dataset,
            "is_fid": self.is_fid,
        }

    def __repr__(self):
        return f"<Extractor {self.name}@{self.version} {self.sha256[:8]}>"

    def _run(self, images, batch_size):
        images = check_images(images)
        batch_size = self.batch_size if batch_size is None else batch_size
        if batch_size < 1:
            raise UserError(f"batch_size must be at least 1, got {batch_size}")
        parts = []
        for start in range(0, len(images), batch_size):
            parts.append(self._network(self._prepared(images[start : start + batch_size])))
        features, probabilities = zip(*parts)
        return _joined(features), None if probabilities[0] is None else _joined(probabilities)

    def _prepared(self, images):
        size = self.image_size
        if not self._upscale and images.shape[1] <= size[0] and images.shape[2] <= size[1]:
            size = images.shape[1:3]
        return prepare(images, size, self.channels)


def compiled(network: Callable, image_size: tuple[int, int], channels: int) -> Callable:
    """Returns `network` as a `tf.function` for batches of any length, traced once."""
    spec = tf.TensorSpec((None, *image_size, channels), tf.float32)
    return tf.function(network, input_signature=[spec])


def prepare(images: np.ndarray, size: tuple[int, int], channels: int) -> tf.Tensor:
    """Returns images in the size and with the channels of a network; all extractors resize in this way.

    Downscaling is antialiased by a triangle filter as wide as two output pixels, which keeps the mean of the pixels.
    It equals Pillow's BILINEAR on float images (mode "F"). The sides are scaled independently: an image of another
    aspect ratio is stretched, not cropped. Colour becomes gray as 0.299 R + 0.587 G + 0.114 B; gray is repeated.

    Args:
        images: [N, H, W, C], uint8 or float in [0, 1], C 1 or 3.
        size: (h, w).
        channels: 1 or 3.

    Returns:
        float32 tensor [N, h, w, channels] in [0, 1].

    Raises:
        UserError: images of another kind.
    """
    images = check_images(images)
    dtype = images.dtype
    images = tf.cast(images, tf.float32)
    if dtype == np.uint8:
        images = images / 255.0
    if images.shape[-1] == 3 and channels == 1:
        images = tf.reduce_sum(images * LUMA, axis=-1, keepdims=True)
    if tuple(images.shape[1:3]) != tuple(size):
        images = tf.image.resize(images, size, method="bilinear", antialias=True)
    images = tf.clip_by_value(images, 0.0, 1.0)  # the filter's weights add up to 1 but for rounding
    return tf.repeat(images, channels, axis=-1) if images.shape[-1] < channels else images


def check_images(images: Any) -> np.ndarray:
    """Returns `images` as an array [N, H, W, C], uint8 or float in [0, 1].

    Raises:
        UserError: another shape or dtype, no image, NaN, or values out of range.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise UserError(f"expected images [N, height, width, 1 or 3 channels], got shape {list(images.shape)}")
    if not images.size:
        raise UserError(f"expected at least one image with pixels, got shape {list(images.shape)}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"images must be uint8, or float in [0, 1], got {images.dtype.name}")
    low, high = images.min(), images.max()  # both are NaN where a pixel is
    if np.isnan(low):
        count = int(np.sum(np.isnan(images).any(axis=(1, 2, 3))))
        raise UserError(f"{count} of {len(images)} images hold NaN and have no features")
    if low < 0 or high > 1:
        raise UserError(f"float images must lie in [0, 1], got {low:.3g} to {high:.3g}; divide by 255, or use uint8")
    return images


def _joined(parts):
    return np.concatenate([np.asarray(part, np.float32) for part in parts])
