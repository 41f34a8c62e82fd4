"""Copies and repetitions among images: fingerprints of pixels, and proportions compared with those of real images."""

import hashlib
import math

import numpy as np
from numpy.typing import ArrayLike

CHANCE = 1e-5  # of one comparison: an evaluation makes about twenty


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
    """Returns whether a property is more frequent among samples than among real images, by `least` and beyond `CHANCE`.

    Args:
        found, expected: which samples, and which real images, have the property: bool [N] and [M].
        least: the smallest difference of the proportions that counts.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if not len(found) or not len(expected) or found.mean() - expected.mean() < least:
        return False
    return by_chance(int(found.sum()), len(found), int(expected.sum()), len(expected)) < CHANCE


def by_chance(found: int, samples: int, expected: int, real: int) -> float:
    """Returns the probability of so many cases among the samples, or more, if they are as frequent among real images.

    Fisher's exact test, one-sided: of `found + expected` cases among `samples + real` images, `found` or more are
    samples.
    """
    cases, every = found + expected, samples + real
    log = [math.lgamma(n + 1) for n in range(every + 1)]
    choose = lambda n, k: log[n] - log[k] - log[n - k]  # noqa: E731
    counts = range(max(found, cases - real), min(cases, samples) + 1)
    total = choose(every, samples)
    return min(1.0, sum(math.exp(choose(cases, k) + choose(every - cases, samples - k) - total) for k in counts))
