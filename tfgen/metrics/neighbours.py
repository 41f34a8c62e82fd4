"""Metrics from nearest neighbours among features. NumPy in float64: two sets of 10,000 x 128 take seconds."""

import numpy as np

from tfgen.errors import UserError
from tfgen.metrics.checks import check_pair

PAIRS = 1 << 20  # squared distances held at once, 8 MB: they stay in the processor's cache
ROUNDING = 1e-12  # of a squared distance, relative to the squared norms: so far apart, two distances are equal


def precision_recall(real, fake, k=3):
    """Improved precision and recall: Kynkaanniemi et al. 2019, equations 1 and 2.

    A point is covered by a set if it lies no farther from some member of it than that member's k-th nearest neighbour
    in the set, the member not counted. Precision is the share of fakes that the real set covers, recall that of reals
    that the fake set covers. Both depend on the numbers of samples: compare like with like.

    Args:
        real, fake: features, [N, F] and [M, F] real numbers, each of more than k rows.
        k: which neighbour sets the radius.

    Returns:
        (precision, recall), floats in [0, 1].

    Raises:
        UserError: too few rows, features of different lengths, or values that are not finite.
    """
    scores = neighbour_scores(real, fake, k_pr=k, k_dc=None)
    return scores["precision"], scores["recall"]


def density_coverage(real, fake, k=5):
    """Density and coverage: Naeem et al. 2020, equations 3 and 4, as the authors' package `prdc` counts.

    Each real image has a ball that reaches to its k-th nearest other real image; what lies on its surface is outside.
    Density is the number of balls that hold a fake, over k, averaged over fakes: about 1 for equal distributions, and
    more where fakes crowd where reals are dense. Coverage is the share of balls that hold a fake at all: for equal
    distributions 1 - prod_{i<k} (N-1-i) / (M+N-1-i) in expectation, so give N and M with it.

    Args:
        real, fake: features, [N, F] and [M, F] real numbers, each of more than k rows.
        k: which neighbour sets the radius.

    Returns:
        (density, coverage), floats: at least 0, and in [0, 1].

    Raises:
        UserError: as `precision_recall`.
    """
    scores = neighbour_scores(real, fake, k_pr=None, k_dc=k)
    return scores["density"], scores["coverage"]


def neighbour_scores(real, fake, k_pr=3, k_dc=5):
    """`precision_recall` at k_pr and `density_coverage` at k_dc, from one pass over the distances.

    Returns:
        {"precision", "recall", "density", "coverage"}: floats; a k of None leaves its two out.
    """
    return NeighbourReference(real, k_pr, k_dc).scores(fake)


class NeighbourReference:
    """Real images with which several sets are compared: their own neighbours are looked for once.

    Args:
        real: features [N, F] real numbers, of more than k rows.
        k_pr, k_dc: as in `neighbour_scores`.
    """

    def __init__(self, real, k_pr=3, k_dc=5):
        self.ks = [k for k in (k_pr, k_dc) if k is not None]
        self.k_pr, self.k_dc = k_pr, k_dc
        real, _ = self._checked(real, real)
        # about the reals' mean, distances are the same and their rounding is smaller
        self._centre = real.mean(axis=0)
        self._real = real - self._centre
        self._radii = dict(zip(self.ks, radii(self._real, self.ks)))

    def scores(self, fake):
        """What `neighbour_scores` returns of features [M, F]."""
        real = self._real
        _, fake = self._checked(real, fake)
        fake = fake - self._centre
        tallies = []
        if self.k_pr is not None:
            tallies.append(_PrecisionRecall(self._radii[self.k_pr], radii(fake, [self.k_pr])[0]))
        if self.k_dc is not None:
            norms = squared_norms(real), squared_norms(fake)
            tallies.append(_DensityCoverage(self._radii[self.k_dc], *norms, self.k_dc))
        for rows, distances in squared_distances(real, fake, ROUNDING):
            for tally in tallies:
                tally.add(rows, distances)
        return {name: value for tally in tallies for name, value in tally.scores().items()}

    def _checked(self, real, fake):
        for k in self.ks:
            if k < 1:
                raise UserError(f"k must be at least 1, got {k}")
        return check_pair(real, fake, rows=max(self.ks) + 1, need=f"k={max(self.ks)} neighbours need")


class _PrecisionRecall:
    """Covered are those that may lie on the surface of a ball, by the least that the rounded distance can be."""

    def __init__(self, real_radii, fake_radii):
        self.real_radii, self.fake_radii = real_radii, fake_radii
        self.precise, self.recalled = np.zeros(len(fake_radii), bool), 0

    def add(self, rows, least):
        self.precise |= (least <= self.real_radii[rows, None]).any(axis=0)
        self.recalled += np.count_nonzero((least <= self.fake_radii).any(axis=1))

    def scores(self):
        return {"precision": float(self.precise.mean()), "recall": float(self.recalled / len(self.real_radii))}


class _DensityCoverage:
    """Inside a ball are those surely nearer than its surface, by the most that the rounded distance can be."""

    def __init__(self, real_radii, real_norms, fake_norms, k):
        self.limits, self.margins = real_radii - 2.0 * ROUNDING * real_norms, 2.0 * ROUNDING * fake_norms
        self.k, self.inside, self.covered = k, 0, 0

    def add(self, rows, least):
        most = np.add(least, self.margins, out=least)  # the last use of this chunk
        self.inside += np.count_nonzero(most < self.limits[rows, None])
        self.covered += np.count_nonzero(most.min(axis=1) < self.limits[rows])

    def scores(self):
        density = self.inside / (self.k * len(self.margins))
        return {"density": float(density), "coverage": float(self.covered / len(self.limits))}


def radii(features, ks):
    """The squared distances of every row from its k-th nearest other row, for each k: float64 [len(ks), N]."""
    found = np.empty((len(ks), len(features)))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -np.inf  # itself comes first
        distances.partition(max(ks), axis=1)  # several places at once take several times as long
        found[:, rows] = np.sort(distances[:, : max(ks) + 1], axis=1)[:, ks].T
    return found


def squared_distances(a, b, rounding=0.0):
    """Yields |a_i - b_j|^2 of features [N, F] and [M, F] in chunks: (slice of i, float64 [rows, M]).

    They are exact up to 1e-15 (|a_i|^2 + |b_j|^2), and may be below 0 by that; `rounding` of it is taken off.
    """
    scale = 1.0 - rounding
    # |a|^2 + |b|^2 - 2 a'b as one matrix product
    right = np.column_stack([b, np.ones(len(b)), scale * squared_norms(b)]).T
    size = max(1, PAIRS // len(b))
    for start in range(0, len(a), size):
        part = a[start : start + size]
        left = np.column_stack([-2.0 * part, scale * squared_norms(part), np.ones(len(part))])
        yield slice(start, start + len(part)), left @ right


def squared_norms(features):
    """|x|^2 of every row, float64 [N]."""
    return np.einsum("nf,nf->n", features, features)
