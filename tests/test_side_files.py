"""Files beside the weights, read as if anybody had written them: no damage stops a resume or changes its bits."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.errors import UserError
from tfgen.report.__main__ import COMMAND as REPORT
from tfgen.runs.folder import read_history
from tfgen.sample import COMMAND as SAMPLE
from tfgen.sampling.shards.plan import read_manifest
from tfgen.storage import images
from tfgen.storage.tables import load_json, read_json, read_table, recovered, table_text
from tfgen.training.callbacks import HistoryCSV, SampleGrid

GOOD = b"epoch,step,loss\n1,10,0.5\n2,20,0.25\n"
ROWS = [{"epoch": 1, "step": 10, "loss": 0.5}, {"epoch": 2, "step": 20, "loss": 0.25}]
COUNTS = ("epoch", "step")


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"3,30\n", "line 4 is not a row of 3 numbers"),
        (b"3,30,0.1,4\n4,40,0.1\n", "line 4 is not a row of 3 numbers"),
        (b"3,30,0.12", "line 4 is cut off"),
        (b"\x00\x00\x00\x00", "line 4 is"),
        (b"\xff\xfe\n", "line 4"),
        (b"3,30,low\n", "line 4 is not a row of 3 numbers"),
        (b"3,3e1,0.5\n", "line 4 is not a row of 3 numbers"),
        (b"3,-30,0.5\n", "line 4 is not a row of 3 numbers"),
        (b"3,,0.5\n", "a row has no step, in line 4"),
        (b"3," + b"9" * 5000 + b",0.5\n", "line 4 is not a row of 3 numbers"),
        (b'3,30,"0.5\n4,40,0.5\n', "line 4"),
        (b"3,30," + b"1" * 200_000 + b"\n", "line 4"),  # a field larger than the csv module takes
        (b"3,30,0." + b"5" * 3_000_000 + b"\n", "line 4"),
        (b"1,30,0.5\n", "line 4 counts backwards"),
        (b"\n", "line 4 is not a row of 3 numbers"),
        (b"epoch,step,loss\n", "line 4 is not a row of 3 numbers"),
    ],
)
def test_the_rows_before_the_damage_are_read(tmp_path, rest, problem):
    path = tmp_path / "history.csv"
    path.write_bytes(GOOD + rest)
    table = read_table(path, COUNTS)
    assert table.rows == ROWS and problem in table.problem and "\n" not in table.problem and len(table.problem) < 300
    with pytest.raises(UserError, match="history.csv is damaged: .*line 4"):
        read_history(path)


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"PK\x03\x04\n", b"a" * 3_000_000, b"loss\n1.0\n", b"step,step\n1,1\n", b"epoch,loss\n1,2\n", b"\n"],
)
def test_a_file_that_is_no_table_has_no_rows(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_bytes(text)
    table = read_table(path, COUNTS)
    assert table.rows == [] and table.problem


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    os.symlink("loop", tmp_path / "loop")
    for name, problem in (("pipe", "is damaged"), ("folder", "is damaged"), ("loop", "cannot be read: its symbolic")):
        assert read_table(tmp_path / name).problem
        with pytest.raises(UserError, match=problem):
            read_json(tmp_path / name)
    assert read_table(tmp_path / "none").problem is None


def test_numbers_come_back_as_they_were(tmp_path):
    rows = [{"step": 1, "a": 0.1, "a,b": float("inf")}, {"step": 2, "a": 1e-320, 'c "d"': -0.0}]
    names = ["step", "a", "a,b", 'c "d"']
    (tmp_path / "a.csv").write_text(table_text(names, rows))
    assert read_table(tmp_path / "a.csv").rows == rows
    assert table_text(names, read_table(tmp_path / "a.csv").rows) == table_text(names, rows)


def test_a_history_goes_on_from_the_rows_that_are_left(tmp_path, capsys):
    path = tmp_path / "history.csv"
    path.write_bytes(GOOD + b"3,30,\x00")
    history = HistoryCSV(path, resume_epoch=2)
    history.on_train_begin()
    assert history.rows == ROWS and path.read_bytes() == GOOD
    assert (tmp_path / "history.csv.damaged1").read_bytes() == GOOD + b"3,30,\x00"
    (line,) = capsys.readouterr().out.splitlines()
    assert "kept as history.csv.damaged1, and its first 2 rows go on" in line
    history.on_train_begin()
    assert capsys.readouterr().out == ""  # whole again


def test_a_link_to_a_file_of_somebody_else_is_neither_written_nor_renamed(tmp_path, capsys):
    victim = tmp_path / "victim"
    victim.write_text("precious, and no table")
    os.symlink(victim, tmp_path / "diagnosis.csv")
    assert recovered(tmp_path / "diagnosis.csv") == []
    assert victim.read_text() == "precious, and no table" and not (tmp_path / "diagnosis.csv").exists()
    assert (tmp_path / "diagnosis.csv.damaged1").is_symlink()


@pytest.mark.parametrize("text", [b"[" * 100_000, b"\xff\xfe", b"", b'{"a": ' + b"9" * 5000 + b"}", b"{'a': 1}"])
def test_json_is_read_or_is_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(UserError, match="a.json is damaged: it is not JSON") as caught:
        read_json(tmp_path / "a.json", "make it anew")
    assert str(caught.value).endswith("; make it anew") and len(str(caught.value)) < 500
    (tmp_path / "a.json").write_text("[1]")
    assert load_json(tmp_path / "a.json") == [1]


def test_json_that_is_missing_is_not_called_damaged(tmp_path):
    for path in (tmp_path / "a.json", tmp_path / "none" / "a.json"):
        with pytest.raises(UserError) as caught:
            read_json(path, "make it anew")
        assert str(caught.value) == f"{path} is missing; make it anew"


def test_a_film_does_without_pictures_that_are_damaged_or_not_ours(tmp_path, capsys):
    frame = np.full((8, 12), 90, np.uint8)
    for number in (1, 2, 3):
        images.save_png(tmp_path / f"epoch_{number:04d}.png", frame)
    whole = (tmp_path / "epoch_0001.png").read_bytes()
    (tmp_path / "epoch_0004.png").write_bytes(b"GIF89a garbage")
    (tmp_path / "epoch_0005.png").write_bytes(whole[:-30])  # its head can be read
    (tmp_path / "epoch_0006.png").mkdir()
    os.mkfifo(tmp_path / "epoch_0007.png")
    images.save_png(tmp_path / "epoch_0008.png", np.zeros((300, 300), np.uint8))
    (tmp_path / "epoch_last.png").write_text("mine")
    (tmp_path / "epoch_9999999999999999999999.png").write_text("mine")
    grid = SampleGrid(tmp_path)
    grid.latest = frame[..., None]
    grid.write_film()
    with Image.open(tmp_path / "progress.gif") as film:
        assert film.size == (12, 8)
    assert "4 of the pictures in" in capsys.readouterr().out
    assert (tmp_path / "epoch_last.png").read_text() == "mine"


MANIFEST = {"version": 1, "format": "npz", "num": 4, "shards": 2, "shape": ["image", 4, 4, 1], "label": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"num": 10**30},
        {"shards": 10**12, "num": 10**13},
        {"shape": "image"},
        {"shape": ["image", 4, -4, 1]},
        {"shape": []},
        {"label": []},
        {"label": [1, "a"]},
        {"label": 3},
        {"num": [4]},
        {"format": []},
    ],
)
def test_a_manifest_of_shards_is_checked(tmp_path, changes):
    (tmp_path / "samples.json").write_text(json.dumps(MANIFEST))
    assert read_manifest(tmp_path) == MANIFEST
    (tmp_path / "samples.json").write_text(json.dumps({**MANIFEST, **changes}))
    with pytest.raises(UserError, match="samples.json is damaged"):
        read_manifest(tmp_path)


# A whole run.


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x_train=random.integers(0, 256, (48, 16, 16, 1), np.uint8))
    options = {"network": "dense", "units": [4], "latent_dim": 2}
    return tfgen.Recipe(model="vae", dataset=f"npz:{path}", batch_size=8, steps=7, checkpoint_steps=2, options=options)


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    return tfgen.train(recipe, tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def begun(recipe, tmp_path_factory):
    return tfgen.train(recipe.replace(steps=5), tmp_path_factory.mktemp("runs") / "begun").folder


def spoil(folder):
    """Damages everything in a run's folder but its record and its checkpoints."""
    for name in ("models", "export", "tensorboard"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).write_bytes(b"\x00")
    (folder / "history.csv").write_bytes((folder / "history.csv").read_bytes() + b"\xff\x00,\n")
    (folder / "diagnosis.csv").write_bytes(b"step,loss\n" + b"1" * 200_000 + b"\n")
    (folder / "diagnosis.json").unlink()
    (folder / "diagnosis.json").mkdir()
    (folder / "evaluation.json").write_bytes(b"[" * 100_000)
    (folder / "loggers.json").write_bytes(b"\xff")
    (folder / "samples" / "epoch_0001.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "samples" / "epoch_0002.png").mkdir()
    (folder / "samples" / "epoch_x.png").write_text("")
    (folder / "samples" / "progress.gif").unlink(missing_ok=True)
    (folder / "samples" / "progress.gif").mkdir()


@pytest.mark.slow
def test_a_resume_survives_every_side_file_and_ends_with_the_same_bits(begun, recipe, whole, tmp_path, capsys):
    folder = pathlib.Path(shutil.copytree(begun, tmp_path / "run"))
    spoil(folder)
    run = tfgen.train(recipe, folder)
    output = capsys.readouterr().out
    assert "resumed from step 5" in output and "failed" not in output
    assert run.model.digest() == whole.model.digest()
    assert run.paths.history.read_text() == whole.paths.history.read_text()
    assert json.loads(run.paths.findings.read_text()) == json.loads(whole.paths.findings.read_text())
    for name in ("models", "export", "tensorboard", "diagnosis.json", "epoch_0002.png", "progress.gif"):
        assert f"{name} is in the way, and kept as {name}.damaged1" in output
    for name in ("history.csv", "diagnosis.csv"):
        assert f"{name} is damaged (" in output
    assert run.paths.film.is_file() and run.paths.trainer.is_file() and run.paths.savedmodel.is_dir()
    last = run.paths.samples / "epoch_0002.png"
    assert last.read_bytes() == (whole.paths.samples / "epoch_0002.png").read_bytes()


@pytest.mark.slow
def test_commands_that_read_a_spoiled_run_go_on_or_say_a_sentence(begun, tmp_path, capsys):
    folder = pathlib.Path(shutil.copytree(begun, tmp_path / "run"))
    spoil(folder)
    assert REPORT([f"--run={folder}", "--nopictures"]) == 0
    error = capsys.readouterr().err
    assert all(f"{name} is damaged" in error for name in ("history.csv", "diagnosis.csv", "evaluation.json"))
    assert SAMPLE([f"--run={folder}", "--num=2", f"--out={tmp_path / 'a.npz'}"]) == 0
    assert repr(tfgen.load_run(folder)).endswith("vae, step 5 of 5)")
    record = json.loads((folder / "recipe.json").read_text())
    texts = [b"[]", b"[" * 100_000, b"\xff", b'{"recipe": [1]}', b'{"recipe": {"model": "vae", "steps": "x"}}']
    field = record["fields"]["image"]
    for bad in ({}, [], {"image": 3}, {"image": {**field, "shape": ["a"]}}, {"image": {**field, "dtype": "no"}}):
        texts.append(json.dumps({**record, "fields": bad}).encode())
    texts.append(json.dumps({**record, "fields": {"image": {**field, "range": [0, 1e999]}}}).encode())
    for text in texts:
        (folder / "recipe.json").write_bytes(text)
        for command in (REPORT, SAMPLE):
            capsys.readouterr()
            code = command([f"--run={folder}", "--nopictures"][: 2 if command is REPORT else 1])
            error = capsys.readouterr().err
            if code == 0:  # a report needs no fields
                assert command is REPORT
                continue
            assert code == 2 and error.count("\n") == 1
            assert "recipe.json is damaged or not written by tfgen" in error
    harmless = {"data": [1], "class_names": 3, "versions": [], "plugins": 7, "charts": {"a": 1}, "git_revision": {}}
    (folder / "recipe.json").write_text(json.dumps({**record, **harmless, "makes": ["x"], "total_steps": 10**40}))
    assert REPORT([f"--run={folder}", "--nopictures"]) == 0
    assert SAMPLE([f"--run={folder}", "--num=2", f"--out={tmp_path / 'b.npz'}"]) == 0
    assert repr(tfgen.load_run(folder)).endswith("vae, step 5)")
