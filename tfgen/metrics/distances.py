"""Fréchet distances between sets of features: plain, per class, bootstrapped, and extrapolated to remove the bias."""

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError
from tfgen.metrics.checks import check_counts, check_features, check_labels, check_lengths, check_pair
from tfgen.metrics.statistics import FeatureStatistics

NEED = "the Frechet distance needs"
RANK = 1e-10  # eigenvalues of a covariance below this fraction of the largest are rounding errors


def frechet_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Returns |mu_r - mu_f|^2 + Tr(S_r + S_f - 2 (S_r S_f)^(1/2)) of Gaussians fitted to both sets of features.

    Heusel et al. 2017, equation 6. The estimate is biased: from N samples it is too large by about a / N, where a
    depends on the model too. So scores at different N cannot be compared, and a small difference between two models at
    the same N means little. State N and the distance between real images at that N, or use `frechet_infinity`. Fewer
    samples than features are possible (singular covariances), but then the bias is most of the value. The distance
    depends on means and covariances alone: copied training images score best. It is an FID only with features of the
    Inception graph of 2015-12-05.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F] real numbers, N, M >= 2.

    Returns:
        float, at least 0, in squared units of the features.

    Raises:
        UserError: fewer than 2 rows, features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake, rows=2, need=NEED)
    return frechet_between(FeatureStatistics().update(real), FeatureStatistics().update(fake))


def frechet_between(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Returns the `frechet_distance` of the features that two `FeatureStatistics` have accumulated.

    Raises:
        UserError: fewer than 2 samples, or features of different lengths.
    """
    for statistics in (a, b):
        if statistics.count < 2:
            raise UserError(f"{NEED} at least 2 samples, but one of the statistics has {statistics.count}")
    check_lengths(len(a.mean), len(b.mean), ("both statistics",))
    return frechet_of_moments(a.mean, a.covariance, b.mean, b.covariance)


def frechet_of_moments(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """Returns the `frechet_distance` of two Gaussians: means float64 [F], covariances float64 [F, F], of any rank."""
    root, _ = symmetric_roots(covariance_a)
    # (S_a S_b)^(1/2) has the trace of (S_a^(1/2) S_b S_a^(1/2))^(1/2), which is symmetric.
    eigenvalues = np.linalg.eigvalsh(root @ covariance_b @ root)
    overlap = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    difference = mean_a - mean_b
    return max(0.0, float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * overlap))


def per_class_frechet(
    real: ArrayLike, real_labels: ArrayLike, fake: ArrayLike, fake_labels: ArrayLike
) -> dict[int, float]:
    """Returns class -> `frechet_distance` within the class, sorted by class.

    With a tenth of the images, a class has ten times the bias: compare classes at equal N only.

    Args:
        real, fake: reference and generated features, [N, F] and [M, F].
        real_labels, fake_labels: integers [N] and [M].

    Raises:
        UserError: as in `frechet_distance`, or a class has fewer than 2 images on either side.
    """
    real, fake = check_pair(real, fake, rows=2, need=NEED)
    real_labels = check_labels("real_labels", real_labels, len(real))
    fake_labels = check_labels("fake_labels", fake_labels, len(fake))
    classes = sorted({*real_labels.tolist(), *fake_labels.tolist()})
    for label in classes:
        counts = [int(np.count_nonzero(labels == label)) for labels in (real_labels, fake_labels)]
        if min(counts) < 2:
            raise UserError(f"{NEED} at least 2 samples of every class, but class {label} has {counts} (real, fake)")
    return {label: frechet_distance(real[real_labels == label], fake[fake_labels == label]) for label in classes}


def frechet_bootstrap(real: ArrayLike, fake: ArrayLike, draws: int = 20, seed: int = 0) -> tuple[float, float]:
    """Returns a 95 % bootstrap interval of `frechet_distance` over draws of both sets of images.

    It covers the spread, not the bias. Resampled sets are less diverse than the originals and so farther from each
    other; therefore the interval is the measured distance +- 1.96 standard deviations of the resampled ones, not their
    quantiles. Its centre is still too large by about a / N. Where that bias is most of the distance (few samples, many
    features), the interval is too wide.

    Args:
        real, fake: as in `frechet_distance`.
        draws: number of resampled pairs, at least 2.
        seed: integer of the resampling.

    Returns:
        (low, high), floats, 0 <= low <= high.

    Raises:
        UserError: as in `frechet_distance`, or fewer than 2 draws.
    """
    check_counts(2, draws=draws)
    value = frechet_distance(real, fake)
    real, fake = np.asarray(real), np.asarray(fake)
    rng = np.random.default_rng(seed)
    resampled = [frechet_distance(_resampled(real, rng), _resampled(fake, rng)) for _ in range(draws)]
    margin = 1.96 * float(np.std(resampled, ddof=1))
    return max(0.0, value - margin), value + margin


def frechet_infinity(real: ArrayLike, fake: ArrayLike, points: int = 5, seed: int = 0) -> tuple[float, float]:
    """Returns the Fréchet distance extrapolated to infinitely many samples: Chong and Forsyth 2020.

    Both sets are divided into g = 1 .. `points` disjoint parts of N / g images. The mean distance between parts is
    fitted by a line in g, whose value at g = 0 is returned. Unlike the paper's random subsets, disjoint parts use all
    images at every point, and both sets shrink, which removes the bias of both. The value for two sets from one
    distribution is 0 in expectation and may be negative.

    Args:
        real, fake: as in `frechet_distance`, with more than F rows in each of `points` parts.
        points: number of sizes at which the distance is measured, at least 2.
        seed: integer of the division into parts.

    Returns:
        (value, standard_error): floats. The error is that of drawing other images, on both sides, to first order: the
        standard deviation of each image's influence on the distance (the infinitesimal jackknife).

    Raises:
        UserError: as in `frechet_distance`, or too few rows for so many points.
    """
    check_counts(2, points=points)
    length = check_features("real", real).shape[1]
    need = f"an extrapolation from {points} points of {length} features needs"
    real, fake = check_pair(real, fake, rows=points * (length + 1), need=need)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(real), rng.permutation(fake)
    parts = np.arange(1, points + 1)
    means = [np.mean([frechet_distance(a, b) for a, b in _parts(*shuffled, count)]) for count in parts]
    _, value = np.polyfit(parts, means, 1)
    return float(value), float(np.sqrt(_influence_variance(real, fake) + _influence_variance(fake, real)))


def _resampled(features, rng):
    return features[rng.integers(0, len(features), len(features))]


def _parts(real, fake, count):
    return zip(np.array_split(real, count), np.array_split(fake, count))


def _influence_variance(features, others):
    """Returns the variance of `frechet_distance` over draws of `features`, to first order in 1 / N."""
    statistics, target = FeatureStatistics().update(features), FeatureStatistics().update(others)
    root, inverse = symmetric_roots(statistics.covariance)
    # The distance's gradient in S_r is I - T, with the optimal map
    # T = S_r^(-1/2) (S_r^(1/2) S_f S_r^(1/2))^(1/2) S_r^(-1/2).
    middle, _ = symmetric_roots(root @ target.covariance @ root)
    gradient = np.eye(len(root)) - inverse @ middle @ inverse
    centred = features - statistics.mean
    influence = 2.0 * centred @ (statistics.mean - target.mean) + np.einsum("nf,nf->n", centred @ gradient, centred)
    return influence.var(ddof=1) / len(features)


def symmetric_roots(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns S^(1/2) and its pseudo-inverse, of a symmetric positive semidefinite S."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))
    kept = eigenvalues > RANK * eigenvalues[-1]
    inverses = np.divide(1.0, roots, out=np.zeros_like(roots), where=kept)
    return (vectors * roots) @ vectors.T, (vectors * inverses) @ vectors.T
