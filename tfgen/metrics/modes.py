"""Mode coverage of distributions with known modes: mixtures of points, and stacked MNIST. NumPy only."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tfgen.errors import UserError

DIGITS = 10
PLACES = np.array([100, 10, 1])  # of the red, green and blue digit
CHUNK = 1000  # images classified at once


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """The mode coverage of samples, and that of a perfect sampler: as many draws from the distribution itself.

    Attributes:
        found: number of modes with at least one good sample.
        modes: number of all modes.
        samples: number of samples.
        high_quality: fraction of good samples; every sample is good if modes are classes.
        kl: KL(histogram of the good samples over modes || reference) in nats; None without any good sample.
        counts: number of good samples per mode, int64 [modes].
        perfect: expectations for a perfect sampler, dict of `found`, `high_quality` and `kl`. Its `kl` is not 0, as the
            histogram of finitely many samples is not flat.
    """

    found: int
    modes: int
    samples: int
    high_quality: float
    kl: float | None
    counts: np.ndarray
    perfect: dict


def modes_covered(points: ArrayLike, means: ArrayLike, sigma: float, within: float = 3.0) -> ModeCoverage:
    """Returns the coverage of a Gaussian mixture's modes, counted as in PacGAN's code (Lin et al. 2018, section 4.1).

    A sample is good (of high quality) if its distance from the nearest mean is less than `within` standard deviations:
    1 - exp(-within^2 / 2), 98.9 %, of a perfect sampler's. A mode is found if it is the nearest one of a good sample.
    The histogram counts good samples alone. Published figures are for 2,500 samples.

    Args:
        points: float [N, 2], N at least the number of modes.
        means: float [K, 2].
        sigma: the standard deviation of every mode in either direction.
        within: in units of `sigma`.

    Returns:
        `ModeCoverage`; its KL is relative to equal proportions.

    Raises:
        UserError: points or means of another shape, or not finite, too few points, a sigma that is not positive.
    """
    points, means = _plane("points", points), _plane("means", means)
    if not (np.isfinite([sigma, within]).all() and sigma > 0 and within > 0):
        raise UserError(f"sigma and within must be positive numbers, got {sigma} and {within}")
    _enough(len(points), len(means))
    distances = np.linalg.norm(points[:, None] - means, axis=-1)
    good = distances.min(axis=1) < within * sigma
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(means))
    perfect = -math.expm1(-(within**2) / 2)  # chi-squared with two degrees of freedom
    return _coverage(counts, len(points), np.full(len(means), 1 / len(means)), perfect)


def stacked_modes(digits: ArrayLike, reference: ArrayLike | None = None) -> ModeCoverage:
    """Returns the coverage of stacked MNIST's 1000 modes (Metz et al. 2017; Lin et al. 2018, section 4.2).

    There is one mode per triple of digits, and one sample finds it. Published figures are for 26,000 samples.

    Args:
        digits: of the three channels: int [N, 3], classes 0..9; or float [N, 3, 10], probabilities by a classifier of
            MNIST, of which the largest counts. N is at least 1000. `stacked_digits` returns them for images.
        reference: proportions of the 1000 triples, float [1000], each positive, for instance those of the training set;
            by default equal ones, as in PacGAN's code. (MNIST's digits are not quite equally frequent: the KL of a copy
            of its training set from equal proportions is 0.004.)

    Returns:
        `ModeCoverage`; `counts[123]` is that of red digit 1, green digit 2 and blue digit 3.

    Raises:
        UserError: digits or a reference of another shape or range, not finite, or too few.
    """
    digits = _digits(digits)
    modes = DIGITS ** len(PLACES)
    _enough(len(digits), modes)
    counts = np.bincount(digits @ PLACES, minlength=modes)
    return _coverage(counts, len(digits), _shares(reference, modes), 1.0)


def stacked_digits(images: ArrayLike, probabilities: Callable) -> np.ndarray:
    """Returns the digits, int64 [N, 3], that a classifier of MNIST predicts for the channels of images.

    Args:
        images: uint8, or float in [0, 1], [N, H, W, 3].
        probabilities: function of gray images [M, H, W, 1] -> float [M, 10], such as an extractor's `probabilities`.

    Raises:
        UserError: the images do not have three channels, or the classifier not ten classes.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != len(PLACES):
        raise UserError(f"stacked digits are images [N, H, W, 3], got shape {images.shape}")
    found = np.empty((len(images), len(PLACES)), np.int64)
    for start in range(0, len(images), CHUNK):
        chunk = np.moveaxis(images[start : start + CHUNK], -1, 1)  # [M, 3, H, W]
        made = np.asarray(probabilities(np.ascontiguousarray(chunk.reshape(-1, *chunk.shape[2:], 1))))
        found[start : start + CHUNK] = _digits(made.reshape(len(chunk), len(PLACES), -1))
    return found


def _coverage(counts, samples, reference, perfect_quality):
    good = int(counts.sum())
    shares = counts / max(good, 1)
    expected = {
        "found": float(np.sum(1.0 - (1.0 - perfect_quality * reference) ** samples)),
        "high_quality": float(perfect_quality),
        "kl": expected_divergence(reference, round(samples * perfect_quality)),
    }
    return ModeCoverage(
        found=int(np.count_nonzero(counts)),
        modes=len(counts),
        samples=samples,
        high_quality=good / samples,
        kl=divergence(shares, reference) if good else None,
        counts=counts,
        perfect=expected,
    )


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Returns KL(p || q) = sum p log(p / q) of two histograms, in nats."""
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))


def expected_divergence(reference: np.ndarray, samples: int) -> float:
    """Returns the mean of KL(histogram of `samples` draws from the reference || reference), in nats.

    sum_k E[n/N log(n / (N q_k))] with n binomial; about (K - 1) / 2N if every mode has many draws: 0.019 for 1000 modes
    and 26,000 samples.
    """
    n = np.arange(1, samples + 1)
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(n))])
    choices = log_factorials[-1] - log_factorials[1:] - log_factorials[-2::-1]  # log of N over n, n = 1..N
    total = 0.0
    for share, times in zip(*np.unique(reference, return_counts=True)):
        others = np.log1p(-share) if share < 1 else -np.inf
        log_chance = choices + n * np.log(share) + np.where(n < samples, (samples - n) * others, 0.0)
        total += times * np.sum(np.exp(log_chance) * n / samples * np.log(n / (samples * share)))
    return float(total)


def _plane(name: str, points: ArrayLike) -> np.ndarray:
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2 or not np.issubdtype(points.dtype, np.number):
        raise UserError(f"{name} must be numbers [N, 2], got {points.dtype} of shape {points.shape}")
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise UserError(f"{name} has {len(bad)} of {len(points)} rows with NaN or infinity, the first is row {bad[0]}")
    return points.astype(np.float64)


def _digits(digits: ArrayLike) -> np.ndarray:
    """Returns classes int64 [N, 3] from classes or probabilities."""
    digits = np.asarray(digits)
    if digits.ndim == 3 and digits.shape[1:] == (len(PLACES), DIGITS):
        if not np.isfinite(digits).all():
            raise UserError("expected finite probabilities [N, 3, 10] of stacked digits, got NaN or infinity")
        return digits.argmax(axis=-1)
    if digits.ndim != 2 or digits.shape[1] != len(PLACES) or not np.issubdtype(digits.dtype, np.integer):
        raise UserError(
            "expected the digits of three channels, integers [N, 3] or probabilities [N, 3, 10], "
            f"got {digits.dtype} of shape {digits.shape}"
        )
    if len(digits) and (digits.min() < 0 or digits.max() >= DIGITS):
        raise UserError(f"digits are 0..9, got {digits.min()}..{digits.max()}")
    return digits.astype(np.int64)


def _shares(reference, modes):
    if reference is None:
        return np.full(modes, 1.0 / modes)
    reference = np.asarray(reference, np.float64)
    if reference.shape != (modes,) or not (np.isfinite(reference).all() and (reference > 0).all()):
        raise UserError(f"reference must be {modes} positive shares, got shape {reference.shape}")
    return reference / reference.sum()


def _enough(samples, modes):
    if samples < modes:
        raise UserError(f"{modes} modes need at least {modes} samples to be found, got {samples}")
