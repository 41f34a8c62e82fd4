"""Copies and repetitions among images: fingerprints of pixels, and proportions compared with those of real images."""

import hashlib
import math

import numpy as np
from numpy.typing import ArrayLike

STRICT = 4.0  # standard errors: below 1e-4 on each side, as one evaluation makes several comparisons


def fingerprints(images: np.ndarray) -> np.ndarray:
    """Returns a hash of each image's pixels, uint64 [N], of images uint8 [N, ...]; equal images have equal hashes."""
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    digests = b"".join(hashlib.blake2b(row.data, digest_size=8).digest() for row in rows)
    return np.frombuffer(digests, np.uint64)


def repeated(prints: np.ndarray) -> np.ndarray:
    """Returns which images repeat an earlier one, bool [N], from `fingerprints` uint64 [N]."""
    found = np.ones(len(prints), bool)
    found[np.unique(prints, return_index=True)[1]] = False
    return found


def exceeds(found: ArrayLike, expected: ArrayLike, least: float) -> bool:
    """Returns whether a property is more frequent among samples than among real images, by `least` and beyond chance.

    Chance is excluded where the score intervals of both proportions (Wilson 1927) at `STRICT` standard errors are
    disjoint.

    Args:
        found, expected: which samples, and which real images, have the property: bool [N] and [M].
        least: the smallest difference of the proportions that counts.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if not len(found) or not len(expected):
        return False
    apart = wilson(found.mean(), len(found))[0] > wilson(expected.mean(), len(expected))[1]
    return bool(apart and found.mean() - expected.mean() >= least)


def wilson(share: float, count: int, errors: float = STRICT) -> tuple[float, float]:
    """Returns the score interval of a proportion of `count` cases (Wilson 1927) at a number of standard errors."""
    centre = (share + errors**2 / (2 * count)) / (1 + errors**2 / count)
    half = errors / (1 + errors**2 / count) * math.sqrt(share * (1 - share) / count + errors**2 / (4 * count**2))
    return centre - half, centre + half
