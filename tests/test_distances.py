"""Fréchet and kernel distances: frozen numbers, closed forms, scipy and scikit-learn, and repeated draws."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from tfgen.errors import UserError
from tfgen.metrics import (
    frechet_bootstrap,
    frechet_distance,
    frechet_infinity,
    frechet_spread,
    kernel_distance,
    kernels,
    per_class_frechet,
)


def gaussian(seed, rows, length, shift=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, (rows, length))


def exactly(mean, variance, length):
    """2 * length points whose mean is `mean` and whose covariance is `variance` times the identity."""
    spread = math.sqrt(variance * (2 * length - 1) / 2)
    return mean + spread * np.concatenate([np.eye(length), -np.eye(length)])


# Frechet.


def test_frechet_frozen():
    rng = np.random.RandomState(0)
    a, b = (rng.randn(512, 256).astype(np.float32) for _ in range(2))
    assert frechet_distance(a, b) == pytest.approx(65.742721, rel=1e-6)


def test_frechet_of_gaussians_known_in_closed_form():
    assert frechet_distance(exactly(0.0, 1.0, 4), exactly(1.0, 4.0, 4)) == pytest.approx(8.0, rel=1e-12)
    a = gaussian(0, 50, 3)
    assert frechet_distance(a, a + [3.0, 0.0, 4.0]) == pytest.approx(25.0, rel=1e-9)
    # Two sets of one direction each, at right angles: nothing is shared, so the distance is both variances.
    across, along = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, -2.0], [0.0, 2.0]])
    assert frechet_distance(across, along) == pytest.approx(2.0 + 8.0, rel=1e-12)
    assert 0.0 <= frechet_distance(a, a) < 1e-7
    assert frechet_distance(np.ones((4, 2)), np.ones((3, 2))) == 0.0


@pytest.mark.parametrize("rows, others, length", [(80, 50, 7), (300, 400, 40)])
def test_frechet_is_that_of_scipys_root(rows, others, length):
    mixing = np.random.default_rng(3).normal(size=(length, length))
    a, b = gaussian(0, rows, length, 0.2), gaussian(1, others, length) @ mixing
    difference = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = difference @ difference + np.trace(cov_a + cov_b - 2.0 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rows, others, length", [(5, 9, 30), (60, 4, 30)])
def test_frechet_of_fewer_samples_than_features(rows, others, length):
    a, b = gaussian(0, rows, length, 0.2), gaussian(1, others, length, 0.0, 2.0)
    centred = [x - x.mean(axis=0) for x in (a, b)]
    # Tr((S_a S_b)^(1/2)) is the sum of the singular values of A B^T, A and B the centred sets over sqrt(N - 1).
    overlap = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    overlap /= math.sqrt((rows - 1) * (others - 1))
    difference = a.mean(axis=0) - b.mean(axis=0)
    traces = sum(np.trace(np.cov(x, rowvar=False)) for x in (a, b))
    expected = difference @ difference + traces - 2.0 * overlap
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_per_class_frechet():
    real, fake = gaussian(0, 90, 3), gaussian(1, 60, 3, 0.5)
    real_labels, fake_labels = np.arange(90) % 3 * 2, np.arange(60)[::-1] % 3 * 2
    result = per_class_frechet(real, real_labels, fake, fake_labels)
    expected = {label: frechet_distance(real[real_labels == label], fake[fake_labels == label]) for label in (0, 2, 4)}
    assert result == expected and list(result) == [0, 2, 4]
    assert all(type(label) is int for label in result)
    with pytest.raises(UserError, match=r"every class, but class 4 has \[30, 1\]"):
        per_class_frechet(real, real_labels, fake, np.minimum(np.arange(60) // 20 * 2, 2 + 2 * (np.arange(60) == 59)))
    with pytest.raises(UserError, match=r"but class 7 has \[0, 30\]"):
        per_class_frechet(real, np.zeros(90, int), fake, np.arange(60) % 2 * 7)
    with pytest.raises(UserError, match="fake_labels must have 60 entries, one per image, got 90"):
        per_class_frechet(real, real_labels, fake, real_labels)
    with pytest.raises(UserError, match="real_labels must be integers"):
        per_class_frechet(real, np.eye(90), fake, fake_labels)


def test_bootstrap_is_as_wide_as_new_images_would_show():
    def draw(seed):
        return gaussian(2 * seed, 300, 3, 0.5), gaussian(2 * seed + 1, 200, 3, 0.0, 1.2)

    spread = np.std([frechet_distance(*draw(seed)) for seed in range(200)], ddof=1)
    intervals = [frechet_bootstrap(*draw(seed), draws=40) for seed in range(12)]
    widths = [(high - low) / 2.0 / 1.96 for low, high in intervals]
    assert np.mean(widths) == pytest.approx(spread, rel=0.25)
    for seed, (low, high) in enumerate(intervals):
        assert (low + high) / 2.0 == pytest.approx(frechet_distance(*draw(seed)), rel=1e-9)


def test_bootstrap_depends_on_its_seed_alone_and_stays_above_0():
    a, b = gaussian(0, 60, 3), gaussian(1, 60, 3)
    low, high = frechet_bootstrap(a, b, seed=3)
    assert frechet_bootstrap(a, b, seed=3) == (low, high) != frechet_bootstrap(a, b, seed=4)
    assert 0.0 <= low <= frechet_distance(a, b) <= high and type(low) is type(high) is float
    with pytest.raises(UserError, match="draws must be at least 2, got 1"):
        frechet_bootstrap(a, b, draws=1)


@pytest.mark.parametrize("shift, scale", [(0.0, 1.0), (0.2, 1.0), (0.1, 1.3)])
def test_infinity_has_no_bias_and_an_error_that_new_images_show(shift, scale):
    length, rows, draws = 8, 200, 60
    truth = length * (shift**2 + (scale - 1.0) ** 2)
    plain, values, errors = [], [], []
    for seed in range(draws):
        real, fake = gaussian(2 * seed, rows, length), gaussian(2 * seed + 1, rows, length, shift, scale)
        value, error = frechet_infinity(real, fake)
        plain.append(frechet_distance(real, fake))
        values.append(value)
        errors.append(error)
    spread = np.std(values, ddof=1)
    assert np.mean(plain) - truth > 10.0 * spread / math.sqrt(draws)
    assert np.mean(values) == pytest.approx(truth, abs=3.0 * spread / math.sqrt(draws))
    # Of equal distributions only terms of second order are left, and the error is too large rather than too small.
    assert 0.75 < np.mean(errors) / spread < (1.6 if truth == 0.0 else 1.25)


def test_infinity_is_the_line_through_the_means_of_parts():
    a, b = gaussian(0, 120, 4), gaussian(1, 90, 4, 0.3)
    rng = np.random.default_rng(5)
    a_order, b_order = rng.permutation(a), rng.permutation(b)
    whole = frechet_distance(a, b)
    halves = [frechet_distance(a_order[:60], b_order[:45]), frechet_distance(a_order[60:], b_order[45:])]
    value, error = frechet_infinity(a, b, points=2, seed=5)
    assert value == pytest.approx(2.0 * whole - np.mean(halves), rel=1e-9)
    assert type(value) is type(error) is float
    assert frechet_infinity(a, b)[0] == frechet_infinity(a, b)[0] != frechet_infinity(a, b, seed=1)[0]


def test_infinity_of_features_that_are_always_0():
    a, b = gaussian(0, 400, 4), gaussian(1, 400, 4, 0.5)
    dead = np.zeros((400, 3))
    value, error = frechet_infinity(a, b)
    turned, _ = np.linalg.qr(gaussian(2, 7, 7))  # their variances are not exactly 0 then
    padded = frechet_infinity(np.hstack([a, dead]) @ turned, np.hstack([b, dead]) @ turned)
    assert padded == pytest.approx((value, error), rel=1e-6)


@pytest.mark.parametrize("metric", [frechet_distance, frechet_bootstrap, frechet_infinity, kernel_distance])
def test_bad_features_are_refused(metric):
    good = gaussian(0, 60, 4)
    broken = good.copy()
    broken[5, 1] = np.inf
    with pytest.raises(UserError, match="at least .* samples, but fake has 1"):
        metric(good, good[:1])
    with pytest.raises(UserError, match="same length, got 4 and 3: use one extractor for both"):
        metric(good, good[:, :3])
    with pytest.raises(UserError, match="fake has 1 of 60 rows with NaN or infinity, the first is row 5"):
        metric(good, broken)
    with pytest.raises(UserError, match=r"real must be features \[N, F\]"):
        metric(good[:, 0], good)


def test_infinity_refuses_too_few_samples():
    with pytest.raises(UserError, match="from 5 points of 8 features needs at least 45 samples, but fake has 44"):
        frechet_infinity(gaussian(0, 60, 8), gaussian(1, 44, 8))
    with pytest.raises(UserError, match="points must be at least 2, got 1"):
        frechet_infinity(gaussian(0, 60, 8), gaussian(1, 60, 8), points=1)


# Kernel.


def squared_mmd(a, b):
    """From scikit-learn's kernel, whose gamma is 1 / F by default."""
    within = [polynomial_kernel(x, degree=3, coef0=1.0) for x in (a, b)]
    cross = polynomial_kernel(a, b, degree=3, coef0=1.0)
    return sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within) - 2.0 * cross.mean()


def test_kernel_distance_frozen():
    rng = np.random.RandomState(0)
    a = rng.randn(512, 256).astype(np.float32)
    b = (rng.randn(512, 256) * 1.1 + 0.05).astype(np.float32)
    assert kernel_distance(a, b)[0] == pytest.approx(0.00838864, abs=5e-8)  # frozen from sums in float32
    assert kernel_distance(a, b)[0] == pytest.approx(squared_mmd(a.astype(float), b.astype(float)), rel=1e-9)


@pytest.mark.parametrize("rows, others", [(30, 45), (45, 30)])
def test_kernel_distance_is_that_of_scikit_learns_kernel(rows, others, monkeypatch):
    monkeypatch.setattr(kernels, "PAIRS", 200)
    a, b = gaussian(0, rows, 5, 0.5), gaussian(1, others, 5)
    value, error = kernel_distance(a, b)
    assert value == pytest.approx(squared_mmd(a, b), rel=1e-9)
    assert kernel_distance(b, a) == pytest.approx((value, error), rel=1e-9)
    assert type(value) is type(error) is float


def repeated(draws, rows, others, shift=0.0, **options):
    """Of independent pairs of sets: the estimates' mean, their standard deviation, and the error they are given."""
    pairs = ((gaussian(2 * i, rows, 8), gaussian(2 * i + 1, others, 8, shift)) for i in range(draws))
    values, errors = zip(*(kernel_distance(*pair, **options) for pair in pairs))
    return np.mean(values), np.std(values, ddof=1), math.sqrt(np.mean(np.square(errors)))


@pytest.mark.parametrize("rows, others, shift", [(60, 60, 0.0), (40, 100, 0.0), (60, 60, 0.3), (100, 50, 0.6)])
def test_kernel_error_is_what_new_images_show(rows, others, shift):
    _, spread, error = repeated(250, rows, others, shift)
    assert error == pytest.approx(spread, rel=0.25)


def additive_residual(k, keep):
    """The residual variance of the kept entries of a matrix after row and column effects, by least squares."""
    i, j = np.nonzero(keep)
    design = np.hstack([np.eye(len(k))[i], np.eye(k.shape[1])[j]])
    fitted = design @ np.linalg.lstsq(design, k[i, j])[0]
    return np.square(k[i, j] - fitted).sum() / (len(i) - np.linalg.matrix_rank(design))


def test_kernel_error_is_the_jackknife_less_the_pairs_it_counts_twice():
    sets = gaussian(0, 12, 3, 1.0, 2.0), gaussian(1, 15, 3)
    n, m = map(len, sets)
    expected = 0.0
    for which, x in enumerate(sets):
        left_out = [np.delete(x, i, axis=0) for i in range(len(x))]
        values = [kernel_distance(*((left, sets[1]) if which == 0 else (sets[0], left)))[0] for left in left_out]
        expected += (len(x) - 1) * np.var(values)
        within = polynomial_kernel(x, degree=3, coef0=1.0)
        symmetric = additive_residual(within, ~np.eye(len(x), dtype=bool))
        # Every pair stands in the matrix twice, while its row effects are its column effects.
        freedom = ((len(x) - 1) ** 2 - len(x)) / (len(x) * (len(x) - 3))
        expected -= 2.0 * symmetric * freedom / (len(x) * (len(x) - 1))
    cross = polynomial_kernel(*sets, degree=3, coef0=1.0)
    expected -= 4.0 * additive_residual(cross, np.ones((n, m), bool)) / (n * m)
    assert kernel_distance(*sets)[1] ** 2 == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_of_equal_distributions_is_0_in_the_mean_and_as_often_negative():
    mean, spread, _ = repeated(250, 40, 50)
    assert abs(mean) < 3.0 * spread / math.sqrt(250)
    values = [kernel_distance(gaussian(2 * i, 40, 8), gaussian(2 * i + 1, 50, 8))[0] for i in range(40)]
    assert 10 <= sum(value < 0.0 for value in values) <= 34


@pytest.mark.parametrize("images", [5000, 40])
def test_kernel_error_of_subsets_is_more_than_their_spread(images, monkeypatch):
    monkeypatch.setattr(kernels, "IMAGES", images)  # fewer than there are: scaled to all of them
    _, spread, error = repeated(100, 60, 55, 0.5, subsets=16, subset_size=40)
    assert error == pytest.approx(spread, rel=0.25)

    # What is usually given as the error:
    real, fake, rng = gaussian(0, 60, 8), gaussian(1, 55, 8, 0.5), np.random.default_rng(0)
    subsets = [kernel_distance(rng.permutation(real)[:40], rng.permutation(fake)[:40])[0] for _ in range(16)]
    assert np.std(subsets, ddof=1) / math.sqrt(16) < 0.4 * spread


def test_kernel_subsets_estimate_what_all_images_do():
    real, fake = gaussian(0, 400, 4, 0.3), gaussian(1, 300, 4)
    whole, error = kernel_distance(real, fake, subset_size=300)
    values = [kernel_distance(real, fake, subsets=50, subset_size=40, seed=seed) for seed in range(8)]
    means, errors = map(np.array, zip(*values))
    assert len(set(means)) == 8
    assert kernel_distance(real, fake, subsets=50, subset_size=40, seed=3) == values[3]
    noise = np.sqrt(errors**2 - error**2)  # of drawing subsets alone
    assert np.abs(means - whole).max() < 3.5 * noise.mean()
    assert np.std(means) == pytest.approx(noise.mean(), rel=0.6)


def test_kernel_distance_refuses_what_it_cannot_do():
    good = gaussian(0, 20, 4)
    with pytest.raises(UserError, match="its error need at least 4 samples, but real has 3"):
        kernel_distance(good[:3], good)
    with pytest.raises(UserError, match="subsets must be at least 2, got 1"):
        kernel_distance(good, good, subsets=1)
    with pytest.raises(UserError, match="subset_size must be at least 4, got 3"):
        kernel_distance(good, good, subset_size=3)


@pytest.mark.parametrize("shift, fixed", [(0.0, False), (0.25, False), (0.25, True)])
def test_the_spread_covers_the_mean_over_redraws(shift, fixed):
    real, covered, values, errors = gaussian(999, 4000, 8), [], [], []
    for seed in range(200):
        a = real if fixed else gaussian(2 * seed, 150, 8)
        covered.append(frechet_spread(a, gaussian(2 * seed + 1, 150, 8, shift), fixed))
    values, errors = ([getattr(one, name) for one in covered] for name in ("value", "standard_error"))
    mean = np.mean(values)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.15)
    assert 0.9 < np.mean([one.low <= mean <= one.high for one in covered]) < 0.99
    assert all(0.0 <= one.low <= one.value <= one.high for one in covered)


def test_the_spread_is_of_the_distance_and_its_images():
    a, b = gaussian(0, 60, 3), gaussian(1, 50, 3)
    found = frechet_spread(a, b, seed=3)
    assert found.value == frechet_distance(a, b) and type(found.low) is type(found.high) is float
    moved = [frechet_distance(np.vstack([a, a[i : i + 1]]), b) for i in range(20)]  # with one image twice
    assert np.corrcoef(found.real[:20], moved)[0, 1] > 0.99
    moved = [frechet_distance(a, np.vstack([b, b[i : i + 1]])) for i in range(20)]
    assert np.corrcoef(found.fake[:20], moved)[0, 1] > 0.95
    fixed = frechet_spread(a, b, fixed_real=True, seed=3)
    assert fixed.real is None and (fixed.fake == found.fake).all() and fixed.standard_error < found.standard_error
    same = frechet_spread(a, a)
    assert same.value == pytest.approx(0.0, abs=1e-9) and 0.0 <= same.low <= same.high < 1e-6
    with pytest.raises(UserError, match="the spread of the Frechet distance needs at least 4 samples, but fake has 3"):
        frechet_spread(a, b[:3])
