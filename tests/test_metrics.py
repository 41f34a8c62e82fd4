"""Metrics of neighbours against their definitions and cases whose answer is plain."""

import math

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.metrics import neighbours, precision_recall


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
    monkeypatch.setattr(neighbours, "PAIRS", 150)  # several chunks, the last one short
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
