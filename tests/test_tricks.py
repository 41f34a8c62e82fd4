"""The benchmark of tricks: its rows are recipes, rows that are there are not trained again, empty ones are named."""

import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import tricks  # noqa: E402
from benchmarks.tricks_rows import ROWS  # noqa: E402
from tfgen import models  # noqa: E402


def test_there_are_seventeen_and_each_is_measured_or_says_why_not():
    assert [trick.number for trick in ROWS] == list(range(1, 18))
    assert all(bool(trick.sides) != bool(trick.why) for trick in ROWS)


@pytest.mark.parametrize("task", tricks.tasks(ROWS, 1, 5), ids=lambda task: task.name)
def test_a_row_is_a_recipe(task):
    recipe = tricks.recipe_of(task)
    assert (recipe.steps, recipe.seed) == (5, 0)
    models.check_options(recipe.model, recipe.options)


def test_the_two_sides_of_a_row_differ():
    for trick in ROWS:
        if trick.sides:
            assert trick.sides["with"] != trick.sides["without"]


def test_what_is_there_is_not_trained_again_and_what_is_not_is_named(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(tricks, "measured", lambda task: trained.append(task.name) or 5.0 + len(trained))
    arguments = ["tricks", "--seeds=2", "--steps=7", "--only=2,6", f"--out={tmp_path / 'page'}"]
    monkeypatch.setattr(sys, "argv", arguments)
    tricks.main()
    # both tricks are parts of the same recipe, whose training they share
    assert len(trained) == 6 and trained[0] == "dcgan, seed 0, 7 steps"
    tricks.main()
    assert len(trained) == 6
    file = tmp_path / "page.json"
    values = {"dcgan, seed 0, 7 steps": 4.0, "dcgan loss=minimax, seed 0, 7 steps": 5.0}
    values |= {"dcgan, seed 1, 7 steps": 4.5, "dcgan loss=minimax, seed 1, 7 steps": 6.5}
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    tricks.main()
    page = (tmp_path / "page.md").read_text()
    # differences -1 and -2: mean -1.5, error 0.5
    assert "| 4.2 | 5.8 | -1.5 ± 0.5 |" in page
    assert page.count("not yet run") == 8 and "Not yet run: rows 1, 3, 4, 7, 12, 13, 14, 15." in page
