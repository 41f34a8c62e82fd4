"""Replicates of the scores from nearest neighbours, by halves of the images."""

import numpy as np

from tfgen.metrics.checks import check_pair
from tfgen.metrics.pairwise import Own, own_neighbours, reached, squared_distances
from tfgen.metrics.replicates import SPLITS, Splits, around_mean
from tfgen.metrics.tallies import clipped, clipped_share

IMAGES = 5_000  # of each side, at most: replicates from a part of the images, scaled to all of them
FEWER, MANY = 2_000, 4_000_000  # images where more pairs than `MANY` are near: samples that crowd in the real balls
NEAR = 28  # nearest neighbours, of which a half holds at least 5 but for one image in 10,000
OF_CASES = ("precision", "recall", "coverage")  # shares of images; the others are means
LISTED = 80  # neighbours: those within reach of 1,000 images; the reach of more varies little


def neighbour_replicates(
    real: np.ndarray,
    fake: np.ndarray,
    splits: Splits,
    values: dict[str, float],
    k_pr: int = 3,
    k_dc: int = 5,
    k_clipped: int = 5,
) -> dict[str, np.ndarray] | None:
    """Returns the replicates of all scores of a `NeighbourReference`, each float64 [SPLITS].

    Neighbourhoods are those within the half: the variance of the radii is in the replicates. Those of shares are half
    the difference between both halves. Where a share moves away from 0 and 1 as there are more images, as the precision
    of noisy images does, they are scaled as the standard deviation sqrt(p (1 - p)) is. Those of means are the values
    of first halves around the mean of all halves, which is a little more.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers.
        splits: of N and M images.
        values: score -> its value for all images.
        k_pr, k_dc, k_clipped: as in `NeighbourReference`.

    Returns:
        dict of the replicates, or None where a half would not have more than k images.

    Raises:
        UserError: features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake)
    for images in (IMAGES, FEWER):
        part = min(1.0, images / max(len(real), len(fake)))
        rows = _part(len(real), part, splits.seed), _part(len(fake), part, splits.seed)
        if min(map(len, rows)) // 2 <= max(k_pr, k_dc, k_clipped) + 1:
            return None
        near = _Near(real[rows[0]], fake[rows[1]], (k_pr, k_dc, k_clipped))
        if len(near.distance) <= MANY:
            break
    halves = zip(splits.real_halves[:, rows[0]], splits.fake_halves[:, rows[1]])
    found = [near.scores(*both) for both in halves]
    moved = {name: np.array([one[name] for one in found]) for name in found[0]}
    return {
        name: np.sqrt(part) * (_of_share(pairs, values[name]) if name in OF_CASES else around_mean(pairs))
        for name, pairs in moved.items()
    }


def _part(count, part, seed):
    """Returns the rows of a random part of `count` images, which follow from the seed."""
    return np.sort(np.random.default_rng((seed, count, SPLITS)).permutation(count)[: round(part * count)])


class _Near:
    """The pairs of a real image and a sample that may be neighbours in a half."""

    def __init__(self, real, fake, ks):
        self.ks = ks
        centre = real.mean(axis=0)
        real, fake = real - centre, fake - centre
        self.of_real, self.of_fake = (own_neighbours(side, min(LISTED, len(side) - 1)) for side in (real, fake))
        farthest_real, farthest_fake = (own.squared[:, :NEAR][:, -1] for own in (self.of_real, self.of_fake))
        parts = []
        for rows, distances in squared_distances(real, fake):
            i, j = np.nonzero(distances <= np.maximum(farthest_real[rows, None], farthest_fake))
            parts.append((i + rows.start, j, distances[i, j]))
        self.real, self.fake, self.distance = (np.concatenate(part) for part in zip(*parts))

    def scores(self, real_half: np.ndarray, fake_half: np.ndarray) -> dict[str, tuple[float, float]]:
        """Returns score -> its value in the first halves (bool [N], [M]) and in the second ones."""
        together = np.flatnonzero(real_half[self.real] == fake_half[self.fake])
        i, j, distance = self.real[together], self.fake[together], self.distance[together]
        real, fake = _Half(self.of_real, real_half), _Half(self.of_fake, fake_half)
        k_pr, k_dc, k_clipped = self.ks
        inside = distance < real.radius(k_dc)[i]
        precision = _marked(j[distance <= real.radius(k_pr)[i]], len(fake_half))
        recall = _marked(i[distance <= fake.radius(k_pr)[j]], len(real_half))
        return {
            "precision": _of_halves(precision, fake_half),
            "recall": _of_halves(recall, real_half),
            "density": _of_halves(np.bincount(j[inside], minlength=len(fake_half)) / k_dc, fake_half),
            "coverage": _of_halves(_marked(i[inside], len(real_half)), real_half),
            "clipped_precision": _clipped_of_halves(real, fake, i, j, distance, k_clipped),
            "clipped_recall": _clipped_of_halves(fake, real, j, i, distance, k_clipped),
        }


class _Half:
    """The neighbours of features within the same half of their own set."""

    def __init__(self, own: Own, half: np.ndarray) -> None:
        self.own, self.half = own, half
        self.same = half[own.index] == half[:, None]
        self.rank = self.same.cumsum(axis=1)

    def radius(self, k):
        """Returns the squared distances of the k-th nearest; of the last near one where that lies beyond."""
        near = self.rank[:, :NEAR]
        return self._squared(np.minimum((near < k).sum(axis=1), near.shape[1] - 1))

    def reach(self):
        """Returns the squared reach; that in the whole set where it lies beyond what is listed."""
        place = (self.rank < reached(len(self.half) // 2)).sum(axis=1)
        listed = place < self.rank.shape[1]
        return np.where(listed, self._squared(np.where(listed, place, 0)), self.own.reach)

    def _squared(self, place):
        return self.own.squared[np.arange(len(place)), place]


def _clipped_of_halves(centres: _Half, points: _Half, centre, point, distance, k):
    """Returns `clipped_share` in both halves, from the pairs of the same half."""
    radii = centres.radius(k)
    for half in (centres.half, ~centres.half):
        radii[half] = clipped(radii[half])
    inside = distance <= np.minimum(radii[centre], points.reach()[point])
    balls = np.bincount(point[inside], minlength=len(points.half))
    held = centres.same & (centres.own.squared <= radii[:, None])
    usual = np.bincount(centres.own.index[held], minlength=len(radii))
    return tuple(
        clipped_share(balls[in_points], usual[in_centres], k)
        for in_points, in_centres in ((points.half, centres.half), (~points.half, ~centres.half))
    )


def _marked(rows, count):
    marks = np.zeros(count, bool)
    marks[rows] = True
    return marks


def _of_halves(values, half):
    return values[half].mean(), values[~half].mean()


def _of_share(pairs, value):
    """Returns replicates from the share in both halves, float64 [SPLITS, 2], and in all images."""
    halves = pairs.mean()
    growth = value * (1.0 - value) / (halves * (1.0 - halves)) if 0.0 < halves < 1.0 else 1.0
    return np.sqrt(max(1.0, growth)) * (pairs[:, 0] - pairs[:, 1]) / 2.0
