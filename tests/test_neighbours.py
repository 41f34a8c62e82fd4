"""Metrics of neighbours against their definitions, `prdc`, scikit-learn, and cases whose answer is plain."""

import math

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from tfgen.errors import UserError
from tfgen.metrics import (
    authentic,
    authenticity,
    clipped_precision_recall,
    density_coverage,
    memorisation,
    nearest,
    neighbour_scores,
    pairwise,
    precision_recall,
)


def naive_precision_recall(real, fake, k):
    """Straight from the definition, one pair at a time."""

    def distance(a, b):
        return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b)))

    def share(queries, features):
        radius = [
            sorted(distance(a, b) for j, b in enumerate(features) if j != i)[k - 1] for i, a in enumerate(features)
        ]
        hits = [any(distance(q, f) <= r for f, r in zip(features, radius)) for q in queries]
        return sum(hits) / len(hits)

    return share(fake, real), share(real, fake)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_precision_recall_by_its_definition(k, offset, monkeypatch):
    monkeypatch.setattr(pairwise, "PAIRS", 150)  # several chunks, the last one short
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(40, 4)) + offset, rng.normal(1.0, 1.0, size=(31, 4)) + offset
    result = precision_recall(real, fake, k=k)
    assert result == pytest.approx(naive_precision_recall(real, fake, k), abs=1e-9)
    assert all(0.0 < value < 1.0 and type(value) is float for value in result)
    assert precision_recall(fake, real, k=k) == result[::-1]


def test_precision_recall_with_ties():
    rng = np.random.default_rng(0)
    real, fake = rng.integers(0, 3, (60, 3)), rng.integers(0, 4, (50, 3)).astype(np.float32)
    assert precision_recall(real, fake) == pytest.approx(naive_precision_recall(real, fake, 3), abs=1e-9)


def test_precision_recall_of_plain_cases():
    real = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    assert precision_recall(real, real) == (1.0, 1.0)
    assert precision_recall(real, real + 100.0) == (0.0, 0.0)
    collapsed = np.repeat(real[:1], 20, axis=0)  # radius 0, about one real image
    assert precision_recall(real, collapsed) == (1.0, 1 / 50)
    assert precision_recall(real, collapsed + 100.0) == (0.0, 0.0)
    clusters = np.concatenate([real, real + 100.0])
    assert precision_recall(clusters, real) == (1.0, 0.5)


def test_precision_recall_refuses_bad_features():
    good = np.zeros((10, 2))
    with pytest.raises(UserError, match="need at least 4 samples, but fake has 3"):
        precision_recall(good, good[:3])
    with pytest.raises(UserError, match="same length, got 2 and 5"):
        precision_recall(good, np.zeros((10, 5)))
    with pytest.raises(UserError, match="real has 2 of 10 rows with NaN or infinity, the first is row 4"):
        precision_recall(np.where(np.arange(20).reshape(10, 2) // 4 == 2, np.nan, 0.0), good)
    with pytest.raises(UserError, match=r"features \[N, F\] of real numbers, got float64 of shape \(10,\)"):
        precision_recall(good, good[:, 0])
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        precision_recall(good, good, k=0)
    with pytest.raises(UserError, match="k must be an integer, got 2.5"):
        precision_recall(good, good, k=2.5)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("reals, fakes, length", [(150, 90, 3), (200, 60, 20)])
def test_density_and_coverage_are_those_of_prdc(k, reals, fakes, length, monkeypatch):
    prdc = pytest.importorskip("prdc")
    monkeypatch.setattr(pairwise, "PAIRS", 1000)
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(reals, length)), rng.normal(0.3, 0.8, (fakes, length))
    expected = prdc.compute_prdc(real, fake, nearest_k=k)
    assert density_coverage(real, fake, k=k) == pytest.approx((expected["density"], expected["coverage"]), abs=1e-12)
    assert neighbour_scores(real, fake, k_pr=k, k_dc=k) == pytest.approx(expected, abs=1e-12)  # no ties
    assert 0.1 < expected["coverage"] < 0.99


def test_neighbour_scores_are_the_single_ones():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(80, 4)), rng.normal(0.5, 1.0, (70, 4))
    precision, recall = precision_recall(real, fake, k=2)
    density, coverage = density_coverage(real, fake, k=7)
    expected = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
    assert neighbour_scores(real, fake, k_pr=2, k_dc=7) == expected
    assert all(type(value) is float for value in expected.values())
    assert density != density_coverage(fake, real, k=7)[0]  # the balls are the first set's


def test_a_mean_that_is_large_beside_the_distances_costs_nothing():
    rng = np.random.default_rng(0)
    real, fake = (rng.integers(0, 6, (90, 3)).astype(np.float64) for _ in range(2))  # with ties
    scores = neighbour_scores(real, fake)
    assert neighbour_scores(real + 2.0**26, fake + 2.0**26) == scores
    assert all(0.1 < value for value in scores.values())


@pytest.mark.parametrize("n, m, k", [(60, 90, 5), (90, 60, 3)])
def test_coverage_of_equal_distributions_is_as_expected(n, m, k):
    rng = np.random.default_rng(0)
    scores = [density_coverage(rng.normal(size=(n, 4)), rng.normal(size=(m, 4)), k) for _ in range(150)]
    densities, coverages = zip(*scores)
    # The k nearest of N - 1 + M others are all real.
    expected = 1.0 - math.prod((n - 1 - i) / (m + n - 1 - i) for i in range(k))
    error = np.std(coverages, ddof=1) / math.sqrt(len(coverages))
    assert error < 0.01
    assert np.mean(coverages) == pytest.approx(expected, abs=3.5 * error)
    assert np.mean(densities) == pytest.approx(1.0, abs=3.5 * np.std(densities, ddof=1) / math.sqrt(len(densities)))


def test_density_and_coverage_of_plain_cases():
    real = np.random.default_rng(0).normal(size=(50, 8)) + 1e3
    assert density_coverage(real, real) == (1.0, 1.0)  # itself and 4 neighbours; the fifth is on the surface
    assert density_coverage(real, real + 100.0) == (0.0, 0.0)
    line = np.array([[0.0], [1.0], [2.0], [3.0]])  # balls of radius 1
    assert density_coverage(line, np.array([[0.5], [0.6], [9.0], [1.0]]), k=1) == (5 / 4, 2 / 4)
    twins = np.repeat(line, 2, axis=0)  # balls of radius 0 hold nothing, as in prdc
    assert density_coverage(twins, twins, k=1) == (0.0, 0.0)


def test_density_and_coverage_refuse_bad_features():
    good = np.zeros((10, 2))
    with pytest.raises(UserError, match="k=5 neighbours need at least 6 samples, but real has 5"):
        density_coverage(good[:5], good)
    with pytest.raises(UserError, match="k=7 neighbours need at least 8 samples, but fake has 7"):
        neighbour_scores(good, good[:7], k_pr=3, k_dc=7)
    with pytest.raises(UserError, match="k must be at least 1, got 0"):
        density_coverage(good, good, k=0)
    with pytest.raises(
        UserError, match=r"real must be features \[N, F\] of real numbers, got uint8 of shape \(10, 2, 2\)"
    ):
        density_coverage(np.zeros((10, 2, 2), np.uint8), good)
    with pytest.raises(UserError, match="fake has 1 of 10 rows with NaN or infinity, the first is row 3"):
        density_coverage(good, np.where(np.arange(20).reshape(10, 2) == 7, np.inf, 0.0))


# Memorisation.


@pytest.mark.parametrize("offset, scale", [(0.0, 1.0), (1e3, 1.0), (0.0, 1e-25), (0.0, 1e25)])
def test_nearest_is_that_of_scikit_learn(offset, scale, monkeypatch):
    monkeypatch.setattr(memorisation, "QUERIES", 16)
    monkeypatch.setattr(memorisation, "POINTS", 50)
    rng = np.random.default_rng(0)
    train, fake = scale * (rng.normal(size=(170, 6)) + offset), scale * (rng.normal(size=(61, 6)) + offset)
    distances, indices = (
        NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(train / scale).kneighbors(fake / scale)
    )
    index, distance = nearest(train, fake)
    assert index.tolist() == indices[:, 0].tolist() and index.dtype == np.int64
    assert distance == pytest.approx(scale * distances[:, 0], rel=1e-9, abs=0.0)

    own = (
        NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(train / scale).kneighbors()[0][:, 0]
    )  # without itself
    expected = distances[:, 0] > own[indices[:, 0]]
    assert authentic(train, index, distance).tolist() == expected.tolist()
    assert authenticity(train, fake) == expected.mean() and 0.1 < expected.mean() < 0.9


def test_what_float32_cannot_tell_apart_is_found_in_float64():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40, 5))
    train = np.concatenate([base + 1e-6 * rng.normal(size=base.shape) for _ in range(5)])
    fake = train[::-1] + 1e-12
    index, distance = nearest(train, fake)
    assert index.tolist() == list(range(199, -1, -1))
    assert distance == pytest.approx(np.full(200, 1e-12 * math.sqrt(5)), rel=1e-3)
    far = np.full((1, 5), 1e30)  # its products are beyond float32
    assert nearest(base, far)[0] == (base.sum(axis=1)).argmax()
    assert nearest(np.ones((3, 2)), np.full((2, 2), 4.0))[1].tolist() == [math.sqrt(18.0)] * 2


def test_float32_is_enough_where_the_nearest_stands_out(monkeypatch):
    monkeypatch.setattr(memorisation, "POINTS", 20)
    rng = np.random.default_rng(0)
    train = rng.permutation(np.eye(60)) * np.arange(1.0, 61.0)
    index = np.arange(60)[::-1]
    expected = nearest(train, 1.01 * train[index])[0]
    monkeypatch.delattr(memorisation._Search, "_nearest_double")
    assert nearest(train, 1.01 * train[index])[0].tolist() == expected.tolist() == index.tolist()


def test_authenticity_of_plain_cases():
    rng = np.random.default_rng(0)
    train = rng.normal(size=(200, 6)).astype(np.float32)
    assert authenticity(train, train) == 0.0  # copies
    assert authenticity(train, train + np.float32(1e-3)) == 0.0
    assert authenticity(train, train + 100.0) == 1.0
    assert authenticity(train, np.concatenate([train[:30], train[:10] + 100.0])) == 0.25
    assert authenticity(np.repeat(train, 2, axis=0), train) == 0.0
    line = np.array([[0.0], [1.0], [10.0]])  # 0 and 1 are 1 from their own nearest, 10 is 9
    fakes = np.array([[-1.5], [-0.5], [18.0], [20.0], [4.0]])
    index, distance = nearest(line, fakes)
    assert index.tolist() == [0, 0, 2, 2, 1] and distance.tolist() == [1.5, 0.5, 8.0, 10.0, 3.0]
    assert authentic(line, index, distance).tolist() == [True, False, False, True, True]


def test_memorisation_refuses_bad_features():
    good = np.zeros((10, 2))
    with pytest.raises(UserError, match="authenticity needs at least 2 samples, but train has 1"):
        authenticity(good[:1], good)
    with pytest.raises(UserError, match="nearest neighbours need at least 1 sample, but fake has 0"):
        nearest(good, good[:0])
    with pytest.raises(UserError, match="train and fake must have features of the same length, got 2 and 3"):
        nearest(good, np.zeros((4, 3)))
    with pytest.raises(UserError, match="train has 10 of 10 rows with NaN"):
        authenticity(good * np.nan, good)


# Clipped precision and recall.


def naive_clipped_precision(real, fake, k):
    """Straight from the definition, one sample at a time."""
    between = lambda a, b: np.linalg.norm(a[:, None] - b, axis=-1)  # noqa: E731
    own = between(real, real)
    radius = np.sort(own, axis=1)[:, k]  # itself is the first
    radius = np.minimum(radius, np.median(radius))
    reach = np.sort(between(fake, fake), axis=1)[:, max(5, round(len(fake) / 20))]
    found = []
    for distances, far in zip(between(fake, real), reach):
        found.append(min(1, (distances <= np.minimum(radius, far)).sum() / k))
    usual = [min(1, (np.delete(own[i], i) <= np.delete(radius, i)).sum() / k) for i in range(len(real))]
    return min(1, np.mean(found) / np.mean(usual))


@pytest.mark.parametrize("k, reals, fakes", [(5, 150, 130), (3, 90, 240)])
def test_clipped_precision_and_recall_by_their_definition(k, reals, fakes, monkeypatch):
    monkeypatch.setattr(pairwise, "PAIRS", 1000)
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(reals, 3)), rng.normal(0.8, 1.0, size=(fakes, 3))
    result = clipped_precision_recall(real, fake, k)
    assert result == pytest.approx(
        (naive_clipped_precision(real, fake, k), naive_clipped_precision(fake, real, k)), abs=1e-9
    )
    assert all(0.0 < value < 1.0 and type(value) is float for value in result)
    assert clipped_precision_recall(fake, real, k) == result[::-1]


def gaussians(seed, scale=1.0, length=16, count=500):
    return scale * np.random.default_rng(seed).normal(size=(count, length))


def test_one_outlier_changes_little_of_clipped_precision_and_recall():
    real, fake = gaussians(0), gaussians(1)
    plain = clipped_precision_recall(real, fake)
    assert min(plain) > 0.9
    for distance in (30.0, 1e4):
        far = np.full((1, 16), distance)
        assert clipped_precision_recall(np.vstack([real[1:], far]), fake) == pytest.approx(plain, abs=0.03)
        assert clipped_precision_recall(real, np.vstack([fake[1:], far])) == pytest.approx(plain, abs=0.03)
    poor = 0.1 * fake + 2.0  # all within the outlier's ball, and in no other
    assert precision_recall(np.vstack([real[1:], np.full((1, 16), 30.0)]), poor)[0] > 0.9
    assert clipped_precision_recall(np.vstack([real[1:], np.full((1, 16), 30.0)]), poor)[0] < 0.05


@pytest.mark.parametrize("length", [16, 64])
def test_a_collapse_between_real_images_has_no_clipped_precision(length):
    real, collapsed = gaussians(0, length=length), gaussians(1, 0.05, length=length)
    assert precision_recall(real, collapsed)[0] == 1.0
    assert clipped_precision_recall(real, collapsed) == (0.0, 0.0)
    noise = gaussians(1, 2.0, length=length)
    assert precision_recall(real, noise)[1] > 0.99  # the balls of noise hold everything
    assert clipped_precision_recall(real, noise)[0] < 0.05 and clipped_precision_recall(real, noise)[1] < 0.5


def test_clipped_recall_is_the_share_of_modes_and_precision_stays():
    def modes(seed, number):
        return gaussians(seed) + 40.0 * np.eye(16)[np.arange(500) % number]

    for kept in (1, 5, 9):
        precision, recall = clipped_precision_recall(modes(0, 10), modes(1, kept))
        assert precision > 0.5 and recall == pytest.approx(kept / 10, abs=0.1), kept


def test_clipped_precision_of_repeated_images_and_of_none_near():
    real = gaussians(0)
    precision, recall = clipped_precision_recall(real, np.repeat(real[:1], 100, axis=0))
    assert precision < 0.5 and recall == 1 / 500  # their reach is 0, where one real image lies and not the usual five
    assert clipped_precision_recall(real, real + 100.0) == (0.0, 0.0)
    with pytest.raises(UserError, match="k=5 neighbours need at least 6 samples, but fake has 5"):
        clipped_precision_recall(real, real[:5])
