"""Replicates by halves: hand-computed numbers, the metrics of the halves themselves, and evaluation.json."""

import json

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.evaluation.evaluation import Evaluation
from tfgen.evaluation.stored import keep, read_evaluation
from tfgen.metrics import kernel_distance
from tfgen.metrics.kernels import KernelReference
from tfgen.metrics.neighbour_replicates import _scaled, neighbour_replicates
from tfgen.metrics.neighbours import NeighbourReference
from tfgen.metrics.replicates import SPLITS, Splits, scaled, standard_error
from tfgen.metrics.score import Score, effective_count


def gaussian(seed, count, length=3, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(count, length))


def all_scores(real, fake):
    return NeighbourReference(real, 3, 5, 5).scores(fake)


def test_halves_follow_from_the_number_of_images_and_the_seed_alone():
    one, other = Splits(7, 10, seed=3), Splits(7, 20, seed=3)
    assert (one.real_halves == other.real_halves).all() and (one.real_halves.sum(axis=1) == 3).all()
    assert one.fake_halves.shape == (SPLITS, 10) and (one.fake_halves.sum(axis=1) == 5).all()
    assert not (Splits(7, 10, seed=4).real_halves == one.real_halves).all()
    with pytest.raises(UserError, match="at least 2 images of both kinds, got 1 and 5"):
        Splits(1, 5)


def test_replicates_of_a_mean_have_its_standard_error():
    values = np.random.default_rng(0).exponential(size=400)
    moved = Splits(400, 50).linear(real=values)
    half = Splits(400, 50).real_halves[5]
    assert moved[5] == pytest.approx((values[half].mean() - values[~half].mean()) / 2)
    assert standard_error(moved) == pytest.approx(values.std(ddof=1) / 20, rel=0.2)
    assert standard_error(scaled(moved, 0.5)) == pytest.approx(0.5) and not scaled(np.zeros(4), 1.0).any()


def test_replicates_of_a_score_of_samples_are_half_of_what_halves_differ_by():
    found, splits = np.arange(10.0), Splits(5, 10)
    moved = splits.of_samples(lambda rows: found[rows].min())
    halves = [(found[half].min(), found[~half].min()) for half in splits.fake_halves]
    assert moved == pytest.approx([(first - second) / 2 for first, second in halves])
    assert {0.0} == {min(pair) for pair in halves}


def of_parts(real, fake, real_part, fake_part, parts):
    """Returns the scores of parts, float64 [parts, scores]."""
    each = [all_scores(real[real_part == number], fake[fake_part == number]) for number in range(parts)]
    return np.array([list(scores.values()) for scores in each])


def test_replicates_of_neighbours_are_from_the_scores_of_halves_and_quarters():
    real, fake = gaussian(0, 261, scale=1.2), gaussian(1, 250) + 0.3
    splits = Splits(261, 250)
    sides = (~splits.real_halves).astype(int), (~splits.fake_halves).astype(int)
    halves = np.array([of_parts(real, fake, *both, 2) for both in zip(*sides)])
    of_next = [2 * side + side[np.arange(-1, SPLITS - 1)] for side in sides]
    quarters = np.array([of_parts(real, fake, *both, 4) for both in zip(*of_next)][:50])
    ratios = halves.var(axis=1, ddof=1).mean(axis=0) / quarters.var(axis=1, ddof=1).mean(axis=0)
    moved = (halves[:, 0] - halves[:, 1]) / 2 * np.sqrt(2 * np.clip(ratios, 0.5, 1))
    assert ratios.max() > 0.5 > ratios.min()
    found = neighbour_replicates(real, fake, splits)
    for name, exact in zip(all_scores(real, fake), moved.T):
        # but for what lies beyond the nearest that are listed
        assert found[name] == pytest.approx(exact, abs=0.03), name
    assert neighbour_replicates(real[:13], fake, Splits(13, 250)) is None, "halves of six have no fifth neighbour"


def test_replicates_are_wider_where_the_variance_falls_more_slowly_than_with_1_over_n():
    halves = np.random.default_rng(0).normal(size=(100, 2))
    halved = (halves[:, 0] - halves[:, 1]) / 2
    variance = 2 * np.mean(halved**2)
    quarters = np.tile([1.0, -1.0, 1.0, -1.0], (50, 1))  # of variance 4/3
    for scale, ratio in ((np.sqrt(0.75 * variance / 0.8), 0.8), (np.sqrt(0.75 * variance / 0.3), 0.5), (0.1, 1.0)):
        assert _scaled(halves, scale * quarters) == pytest.approx(halved * np.sqrt(2 * ratio))
    # of a quarter of the images, the variance of all is 0.8 of that of a half of them, and that 0.8 of the quarter's
    part = _scaled(halves, np.sqrt(0.75 * variance / 0.8) * quarters, 0.25)
    assert part == pytest.approx(halved * np.sqrt(2 * 0.8**3))
    for none in (None, 0 * quarters):
        assert _scaled(halves, none) == pytest.approx(halved)


@pytest.mark.parametrize("counts", [(14, 14), (47, 14), (50, 300)])
def test_few_images_have_replicates_without_quarters(counts):
    real, fake = (gaussian(seed, count) for seed, count in enumerate(counts))
    for name, moved in neighbour_replicates(real, fake, Splits(*counts)).items():
        assert moved.shape == (SPLITS,) and np.isfinite(moved).all(), name


def test_replicates_of_a_part_are_scaled_to_all_images(monkeypatch):
    real, fake = gaussian(0, 800), gaussian(1, 400) + 0.7
    whole = neighbour_replicates(real, fake, Splits(800, 400))
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.IMAGES", 400)
    part = neighbour_replicates(real, fake, Splits(800, 400))
    for name in whole:
        assert 0.4 < standard_error(part[name]) / standard_error(whole[name]) < 2.5, name
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.MANY", 0)
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.FEWER", 200)
    assert standard_error(neighbour_replicates(real, fake, Splits(800, 400))["recall"]) > 0


def test_the_spread_of_the_kernel_distance():
    real, fake = gaussian(0, 200), gaussian(1, 150, scale=1.3)
    found, (value, error) = KernelReference(real).spread(fake, Splits(200, 150, 3)), kernel_distance(real, fake, seed=3)
    assert found.value == value and found.standard_error == pytest.approx(error)
    assert standard_error(found.replicates) == pytest.approx(error)
    assert found.low < value < found.high and found.high - value > value - found.low


def test_the_spread_of_the_kernel_distance_of_equal_distributions():
    found = [KernelReference(gaussian(2 * i, 60)).spread(gaussian(2 * i + 1, 60), Splits(60, 60)) for i in range(150)]
    values, errors = ([getattr(one, name) for one in found] for name in ("value", "standard_error"))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.25)
    mean = np.mean(values)
    assert 0.9 < np.mean([one.low <= mean <= one.high for one in found]) < 0.99


def test_an_effective_count_is_that_of_independent_cases():
    assert effective_count(0.5, 0.05, 1000) == pytest.approx(100)
    assert effective_count(0.5, 0.001, 1000) == 1000
    assert effective_count(0.0, 0.0, 1000) == effective_count(1.0, 0.1, 1000) == 1000


def evaluation(**scores):
    return Evaluation({"weights": "w", "seed": 0}, scores)


def test_evaluation_json_holds_replicates_and_keeps_those_of_its_scores(tmp_path):
    path = tmp_path / "evaluation.json"
    moved = np.array([1 / 3, -1.0])
    keep(evaluation(fd=Score(1.0, replicates=moved), kid=Score(2.0, replicates=moved)), path)
    found = json.loads(path.read_text())
    assert found["replicates"]["fd"] == [0.3333333, -1.0]
    assert set(found["metrics"]["fd"]) == {"value", "low", "high", "floor", "protocol"}
    keep(evaluation(fd=Score(1.5), recall=Score(0.5, replicates=-moved)), path, partial=True)
    found = read_evaluation(path)
    assert set(found["replicates"]) == {"kid", "recall"} and found["metrics"]["fd"]["value"] == 1.5
    older = {name: part for name, part in found.items() if name != "replicates"}
    for damaged in (older, {**older, "replicates": 3}, {**older, "replicates": {"fd": ["a"], "kid": []}}):
        path.write_text(json.dumps(damaged))
        assert read_evaluation(path)["replicates"] == {}
