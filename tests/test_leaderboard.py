"""The leaderboard, its trainings and evaluations replaced by their outcomes."""

import json
import pathlib

import numpy as np
import pytest

from tfgen import leaderboard
from tfgen.errors import UserError
from tfgen.leaderboard import COLUMNS, COMMAND, Entry, interval, minutes_of, summary

EXTRACTOR = {"name": "means", "version": "1", "sha256": "f" * 64}


def scores(value, split="test"):
    protocol = {"real": {"dataset": "set", "split": split, "count": 9}, "fake": {"count": 9}, "extractor": EXTRACTOR}
    return {name: {"value": value, "low": None, "high": None, "floor": 0.5, "protocol": protocol} for name in COLUMNS}


class World:
    """Stands for subprocesses: what each run scores, or that it diverges."""

    def __init__(self, values):
        self.values, self.calls = values, []

    def call(self, module, arguments, workdir, flags):
        self.calls.append((module, workdir.name, arguments))
        value = self.values[workdir.name]
        if module == "tfgen.run":
            if value is None:
                return 2, "tfgen run: training stopped at step 7: generator_loss is nan"
            if isinstance(value, str):
                return 2, value
            workdir.mkdir(parents=True, exist_ok=True)
            (workdir / "recipe.json").write_text("{}")
            return 0, ""
        found = {"subject": {"step": 100}, "metrics": scores(value)}
        pathlib.Path(workdir / "evaluation.json").write_text(json.dumps(found))
        return 0, ""


@pytest.fixture
def world(monkeypatch):
    world = World({"gan-0": 3.0, "gan-1": 5.0, "vae-0": 1.0, "vae-1": None})
    monkeypatch.setattr(leaderboard, "call", world.call)
    monkeypatch.setattr(leaderboard, "write_picture", lambda folder, names: None)
    monkeypatch.setattr(leaderboard.cli, "start_tensorflow", lambda: None)
    return world


def board(tmp_path, *flags):
    return COMMAND(["--models=gan,vae", "--budget=30s", "--seeds=2", f"--workdir={tmp_path / 'board'}", *flags])


def test_a_board_ranks_models_and_counts_diverged_runs(world, tmp_path, capsys):
    assert board(tmp_path) == 0
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    rows = [line.split("|")[1:6] for line in text.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in row] for row in rows[1:3]] == [
        ["vae", "2", "1", "100", "1"],
        # mean 4, standard deviation sqrt 2, t of 1 degree of freedom: 12.706 sqrt(2) / sqrt(2)
        ["gan", "2", "0", "100", "4 ± 13"],
    ]
    assert "*0.5*" in text and "9 samples against 9 images of the test split of set" in text
    assert "python -m tfgen.leaderboard --dataset=fashion_mnist_mini --budget=30s --seeds=2 --models=gan,vae" in text
    record = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert [row["model"] for row in record["rows"]] == ["vae", "gan"] and len(record["entries"]) == 4


def test_every_run_has_the_same_budget_data_and_a_seed_of_its_own(world, tmp_path):
    board(tmp_path, "--dataset=mnist", "--data_dir=somewhere")
    trained = {name: arguments for module, name, arguments in world.calls if module == "tfgen.run"}
    assert list(trained) == ["gan-0", "vae-0", "gan-1", "vae-1"]
    for name, arguments in trained.items():
        assert {"--max_minutes=0.5", "--dataset=mnist", f"--seed={name[-1]}", "--resume=never"} <= set(arguments)


def test_finished_runs_are_not_run_again(world, tmp_path):
    board(tmp_path)
    count = len(world.calls)
    board(tmp_path)
    assert len(world.calls) == count == 7  # the diverged run is not evaluated
    world.values["gan-2"] = world.values["vae-2"] = 2.0
    board(tmp_path, "--seeds=3")
    assert [name for _, name, _ in world.calls[count:]] == ["gan-2", "gan-2", "vae-2", "vae-2"]


def test_another_budget_is_another_board(world, tmp_path, capsys):
    board(tmp_path)
    assert board(tmp_path, "--budget=1m") == 2
    assert "holds a board of other settings (gan-0.json); choose another --workdir" in capsys.readouterr().err


def test_a_run_that_fails_for_another_reason_is_said(world, tmp_path, capsys):
    world.values["gan-0"] = "tfgen run: there is no data"
    assert board(tmp_path) == 2
    assert "gan could not be trained: tfgen run: there is no data" in capsys.readouterr().err


def test_figures_of_different_protocols_make_no_table():
    entries = [Entry("gan", 0, "done", 1, scores(1.0)), Entry("vae", 0, "done", 1, scores(1.0, "validation"))]
    with pytest.raises(UserError, match="fd of gan-0 and fd of vae-0 .* real.split is test and validation"):
        summary(entries)


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0]
    mean, half = interval(values)
    assert mean == pytest.approx(7 / 3) and half == pytest.approx(4.303 * np.std(values, ddof=1) / 3**0.5)
    assert interval([2.0]) == (2.0, None) and interval([]) is None


@pytest.mark.parametrize("text, minutes", [("90s", 1.5), ("10m", 10), ("2h", 120), ("0.5m", 0.5)])
def test_a_budget_is_a_time(text, minutes):
    assert minutes_of(text) == pytest.approx(minutes)


@pytest.mark.parametrize(
    "flag, sentence",
    [
        ("--budget=10", "--budget expects a time such as 90s, 10m or 2h, got '10'"),
        ("--budget=0s", "--budget expects a time"),
        ("--models=dcgna", "did you mean 'dcgan'"),
        ("--models=ae", "cannot generate"),
        ("--seeds=0", "at least 1"),
    ],
)
def test_mistakes_are_one_sentence(world, tmp_path, capsys, flag, sentence):
    assert board(tmp_path, flag) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
