"""The interval of the rarest class."""

import numpy as np
import pytest

from tfgen.metrics.rarest import rarest_limits
from tfgen.metrics.score import share

POPULATIONS = {
    "equal": np.full(10, 0.1),
    "one rare": np.array([0.03] + [0.97 / 5] * 5),
    "two rare": np.array([0.07, 0.08] + [0.85 / 6] * 6),
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_400_draws_are_covered(name, monkeypatch):
    monkeypatch.setattr("tfgen.metrics.rarest.DRAWS", 200)  # more are better, and slower
    monkeypatch.setattr("tfgen.metrics.rarest.STEPS", 8)
    shares, rng = POPULATIONS[name], np.random.default_rng(0)
    mean = rng.multinomial(300, shares, size=40_000).min(axis=1).mean() / 300
    limits = np.array([rarest_limits(drawn / 300, 300) for drawn in rng.multinomial(300, shares, size=400)])
    assert 0.92 <= np.mean((limits[:, 0] <= mean) & (mean <= limits[:, 1])) <= 0.99  # 0.975 and an error of simulation


def test_a_class_that_stands_alone_has_the_limits_of_its_own_proportion():
    low, high = rarest_limits([0.1, 0.45, 0.45], 200)
    wilson = share(0.1, 200)
    assert low == wilson.low and high == pytest.approx(wilson.high, abs=0.01)


def test_the_upper_limit_is_at_most_the_mean_minimum_of_equal_classes():
    mean = np.random.default_rng(1).multinomial(100, [0.25] * 4, size=100_000).min(axis=1).mean() / 100
    low, high = rarest_limits([0.17, 0.26, 0.28, 0.29], 100)
    assert low < 0.17 and high == pytest.approx(mean, abs=0.004)
    assert rarest_limits([0.25] * 4, 100)[1] == 0.25, "a value is within its interval"


def test_lost_classes_have_an_upper_limit():
    # none of n: 0.05 = (1 - p)^n, as half of the ties count
    low, high = rarest_limits([0.0, 0.5, 0.5], 60)
    assert low == 0.0 and high == pytest.approx(1 - 0.05 ** (1 / 60), rel=0.1)
    assert 0.0 == rarest_limits([1.0, 0.0, 0.0, 0.0], 40)[0] < rarest_limits([1.0, 0.0, 0.0, 0.0], 40)[1] < 0.0876
    assert rarest_limits([1.0], 5)[1] == 1.0, "one class has all"
    assert rarest_limits([0.3, 0.7], 10) == rarest_limits([0.7, 0.3], 10)
