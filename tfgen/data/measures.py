"""What captions say, measured on pictures: brightness, size and place. NumPy only."""

from collections.abc import Callable

import numpy as np

from tfgen.data.filters import gray_of

_CHUNK = 1024  # pictures that are converted at once

Measure = Callable[[np.ndarray], np.ndarray]


def _grays(images):
    """Yields gray pictures float64 [n, H, W], a part of images uint8 [N, H, W, C] at a time."""
    for first in range(0, len(images), _CHUNK):
        part = np.asarray(images[first : first + _CHUNK])
        yield gray_of(part).reshape(part.shape[:3])


def brightness_of(images: np.ndarray) -> np.ndarray:
    """Returns the mean of the gray pixels above 0 of images uint8 [N, H, W, C], float64 [N] in 0..255; 0 of black."""
    parts = [
        gray.sum(axis=(1, 2), dtype=np.float64) / np.maximum((gray > 0).sum(axis=(1, 2)), 1) for gray in _grays(images)
    ]
    return np.concatenate(parts)


def size_of(images: np.ndarray) -> np.ndarray:
    """Returns the sum of the gray values of images uint8 [N, H, W, C], float64 [N], in white pixels."""
    return np.concatenate([gray.sum(axis=(1, 2), dtype=np.float64) / 255.0 for gray in _grays(images)])


def across_of(images: np.ndarray) -> np.ndarray:
    """Returns how far right the centre of the gray values lies, float64 [N] in [0, 1]; 1/2 of black pictures."""
    return _centre(images, axis=2)


def down_of(images: np.ndarray) -> np.ndarray:
    """Returns how far down the centre of the gray values lies, float64 [N] in [0, 1]; 1/2 of black pictures."""
    return _centre(images, axis=1)


def _centre(images, axis):
    places = (np.arange(images.shape[axis]) + 0.5) / images.shape[axis]
    parts = []
    for gray in _grays(images):
        weight = gray.sum(axis=3 - axis, dtype=np.float64)  # [n, pixels along the axis]
        total = weight.sum(axis=1)
        parts.append(np.where(total > 0, weight @ places / np.maximum(total, 1e-9), 0.5))
    return np.concatenate(parts)


def limit_between(values: np.ndarray, truths: np.ndarray) -> float:
    """Returns the limit above which `values` float [N] lie most often where `truths` bool [N] holds."""
    order = np.argsort(values, kind="stable")
    ordered, holds = values[order], np.asarray(truths, bool)[order]
    # right[k]: k values below the limit that do not hold, and the others above it that do
    right = np.concatenate([[0], np.cumsum(~holds)]) + holds.sum() - np.concatenate([[0], np.cumsum(holds)])
    edges = np.concatenate([[-np.inf], (ordered[1:] + ordered[:-1]) / 2, [np.inf]])
    right = np.where(np.concatenate([[True], ordered[1:] > ordered[:-1], [True]]), right, -1)  # no limit within equals
    return float(edges[int(right.argmax())])
