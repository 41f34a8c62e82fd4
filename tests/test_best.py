"""`stop=kid`: the weights of the best score are kept, and training goes on while the score falls."""

import shutil

import numpy as np
import pytest

import tfgen
from tfgen.data.arrays import Arrays
from tfgen.data.source import Source
from tfgen.diagnosis.stops import Stop, StopOnScore
from tfgen.errors import UserError
from tfgen.export.keras_files import read_keras_file
from tfgen.storage.origin import Stamp, stamp_folder, stamp_of, steps_of

OPTIONS = {"network": "dense", "units": [4], "latent_dim": 2}
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
    monkeypatch.setattr("tfgen.runs.watching.kernel_score", lambda source: score)
    monkeypatch.setattr("tfgen.runs.job.export_savedmodel", only_stamped)
    SCORES.clear()


def only_stamped(model, folder, stamp):
    folder.mkdir(parents=True, exist_ok=True)
    stamp_folder(folder, stamp)


def train(folder, epochs, stop="kid", **changes):
    recipe = tfgen.Recipe("vae", "few", options=OPTIONS, batch_size=2, epochs=epochs, stop=stop, logger="none")
    return tfgen.train(recipe, folder, **changes)


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
    assert train(tmp_path / "run", 6, stop="none").ended == 60


def test_the_best_checkpoint_stays_until_no_training_can_go_on_before_a_better_one(tmp_path):
    SCORES.update({10: 0.1, 60: 0.05})
    run = train(tmp_path / "run", 6)
    assert steps_of(run.paths.checkpoints) == [10, 40, 50, 60] and run.model.step == 60
    # killed before the checkpoint of step 60, and continued to an earlier end
    shutil.rmtree(run.paths.checkpoints / "step_00000060")
    shutil.rmtree(run.paths.models)
    run = train(tmp_path / "run", None, steps=55)
    assert run.model.step == 10 and run.ended == 55


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
        ([9, 5, 1, 8, 7], True),  # median 7.5, and 3: it has risen
        ([3, 3, 3, 3], True),  # median 3, and 3 before
        ([1, 2, 3], True),  # median 2.5, and 1 before
        ([2, 1, 2, 2], True),  # median 2, and 1.5
        ([9, 1, 6, 5], True),  # median 5.5, and 5
        ([9, 3, 6, 5], False),  # median 5.5, and 6: it falls
        ([9, 8, 1, 7, 6, 5, 4], False),  # median 4.5, and 6.5: it falls, four measurements after the best
    ],
)
def test_training_ends_where_the_score_is_no_better_and_falls_no_more(scores, stops):
    stop = StopOnScore("kid", None, patience=2)
    assert (stop.reason(values(*scores), []) is not None) == stops


def test_the_sentence_has_the_medians():
    reason = StopOnScore("kid", None, patience=3).reason(values(4, 1, 3, 2, 6, 5), [])
    assert reason == (
        "no better kid in 4 measurements, and it falls no more: the median of the last 3 is 5, of the 3 before 3"
    )
    assert StopOnScore("kid", None).reason([{"step": 1}], []) is None


def test_a_noisy_score_that_falls_is_not_stopped_and_one_that_does_not_is():
    """50 scores with noise of 1: a fall of 0.4 each is followed to its end, a level is left within 25."""
    rng, ended = np.random.default_rng(0), {0.0: [], 0.4: []}
    for slope, found in ended.items():
        for _ in range(100):
            rows = values(*(rng.normal(size=50) - slope * np.arange(50)))
            stop = StopOnScore("kid", None)
            found.append(next((n for n in range(1, 51) if stop.reason(rows[:n], [])), 51))
    assert np.mean(np.array(ended[0.4]) == 51) >= 0.95 and np.median(ended[0.0]) <= 25


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
