"""Modes covered: hand-made samples, exact ones, and scipy's distributions."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.metrics import modes_covered, stacked_digits, stacked_modes
from tfgen.metrics.modes import expected_divergence

GRID = [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
ALL = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=-1)  # row 123 is (1, 2, 3)


def exact(count, sigma=0.05, seed=0):
    """Draws of the grid's mixture by NumPy's newer generator."""
    rng = np.random.default_rng(seed)
    return rng.normal(np.array(GRID, float)[rng.integers(25, size=count)], sigma)


def test_exact_samples_find_all_and_are_as_good_as_a_perfect_sampler():
    made = modes_covered(exact(100_000), GRID, 0.05)
    chance = stats.chi2(2).cdf(9)
    assert chance == pytest.approx(0.9889, abs=5e-5)
    assert (made.found, made.modes, made.samples) == (25, 25, 100_000)
    assert made.high_quality == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 100_000))
    assert made.perfect["high_quality"] == pytest.approx(chance, rel=1e-12)
    assert made.perfect["found"] == pytest.approx(25, rel=1e-12)
    assert made.kl == pytest.approx(made.perfect["kl"], abs=4e-4)


def test_a_sampler_that_drops_modes():
    means = [(0, 0), (10, 0), (0, 10), (10, 10)]
    points = [(0, 0)] * 2 + [(10, 0)] * 6  # two modes of four, one three times as often
    made = modes_covered(points, means, 1.0)
    assert (made.found, made.modes, made.samples, made.high_quality) == (2, 4, 8, 1.0)
    np.testing.assert_array_equal(made.counts, [2, 6, 0, 0])
    assert made.kl == pytest.approx(0.25 * np.log(0.25 / 0.25) + 0.75 * np.log(0.75 / 0.25), rel=1e-12)
    assert made.kl == pytest.approx(stats.entropy([2, 6, 0, 0], [1, 1, 1, 1]), rel=1e-12)


def test_a_sampler_at_ten_sigma_finds_nothing():
    made = modes_covered(np.array(GRID) + [0.5, 0.0], GRID, 0.05)
    assert (made.found, made.high_quality, made.kl) == (0, 0.0, None)
    assert not made.counts.any()


def test_three_sigma_are_a_circle_about_the_nearest_mean():
    means = [(0, 0), (7, 0)]
    inside, outside = [(2.99, 0), (2.1, 2.1)], [(3.01, 0), (2.2, 2.2), (0, -3.01)]
    made = modes_covered(inside + outside, means, 1.0)
    assert (made.found, made.high_quality) == (1, 0.4)
    np.testing.assert_array_equal(made.counts, [2, 0])
    # 3.4 is nearest to 0 and 3.6 to 7, though within four sigma of both
    np.testing.assert_array_equal(modes_covered([(3.4, 0), (3.6, 0)], means, 1.0, within=4).counts, [1, 1])


@pytest.mark.parametrize("modes, samples", [(2, 3), (8, 2500), (1000, 26_000)])
def test_the_floor_of_the_divergence_is_its_exact_mean(modes, samples):
    n = np.arange(1, samples + 1)
    terms = stats.binom(samples, 1 / modes).pmf(n) * n / samples * np.log(n * modes / samples)
    assert expected_divergence(np.full(modes, 1 / modes), samples) == pytest.approx(modes * terms.sum(), rel=1e-8)


def test_the_floor_for_unequal_shares():
    shares = np.array([0.5, 0.3, 0.2])
    draws = np.random.default_rng(0).multinomial(40, shares, size=20_000)
    found = stats.entropy(draws, shares[None], axis=1)
    error = np.std(found) / np.sqrt(len(found))
    assert expected_divergence(shares, 40) == pytest.approx(np.mean(found), abs=4 * error)


def test_every_triple_once():
    made = stacked_modes(ALL)
    assert (made.found, made.modes, made.samples, made.high_quality) == (1000, 1000, 1000, 1.0)
    assert made.kl == pytest.approx(0, abs=1e-12)


def test_one_triple_alone():
    made = stacked_modes(np.tile([[1, 2, 3]], (2000, 1)))
    assert made.found == 1 and made.counts[123] == 2000
    assert made.kl == pytest.approx(np.log(1000), rel=1e-12)


def test_a_perfect_sampler_of_26000_is_at_the_floor():
    made = stacked_modes(np.random.default_rng(1).integers(10, size=(26_000, 3)))
    assert made.found == 1000 and made.perfect["found"] == pytest.approx(1000, abs=1e-6)
    assert made.perfect["kl"] == pytest.approx(0.0193, abs=5e-5)
    assert made.kl == pytest.approx(made.perfect["kl"], abs=4 * np.sqrt(999 / 2) / 26_000)


def test_against_the_shares_of_the_training_set():
    digits = np.concatenate([ALL, np.tile([[4, 5, 6]], (500, 1))])
    shares = np.bincount(digits @ [100, 10, 1])
    assert stacked_modes(digits, shares).kl == pytest.approx(0, abs=1e-12)
    assert stacked_modes(digits).kl == pytest.approx(stats.entropy(shares, np.ones(1000)), rel=1e-9)
    assert stacked_modes(ALL, shares).kl == pytest.approx(stats.entropy(np.ones(1000), shares), rel=1e-9)


def test_probabilities_count_by_their_largest():
    probabilities = np.full((1000, 3, 10), 0.05)
    np.put_along_axis(probabilities, ALL[..., None], 0.55, axis=-1)
    np.testing.assert_array_equal(stacked_modes(probabilities).counts, np.ones(1000))


def test_each_channel_is_a_picture_of_its_own():
    images = np.zeros((1500, 4, 5, 3), np.uint8)
    digits = ALL[np.arange(1500) % 1000]
    images[:, 2, 3] = digits  # the one pixel that the classifier below looks at
    seen = []

    def classify(gray):
        seen.append(gray.shape)
        return np.eye(10)[gray[:, 2, 3, 0]]

    np.testing.assert_array_equal(stacked_digits(images, classify), digits)
    assert seen == [(3000, 4, 5, 1), (1500, 4, 5, 1)]


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: modes_covered(np.zeros((3, 2)), GRID, 0.05), "25 modes need at least 25 samples to be found, got 3"),
        (
            lambda: modes_covered(np.zeros((30, 3)), GRID, 0.05),
            r"points must be numbers \[N, 2\], got float64 of shape",
        ),
        (lambda: modes_covered(np.zeros((30, 2)), [1, 2], 0.05), r"means must be numbers \[N, 2\]"),
        (lambda: modes_covered([[0, 0], [np.nan, 1]], [[0, 0]], 1), "points has 1 of 2 rows with NaN or infinity"),
        (lambda: modes_covered(np.zeros((30, 2)), GRID, 0), "must be positive numbers, got 0 and 3.0"),
        (lambda: modes_covered(np.zeros((30, 2)), GRID, 1, np.nan), "must be positive numbers, got 1 and nan"),
        (lambda: stacked_modes(ALL[:999]), "1000 modes need at least 1000 samples to be found, got 999"),
        (lambda: stacked_modes(ALL + 1), r"digits are 0..9, got 1..10"),
        (lambda: stacked_modes(ALL / 2), r"expected the digits of three channels, .* got float64 of shape \(1000, 3\)"),
        (lambda: stacked_modes(np.zeros((1000, 3, 9))), r"probabilities \[N, 3, 10\], got float64 of shape"),
        (lambda: stacked_modes(np.full((1000, 3, 10), np.nan)), "finite probabilities"),
        (lambda: stacked_modes(ALL, np.ones(10)), "reference must be 1000 positive shares"),
        (lambda: stacked_modes(ALL, np.zeros(1000)), "reference must be 1000 positive shares"),
        (lambda: stacked_digits(np.zeros((2, 4, 4, 1)), None), r"images \[N, H, W, 3\], got shape \(2, 4, 4, 1\)"),
        (
            lambda: stacked_digits(np.zeros((2, 4, 4, 3)), lambda gray: np.ones((6, 7))),
            r"\[N, 3, 10\], got .* \(2, 3, 7",
        ),
    ],
)
def test_mistakes_are_said_and_give_no_number(call, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_public_names_start_no_tensorflow():
    assert {"modes_covered", "stacked_modes", "stacked_digits"} <= set(metrics.__all__)
    code = "import sys; from tfgen.metrics import stacked_modes; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
