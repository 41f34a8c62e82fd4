"""docs/going_on.md: its commands and its program, run in order in an empty folder."""

import json
import pathlib
import re
import shlex

import pytest

import tfgen
from tfgen.run import COMMAND
from tfgen.runs import job

PAGE = (pathlib.Path(__file__).parents[1] / "docs" / "going_on.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job, "export", lambda *args: None)  # takes longer than these trainings


@pytest.mark.slow
@pytest.mark.docs
def test_the_commands_of_the_page_run_in_order(capsys):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "tfgen.run"] and COMMAND(words[3:]) == 0
    out = capsys.readouterr().out
    assert "resumed from step 60" in out
    assert "starts from the weights of runs/gan-fashion_mnist_mini: generator: 6 of 6 arrays, discrim" in out


@pytest.mark.slow
@pytest.mark.docs
def test_the_program_of_the_page_runs(capsys):
    (program,) = blocks("python")
    exec(compile(program, "going_on.md", "exec"), {})
    runs = {name: tfgen.load_run(f"runs/{name}") for name in ("mine", "lower", "back")}
    assert [int(run.model.step) for run in runs.values()] == [64, 32, 32]
    assert "left out" not in capsys.readouterr().out, "the callback worked"
    assert runs["mine"].record["callbacks"][0].endswith("LearningRateScheduler")
    assert runs["lower"].record["recipe"]["options"]["learning_rate"] == 5e-5
    assert runs["back"].record["init_from"]["file"] == "mine.keras"
    assert json.loads(json.dumps(runs["lower"].record["init_from"]["arrays"]))["generator"] == [6, 6]
