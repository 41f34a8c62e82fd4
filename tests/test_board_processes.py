"""The leaderboard with its real processes, interrupted."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.plugins]
ROOT = pathlib.Path(__file__).resolve().parents[1]


def start(folder):
    words = ["--entries=gan", "--budget=6steps", "--seeds=1", "--num=20", f"--workdir={folder}"]
    command = [sys.executable, "-m", "tfgen.leaderboard", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environ, cwd=folder.parent, stdout=-1, stderr=-1, text=True)


def wait_for_text(path, text, seconds=120):
    until = time.monotonic() + seconds
    while not (path.is_file() and text in path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)


def commands_about(folder):
    found = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if f"={folder}/gan-0" in line]


def test_a_board_ends_with_its_processes_and_goes_on_where_it_was(tmp_path):
    folder = tmp_path / "board"
    process = start(folder)  # ended in its training
    wait_for_text(folder / "gan-0.run.log", "to do: 6 steps")
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert (process.returncode, err.splitlines()[-1]) == (143, "tfgen leaderboard: terminated")
    assert not commands_about(folder) and json.loads((folder / "gan-0.json").read_text())["stage"] == "training"

    process = start(folder)  # ended in its evaluation
    wait_for_text(folder / "gan-0.evaluate.log", "features by")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130 and not commands_about(folder)
    trained = (folder / "gan-0" / "models" / "trainer.keras").stat().st_mtime_ns

    process = start(folder)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "training for" not in out and "evaluating" in out
    assert (folder / "gan-0" / "models" / "trainer.keras").stat().st_mtime_ns == trained
    assert "| gan | 1 | 0 | 6 |" in (folder / "leaderboard.md").read_text()
    assert not list(folder.glob("*.old*"))
