"""Where commands write: a place that cannot be written is said before the work, in one sentence."""

import errno
import os
import pathlib
import shutil

import numpy as np
import pytest

from tfgen import encode, evaluate, sample, translate
from tfgen.errors import UserError
from tfgen.latent.__main__ import COMMAND as latent
from tfgen.machine import startup
from tfgen.report.__main__ import COMMAND as report
from tfgen.runs.pretrained import HERE
from tfgen.storage import paths
from tfgen.storage.images import save_png
from tfgen.storage.paths import check_output

# name -> (command, its arguments, name of its output, the folder or file within a run that it writes to by default)
COMMANDS = {
    "sample": (sample.COMMAND, [], "x.png", "samples"),
    "sample of a file": (sample.COMMAND, [], "x.npz", "samples"),
    "sample of pictures": (sample.COMMAND, [], "x", "samples"),
    "sample of shards": (sample.COMMAND, ["--format=npz"], "x", "samples"),
    "translate": (translate.COMMAND, ["--images=picture.png"], "x.png", "translations"),
    "translate into a folder": (translate.COMMAND, ["--images=picture.png"], "x", "translations"),
    "encode": (encode.COMMAND, [], "x.npz", None),
    "evaluate": (evaluate.COMMAND, [], "x.json", None),
    "latent": (latent, ["interpolate"], "x.png", "latent"),
    "walk": (latent, ["walk"], "x.gif", "latent"),
    "report": (report, [], "x.html", None),
}


@pytest.fixture(autouse=True)
def no_work(tmp_path, monkeypatch):
    """A folder with a picture and a file in the way; no command gets as far as to start TensorFlow."""

    def started(*arguments):
        raise AssertionError("the place is to be checked before the work")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(startup, "start_tensorflow", started)
    save_png(tmp_path / "picture.png", np.zeros((28, 28, 1), np.uint8))
    (tmp_path / "FILE").write_text("in the way")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_at_once_that_it_cannot_write(name, tmp_path, capsys):
    command, arguments, out, default = COMMANDS[name]
    before = sorted(path.name for path in tmp_path.iterdir())
    assert command([*arguments, f"--run={HERE / 'dcgan'}", f"--out=FILE/{out}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("tfgen ") and "--out: " in error and "FILE" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    if default is None:
        return
    shutil.copytree(HERE / "dcgan", "run")
    (tmp_path / "run" / default).write_text("in the way")
    assert command([*arguments, "--run=run"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--out" in error and f"run/{default}" in error


def test_what_can_be_written_passes_and_leaves_nothing(tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for path in (tmp_path / "a.png", tmp_path / "new" / "deep" / "a.png", tmp_path / "FILE", pathlib.Path("a.png")):
        assert check_output(path) == path
    for path in (tmp_path, tmp_path / "new" / "deep", pathlib.Path("new")):
        assert check_output(path, folder=True) == path
    os.symlink("nowhere", tmp_path / "link")
    check_output(tmp_path / "link")  # a link is replaced
    (tmp_path / "link").unlink()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "place,folder,sentence",
    [
        ("FILE", True, "--out: FILE is a file, expected a folder"),
        ("FILE/x.png", False, "--out: FILE is a file, expected a folder"),
        ("FILE/a/x.png", False, "--out: cannot use FILE/a: a part of the path is not a folder"),
        ("link/x.png", False, "--out: link is a link to what is not there"),
        ("folder", False, "--out: folder is a folder, expected a file"),
        (300 * "b" + ".png", False, "the name is too long"),
        ("loop/x.png", False, "its symbolic links lead in a circle"),
        ("/proc/x.png", False, "--out: cannot write to /proc: "),
    ],
)
def test_the_sentence_says_what_is_in_the_way(place, folder, sentence):
    os.symlink("nowhere", "link")
    os.symlink("loop", "loop")
    os.mkdir("folder")
    with pytest.raises(UserError) as caught:
        check_output(pathlib.Path(place), folder)
    assert sentence in str(caught.value)


def test_a_folder_that_takes_no_file_is_named(tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, "read-only", f"{dir}/tmp1234")

    monkeypatch.setattr(paths.tempfile, "TemporaryFile", refuse)
    with pytest.raises(UserError) as caught:
        check_output(tmp_path / "new" / "x.png")
    assert str(caught.value) == f"--out: cannot write to {tmp_path}: the file system is read-only"


def refused(command, *flags, capsys):
    assert command(list(flags)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_training_has_written_is_spared(name, tmp_path, capsys):
    command, arguments, out, _ = COMMANDS[name]
    shutil.copytree(HERE / "dcgan", "run")
    os.symlink("run", "link")
    for place in ("run/models", "link/models", "run/checkpoints/deep"):
        error = refused(command, *arguments, "--run=run", f"--out={place}/{out}", capsys=capsys)
        assert "of the run" in error and "give another path" in error
    assert not list(tmp_path.rglob(out)) and not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    "name, flags, out",
    [
        ("walk", [], "recipe.gif"),  # its numbers are beside it, in recipe.json
        ("latent", [], "evaluation.png"),
        ("evaluate", [], "recipe.json"),
        ("translate into a folder", [], ""),
        ("sample of pictures", [], ""),
    ],
)
def test_files_of_a_run_are_spared(name, flags, out, tmp_path, capsys):
    command, arguments, *_ = COMMANDS[name]
    shutil.copytree(HERE / "dcgan", "run")
    (tmp_path / "run" / "evaluation.json").write_text("{}")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    error = refused(command, *arguments, *flags, "--run=run", f"--out=run/{out}", capsys=capsys)
    assert "of the run" in error or "is the folder of a run" in error
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "name, flags, out, flag",
    [
        ("encode", ["--images=a.npz"], "a.npz", "--images"),
        ("encode", ["--images=./a.npz"], "link.npz", "--images"),
        ("encode", ["--dataset=gray(npz:a.npz)"], "a.npz", "--dataset"),
        ("sample of a file", ["--conditions=a.npz"], "a.npz", "--conditions"),
        ("project", ["--images=photos"], "photos/a.png", "--images"),
        ("project", ["--images=photos/a.png"], "photos/a.png", "--images"),
    ],
)
def test_what_is_read_is_not_replaced(name, flags, out, flag, tmp_path, capsys):
    command, arguments, *_ = (latent, ["project"]) if name == "project" else COMMANDS[name]
    np.savez("a.npz", images=np.zeros((2, 28, 28, 1), np.uint8))
    os.symlink("a.npz", "link.npz")
    save_png(tmp_path / "photos" / "a.png", np.zeros((28, 28, 1), np.uint8))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    error = refused(command, *arguments, *flags, f"--run={HERE / 'dcgan'}", f"--out={out}", capsys=capsys)
    assert f"--out={out} would replace what {flag} reads: give another path" in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_numbers_beside_a_picture_replace_no_others(tmp_path, capsys):
    (tmp_path / "labels.json").write_text('{"a.png": 3}')
    (tmp_path / "walk.json").write_text('{"action": "walk"}')
    error = refused(latent, "interpolate", f"--run={HERE / 'dcgan'}", "--out=labels.png", capsys=capsys)
    assert "would replace labels.json by its numbers" in error
    with pytest.raises(AssertionError, match="before the work"):  # it passes the checks
        latent(["interpolate", f"--run={HERE / 'dcgan'}", "--out=walk.png"])
