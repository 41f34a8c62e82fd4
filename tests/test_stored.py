"""evaluation.json is kept: scores of the same weights by the same settings stay when others are measured."""

import json

import pytest

from tfgen.evaluation.evaluation import Evaluation
from tfgen.evaluation.stored import keep
from tfgen.metrics.score import Score


def protocol(count=2000, **parameters):
    return {"real": {"split": "test", "count": 2000}, "fake": {"count": count}, "parameters": parameters}


def evaluation(values, step=200, seed=0, count=2000, asked=None, **more):
    """An evaluation with a score per name in `values`, of the weights of `step`."""
    subject = {"run": "runs/x", "model": "dcgan", "step": step, "weights": f"w{step}", "seed": seed}
    subject |= {} if asked is None else {"asked": asked}
    scores = {name: Score(value, protocol=protocol(count, of=name)) for name, value in values.items()}
    return Evaluation(subject, scores, **more)


FULL = {"fd": 20.0, "kid": 0.1, "recall": 0.4}


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "evaluation.json"
    controls = {"blur": {"count": 10, "fd": 90.0}}
    keep(evaluation(FULL, details={"notes": ["a"], "histogram": [1]}, controls=controls, seconds={"kid": 2.0}), found)
    return found


def read(path):
    found = json.loads(path.read_text())
    assert all(set(score) == {"value", "low", "high", "floor", "protocol"} for score in found["metrics"].values())
    return found


def values(path):
    return {name: score["value"] for name, score in read(path)["metrics"].items()}


def test_one_score_measured_anew_leaves_all_others(path, capsys):
    some = evaluation({"fd": 21.0}, details={"notes": ["b"]}, controls={"blur": {"count": 10, "kid": 0.5}})
    assert keep(some, path, partial=True) == path
    assert values(path) == {**FULL, "fd": 21.0}
    found = read(path)
    assert found["details"] == {"notes": ["a", "b"], "histogram": [1]} and found["seconds"] == {"kid": 2.0}
    assert found["controls"] == {"blur": {"count": 10, "fd": 90.0, "kid": 0.5}}
    assert capsys.readouterr().out == ""


def test_findings_stay_with_the_samples_of_their_weights(path):
    keep(evaluation(FULL, findings=["3 copies"]), path)
    keep(evaluation({"fd": 21.0}, findings=["3 copies", "few repeated"]), path, partial=True)
    assert read(path)["findings"] == ["3 copies", "few repeated"]
    keep(evaluation(FULL, step=400), path)
    assert read(path)["findings"] == []


def test_a_costly_score_survives_a_whole_evaluation_without_it(path):
    keep(evaluation({"classification_accuracy_score": 0.8}), path)
    keep(evaluation(FULL), path)
    assert values(path) == {**FULL, "classification_accuracy_score": 0.8}


@pytest.mark.parametrize("partial", [True, False])
def test_scores_of_a_later_step_replace_the_earlier_ones_and_that_is_said(path, capsys, partial):
    assert keep(evaluation({"fd": 15.0}, step=400), path, partial) == path
    assert values(path) == {"fd": 15.0}
    assert "are replaced (step was 200, is 400)" in capsys.readouterr().out


def test_an_interval_by_another_method_is_no_other_setting(path, capsys):
    again = evaluation({"fd": 20.0})
    again.scores["fd"].protocol["parameters"]["interval"] = "by halves"
    keep(again, path)
    assert values(path) == FULL and read(path)["metrics"]["fd"]["protocol"]["parameters"]["interval"] == "by halves"
    assert capsys.readouterr().out == ""


def test_other_weights_of_the_same_step_are_other_weights(path, capsys):
    other = evaluation({"fd": 15.0})
    other.subject["weights"] = "w200 trained anew"
    keep(other, path)
    assert values(path) == {"fd": 15.0} and "weights was w200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 100}, "fake.count was 2000, is 100"),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"asked": "of other labels"}, "asked was None, is of other labels"),
    ],
)
def test_some_scores_by_other_settings_do_not_touch_the_whole_evaluation(path, capsys, changes, words):
    before = path.read_bytes()
    written = keep(evaluation({"fd": 30.0}, **changes), path, partial=True)
    assert written.name == "evaluation-fd.json" and values(written) == {"fd": 30.0}
    assert path.read_bytes() == before
    assert words in capsys.readouterr().out
    # neither do scores that the evaluation does not have: they are of other samples
    written = keep(evaluation({"density": 0.9, "coverage": 0.3}, **changes), path, partial=True)
    assert written.name == "evaluation-coverage-density.json" and path.read_bytes() == before
    keep(evaluation({"fd": 30.0}, **changes), path)  # the whole evaluation by other settings is what was asked for
    assert values(path) == {"fd": 30.0} and "replaced" in capsys.readouterr().out


@pytest.mark.parametrize(
    "damage", [b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"metrics": {"fd": 3}}', b'{"metrics": [1]}', b""]
)
def test_a_damaged_evaluation_is_kept_aside(path, capsys, damage):
    path.write_bytes(damage)
    keep(evaluation({"fd": 21.0}), path, partial=True)
    assert values(path) == {"fd": 21.0}
    assert path.with_name("evaluation.json.damaged1").read_bytes() == damage
    assert capsys.readouterr().out.count("\n") == 1


def test_an_evaluation_of_an_earlier_version_without_weights_is_compared_by_its_step(path):
    found = read(path)
    del found["subject"]["weights"]
    path.write_text(json.dumps(found))
    keep(evaluation({"fd": 21.0}), path, partial=True)
    assert values(path) == {**FULL, "fd": 21.0}


def test_a_folder_in_the_place_of_the_file_is_kept(tmp_path):
    path = tmp_path / "evaluation.json"
    (path / "mine").mkdir(parents=True)
    keep(evaluation({"fd": 1.0}), path)
    assert values(path) == {"fd": 1.0} and (tmp_path / "evaluation.json.damaged1" / "mine").is_dir()
