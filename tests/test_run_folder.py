"""What a run is: decided by what its files say inside, never by their presence or age; one process at a time."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from processes import busy

import tfgen
from tfgen.errors import UserError
from tfgen.evaluation import Settings
from tfgen.evaluation.subjects import evaluate_run
from tfgen.runs import job
from tfgen.runs.layout import Layout
from tfgen.runs.lock import FolderLock
from tfgen.storage import locks
from tfgen.storage.origin import Origin, Stamp, stamp_of, steps_of


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (48, 16, 16, 1), np.uint8)
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x_train=images)
    options = {"network": "dense", "units": [4], "latent_dim": 2}
    return tfgen.Recipe(model="vae", dataset=f"npz:{path}", batch_size=8, steps=4, checkpoint_steps=2, options=options)


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "trained"
    tfgen.train(recipe, folder)
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A run of four steps; its files are copied, and so all of one age."""
    return pathlib.Path(shutil.copytree(trained, tmp_path / "run"))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_origin(folder):
    """Makes weights what an earlier version wrote."""
    for path in folder.glob("checkpoints/*/state.json"):
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "origin"}))
    shutil.rmtree(folder / "models")
    shutil.rmtree(folder / "export")


# Weights say what they are of.


@pytest.mark.slow
def test_checkpoints_and_models_carry_their_recipe_and_step(folder, recipe, tmp_path):
    import keras

    run = tfgen.load_run(folder)
    for path in Layout(folder).weights():
        step = int(path.name[5:]) if path.name.startswith("step_") else 4
        assert stamp_of(path) == Stamp(run.origin, step), path
    assert {path.name for path in Layout(folder).weights()} > {"trainer.keras", "decoder.keras", "encoder.keras", "1"}
    assert run.origin.recipe == run.recipe.identity and run.origin.data is not None
    assert keras.saving.load_model(folder / "models" / "decoder.keras").count_params() > 0
    # neither a file of another kind nor a damaged one has a stamp
    (tmp_path / "a.keras").write_bytes(b"PK\x03\x04 nothing")
    for path in (tmp_path / "a.keras", tmp_path, tmp_path / "none", folder / "recipe.json"):
        assert stamp_of(path) is None


@pytest.mark.slow
def test_foreign_weights_without_a_record_are_not_gone_on_from(folder, recipe):
    (folder / "recipe.json").unlink()
    before = contents(folder)
    other = recipe.replace(seed=1)
    for resume in ("auto", "must"):
        with pytest.raises(UserError, match=r"step_0000000\d is of another recipe or of other data than this run"):
            tfgen.train(other, folder, resume=resume)
    assert contents(folder) == before
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(UserError, match=r"\.keras is of another recipe"):
        tfgen.train(other, folder)  # models alone would be written over
    tfgen.train(other.replace(steps=2), folder, resume="never")
    kept = contents(folder.with_name("run.old1"))
    assert kept == {name: value for name, value in before.items() if not name.startswith("checkpoints")}
    assert steps_of(folder / "checkpoints") == [2]


@pytest.mark.slow
def test_weights_of_this_recipe_without_a_record_are_gone_on_from_and_that_is_said(folder, recipe, trained, capsys):
    for damage in (None, b"[" * 100_000):
        path = folder / "recipe.json"
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        run = tfgen.train(recipe, folder)
        output = capsys.readouterr().out
        assert "say that they are of this recipe" in output and "resumed from step 4" in output
        assert run.recipe == tfgen.load_run(trained).recipe
        assert damage is None or "recipe.json is kept as recipe.json.damaged" in output
    assert (folder / "recipe.json.damaged1").read_bytes() == damage


def test_other_data_of_the_same_name_is_other_data(folder, recipe):
    record = json.loads((folder / "recipe.json").read_text())
    record["data"]["sha256"] = None  # the record does not know: the weights do
    (folder / "recipe.json").write_text(json.dumps(record))
    for path in folder.glob("checkpoints/*/state.json"):
        state = json.loads(path.read_text())
        state["origin"]["data"] = "0" * 16
        path.write_text(json.dumps(state))
    with pytest.raises(UserError, match="of other data than this run"):
        tfgen.train(recipe.replace(steps=6), folder)


def test_checkpoints_of_another_recipe_beside_a_record_that_agrees_are_refused(folder, recipe):
    foreign = folder / "checkpoints" / "step_00000006"
    shutil.copytree(folder / "checkpoints" / "step_00000004", foreign)
    origin = {"recipe": recipe.replace(seed=5).identity, "data": None}
    (foreign / "state.json").write_text(json.dumps({"step": 6, "averages": {}, "origin": origin}))
    with pytest.raises(UserError, match="step_00000006 is of another recipe"):
        tfgen.train(recipe.replace(steps=8), folder)
    assert int(tfgen.load_run(folder).model.step) == 4  # nor are they sampled from
    shutil.rmtree(folder / "models")
    assert int(tfgen.load_run(folder).model.step) == 4


def test_models_of_another_run_are_not_taken_for_this_ones(folder, recipe, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    record = json.loads((other / "recipe.json").read_text())
    record["recipe"]["seed"] = 5
    (other / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="trainer.keras is of another recipe or of other data than .*recipe.json says"):
        _ = tfgen.load_run(other).model
    assert int(tfgen.load_run(folder).model.step) == 4


def test_checkpoints_of_an_earlier_version_go_on_where_the_record_agrees(folder, recipe, capsys):
    without_origin(folder)
    tfgen.train(recipe, folder)
    output = capsys.readouterr().out
    assert "the last checkpoint does not say of which recipe it is" in output and "resumed from step 4" in output
    assert stamp_of(folder / "models" / "trainer.keras").step == 4
    without_origin(folder)
    (folder / "recipe.json").unlink()
    with pytest.raises(UserError, match="recipe.json is missing, and .* does not say which recipe it is of"):
        tfgen.train(recipe.replace(steps=6), folder)


def test_never_sets_aside_any_part_of_a_run_and_nothing_else(recipe, tmp_path, monkeypatch):
    for part in ("history.csv", "diagnosis.csv", "checkpoints/step_00000007/x", "models/a.keras", "export/1/x"):
        run = tmp_path / part.split("/")[0]
        (run / part).parent.mkdir(parents=True)
        (run / part).write_text("mine")
        old = job.set_aside(Layout(run))
        assert (old / part).read_text() == "mine" and not run.exists(), part
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("no run")
    assert job.set_aside(Layout(tmp_path / "notes")) is None
    (tmp_path / "notes" / "recipe.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "notes")
    with pytest.raises(UserError, match="in which this command runs"):
        job.set_aside(Layout(pathlib.Path(".")))


# Models beside a newer last step.


@pytest.mark.slow
def test_models_of_an_earlier_step_are_written_anew_whatever_their_age(folder, recipe, monkeypatch, capsys):
    def killed(*args):
        raise SystemExit

    monkeypatch.setattr(job, "keep_models", killed)
    with contextlib.suppress(SystemExit):  # a kill between the last checkpoint and the models
        tfgen.train(recipe.replace(steps=6), folder)
    monkeypatch.undo()
    later = time.time() + 1000
    for path in folder.rglob("*"):
        os.utime(path, (later, later) if "checkpoints" not in path.parts else (1, 1))
    assert stamp_of(folder / "models" / "trainer.keras").step == 4
    assert int(tfgen.load_run(folder).model.step) == 6
    run = tfgen.train(recipe.replace(steps=6), folder)
    assert "this run is finished: step 6 of 6" in capsys.readouterr().out
    stamps = {stamp_of(path) for path in Layout(folder).weights() if "checkpoints" not in path.parts}
    assert stamps == {Stamp(run.origin, 6)}


@pytest.mark.parametrize(
    "lost", ["models/decoder.keras", *(pytest.param(name, marks=pytest.mark.slow) for name in ("export/1", "models"))]
)
def test_a_finished_run_has_all_its_models_and_writes_them_once(folder, recipe, lost):
    path = folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    tfgen.train(recipe, folder)
    assert path.exists()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    tfgen.train(recipe, folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert {path for path in after if after[path] != times.get(path)} <= {folder}  # where the lock was


@pytest.mark.slow
def test_models_without_a_checkpoint_are_not_written_over(folder, recipe):
    shutil.rmtree(folder / "checkpoints")
    for lost in ("nothing", "export", "models/trainer.keras"):  # the others are weights all the same
        shutil.rmtree(folder / lost, ignore_errors=True) if lost != "models/trainer.keras" else (folder / lost).unlink()
        before = contents(folder)
        for steps in (2, 4, 6):
            with pytest.raises(UserError, match=r"\.keras is there and no checkpoint to go on from"):
                tfgen.train(recipe.replace(steps=steps), folder)
        assert contents(folder) == before
    tfgen.train(recipe.replace(steps=2), folder, resume="never")
    assert contents(folder.with_name("run.old1")) == before


# A shorter run.


def test_fewer_steps_than_a_run_has_done_are_refused_and_nothing_changes(folder, recipe):
    before = contents(folder)
    for total in (3, 1):
        with pytest.raises(
            UserError, match=rf"is at step 4, more than the {total} that are asked for; raise --steps or"
        ):
            tfgen.train(recipe.replace(steps=total), folder)
    assert contents(folder) == before


@pytest.mark.slow
def test_fewer_epochs_than_a_run_has_done_are_refused_too(folder, recipe):
    tfgen.train(recipe.replace(steps=7), folder)
    before = contents(folder)
    with pytest.raises(UserError, match="is at step 7, more than the 5 that are asked for"):
        tfgen.train(recipe.replace(epochs=1), folder)
    assert contents(folder) == before


def test_the_record_of_a_finished_run_stays(folder, recipe):
    before = (folder / "recipe.json").read_bytes()
    tfgen.train(recipe.replace(max_minutes=7.0), folder)
    assert (folder / "recipe.json").read_bytes() == before


# The lock.

HOLD = """
import pathlib, sys, time
from tfgen.runs.lock import FolderLock
with FolderLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def held(path):
    """Another process that holds the lock."""
    return busy(HOLD, path, says="held")


def test_a_second_process_is_told_and_a_killed_one_leaves_no_lock(folder, recipe):
    before = contents(folder)
    with held(folder / ".lock") as other:
        for resume in ("auto", "must", "never"):
            with pytest.raises(UserError, match=rf"is locked: another process \(pid {other.pid}\) trains there"):
                tfgen.train(recipe.replace(steps=5), folder, resume=resume)
        assert not folder.with_name("run.old1").exists()
        assert int(tfgen.load_run(folder).model.step) == 4  # reading goes on
        assert tfgen.train(recipe, folder, dry_run=True) is None
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (folder / ".lock").is_file()
        tfgen.train(recipe, folder)
    assert contents(folder) == before


@pytest.mark.slow
def test_the_command_says_so_in_a_line(folder, recipe):
    config = folder.parent / "config.py"
    config.write_text(f"import tfgen\n\n\ndef recipe():\n    return tfgen.{recipe!r}\n")
    command = [sys.executable, "-m", "tfgen.run", f"--config={config}", f"--workdir={folder}", "--steps=9"]
    with held(folder / ".lock") as other:
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert re.fullmatch(rf"tfgen run: .* is locked: another process \(pid {other.pid}\) .*\n", done.stderr)


def test_a_process_that_leaves_a_refused_folder_leaves_it_as_it_was(folder, recipe):
    with held(folder / ".lock") as other:
        other.kill()
        other.wait()
    before = contents(folder)
    assert ".lock" in before
    with pytest.raises(UserError, match="another recipe"):
        tfgen.train(recipe.replace(seed=7), folder)
    assert contents(folder) == before


def test_two_in_one_process_and_new_folders(tmp_path):
    first, second = (FolderLock(tmp_path / "new" / ".lock") for _ in range(2))
    with first, second:  # a folder that is not there is locked when it is made
        assert not (tmp_path / "new").exists()
        first.take()
        first.take()
        with pytest.raises(UserError, match="is locked: this process trains there"):
            second.take()
        first.release()
        second.take()
        second.sign()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_lock_goes_with_a_folder_that_is_renamed(tmp_path):
    (tmp_path / "a").mkdir()
    with FolderLock(tmp_path / "a" / ".lock") as holder:
        os.rename(tmp_path / "a", tmp_path / "a.old1")
        holder.release(tmp_path / "a.old1")
        holder.take()
        assert (tmp_path / "a" / ".lock").exists()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a.old1"]


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def no_locks(*args):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locks, "fcntl", types.SimpleNamespace(flock=no_locks, LOCK_EX=2, LOCK_NB=4))
    with FolderLock(tmp_path / ".lock"):
        assert "this file system has no locks" in capsys.readouterr().out
    monkeypatch.setattr(locks, "fcntl", None)
    with FolderLock(tmp_path / ".lock"):
        assert "this file system has no locks" in capsys.readouterr().out


def test_nothing_is_written_through_what_lies_in_the_place_of_the_lock(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    for make, refused in ((os.symlink, True), (os.link, False)):
        make(victim, run / ".lock")
        with (
            pytest.raises(UserError, match=r"cannot lock .*\.lock is a link; remove it")
            if refused
            else contextlib.nullcontext()
        ):
            with FolderLock(run / ".lock") as holder:
                holder.sign()
        assert victim.read_text() == "precious"
        (run / ".lock").unlink()
    os.mkfifo(run / ".lock")
    with pytest.raises(UserError, match="cannot lock .*is not a file; remove it"), FolderLock(run / ".lock"):
        pass
    (run / ".lock").unlink()
    (run / ".lock").mkdir()
    with pytest.raises(UserError, match="cannot lock .*it is a folder; remove it"), FolderLock(run / ".lock"):
        pass


def test_whoever_signed_is_named_and_garbage_is_not(tmp_path):
    path = tmp_path / ".lock"
    for text, words in (
        (b"17 elsewhere\n", "another process (pid 17 on elsewhere)"),
        (b"", "another process"),
        (b"\xff\xfe" * 5000, "another process"),
        (b"9" * 5000, "another process"),
    ):
        path.write_bytes(text)
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(UserError, match=re.escape(f"is locked: {words} trains there")), FolderLock(path):
                pass


def test_a_place_that_is_no_folder_is_said_before_any_work(recipe, tmp_path):
    (tmp_path / "file").write_text("mine")
    os.symlink("nowhere", tmp_path / "link")
    os.symlink("loop", tmp_path / "loop")
    for name, words in (
        ("file", "is a file, expected a folder"),
        ("file/a/b", "a part of the path is not a folder"),
        ("link", "is a link to what is not there"),
        ("loop/a", "links lead in a circle"),
        ("a" * 300, "the name is too long"),
    ):
        for dry in (True, False):
            with pytest.raises(UserError, match=words):
                tfgen.train(recipe, tmp_path / name, dry_run=dry)
    assert (tmp_path / "file").read_text() == "mine"


# How a run shows itself.


def test_a_run_shows_itself(folder, tmp_path):
    assert repr(tfgen.load_run(folder)) == f"Run({str(folder)!r}: vae, step 4 of 4)"
    shutil.rmtree(folder / "checkpoints")
    assert repr(tfgen.load_run(folder)) == f"Run({str(folder)!r}: vae, step 4 of 4)"
    shutil.rmtree(folder / "models")
    run = tfgen.load_run(folder)
    assert repr(run) == f"Run({str(folder)!r}: vae, not trained yet)"
    (folder / "recipe.json").write_text("{")
    damaged = tfgen.load_run(folder)
    shutil.rmtree(folder)
    assert repr(damaged) == f"Run({str(folder)!r})"


# Names in the folder of checkpoints.


@pytest.mark.slow
def test_names_that_are_no_checkpoints_are_passed_over(folder, recipe, capsys):
    checkpoints = folder / "checkpoints"
    for name in ("step_abc", "step_", "step_99999999999999999999999", "step_7", "step_٣٣٣٣٣٣٣٣", "step_²²²²²²²²"):
        (checkpoints / name).mkdir()
    (checkpoints / "step_00000009").write_text("a file")
    os.symlink(checkpoints / "step_00000004", checkpoints / "step_00000008")
    os.symlink("nowhere", checkpoints / "step_00000006")
    (checkpoints / "step_999999999999").mkdir()  # one that could be, and is empty
    assert steps_of(checkpoints) == [2, 4, 999999999999]
    tfgen.train(recipe.replace(steps=8), folder)
    output = capsys.readouterr().out
    assert "step_999999999999 is damaged (there is no such file)" in output and "resumed from step 4" in output
    assert steps_of(checkpoints) == [5, 7, 8, 999999999999]  # three good ones, whatever else there is
    assert not (checkpoints / "step_00000008").is_symlink()


@pytest.mark.parametrize(
    "state", [b"[" * 100_000, b"[]", b"\xff", b'{"step": 4, "averages": {"loss": "x"}}', b'{"step": 4, "averages": 3}']
)
def test_a_checkpoint_whose_state_is_damaged_is_one_that_is_damaged(folder, state, capsys):
    (folder / "checkpoints" / "step_00000004" / "state.json").write_bytes(state)
    shutil.rmtree(folder / "models")
    assert int(tfgen.load_run(folder).model.step) == 2
    assert "step_00000004 is damaged" in capsys.readouterr().out


def test_a_newer_damaged_checkpoint_leaves_the_models_of_the_end(folder):
    """Not an older checkpoint, and nothing of the damaged one."""
    digest = tfgen.load_run(folder).model.digest()
    newer = folder / "checkpoints" / "step_00000006"
    shutil.copytree(folder / "checkpoints" / "step_00000002", newer)
    state = json.loads((newer / "state.json").read_text())
    (newer / "state.json").write_text(json.dumps({**state, "step": 6}))
    assert tfgen.load_run(folder).model.digest() == digest


def test_an_origin_says_nothing_where_it_is_damaged():
    for saved in (None, [], {}, {"origin": 3}, {"origin": {"recipe": 3}}, {"origin": {"recipe": "a", "data": [1]}}):
        assert Origin.read(saved) is None
    assert Origin("a", None).agrees(Origin("a", "d")) and not Origin("a", "c").agrees(Origin("a", "d"))
    assert not Origin("a").agrees(Origin("b"))


def test_an_evaluation_says_that_the_data_have_changed_since_the_training(folder, recipe, capsys):
    settings = Settings(split="validation", metrics=("reconstruction_error",), nll_images=2)
    sentence = f"is not what {folder} was trained on any more: its sha256 is another"
    evaluate_run(folder, settings)
    assert sentence not in capsys.readouterr().out
    path = pathlib.Path(recipe.dataset.removeprefix("npz:"))
    before = path.read_bytes()
    np.savez(path, x_train=np.zeros((48, 16, 16, 1), np.uint8))
    try:
        evaluate_run(folder, settings)
    finally:
        path.write_bytes(before)
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("dataset", ["npz:few.npz", "gray(npz:few.npz)"])
def test_data_of_a_relative_path_are_found_from_another_folder(dataset, recipe, tmp_path, monkeypatch):
    for name, values in (("there", 10), ("here", 20)):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "few.npz", x_train=np.full((48, 16, 16, 3), values, np.uint8))
    monkeypatch.chdir(tmp_path / "there")
    few = recipe.replace(dataset=dataset, steps=1)
    if "gray" in dataset:
        few = tfgen.Recipe(model="pix2pix", dataset=dataset, batch_size=8, steps=1, options={"width": 2})
    run = tfgen.train(few, tmp_path / "run")
    assert run.source().name == dataset
    monkeypatch.chdir(tmp_path / "here")
    assert run.source().to_numpy()["image"].max() == 20, "a folder that was moved, with all that belongs to it"
    (tmp_path / "here" / "few.npz").unlink()
    found = run.source()
    assert found.name == dataset and found.to_numpy()["image"].max() == 10
    (tmp_path / "there" / "few.npz").unlink()
    with pytest.raises(UserError, match=f"{tmp_path}/there/few.npz is not there"):
        run.source()
