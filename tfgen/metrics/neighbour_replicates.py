"""Replicates of the scores from nearest neighbours, by halves of the images."""

import numpy as np

from tfgen.metrics.checks import check_pair
from tfgen.metrics.neighbours import squared_distances
from tfgen.metrics.replicates import SPLITS, Splits

IMAGES = 5_000  # of each side, at most: replicates from a part of the images, scaled to all of them
FEWER, MANY = 2_000, 4_000_000  # images where more pairs than `MANY` are near: samples that crowd in the real balls
NEAR = 28  # nearest neighbours, of which a half holds at least 5 but for one image in 10,000


def neighbour_replicates(
    real: np.ndarray, fake: np.ndarray, splits: Splits, k_pr: int = 3, k_dc: int = 5
) -> dict[str, np.ndarray] | None:
    """Returns the replicates of `precision`, `recall`, `density` and `coverage`, each float64 [SPLITS].

    Neighbourhoods are those within the half: the variance of the radii is in the replicates.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers.
        splits: of N and M images.
        k_pr, k_dc: as in `neighbour_scores`.

    Returns:
        dict of the replicates, or None where a half would not have more than k images.

    Raises:
        UserError: features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake)
    for images in (IMAGES, FEWER):
        part = min(1.0, images / max(len(real), len(fake)))
        rows = _part(len(real), part, splits.seed), _part(len(fake), part, splits.seed)
        if min(map(len, rows)) // 2 <= max(k_pr, k_dc) + 1:
            return None
        near = _Near(real[rows[0]], fake[rows[1]])
        if len(near.distance) <= MANY:
            break
    halves = zip(splits.real_halves[:, rows[0]], splits.fake_halves[:, rows[1]])
    found = [near.differences(first, second, k_pr, k_dc) for first, second in halves]
    scale = np.sqrt(part) / 2.0
    return {name: scale * np.array([one[name] for one in found]) for name in found[0]}


def _part(count, part, seed):
    """Returns the rows of a random part of `count` images, which follow from the seed."""
    return np.sort(np.random.default_rng((seed, count, SPLITS)).permutation(count)[: round(part * count)])


class _Near:
    """The pairs of a real image and a sample that may be neighbours in a half."""

    def __init__(self, real, fake):
        centre = real.mean(axis=0)
        real, fake = real - centre, fake - centre
        self.of_real, self.of_fake = _nearest(real), _nearest(fake)
        reach_real, reach_fake = self.of_real[1][:, -1], self.of_fake[1][:, -1]
        parts = []
        for rows, distances in squared_distances(real, fake):
            i, j = np.nonzero(distances <= np.maximum(reach_real[rows, None], reach_fake))
            parts.append((i + rows.start, j, distances[i, j]))
        self.real, self.fake, self.distance = (np.concatenate(part) for part in zip(*parts))

    def differences(self, real_half: np.ndarray, fake_half: np.ndarray, k_pr: int, k_dc: int) -> dict[str, float]:
        """Returns score -> its value in the first halves (bool [N], [M]) less its value in the second ones."""
        together = np.flatnonzero(real_half[self.real] == fake_half[self.fake])
        i, j, distance = self.real[together], self.fake[together], self.distance[together]
        real_pr, real_dc = _radii(self.of_real, real_half, (k_pr, k_dc))
        (fake_pr,) = _radii(self.of_fake, fake_half, (k_pr,))
        inside = distance < real_dc[i]
        balls = np.bincount(j[inside], minlength=len(fake_half)) / k_dc
        return {
            "precision": _difference(_marked(j[distance <= real_pr[i]], len(fake_half)), fake_half),
            "recall": _difference(_marked(i[distance <= fake_pr[j]], len(real_half)), real_half),
            "density": _difference(balls, fake_half),
            "coverage": _difference(_marked(i[inside], len(real_half)), real_half),
        }


def _nearest(features):
    """Returns (index, squared distance) of the `NEAR` nearest other rows, nearest first, each [N, NEAR]."""
    near = min(NEAR, len(features) - 1)
    index, found = np.empty((len(features), near), np.int64), np.empty((len(features), near))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf
        close = np.argpartition(distances, near - 1, axis=1)[:, :near]
        values = np.take_along_axis(distances, close, axis=1)
        order = values.argsort(axis=1)
        index[rows], found[rows] = (np.take_along_axis(part, order, axis=1) for part in (close, values))
    return index, found


def _radii(near, half, ks):
    """Returns the squared distance from the k-th nearest image of the same half, per k."""
    index, distance = near
    rank = (half[index] == half[:, None]).cumsum(axis=1)
    every = np.arange(len(index))
    # the last one stands for what lies beyond the list
    return [distance[every, np.minimum((rank < k).sum(axis=1), distance.shape[1] - 1)] for k in ks]


def _marked(rows, count):
    marks = np.zeros(count, bool)
    marks[rows] = True
    return marks


def _difference(values, half):
    return values[half].mean() - values[~half].mean()
