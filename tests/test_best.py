"""`stop=kid`: the weights of the best score are kept, and training goes on while the score falls."""

import shutil
import types

import numpy as np
import pytest

import tfgen
from tfgen.data.arrays import Arrays
from tfgen.data.source import Source
from tfgen.data.unpaired import Unpaired
from tfgen.diagnosis.stops import Stop, StopOnScore
from tfgen.errors import UserError
from tfgen.export.keras_files import read_keras_file
from tfgen.runs import watching
from tfgen.storage.origin import Stamp, stamp_folder, stamp_of, steps_of

OPTIONS = {"network": "dense", "units": [4], "latent_dim": 2}
KERNEL_SCORE = watching.kernel_score
SCORES: dict[int, float] = {}  # by step; 0.5 at all others


@pytest.fixture(autouse=True)
def world(monkeypatch):
    """Ten steps per epoch, a probe and a score after each; no SavedModel, which takes long."""
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 1), np.uint8)
    splits = {"train": Arrays({"image": images[:20]}), "validation": Arrays({"image": images[20:]})}
    source = Source("few", splits["train"].fields(), splits)
    monkeypatch.setattr("tfgen.runs.job.load_dataset", lambda *args, **options: source)
    monkeypatch.setattr("tfgen.diagnosis.callback.AT_LEAST", 10)
    score = lambda model: (SCORES.get(int(model.step), 0.5), 0.01)  # noqa: E731
    monkeypatch.setattr("tfgen.runs.watching.kernel_score", lambda source, data_field: score)
    monkeypatch.setattr("tfgen.runs.job.export_savedmodel", only_stamped)
    SCORES.clear()


def only_stamped(model, folder, stamp):
    folder.mkdir(parents=True, exist_ok=True)
    stamp_folder(folder, stamp)


def train(folder, epochs, stop="kid", **changes):
    recipe = tfgen.Recipe("vae", "few", options=OPTIONS, batch_size=2, epochs=epochs, stop=stop, logger="none")
    return tfgen.train(recipe, folder, **changes)


@pytest.mark.slow
def test_a_run_leaves_the_weights_of_its_best_score_and_goes_on_from_its_last(tmp_path, capsys):
    SCORES.update({20: 0.2, 40: 0.3})
    run = train(tmp_path / "run", 4)
    assert run.model.step == 20 and run.ended == 40
    assert run.model.digest() == train(tmp_path / "plain", 2, stop=None).model.digest()
    assert run.record["kept"] == {"step": 20, "last": 40, "by": "kid", "kid": 0.2}
    assert "the models are those of step 20, with the best kid 0.2 +- 0.01; training ended at step 40" in (
        capsys.readouterr().out
    )
    stamps = {stamp_of(path) for path in [*run.paths.models.glob("*.keras"), run.paths.savedmodel]}
    assert stamps == {Stamp(run.origin, 20, 40)} and 20 in steps_of(run.paths.checkpoints)

    written = run.paths.trainer.stat().st_mtime_ns
    assert train(tmp_path / "run", 4).paths.trainer.stat().st_mtime_ns == written, "it is finished"
    SCORES[50] = 0.1
    more = train(tmp_path / "run", 6)
    assert "resumed from step 40" in capsys.readouterr().out
    whole = train(tmp_path / "whole", 6)
    assert more.model.step == whole.model.step == 50 and more.record["kept"] == whole.record["kept"]
    assert more.model.digest() == whole.model.digest()


@pytest.mark.slow
def test_the_best_checkpoint_stays_until_no_training_can_go_on_before_a_better_one(tmp_path):
    SCORES.update({10: 0.1, 60: 0.05})
    run = train(tmp_path / "run", 6)
    assert steps_of(run.paths.checkpoints) == [10, 40, 50, 60] and run.model.step == 60
    # killed before the checkpoint of step 60, and continued to an earlier end
    shutil.rmtree(run.paths.checkpoints / "step_00000060")
    shutil.rmtree(run.paths.models)
    run = train(tmp_path / "run", None, steps=55)
    assert run.model.step == 10 and run.ended == 55


@pytest.mark.slow
def test_a_run_that_was_stopped_and_killed_before_its_models_ends_where_it_was_stopped(tmp_path, capsys):
    SCORES.update({20: 0.2, **{step: step / 100 for step in range(30, 110, 10)}})
    run = train(tmp_path / "run", 10)
    assert (run.ended, run.model.step) == (70, 20)
    digest = run.model.digest()
    shutil.rmtree(run.paths.models)
    run = train(tmp_path / "run", 10)
    assert (run.ended, run.model.step, run.model.digest()) == (70, 20, digest)
    assert capsys.readouterr().out.count("stopped after step 70: no better kid in 5 measurements") == 2
    assert train(tmp_path / "run", 10, stop="none").ended == 100, "none trains on"


@pytest.mark.slow
def test_where_the_best_checkpoint_is_damaged_the_last_weights_are_kept(tmp_path, capsys):
    SCORES.update({10: 0.1})
    run = train(tmp_path / "run", 2)
    shutil.rmtree(run.paths.models)
    data = next((run.paths.checkpoints / "step_00000010").glob("variables.data*"))
    data.write_bytes(data.read_bytes()[:10])
    run = train(tmp_path / "run", 2)
    assert (run.model.step, run.ended) == (20, 20)
    assert "of the best kid, is damaged" in capsys.readouterr().out


def values(*scores):
    return [{"step": i, "kid": score, "kid_error": 0.1} for i, score in enumerate(scores, start=1)]


@pytest.mark.parametrize(
    "scores, stops",
    [
        ([5, 4, 3, 2, 1], False),  # a new best
        ([9, 1, 6, 5, 4], False),  # a lucky one, and a fall
        ([3, 3, 3, 3], True),  # a level: both lines are flat
        ([1, 2, 3], True),  # a rise
        ([9, 1, 2, 3], False),  # -1.5 * 9 - 0.5 * 1 + 0.5 * 2 + 1.5 * 3 < 0
        ([9, 1, 2, 3, 4, 5], False),  # the last four rise, of all six -2.5 * 9 + 17.5 < 0
        ([4, 1, 2, 3, 4, 5], True),  # of all six -2.5 * 4 + 17.5 > 0
    ],
)
def test_training_ends_where_the_score_is_no_better_and_falls_no_more(scores, stops):
    stop = StopOnScore("kid", None, patience=2)
    assert (stop.reason(values(*scores), []) is not None) == stops


def test_the_line_is_weighted_by_the_errors():
    stop, rows = StopOnScore("kid", None), values(0, 3, 0)
    assert stop.slope(rows) == pytest.approx(0.0)
    rows[2]["kid_error"] = 0.2  # weights 4, 4, 1: mean place 2/3; (-8/3 * 0 + 4/3 * 3 + 4/3 * 0) / (16/9 + 4/9 + 16/9)
    assert stop.slope(rows) == pytest.approx(4 / (36 / 9))
    rows[1]["kid_error"] = 0.0  # a score that states no error
    assert stop.slope(rows) == pytest.approx(0.0)
    assert stop.reason([{"step": 1}], []) is None


def test_a_noisy_score_that_falls_is_not_stopped_and_a_level_is():
    """60 scores with noise of 1: a fall of 0.2 each is followed, a level left within 20, a rise within 30."""
    rng, place = np.random.default_rng(0), np.arange(60)
    shapes = {"fall": -0.2 * place, "level": 0 * place, "rise": np.maximum(10 - 0.5 * place, 0.2 * (place - 20))}
    ended = {name: [] for name in shapes}
    for name, shape in shapes.items():
        for _ in range(50):
            rows = values(*(rng.normal(size=60) + shape))
            stop = StopOnScore("kid", None)
            ended[name].append(next((n for n in range(1, 61) if stop.reason(rows[:n], [])), 61))
    assert np.mean(np.array(ended["fall"]) == 61) >= 0.8
    assert np.median(ended["level"]) <= 20 and 20 < np.median(ended["rise"]) <= 35


def test_nothing_is_scored_before_all_that_samples_need_is_in_training():
    begun = {"encoder"}
    model = types.SimpleNamespace(networks={"encoder": None, "flow": None}, begun=lambda: frozenset(begun))
    diagnosis = types.SimpleNamespace(model=model, epoch_steps=10, rows=[])
    stop = StopOnScore("kid", lambda model: (0.5, 0.1))
    assert stop.measure(diagnosis, {"step": 10}, False) == stop.measure(diagnosis, {"step": 15}, True) == {}
    begun.add("flow")
    assert stop.measure(diagnosis, {"step": 20}, False) == {"kid": 0.5, "kid_error": 0.1}
    assert stop.measure(diagnosis, {"step": 25}, False) == {}


@pytest.mark.parametrize("counts", [(30, 50), (50, 30)])
def test_samples_are_compared_with_the_domain_that_the_model_makes(counts, monkeypatch):
    """Pictures of A, dark, in place of B, bright, are far from B; those of B are not."""
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 50, (counts[0], 8, 8, 1), np.uint8)
    bright = rng.integers(200, 250, (counts[1], 8, 8, 1), np.uint8)
    both = Unpaired(Arrays({"image": dark}), Arrays({"image": bright}))
    source = Source("two", both.fields(), {"train": both, "validation": both}, extractor="fashion_mnist")
    means = types.SimpleNamespace(features=lambda images: np.repeat(images.mean((1, 2, 3))[:, None] / 255.0, 3, axis=1))
    monkeypatch.setattr(watching, "load_extractor", lambda name: means)

    def translator(make):
        def sample(number, conditions):
            assert len(conditions["image"]) == number == 30
            return make(conditions["image"])

        conditions_for = lambda number, examples: {"image": examples.gather(np.arange(number))["image"]}  # noqa: E731
        return types.SimpleNamespace(sample=sample, conditions_for=conditions_for)

    score = KERNEL_SCORE(source, "other")
    translated, _ = score(translator(lambda images: bright[: len(images)]))
    unchanged, _ = score(translator(lambda images: images))
    assert abs(translated) < 0.05 < 0.2 < unchanged


def test_a_stop_of_ones_own_may_keep_weights():
    class Latest(Stop):
        def best(self, rows):
            return rows[1] if len(rows) > 1 else None

    seen = tfgen.Diagnosis(stop=Latest())
    seen.stops, seen.rows = [Stop(), Latest()], [{"step": 3}, {"step": 5}, {"step": 9}]
    assert (seen.best_step(), seen.best_step(5), seen.best_step(4)) == (5, 5, None)


def test_fit_leaves_the_best_model_in_a_file(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1), np.uint8)
    model = tfgen.build_model("vae", image_shape=(8, 8, 1), **OPTIONS)
    scores = iter([(0.5, 0.1), (0.2, 0.1), (0.4, 0.1), (0.3, 0.1)])
    stop = StopOnScore("kid", lambda model: next(scores), file=tmp_path / "best.keras")
    seen = tfgen.Diagnosis(every=2, stop=stop, verbose=False)
    model.fit(images, batch_size=10, epochs=4, callbacks=[seen], verbose=0)
    best = read_keras_file(tmp_path / "best.keras")
    assert (int(best.step), int(model.step), seen.best_step()) == (4, 8, 4)
    with pytest.raises(UserError, match="file of StopOnScore must be FILE.keras"):
        StopOnScore("kid", None, file="best.h5")
