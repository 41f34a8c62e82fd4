"""Scores of probabilities and labels: hand-computed numbers, and scipy."""

import math

import numpy as np
import pytest
from scipy.special import rel_entr

from tfgen.errors import UserError
from tfgen.metrics import class_histogram, inception_score, label_agreement


def test_inception_score_by_hand():
    sure = np.eye(4, dtype=np.float32)
    assert inception_score(sure, splits=1) == pytest.approx((4.0, 0.0), abs=1e-12)
    assert inception_score(np.full((6, 4), 0.25), splits=2) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert inception_score(sure, splits=4) == pytest.approx((1.0, 0.0), abs=1e-12)  # one image says nothing of p(y)
    # Parts of (2, 2) images: two classes in the first, one in the second.
    assert inception_score(sure[[0, 1, 2, 2]], splits=2) == pytest.approx((1.5, 0.5), abs=1e-12)
    # p(y) = (1/2, 1/2); KL of (3/4, 1/4) from it is ln 2 - H(1/4).
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    halves = np.array([[0.75, 0.25], [0.25, 0.75]])
    assert inception_score(halves, splits=1)[0] == pytest.approx(2.0 * math.exp(-entropy), rel=1e-12)


def test_inception_score_is_scipys_divergence_of_consecutive_parts():
    probabilities = np.random.default_rng(0).dirichlet(np.full(5, 0.3), 23)
    probabilities[3] = [0.0, 1.0, 0.0, 0.0, 0.0]
    scores = []
    for part in (probabilities[:7], probabilities[7:15], probabilities[15:]):  # i * 23 // 3
        scores.append(np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean()))
    result = inception_score(probabilities, splits=3)
    assert result == pytest.approx((np.mean(scores), np.std(scores)), rel=1e-12)
    assert all(type(value) is float for value in result)


def test_class_histogram():
    assert class_histogram(np.array([2, 0, 2, 2], np.uint8), 4).tolist() == [0.25, 0.0, 0.75, 0.0]
    probabilities = np.array([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8], [0.4, 0.0, 0.6], [0.0, 0.0, 1.0]], np.float32)
    shares = class_histogram(probabilities, 3)
    assert shares.tolist() == [0.25, 0.0, 0.75] and shares.dtype == np.float64


def test_label_agreement():
    probabilities = np.array([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8], [0.4, 0.0, 0.6]], np.float16)
    assert label_agreement(probabilities, [0, 1, 2]) == 2 / 3
    assert label_agreement(probabilities, np.array([2, 2, 2])) == 2 / 3
    assert label_agreement(probabilities, [1, 0, 1]) == 0.0


def test_probabilities_may_be_rounded():
    exact = np.random.default_rng(0).dirichlet(np.ones(10), 50)
    rounded = exact.astype(np.float16)
    assert np.abs(rounded.astype(np.float64).sum(axis=1) - 1.0).max() > 1e-5
    assert inception_score(rounded, 5) == pytest.approx(inception_score(exact, 5), rel=1e-3)
    assert inception_score(1.0009 * exact, 5) == pytest.approx(inception_score(exact, 5), rel=1e-12)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: inception_score(np.full((9, 2), 0.5)), "10 splits need at least 10 images, got 9"),
        (lambda: inception_score(np.full((9, 2), 0.5), splits=0), "splits must be at least 1, got 0"),
        (lambda: inception_score(np.full((9, 2), 0.6), splits=1), "row 0 sums to 1.2: apply the softmax"),
        (lambda: inception_score([[1.0, 0.0], [0.5, 0.502]], splits=1), "row 1 sums to 1.002"),
        (lambda: inception_score([[1.1, -0.1]], splits=1), "the smallest is -0.1 and row 0 sums to 1:"),
        (lambda: inception_score([[np.nan, 1.0]], splits=1), "probabilities has 1 of 1 rows with NaN"),
        (lambda: inception_score(np.full(9, 1.0)), r"real numbers \[N, classes\], got float64 of shape \(9,\)"),
        (lambda: inception_score(np.zeros((0, 4))), r"got float64 of shape \(0, 4\)"),
        (lambda: class_histogram([0, 3], 3), r"labels must be in 0\.\.2, got 0\.\.3"),
        (lambda: class_histogram([-1, 3], 4), r"labels must be in 0\.\.3, got -1\.\.3"),
        (lambda: class_histogram([0.0, 1.0], 3), r"labels must be integers \[N\], got float64 of shape \(2,\)"),
        (lambda: class_histogram(np.zeros(0, int), 3), "at least 1 label, got none"),
        (lambda: class_histogram(np.eye(4), 3), "num_classes=3 classes, got 4"),
        (lambda: label_agreement(np.eye(4), [0, 1, 2]), "4 entries, one per image, got 3"),
        (lambda: label_agreement(np.eye(4), [0, 1, 2, 4]), r"in 0\.\.3, got 0\.\.4"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(UserError, match=words):
        call()
