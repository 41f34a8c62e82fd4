"""Known faults of real images, a ladder by which a figure's size can be judged."""

import numpy as np

NOISE = 16  # standard deviation, of 255


def noisy(images, seed=0):
    """Adds N(0, 16^2) to uint8 pixels, cut at 0 and 255."""
    noise = np.random.default_rng(seed).normal(0.0, NOISE, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def blurred(images):
    """Each uint8 pixel becomes the mean of the 3x3 about it, edges repeated."""
    padded = np.pad(images.astype(np.uint16), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    total = sum(padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3))
    return ((total + 4) // 9).astype(np.uint8)


LADDER = {f"noise of {NOISE}/255": noisy, "blur over 3x3": blurred}


def without_a_class(side):
    """A `Side` without its most frequent class, by label or as the extractor sees it; None where neither is known."""
    labels = side.labels if side.labels is not None else None
    if labels is None and side.probabilities is not None:
        labels = side.probabilities.argmax(axis=1)
    if labels is None:
        return None
    kept = np.flatnonzero(labels != np.bincount(labels).argmax())
    return side.take(kept) if len(kept) else None
