"""Fréchet distances between sets of features: plain, per class, with their spread, and without their bias."""

import numpy as np

from tfgen.errors import UserError
from tfgen.metrics.checks import check_features, check_labels, check_lengths, check_pair
from tfgen.metrics.statistics import FeatureStatistics

NEED = "the Frechet distance needs"
RANK = 1e-10  # eigenvalues of a covariance below this share of the largest are rounding, not directions


def frechet_distance(real, fake):
    """|mu_r - mu_f|^2 + Tr(S_r + S_f - 2 (S_r S_f)^(1/2)) of Gaussians fitted to both: Heusel et al. 2017, equation 6.

    It is biased: of N samples each it is too large by about a / N, where a depends on the model too, so that scores at
    different N do not compare, and neither do two models by a small difference at the same N. Give N and the distance
    of real from real images at that N beside it, or use `frechet_infinity`. Fewer samples than features work, with
    singular covariances, but then the bias is most of the number. It sees means and covariances alone: copied
    training images score best. Only features of the Inception graph of 2015-12-05 make it an FID.

    Args:
        real, fake: features, [N, F] and [M, F] real numbers, N, M >= 2.

    Returns:
        float, at least 0, in squared units of the features.

    Raises:
        UserError: fewer than 2 rows, features of different lengths, or values that are not finite.
    """
    real, fake = check_pair(real, fake, rows=2, need=NEED)
    return frechet_between(FeatureStatistics().update(real), FeatureStatistics().update(fake))


def frechet_between(a, b):
    """`frechet_distance` of what two `FeatureStatistics` have seen."""
    for statistics in (a, b):
        if statistics.count < 2:
            raise UserError(f"{NEED} at least 2 samples, but one of the statistics has {statistics.count}")
    check_lengths(len(a.mean), len(b.mean), ("both statistics",))
    return frechet_of_moments(a.mean, a.covariance, b.mean, b.covariance)


def frechet_of_moments(mean_a, covariance_a, mean_b, covariance_b):
    """`frechet_distance` of two Gaussians: means float64 [F], covariances float64 [F, F], of any rank."""
    root, _ = _roots(covariance_a)
    # (S_a S_b)^(1/2) has the trace of (S_a^(1/2) S_b S_a^(1/2))^(1/2), which is symmetric.
    eigenvalues = np.linalg.eigvalsh(root @ covariance_b @ root)
    overlap = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    difference = mean_a - mean_b
    return max(0.0, float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * overlap))


def per_class_frechet(real, real_labels, fake, fake_labels):
    """`frechet_distance` within each class: {class: float} for the classes of `real_labels`, in order.

    A class has a tenth of the images, say, and ten times the bias: compare classes with one another at one N only.

    Args:
        real, fake: features, [N, F] and [M, F].
        real_labels, fake_labels: integers [N] and [M].

    Raises:
        UserError: as `frechet_distance`, or a class with fewer than 2 images on either side, or of fakes alone.
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


def frechet_bootstrap(real, fake, draws=20, seed=0):
    """A 95 % interval of `frechet_distance` over draws of both sets of images, by the bootstrap.

    It shows spread, not bias: every resampled set is poorer than the one it was drawn from and so farther from the
    other, hence the interval is the measured distance +- 1.96 standard deviations of the resampled ones, not their
    quantiles, and it still lies around a number that is too large by about a / N. Where that bias is most of the
    distance (few samples, many features) it is wider than need be.

    Args:
        real, fake: as in `frechet_distance`.
        draws: resampled pairs, at least 2.
        seed: integer of the resampling.

    Returns:
        (low, high), floats, 0 <= low <= high.

    Raises:
        UserError: as `frechet_distance`, or fewer than 2 draws.
    """
    if draws < 2:
        raise UserError(f"draws must be at least 2, got {draws}")
    value = frechet_distance(real, fake)
    real, fake = np.asarray(real), np.asarray(fake)
    rng = np.random.default_rng(seed)
    resampled = [frechet_distance(_resampled(real, rng), _resampled(fake, rng)) for _ in range(draws)]
    margin = 1.96 * float(np.std(resampled, ddof=1))
    return max(0.0, value - margin), value + margin


def frechet_infinity(real, fake, points=5, seed=0):
    """The Fréchet distance at infinitely many samples: Chong and Forsyth 2020, FD against 1 / N extrapolated to 0.

    Both sets are cut into g = 1 .. `points` parts, the distances of the parts averaged, and a line through these means
    against g, which is N / (the size of a part), is read at g = 0. Unlike the random subsets of the paper, disjoint
    parts let every point use all images, and both sides shrink, so that the bias of both is removed; one of a set
    from itself is 0 in expectation and may be negative.

    Args:
        real, fake: as in `frechet_distance`, with more than F rows in each of `points` parts.
        points: at how many sizes the distance is measured, at least 2.
        seed: integer of the order in which images are cut into parts.

    Returns:
        (value, standard_error): floats. The error is that of drawing other images, on both sides, to first order: the
        standard deviation of each image's influence on the distance (the infinitesimal jackknife).

    Raises:
        UserError: as `frechet_distance`, or too few rows for so many points.
    """
    if points < 2:
        raise UserError(f"points must be at least 2, got {points}")
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
    """The variance of `frechet_distance` from drawing `features`, to first order in 1 / N."""
    statistics, target = FeatureStatistics().update(features), FeatureStatistics().update(others)
    root, inverse = _roots(statistics.covariance)
    # The distance's gradient in S_r is I - T, with the optimal map
    # T = S_r^(-1/2) (S_r^(1/2) S_f S_r^(1/2))^(1/2) S_r^(-1/2).
    middle, _ = _roots(root @ target.covariance @ root)
    gradient = np.eye(len(root)) - inverse @ middle @ inverse
    centred = features - statistics.mean
    influence = 2.0 * centred @ (statistics.mean - target.mean) + np.einsum("nf,nf->n", centred @ gradient, centred)
    return influence.var(ddof=1) / len(features)


def _roots(covariance):
    """S^(1/2) and its pseudo-inverse, of a symmetric positive semidefinite S."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))
    kept = eigenvalues > RANK * eigenvalues[-1]
    inverses = np.divide(1.0, roots, out=np.zeros_like(roots), where=kept)
    return (vectors * roots) @ vectors.T, (vectors * inverses) @ vectors.T
