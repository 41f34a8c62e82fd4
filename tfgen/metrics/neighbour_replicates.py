"""Replicates of the scores from nearest neighbours, by halves and quarters of the images."""

import numpy as np

from tfgen.metrics.checks import check_pair
from tfgen.metrics.pairwise import Own, own_neighbours, reached, squared_distances
from tfgen.metrics.replicates import SPLITS, Splits
from tfgen.metrics.tallies import clipped, clipped_share

IMAGES = 5_000  # of each side, at most: replicates from a part of the images, scaled to all of them
FEWER, MANY = 2_000, 4_000_000  # images where more pairs than `MANY` are near: samples that crowd in the real balls
NEAR = 28  # nearest neighbours, of which a half holds at least 5 but for one image in 10,000
QUARTERED = 50  # splits of whose halves there are quarters
LISTED = 80  # neighbours: those within reach of 1,000 images; the reach of more varies little


def neighbour_replicates(
    real: np.ndarray,
    fake: np.ndarray,
    splits: Splits,
    k_pr: int = 3,
    k_dc: int = 5,
    k_clipped: int = 5,
) -> dict[str, np.ndarray] | None:
    """Returns the replicates of all scores of a `NeighbourReference`, each float64 [SPLITS].

    Neighbourhoods are those within the half: the variance of the radii is in the replicates, which are half the
    difference between both halves. That is right where the variance falls as 1 / N. It falls more slowly where a few
    real images far from others hold many samples, as with blurred samples, whose precision varies by as much among 300
    images as among 150. So the ratio between the variances of halves and of quarters is taken to hold for all images
    and halves, too, and replicates are scaled to it, where it is above a half.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers.
        splits: of N and M images.
        k_pr, k_dc, k_clipped: as in `NeighbourReference`.

    Returns:
        dict of the replicates, or None where a half would not have more than k images.

    Raises:
        UserError: features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake)
    most = max(k_pr, k_dc, k_clipped)
    for images in (IMAGES, FEWER):
        part = min(1.0, images / max(len(real), len(fake)))
        rows = _part(len(real), part, splits.seed), _part(len(fake), part, splits.seed)
        if min(map(len, rows)) // 2 <= most + 1:
            return None
        near = _Near(real[rows[0]], fake[rows[1]], (k_pr, k_dc, k_clipped))
        if len(near.distance) <= MANY:
            break
    sides = (~splits.real_halves[:, rows[0]]).astype(int), (~splits.fake_halves[:, rows[1]]).astype(int)
    halves = _of_parts(near, sides, 2)
    # halves of halves: those of the next split
    fine = tuple((2 * side + np.roll(side, 1, axis=0))[:QUARTERED] for side in sides)
    quarters = _of_parts(near, fine, 4) if min(map(len, rows)) // 8 > most else {}
    return {name: _scaled(halves[name], quarters.get(name), part) for name in halves}


def _of_parts(near, sides, parts):
    """Returns score -> its values, float64 [splits, parts]; `sides` are the numbers of the parts, [splits, images]."""
    found = [near.scores(*numbers, parts) for numbers in zip(*sides)]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def _scaled(halves, quarters, part=1.0):
    """Returns the replicates of a score.

    Args:
        halves: its values in the halves of a part of the images, [S, 2].
        quarters: those in the quarters, [S, 4], or None.
        part: of all images.
    """
    moved = (halves[:, 0] - halves[:, 1]) / 2.0
    of_quarters = 0.0 if quarters is None else quarters.var(axis=1, ddof=1).mean()
    ratio = 2.0 * np.mean(moved**2) / of_quarters if of_quarters > 0.0 else 0.5
    ratio = np.clip(ratio, 0.5, 1.0)
    return moved * np.sqrt(2.0 * ratio * ratio ** np.log2(1.0 / part))


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

    def scores(self, real: np.ndarray, fake: np.ndarray, parts: int) -> dict[str, list[float]]:
        """Returns score -> its value in each part; `real` [N] and `fake` [M] are the numbers of the images' parts."""
        together = np.flatnonzero(real[self.real] == fake[self.fake])
        i, j, distance = self.real[together], self.fake[together], self.distance[together]
        of_real, of_fake = _Parts(self.of_real, real, parts), _Parts(self.of_fake, fake, parts)
        k_pr, k_dc, k_clipped = self.ks
        inside = distance < of_real.radius(k_dc)[i]
        precision = _marked(j[distance <= of_real.radius(k_pr)[i]], len(fake))
        recall = _marked(i[distance <= of_fake.radius(k_pr)[j]], len(real))
        return {
            "precision": of_fake.means(precision),
            "recall": of_real.means(recall),
            "density": of_fake.means(np.bincount(j[inside], minlength=len(fake)) / k_dc),
            "coverage": of_real.means(_marked(i[inside], len(real))),
            "clipped_precision": _clipped_of_parts(of_real, of_fake, i, j, distance, k_clipped),
            "clipped_recall": _clipped_of_parts(of_fake, of_real, j, i, distance, k_clipped),
        }


class _Parts:
    """The neighbours of features within the same part of their own set."""

    def __init__(self, own: Own, part: np.ndarray, parts: int) -> None:
        self.own, self.parts = own, [part == number for number in range(parts)]
        self.same = part[own.index] == part[:, None]
        self.rank = self.same.cumsum(axis=1)

    def means(self, values):
        """Returns the mean of values in each part."""
        return [values[part].mean() for part in self.parts]

    def radius(self, k):
        """Returns the squared distances of the k-th nearest; of the last near one where that lies beyond."""
        near = self.rank[:, :NEAR]
        return self._squared(np.minimum((near < k).sum(axis=1), near.shape[1] - 1))

    def reach(self):
        """Returns the squared reach; that in the whole set where it lies beyond what is listed."""
        place = (self.rank < reached(len(self.rank) // len(self.parts))).sum(axis=1)
        listed = place < self.rank.shape[1]
        return np.where(listed, self._squared(np.where(listed, place, 0)), self.own.reach)

    def _squared(self, place):
        return self.own.squared[np.arange(len(place)), place]


def _clipped_of_parts(centres: _Parts, points: _Parts, centre, point, distance, k):
    """Returns `clipped_share` in each part, from the pairs of the same part."""
    radii = centres.radius(k)
    for part in centres.parts:
        radii[part] = clipped(radii[part])
    inside = distance <= np.minimum(radii[centre], points.reach()[point])
    balls = np.bincount(point[inside], minlength=len(points.rank))
    held = centres.same & (centres.own.squared <= radii[:, None])
    usual = np.bincount(centres.own.index[held], minlength=len(radii))
    both = zip(points.parts, centres.parts)
    return [clipped_share(balls[of_points], usual[of_centres], k) for of_points, of_centres in both]


def _marked(rows, count):
    marks = np.zeros(count, bool)
    marks[rows] = True
    return marks
