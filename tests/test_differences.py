"""Intervals of differences: paired by replicates, over trainings, and of independent scores."""

import dataclasses

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.evaluation import Evaluation
from tfgen.evaluation.differences import AT_AN_END, OF_SAMPLES, PAIRED, UNKNOWN, UNPAIRED, compare, within_error
from tfgen.metrics.differences import independent_limits, mean_difference, student
from tfgen.metrics.score import Score, check_comparable, mean_of, share

PROTOCOL = {"real": {"sha256": "ab", "count": 50}, "fake": {"count": 100}, "parameters": {"k": 3}}


def contents(replicates=(), protocol=PROTOCOL, **scores):
    """What evaluation.json holds; a score is (value, low, high)."""
    metrics = {name: {**dict(zip(("value", "low", "high"), of)), "protocol": protocol} for name, of in scores.items()}
    return {"metrics": metrics, "replicates": dict(replicates)}


# The arithmetic.


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (1.5, 6.0167), (2, 4.3027), (3, 3.1824), (10, 2.2281), (100, 1.9840), (1e6, 1.9600)],
)
def test_students_quantiles(degrees, quantile):
    assert student(degrees) == pytest.approx(quantile, abs=1e-4)


def test_what_two_runs_share_cancels():
    shared, own = [3.0, -1.0, 2.0, -2.0], [0.0, 0.0, 1.0, -1.0]
    value, half = mean_difference([5.0], [3.0], [np.add(shared, own)], [shared])
    # the mean square of `own` is 1/2; Student's t of 4 degrees of freedom is 2.7764
    assert value == 2.0 and half == pytest.approx(2.7764 * 0.5**0.5, rel=1e-4)
    alone = mean_difference([5.0], [3.0], [own], [np.multiply(own, -1.0)])[1]
    assert alone == pytest.approx(2 * half), "what goes in opposite ways adds up"
    assert mean_difference([5.0], [5.0], [own], [own]) == (0.0, 0.0)
    assert mean_difference([5.0], [3.0]) == (2.0, None)


def test_over_trainings_it_is_welchs():
    # variances 2 and 8, of the means 1 and 4; degrees of freedom 25 / (1 / 1 + 16 / 1)
    value, half = mean_difference([1.0, 3.0], [2.0, 6.0])
    assert value == -2.0 and half == pytest.approx(student(25 / 17) * 5**0.5)
    # one run: the variance 2 of the other's holds for it, 2 + 2/2
    assert mean_difference([7.0], [1.0, 3.0]) == (5.0, pytest.approx(12.7062 * 3**0.5, rel=1e-4))


def test_real_images_that_all_runs_met_add_what_the_samples_do_not_explain():
    real, samples = np.array([1.0, -1.0, 1.0, -1.0]), np.array([0.5, 0.5, -0.5, -0.5])
    a, b = [3 * real + samples, 3 * real - samples], [real + samples, real - samples]
    # over seeds: means of 2 and 4, each with a variance of 0; the real images: (3 - 1)^2 = 4, less the samples'
    # 2 x 0.5 / 2, although these cancel here
    assert mean_difference([2.0, 2.0], [4.0, 4.0], a, b) == (-2.0, pytest.approx(student(4) * 3.5**0.5))
    only = mean_difference([2.0, 2.0], [4.0, 4.0], [samples, -samples], [samples, -samples])
    assert only == (-2.0, 0.0), "a variance is not negative"


def test_limits_of_independent_shares_are_newcombes():
    """Newcombe 1998, table II, example (a): 56 of 70 and 48 of 80."""
    one, other = share(56 / 70, 70), share(48 / 80, 80)
    found = independent_limits(one.value, (one.low, one.high), other.value, (other.low, other.high))
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)


def halves(count, seed, splits=100):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.arange(count) < count // 2) for _ in range(splits)])


def test_a_paired_interval_covers_and_is_narrower():
    """Two linear scores of the same real images, and of samples of their own: the variances are known."""
    rng, n, runs = np.random.default_rng(0), 200, 400
    splits = halves(n, 0), halves(n, 1)
    covered, width = 0, 0.0
    for _ in range(runs):
        real, samples = rng.normal(size=n), rng.normal(size=(2, n))
        scores = [weight * real + own for weight, own in zip((3.0, 2.0), samples)]
        replicates = [
            [(values[half].mean() - values[~half].mean()) / 2 for half in splits[0]]
            for values in (3.0 * real, 2.0 * real)
        ]
        drawn = [[(own[half].mean() - own[~half].mean()) / 2 for half in splits[1]] for own in samples]
        groups = [[np.add(one, own)] for one, own in zip(replicates, drawn)]
        value, half = mean_difference([scores[0].mean()], [scores[1].mean()], *groups)
        covered += abs(value) <= half
        width += half / runs
    assert 0.92 <= covered / runs <= 0.98
    # the difference has variance (1 + 2) / n, two independent scores would have (9 + 4 + 2) / n
    assert width == pytest.approx(1.984 * (3 / n) ** 0.5, rel=0.05)


# Two evaluations.


def test_evaluations_are_compared_metric_by_metric():
    a = contents({"fd": [1.0, -1.0]}, fd=(5.0, 4.0, 6.0), kid=(0.1, 0.0, 0.2), recall=(0.5, None, None))
    b = contents({"fd": [0.5, -0.5]}, fd=(3.0, 2.0, 4.0), kid=(0.3, 0.2, 0.4), density=(1.0, None, None))
    found = compare(a, b)
    assert list(found) == ["fd", "kid"]
    fd, kid = found["fd"], found["kid"]
    assert (fd.value, fd.low, fd.high) == pytest.approx((2.0, 2.0 - 4.3027 * 0.5, 2.0 + 4.3027 * 0.5), abs=1e-4)
    assert fd.protocol == {**PROTOCOL, "interval": PAIRED} and within_error(fd)
    half = 0.02**0.5
    assert (kid.value, kid.low, kid.high) == pytest.approx((-0.2, -0.2 - half, -0.2 + half))
    assert kid.protocol["interval"] == UNPAIRED and within_error(kid) is False
    assert list(compare(a, b, ["kid"])) == ["kid"]
    turned = compare(b, a)["fd"]
    assert (turned.value, turned.low, turned.high) == (-fd.value, -fd.high, -fd.low)


def test_evaluations_in_memory_are_compared_as_their_files_are():
    a, b = (Evaluation({}, {"fd": Score(value, value - 1, value + 1, protocol=PROTOCOL)}) for value in (5.0, 3.0))
    assert compare(a, b) == compare(a.to_json(), b.to_json()) and compare(a, b)["fd"].value == 2.0


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({**PROTOCOL, "fake": {"count": 7}}, "fake.count is 100 and 7"),
        ({**PROTOCOL, "real": {"sha256": "cd", "count": 50}}, "real.sha256 is ab and cd"),
        ({**PROTOCOL, "parameters": {"k": 5}}, "parameters.k is 3 and 5"),
    ],
)
def test_other_protocols_are_refused_in_a_sentence(other, words):
    with pytest.raises(
        UserError, match=f"fd of the first evaluation and of the second were measured by .*: {words}; evaluate"
    ):
        compare(contents(fd=(1.0, 0.0, 2.0)), contents(protocol=other, fd=(1.0, 0.0, 2.0)))


def test_a_name_that_both_do_not_have_is_refused():
    with pytest.raises(UserError, match="there is no 'fid' in both evaluations; did you mean 'fd'"):
        compare(contents(fd=(1.0, 0.0, 2.0)), contents(fd=(1.0, 0.0, 2.0)), ["fid"])


def test_how_an_interval_was_computed_is_no_other_protocol():
    old, new = ({**PROTOCOL, "parameters": {"k": 3, "interval": said}} for said in ("bootstrap", "replicates"))
    check_comparable([Score(1.0, protocol=old), Score(2.0, protocol=new)])
    found = compare(contents(protocol=old, fd=(1, 0, 2)), contents({"fd": [1.0]}, protocol=new, fd=(1, 0, 2)))
    assert found["fd"].protocol["interval"] == UNPAIRED


@pytest.mark.parametrize(
    ("a", "b", "one", "other", "expected"),
    [
        # none of n classified so: other samples could be
        ([0.0, 0.0], [0.1, -0.1], (0.0, 0.0, 0.04), (0.5, 0.4, 0.6), (-0.6, -0.5 + np.hypot(0.04, 0.1), AT_AN_END)),
        ([0.0, 0.0], [0.0, 0.0], (0.0, 0.0, 0.03), (0.0, 0.0, 0.04), (-0.04, 0.03, AT_AN_END)),
        ([0.0, 0.0], [0.0, 0.0], (0.0, None, None), (0.0, 0.0, 0.1), (0.0, 0.0, PAIRED)),
        ([0.1, -0.1], [0.1], (0.2, 0.1, 0.3), (0.2, 0.1, 0.3), (-(0.02**0.5), 0.02**0.5, UNPAIRED)),
        ([0.1, np.nan], [0.1, 0.1], (0.2, 0.1, 0.3), (0.2, 0.1, 0.3), (-(0.02**0.5), 0.02**0.5, UNPAIRED)),
        ([], [], (0.2, None, 0.3), (0.2, 0.1, 0.3), (None, None, UNKNOWN)),
        ([], [], (0.2, np.nan, 0.3), (0.2, 0.1, 0.3), (None, None, UNKNOWN)),
        ([0.9, -0.9], [-0.9, 0.9], (0.2, 0.1, 0.3), (0.2, 0.1, 0.3), (-1.0, 1.0, PAIRED)),
    ],
)
def test_shares_and_what_is_missing(a, b, one, other, expected):
    found = compare(contents({"recall": a}, recall=one), contents({"recall": b}, recall=other))["recall"]
    kind = found.protocol["interval"]
    assert (found.low, found.high, kind) == (*map(pytest.approx, expected[:2]), expected[2])


@pytest.mark.parametrize("replicates", [{}, {"authenticity": [0.1, -0.1]}])  # whether there are any or not
@pytest.mark.parametrize(
    "drawn, kind", [("drawing samples: binomial (Wilson)", OF_SAMPLES), ("drawing both sides: x", None)]
)
def test_scores_of_samples_alone_are_compared_as_independent(replicates, drawn, kind):
    protocol = {**PROTOCOL, "interval": drawn}
    one, other = (
        contents(replicates, protocol=protocol, authenticity=limits) for limits in ((0.5, 0.3, 0.6), (0.4, 0.3, 0.7))
    )
    found = compare(one, other)["authenticity"]
    assert found.protocol["interval"] == (kind or (PAIRED if replicates else UNPAIRED))
    if kind:
        assert (found.low, found.high) == pytest.approx((0.1 - np.hypot(0.2, 0.3), 0.1 + np.hypot(0.1, 0.1)))


def test_a_score_without_a_value_has_no_difference():
    for value in (None, np.nan):
        assert compare(contents(fd=(value, None, None)), contents(fd=(1.0, 0.0, 2.0))) == {}
    assert within_error(None) is None and within_error(Score(1.0)) is None
    assert [within_error(dataclasses.replace(Score(1.0, -1.0), high=high)) for high in (0.0, 1.0)] == [True, True]


def test_scores_of_examples_are_paired_by_example():
    """A mean over held-out examples, such as a likelihood: what is hard for both models cancels."""
    rng = np.random.default_rng(0)
    hard, own = 10 * rng.normal(size=400), rng.normal(size=(2, 400))
    models = [Evaluation({}, {"nll": mean_of(hard + one, protocol=PROTOCOL)}) for one in own]
    found = compare(*models)["nll"]
    exact = 1.984 * (own[0] - own[1]).std(ddof=1) / 20
    assert found.high - found.value == pytest.approx(exact, rel=0.15) and found.protocol["interval"] == PAIRED
    assert models[0].scores["nll"].high - models[0].scores["nll"].value > 5 * exact
