"""Runs that are killed, interrupted or disturbed, and continued: they end as a run never disturbed, to the bit."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tfgen
from tfgen.errors import UserError
from tfgen.runs.job import train

SMALL = {
    "vae": {"width": 4, "latent_dim": 4},
    "dcgan": {"width": 4, "latent_dim": 4, "dropout": 0.2},
    "cgan": {"width": 4, "latent_dim": 4},
}


@pytest.fixture(scope="module", autouse=True)
def few_images(tmp_path_factory):
    """320 garments: 19 steps an epoch, so that kills fall into several epochs and between them."""
    source = tfgen.load_dataset("fashion_mnist_mini").splits["train"].gather(np.arange(320))
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x_train=source["image"], y_train=source["label"])
    small_recipe.dataset = f"npz:{path}"


def small_recipe(model, **changes):
    fields = {"batch_size": 16, "steps": 400, "checkpoint_steps": 7, "options": SMALL[model]}
    return tfgen.Recipe(model=model, dataset=small_recipe.dataset, **{**fields, **changes})


def command(model, folder):
    """The command that trains `small_recipe(model)`, given as a config: the model's own would add options."""
    config = folder.parent / f"{model}_small.py"
    config.write_text(f"import tfgen\n\n\ndef recipe():\n    return tfgen.{small_recipe(model)!r}\n")
    return [sys.executable, "-m", "tfgen.run", f"--config={config}", f"--workdir={folder}"]


def start(model, folder):
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command(model, folder), env={**os.environ, **threads}, **pipes)


def newest_step(folder):
    steps = [int(path.name[5:]) for path in (folder / "checkpoints").glob("step_*")]
    return max(steps, default=0)


def stop_at(process, folder, step, number):
    """Sends a signal at a random moment after the checkpoint of `step`; returns what the process had printed."""
    deadline = time.monotonic() + 120
    while newest_step(folder) < step and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 0.3))
    process.send_signal(number)
    return process.communicate(timeout=120)[0]


def check_killed(model, tmp_path, kill_steps):
    undisturbed = train(small_recipe(model), tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    for step in kill_steps:
        process = start(model, folder)
        output = stop_at(process, folder, step, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL, f"it ended before it could be killed:\n{output}"
    process = start(model, folder)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert "resumed from step" in output
    continued = tfgen.load_run(folder)
    assert continued.model.digest() == undisturbed.model.digest()
    assert (folder / "history.csv").read_text() == (tmp_path / "undisturbed" / "history.csv").read_text()
    last = sorted((folder / "samples").glob("epoch_*.png"))[-1].name
    assert (folder / "samples" / last).read_bytes() == (tmp_path / "undisturbed" / "samples" / last).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("model", [pytest.param("vae", marks=pytest.mark.plugins), "dcgan"])
def test_a_killed_run_goes_on_to_the_same_bits(model, tmp_path):
    check_killed(model, tmp_path, [random.randrange(5, 200)])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "dcgan", "cgan"])
def test_a_run_killed_several_times_goes_on_to_the_same_bits(model, tmp_path):
    check_killed(model, tmp_path, sorted(random.sample(range(5, 300), 4)))


@pytest.mark.plugins
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    process = start("vae", tmp_path)
    output = stop_at(process, tmp_path, 20, signal.SIGINT)
    assert process.returncode == 130, output
    assert "and saved; give the same command again to go on" in output
    assert "Traceback" not in output
    stopped = int(output.split("stopped after step ")[1].split()[0])
    assert newest_step(tmp_path) == stopped


@pytest.mark.slow
@pytest.mark.parametrize("first", [38, 45], ids=["at an epoch's end", "within an epoch"])
def test_a_run_that_is_lengthened_has_the_history_of_a_long_one(first, tmp_path):
    train(small_recipe("vae", steps=first), tmp_path / "short")
    lengthened = train(small_recipe("vae", steps=57), tmp_path / "short")
    long = train(small_recipe("vae", steps=57), tmp_path / "long")
    assert lengthened.model.digest() == long.model.digest()
    assert lengthened.paths.history.read_text() == long.paths.history.read_text()


@pytest.mark.slow
def test_another_recipe_is_refused_and_nothing_is_lost(tmp_path):
    recipe = small_recipe("vae", steps=2)
    train(recipe, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"another recipe: batch_size was 16, now 8; choose another --workdir"):
        train(recipe.replace(batch_size=8), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_finished_run_says_so_and_more_steps_go_on(tmp_path, capsys):
    recipe = small_recipe("vae", steps=2)
    train(recipe, tmp_path)
    train(recipe, tmp_path)
    assert "this run is finished: step 2 of 2" in capsys.readouterr().out
    run = train(recipe.replace(steps=4), tmp_path)
    assert "resumed from step 2" in capsys.readouterr().out
    assert int(run.model.step) == 4


@pytest.mark.slow
def test_resume_must_and_never(tmp_path, capsys):
    recipe = small_recipe("vae", steps=2)
    with pytest.raises(UserError, match="--resume=must, but .* holds no run"):
        train(recipe, tmp_path / "run", resume="must")
    train(recipe, tmp_path / "run")
    train(recipe, tmp_path / "run", resume="never")
    assert "the earlier run is kept in" in capsys.readouterr().out
    assert newest_step(tmp_path / "run.old1") == newest_step(tmp_path / "run") == 2


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path, capsys):
    assert train(small_recipe("dcgan", steps=2), tmp_path / "run", dry_run=True) is None
    output = capsys.readouterr().out
    assert '"width": 4' in output
    assert "generator: " in output and "parameters" in output
    assert "2 steps of 16 images, 19 per epoch of 304 images" in output
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(tmp_path):
    recipe = small_recipe("vae", steps=200, checkpoint_steps=1)
    options = {"learning_rate": 1e30, "optimizer": "sgd"}
    with pytest.raises(UserError, match=r"training stopped at step \d+: .* is (nan|inf).*(encoder|decoder)/"):
        train(recipe.replace(options=options), tmp_path)
    good = newest_step(tmp_path)
    assert good == 0 or good < 200


@pytest.mark.slow
def test_a_full_disk_keeps_earlier_checkpoints(tmp_path, monkeypatch):
    import errno
    import pathlib

    recipe = small_recipe("vae", steps=6, checkpoint_steps=2)
    train(recipe, tmp_path)

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    with pytest.raises(UserError, match="No space left on device"):
        train(recipe.replace(steps=8), tmp_path)
    monkeypatch.undo()
    assert newest_step(tmp_path) == 6
    assert int(train(recipe.replace(steps=8), tmp_path).model.step) == 8
