"""Known faults of real images: their scores form a scale by which other scores can be read."""

import numpy as np

from tfgen.evaluation.real import Side

NOISE = 16  # standard deviation, of 255


def noisy(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns uint8 images with noise N(0, 16^2) added to every pixel, clipped to 0 and 255."""
    noise = np.random.default_rng(seed).normal(0.0, NOISE, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images [N, H, W, C] after a 3x3 box filter, edges repeated."""
    padded = np.pad(images.astype(np.uint16), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    total = np.zeros(images.shape, np.uint16)
    for y, x in np.ndindex(3, 3):
        total += padded[:, y : y + height, x : x + width]
    return ((total + 4) // 9).astype(np.uint8)  # + 4: rounded, not cut


LADDER = {f"noise of {NOISE}/255": noisy, "blur over 3x3": blurred}


def without_a_class(side: Side) -> Side | None:
    """Returns a `Side` without its most frequent class, by label, else by predicted class; None without either."""
    labels = side.labels if side.labels is not None else None
    if labels is None and side.probabilities is not None:
        labels = side.probabilities.argmax(axis=1)
    if labels is None:
        return None
    kept = np.flatnonzero(labels != np.bincount(labels).argmax())
    return side.take(kept) if len(kept) else None
