"""The kernel distance (KID), a squared maximum mean discrepancy, and its standard error over draws of images."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from tfgen.metrics.checks import check_counts, check_pair
from tfgen.metrics.replicates import Splits, scaled
from tfgen.metrics.score import Z95

PAIRS = 1 << 20  # kernel values in memory at once, 8 MB: they fit into the processor's cache
NEED = "the kernel distance and its error need"
IMAGES = 5_000  # of each set, at most, for the error, which is then accurate to a few per cent


def kernel_distance(
    real: ArrayLike, fake: ArrayLike, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Returns the unbiased squared MMD under the kernel (x'y / F + 1)^3, and its standard error.

    Binkowski et al. 2018, section 4 and equation 4. It is unbiased at every number of samples, and so suited to
    rankings with many features and few samples. For equal distributions it is about 0 and as often negative, which is
    not clipped. If `subset_size` is at least the size of the smaller set, the value is one estimate from all images,
    the most precise one; else it is the mean over random subsets of both sets, drawn without replacement.

    The error is that of drawing other images: a delete-one jackknife over the images of both sets (the spread of
    overlapping subsets of the same images underestimates it), plus the noise of drawing subsets. The jackknife counts
    a U-statistic's second-order variance twice (Efron and Stein 1981, section 4); one of the two is subtracted, or the
    error of equal distributions would be 1.4 times too large.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers, N, M >= 4.
        subsets: number of subsets, at least 2.
        subset_size: images of each set per subset, at least 4.
        seed: integer of the subsets.

    Returns:
        (mean, standard_error): floats.

    Raises:
        UserError: fewer than 4 rows, features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake, rows=4, need=NEED)
    check_counts(2, subsets=subsets)
    check_counts(4, subset_size=subset_size)
    if subset_size >= min(len(real), len(fake)):
        return KernelReference(real).distance(fake, seed)
    rng = np.random.default_rng(seed)

    def on_subsets(size):
        return _decompose(_subset(real, size, rng), _subset(fake, size, rng))

    values = [on_subsets(subset_size).value for _ in range(subsets)]
    variance = on_subsets(IMAGES).variance(len(real), len(fake)) + np.var(values, ddof=1) / subsets
    return float(np.mean(values)), float(np.sqrt(variance))


@dataclasses.dataclass(frozen=True)
class KernelSpread:
    """A kernel distance and how far it spreads over draws of images.

    Attributes:
        value: the distance.
        standard_error: of the value.
        low, high: a 95 % interval of its mean.
        replicates: float64 [S], whose root mean square is the error.
    """

    value: float
    standard_error: float
    low: float
    high: float
    replicates: np.ndarray


class KernelReference:
    """Reference features for several kernel distances over all pairs; their own sum is computed once.

    Args:
        real: features [N, F] real numbers, N >= 4.

    Raises:
        UserError: as in `kernel_distance`.
    """

    def __init__(self, real: ArrayLike) -> None:
        self.real = check_pair(real, real, rows=4, need=NEED)[0]
        self._within = _mean_within(self.real)

    def distance(self, fake: ArrayLike, seed: int = 0) -> tuple[float, float]:
        """Returns (value, standard_error), as `kernel_distance` with a `subset_size` of all images and this seed."""
        real, fake = check_pair(self.real, fake, rows=4, need=NEED)
        rng = np.random.default_rng(seed)
        error = _decompose(_subset(real, IMAGES, rng), _subset(fake, IMAGES, rng))
        return self.value(fake), float(np.sqrt(error.variance(len(real), len(fake))))

    def spread(self, fake: ArrayLike, splits: Splits) -> KernelSpread:
        """Returns the distance and how far it spreads over draws of images; the part of them follows from the seed.

        The variance V is that of `distance`, but that the variance of single images is not cut at 0, where equal
        distributions have it on average. With the plain jackknife's variance P (pairs counted twice), which grows in
        proportion to the biased distance T + B, the interval holds all t with
        (t - T)^2 <= 1.96^2 (V + P (t - T) / (T + B)), as that of `frechet_spread` does.
        """
        real, fake = check_pair(self.real, fake, rows=4, need=NEED)
        rng = np.random.default_rng(splits.seed)
        rows = _rows(len(real), rng), _rows(len(fake), rng)
        parts, within = _decompose(real[rows[0]], fake[rows[1]]), _mean_within(fake)
        value = self._value(fake, within)
        single, pairs = parts.of_images(len(real), len(fake)), sum(parts.of_pairs(len(real), len(fake)))
        variance = max(single + pairs, pairs / 2.0)
        plain, biased = max(0.0, single + 2.0 * pairs), value + _bias(real, self._within) + _bias(fake, within)
        shift = Z95**2 * plain / (2.0 * biased) if biased > 0.0 else 0.0
        half = float(np.sqrt(shift**2 + Z95**2 * variance))
        # the mean over the images that are left out is 0
        each = [np.zeros(len(side)) for side in (real, fake)]
        for influence, chosen, known in zip(each, rows, parts.influences):
            influence[chosen] = np.sqrt(len(influence) / len(chosen)) * known
        error = float(np.sqrt(variance))
        moved = scaled(splits.linear(*each), error)
        return KernelSpread(value, error, value + shift - half, value + shift + half, moved)

    def value(self, fake: ArrayLike) -> float:
        """Returns the distance without its error."""
        fake = check_pair(self.real, fake, rows=4, need=NEED)[1]
        return self._value(fake, _mean_within(fake))

    def _value(self, fake, within):
        real = self.real
        cross = sum(_cubes(_inner(real[rows], fake)) for rows in _slices(len(real), len(fake)))
        return float(self._within + within - 2.0 * cross / (len(real) * len(fake)))


@dataclasses.dataclass(frozen=True)
class _Decomposition:
    """An estimate and the parts of its variance (Hoeffding): of single images, and of pairs of them."""

    value: float
    single: tuple[float, float]  # (real, fake): of the influence of one image, which may be below 0 by its own error
    pairs: tuple[float, float, float]  # (real-real, fake-fake, real-fake): of the kernel's residual
    influences: tuple[np.ndarray, np.ndarray]  # (real, fake): of each image, with a mean of 0

    def variance(self, n: int, m: int) -> float:
        """Returns the variance of an estimate from n real and m fake images, each of its parts at least 0."""
        first = max(0.0, self.single[0]) / n + max(0.0, self.single[1]) / m
        return sum(self.of_pairs(n, m), first)

    def of_images(self, n: int, m: int) -> float:
        """Returns the part of the variance that is due to single images, as it was found, and so perhaps below 0."""
        return self.single[0] / n + self.single[1] / m

    def of_pairs(self, n: int, m: int) -> tuple[float, float, float]:
        """Returns the parts that are due to pairs (real-real, fake-fake, real-fake)."""
        real, fake, both = self.pairs
        return 2.0 * real / (n * (n - 1)), 2.0 * fake / (m * (m - 1)), 4.0 * both / (n * m)


def _decompose(real, fake):
    n, m = len(real), len(fake)
    real_sums, real_squares = _within_sums(real)
    fake_sums, fake_squares = _within_sums(fake)
    cross_real, cross_fake, cross_squares = _cross_sums(real, fake)
    value = real_sums.sum() / (n * (n - 1)) + fake_sums.sum() / (m * (m - 1)) - 2.0 * cross_real.sum() / (n * m)
    pairs = (
        _within_residual(real_sums, real_squares),
        _within_residual(fake_sums, fake_squares),
        _cross_residual(cross_real, cross_fake, cross_squares),
    )
    real_jackknife = _jackknife(real_sums, cross_real, m)
    fake_jackknife = _jackknife(fake_sums, cross_fake, n)
    single = (
        n * (real_jackknife - 4.0 * pairs[0] / (n * (n - 1)) - 4.0 * pairs[2] / (n * m)),
        m * (fake_jackknife - 4.0 * pairs[1] / (m * (m - 1)) - 4.0 * pairs[2] / (n * m)),
    )
    influences = _influence(real_sums, cross_real, m), _influence(fake_sums, cross_fake, n)
    return _Decomposition(float(value), single, pairs, influences)


def _influence(within, cross, others):
    """Returns twice the mean kernel of each image with its own set, less that with the other; arguments as below."""
    influence = 2.0 * (within / (len(within) - 1) - cross / others)
    return influence - influence.mean()


def _jackknife(within, cross, others):
    """Returns the variance of the estimate over draws of one set of n images, by leaving each out once.

    Args:
        within, cross: sum of the kernel of every image with the n - 1 images of its own set, and with the other set.
        others: size of the other set.
    """
    n = len(within)
    left = (within.sum() - 2.0 * within) / ((n - 1) * (n - 2)) - 2.0 * (cross.sum() - cross) / ((n - 1) * others)
    return (n - 1) * left.var()


def _within_residual(sums, squares):
    """Returns the variance of k(x, x') - a(x) - a(x') for the best a: squared residuals per degree of freedom."""
    n = len(sums)
    total = squares / 2.0 - sums.sum() ** 2 / (2.0 * n * (n - 1))
    additive = (sums @ sums - sums.sum() ** 2 / n) / (n - 2)
    return max(0.0, (total - additive) / (n * (n - 3) / 2.0))


def _cross_residual(rows, columns, squares):
    """Returns the variance of k(x, y) - a(x) - b(y) for the best a and b."""
    n, m = len(rows), len(columns)
    residual = squares - rows @ rows / m - columns @ columns / n + rows.sum() ** 2 / (n * m)
    return max(0.0, residual / ((n - 1) * (m - 1)))


def _bias(a, within):
    """Returns what the kernel of images with themselves would add to the distance."""
    return float((_diagonal(a).mean() - within) / len(a))


def _diagonal(a):
    return (np.einsum("nf,nf->n", a, a) / a.shape[1] + 1.0) ** 3


def _mean_within(a):
    """Returns the mean of the kernel over pairs of different rows."""
    n = len(a)
    # the kernel matrix is symmetric: values to the right of the diagonal block count twice
    ordered = sum(2.0 * _cubes(inner) - _cubes(inner[:, : len(inner)]) for _, inner in _upper(a))
    return (ordered - _diagonal(a).sum()) / (n * (n - 1))


def _within_sums(a):
    """Returns the sum of the kernel of every row with the other rows [N], and the sum of squares of these values."""
    sums, squares = np.zeros(len(a)), 0.0
    for rows, inner in _upper(a):
        values = _cubed(inner)
        square = values[:, : len(values)]
        np.fill_diagonal(square, 0.0)
        sums[rows] += values.sum(axis=1)
        sums[rows.stop :] += values[:, len(values) :].sum(axis=0)
        squares += 2.0 * np.vdot(values, values) - (square**2).sum()
    return sums, squares


def _upper(a):
    """Yields (rows, `_inner` of these with themselves and all later rows): the upper part of a symmetric matrix."""
    for rows in _slices(len(a), len(a)):
        yield rows, _inner(a[rows], a[rows.start :])


def _cross_sums(a, b):
    """Returns the sums of the kernel matrix over its columns [N] and over its rows [M], and of its squares."""
    rows, columns, squares = np.empty(len(a)), np.zeros(len(b)), 0.0
    for part in _slices(len(a), len(b)):
        values = _cubed(_inner(a[part], b))
        rows[part] = values.sum(axis=1)
        columns += values.sum(axis=0)
        squares += np.vdot(values, values)
    return rows, columns, squares


def _inner(a, b):
    """Returns a_i'b_j / F + 1, whose cube is the kernel: float64 [N, M]."""
    inner = (a / a.shape[1]) @ b.T
    inner += 1.0
    return inner


def _cubed(inner):
    values = inner * inner
    values *= inner
    return values


def _cubes(inner):
    """Returns the sum of the cubes."""
    return float(np.vdot(inner * inner, inner))


def _slices(rows, columns):
    size = max(1, PAIRS // columns)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def _subset(features, size, rng):
    return features[_rows(len(features), rng, size)]


def _rows(count, rng, size=IMAGES):
    return rng.choice(count, min(size, count), replace=False)
