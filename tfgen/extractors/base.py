"""What every feature extractor is to the metrics: images in, features and probabilities out, and what made them."""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError

RESIZE = "antialiased bilinear (triangle filter, half-pixel centres, sides independent), float32, no rounding"
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode "L"


class Extractor:
    """A network that images are compared through.

    Args:
        network: float32 tensor [B, h, w, c] in [0, 1] -> (features [B, F], probabilities [B, classes] or None),
            tensors or arrays; `compiled` makes a fast one of TensorFlow operations.
        name: as in `load_extractor`. version: of the weights and of what is done to images before them.
        sha256: of the weights' file, or of a folder's files, hexadecimal.
        image_size: (h, w) that `network` takes. channels: 1 or 3.
        classes: how many probabilities there are, or None.
        accuracy: the share of `dataset`'s test images classified rightly, or None where nobody measured it.
        is_fid: whether this is the Inception graph of 2015-12-05, the only one whose distance is the FID.
        resize: how images come to `image_size`, in words.
        upscale: False leaves images that fit into `image_size` as they are, for a network that resizes them itself.
        batch_size: images at once, where the caller says nothing.
    """

    def __init__(
        self,
        network,
        *,
        name,
        version,
        sha256,
        image_size,
        channels,
        classes=None,
        accuracy=None,
        dataset=None,
        is_fid=False,
        resize=RESIZE,
        upscale=True,
        batch_size=100,
    ):
        self.name, self.version, self.sha256 = name, version, sha256
        self.image_size, self.channels, self.resize = tuple(image_size), channels, resize
        self.classes, self.accuracy, self.dataset, self.is_fid = classes, accuracy, dataset, is_fid
        self.batch_size = batch_size
        self._network, self._upscale = network, upscale

    def features(self, images, batch_size=None):
        """Returns features float32 [N, F] of images [N, H, W, C], uint8 or float in [0, 1], C 1 or 3, of any size.

        Raises:
            UserError: images of another kind, not a number among them, out of range, or none at all.
        """
        return self._run(images, batch_size)[0]

    def probabilities(self, images, batch_size=None):
        """Returns class probabilities float32 [N, classes]; arguments and errors as in `features`.

        Raises:
            UserError: also where this extractor is no classifier.
        """
        return self.features_and_probabilities(images, batch_size)[1]

    def features_and_probabilities(self, images, batch_size=None):
        """Returns both in one pass; arguments and errors as in `probabilities`."""
        if self.classes is None:
            raise UserError(
                f"extractor {self.name!r} has features and no class probabilities, which this metric needs; "
                "use one that is a classifier: fashion_mnist, mnist, lite0, ..."
            )
        return self._run(images, batch_size)

    def describe(self):
        """Returns what a figure's protocol needs to say of the extractor: a dict of plain values."""
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


def compiled(network, image_size, channels):
    """Returns `network` as one `tf.function` for batches of any length, traced once."""
    spec = tf.TensorSpec((None, *image_size, channels), tf.float32)
    return tf.function(network, input_signature=[spec])


def prepare(images, size, channels):
    """Brings images to what a network takes; the one resize of all extractors.

    Downscaling is antialiased: every pixel counts by a triangle filter as wide as two output pixels, so that nothing is
    skipped and the mean stays. It equals Pillow's BILINEAR on float images (mode "F"). The sides are scaled apart: a
    picture of another shape is stretched, not cut. Colour becomes gray as 0.299 R + 0.587 G + 0.114 B, gray becomes
    colour by repeating it.

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


def check_images(images):
    """Returns `images` as an array [N, H, W, C], uint8 or float; raises `UserError` for what no extractor takes."""
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
        raise UserError(f"{count} of {len(images)} images hold NaN: nothing can be said of them")
    if low < 0 or high > 1:
        raise UserError(f"float images must lie in [0, 1], got {low:.3g} to {high:.3g}; divide by 255, or use uint8")
    return images


def _joined(parts):
    return np.concatenate([np.asarray(part, np.float32) for part in parts])
