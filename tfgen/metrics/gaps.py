"""How far real images that explain a sample stand out among others: the statistic by which near copies are found.

A sample that copies an image is nearer to it than to any other, by far more than a new image is nearer to its nearest
than to others. The ratio has no unit, and is near 1 for blurred, smooth or poor samples, which lie at about the same
distance from many images: so a model is not accused of copying where its samples are merely near to the data. Compare
authenticity (Alaa et al. 2022), whose ratio is taken at the training image, and the data-copying test of Meehan et al.
2020, whose distances are compared with those of held-out images; here ratios are.
"""

from __future__ import annotations

import numpy as np

BLOCKS = 64
NEXT = 4  # the rank, from 0, of the other image: a few near duplicates of the copied one do not hide it
NEAR, FIRST = 2_048, 16  # candidates for blends: all images, and the first of each
LEAST = 1e-3  # a residual, of 1: below are rounding errors
EMPTY = 0.1  # of the usual length of a code: below, as where the half of an image is black, a cosine means nothing
QUERIES = 64  # codes compared with all images at once


def unit(codes: np.ndarray) -> np.ndarray:
    """Returns codes [..., K] with length 1; those of constant images stay 0."""
    return codes / np.maximum(np.linalg.norm(codes, axis=-1, keepdims=True), 1e-6)


def residual(cosine: np.ndarray) -> np.ndarray:
    """Returns the length of what the best multiple of an image leaves of a sample of length 1."""
    return np.sqrt(np.maximum(1.0 - np.maximum(cosine, 0.0) ** 2, LEAST**2))


class Search:
    """Codes of real images, in blocks whose best images are found at once.

    Args:
        codes: float32 [N, K].
    """

    def __init__(self, codes: np.ndarray) -> None:
        self.codes = unit(codes.astype(np.float32))
        self.blocks = min(BLOCKS, len(codes))
        self.length = -(-len(codes) // self.blocks)
        padded = np.zeros((self.length * self.blocks, codes.shape[1]), np.float32)
        padded[: len(codes)] = self.codes
        # block b holds the images b, b + blocks, ...: neighbours in the data's order are in different ones
        self._arranged = np.ascontiguousarray(padded.reshape(self.length, self.blocks, -1).swapaxes(0, 1))

    def best(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (cosine, index), [M, blocks] each, of the image most like each query [M, K] within each block."""
        cosines = np.empty((len(queries), self.blocks), np.float32)
        index = np.empty((len(queries), self.blocks), np.int64)
        per = max(1, 8_192 // self.length)
        for start in range(0, len(queries), 4 * QUERIES):
            rows = slice(start, start + 4 * QUERIES)
            for first in range(0, self.blocks, per):
                blocks = self._arranged[first : first + per]
                found = (queries[rows] @ blocks.reshape(-1, blocks.shape[-1]).T).reshape(-1, *blocks.shape[:2])
                place = found.argmax(axis=2)
                cosines[rows, first : first + per] = np.take_along_axis(found, place[..., None], 2)[..., 0]
                index[rows, first : first + per] = place * self.blocks + np.arange(first, first + len(blocks))
        return cosines, np.minimum(index, len(self.codes) - 1)

    def gap(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns how far the nearest image stands out.

        Args:
            queries: codes of samples under each change, [M, V, K].

        Returns:
            (gap, index), [M] each: log of the residual of the best image, over changes, relative to that of the
            `NEXT`-th best after it (in a block of its own); 0 or below. The row of the best image.
        """
        size = np.linalg.norm(queries, axis=-1)
        cosines, index = self.best(unit(queries).reshape(-1, queries.shape[-1]))
        cosines = cosines.reshape(*queries.shape[:2], -1) * (size > EMPTY * np.median(size))[..., None]
        over = cosines.max(axis=1)
        order = np.argsort(-over, axis=1)
        left = residual(np.take_along_axis(over, order, 1))
        rows, block = np.arange(len(queries)), order[:, 0]
        change = cosines.argmax(axis=1)[rows, block]
        gap = np.log(left[:, 0] / left[:, min(NEXT, self.blocks - 1)])
        return gap, index.reshape(*cosines.shape)[rows, change, block]

    def blend_gaps(self, queries: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns how far the best blends of two and of three images stand out.

        Least-squares fits of images one after the other (orthogonal matching pursuit), from each of `FIRST` first ones.

        Args:
            queries: codes of samples, [M, K].

        Returns:
            for two and for three images (gap, rows): log of the residual of the best blend relative to that of the best
            one that has no image in common with it, [M]; the rows of the images, [M, 2] and [M, 3].
        """
        found = [self._blends(query) for query in unit(queries)]
        both = ([blends[count] for blends in found] for count in (0, 1))
        return [(np.array([gap for gap, _ in each]), np.stack([rows for _, rows in each])) for each in both]

    def _blends(self, query):
        cosines = self.codes @ query
        near = np.argpartition(-cosines, min(NEAR, len(cosines)) - 1)[:NEAR]
        near = near[np.argsort(-cosines[near])]
        images, answers = self.codes[near], []
        best = _pursuit(query, images, 3)
        for left, chosen in best[1:]:
            other = _pursuit(query, np.delete(images, chosen, axis=0), len(chosen))[-1][0]
            answers.append((np.log(left / other), near[chosen]))
        return answers


def twin_gaps(queries: np.ndarray, codes: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how far the images most like each query stand out among images of its own set.

    Of images that are repeated r times, the r - 1 nearest are much nearer than the next. So the distance of neighbour m
    is compared with that of neighbour 2 m, for m = 1, 2, 4, ...

    Args:
        queries: codes of some of the images under each change, [M, V, K].
        codes: of all images, [N, K].
        own: the rows of the queries among them, int [M].

    Returns:
        (gap, count), [M] each: the least log of such a ratio, and the number of images nearer than the gap.
    """
    codes, gaps, counts = unit(codes), [], []
    ranks = 2 ** np.arange(max(1, int(np.log2(max(2, (len(codes) - 1) // 4)))))
    for query, row in zip(unit(queries), own):
        left = np.sort(residual(np.delete((query @ codes.T).max(axis=0), row)))
        ratios = np.log(left[ranks - 1] / left[2 * ranks - 1])
        edge = np.exp(0.5 * np.log(left[ranks - 1] * left[2 * ranks - 1])[ratios.argmin()])
        gaps.append(ratios.min())
        counts.append(int((left < edge).sum()))
    return np.array(gaps), np.array(counts)


def _pursuit(query, images, count):
    """Returns (residual, images) of the best blend of 1, ..., count images, the nearest first among `images`."""
    first = min(FIRST, len(images))
    chosen, spans = np.arange(first)[:, None], images[:first, None]  # orthonormal bases, [first, count so far, K]
    left = query - (spans[:, 0] @ query)[:, None] * spans[:, 0]
    free, found = 1.0 - (spans[:, 0] @ images.T) ** 2, []
    while True:
        size = np.maximum(np.linalg.norm(left, axis=1), LEAST)
        found.append((size.min(), chosen[size.argmin()]))
        if len(found) == count:
            return found
        fit = np.maximum(left @ images.T, 0.0)
        # what an image leaves of itself in the span; a near duplicate of those chosen adds nothing
        best = (fit * fit / np.where(free > 0.02, free, np.inf)).argmax(axis=1)
        inside = np.einsum("fck,fk->fc", spans, images[best])
        new = unit(images[best] - np.einsum("fc,fck->fk", inside, spans))
        left = left - np.einsum("fk,fk->f", left, new)[:, None] * new
        free = free - (new @ images.T) ** 2
        spans, chosen = np.concatenate([spans, new[:, None]], axis=1), np.column_stack([chosen, best])
