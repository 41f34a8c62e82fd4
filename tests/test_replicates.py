"""Replicates by halves: hand-computed numbers, the metrics of the halves themselves, and evaluation.json."""

import json

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.evaluation.evaluation import Evaluation
from tfgen.evaluation.stored import keep, read_evaluation
from tfgen.metrics import kernel_distance
from tfgen.metrics.kernels import KernelReference
from tfgen.metrics.neighbour_replicates import neighbour_replicates
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


def test_replicates_of_neighbours_are_the_scores_of_halves():
    real, fake = gaussian(0, 261, scale=1.2), gaussian(1, 250) + 0.3
    splits = Splits(261, 250)
    found = neighbour_replicates(real, fake, splits)
    for s in (0, SPLITS - 1):
        of_real, of_fake = splits.real_halves[s], splits.fake_halves[s]
        first, second = all_scores(real[of_real], fake[of_fake]), all_scores(real[~of_real], fake[~of_fake])
        for name in first:
            # but for what lies beyond the nearest that are listed
            assert found[name][s] == pytest.approx((first[name] - second[name]) / 2, abs=0.01), name
    assert neighbour_replicates(real[:13], fake, Splits(13, 250)) is None, "halves of six have no fifth neighbour"


def test_replicates_of_a_part_are_scaled_to_all_images(monkeypatch):
    real, fake = gaussian(0, 800), gaussian(1, 400) + 0.7
    whole = neighbour_replicates(real, fake, Splits(800, 400))
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.IMAGES", 400)
    part = neighbour_replicates(real, fake, Splits(800, 400))
    for name in whole:
        assert standard_error(part[name]) == pytest.approx(standard_error(whole[name]), rel=0.6), name
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.MANY", 0)
    monkeypatch.setattr("tfgen.metrics.neighbour_replicates.FEWER", 200)
    assert standard_error(neighbour_replicates(real, fake, Splits(800, 400))["recall"]) > 0


def test_replicates_of_the_kernel_distance_have_its_error():
    real, fake = gaussian(0, 200), gaussian(1, 150, scale=1.3)
    value, error, moved = KernelReference(real).replicated(fake, Splits(200, 150, 3))
    assert (value, error) == kernel_distance(real, fake, seed=3) and standard_error(moved) == pytest.approx(error)


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
