"""Files are written through folders that nobody can guess or enter; what a kill leaves is cleared away."""

import os
import pathlib
import signal
import stat

import numpy as np
import pytest
from processes import busy

from tfgen.errors import UserError
from tfgen.evaluation.cache import Cache
from tfgen.sampling.shards.plan import Plan
from tfgen.sampling.writers import write_folder, write_npz
from tfgen.storage import atomic, images, locks


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


def temporaries(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def save_picture(path):
    images.save_png(path, np.zeros((4, 4), np.uint8))


def save_film(path):
    images.save_gif(path, [np.zeros((4, 4), np.uint8)])


def save_samples(path):
    write_npz(path, [np.zeros((1, 4, 4, 1), np.uint8)], (1, 4, 4, 1))


def save_pictures(path):
    write_folder(path.parent, [np.zeros((1, 4, 4, 1), np.uint8)], (1, 4, 4, 1))


def settle(path):
    Plan(path.parent, "npz", 4, 2).settle(label=None, shape=["image", 4, 4, 1])


WRITERS = {
    "history.csv": lambda path: atomic.write_text(path, "epoch,step\n"),
    "a.png": save_picture,
    "progress.gif": save_film,
    "samples.npz": save_samples,
    "000000.png": save_pictures,
    "samples.json": settle,
}


@pytest.mark.parametrize("name", list(WRITERS))
def test_no_link_is_written_through(victim, tmp_path, name):
    folder = tmp_path / "shared"
    folder.mkdir()
    path = folder / name
    stem, suffix = path.stem, path.suffix
    # the names that could be guessed, and the file itself where it is one that is always replaced
    planted = [f".{stem}.partial{suffix}", f".{name}.partial", f".{name}.old", f"{name}.tmp", f"{name}~"]
    planted += [] if name == "samples.json" else [name]
    for other in planted:
        os.symlink(victim, folder / other)
    WRITERS[name](path)
    assert victim.read_text() == "precious"
    assert path.is_file() and not path.is_symlink() and path.stat().st_size
    assert not list(folder.glob(".tfgen-*"))


def test_a_hard_link_is_replaced_and_not_written_through(victim, tmp_path):
    os.link(victim, tmp_path / "diagnosis.csv")
    atomic.write_text(tmp_path / "diagnosis.csv", "step\n")
    assert victim.read_text() == "precious"


def test_a_folder_is_never_written_through_a_link(victim, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "1")
    os.symlink("nowhere", tmp_path / "2")
    (tmp_path / "3").write_text("a file")
    for name in "123":
        with atomic.replacing_folder(tmp_path / name) as partial:
            partial.mkdir()
            (partial / "f").write_text("new")
        assert (tmp_path / name / "f").read_text() == "new" and not (tmp_path / name).is_symlink()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_nobody_else_can_enter_and_the_result_has_the_usual_mode(tmp_path):
    umask = os.umask(0o022)
    try:
        with atomic.replacing(tmp_path / "a.txt") as partial:
            assert partial.name == "a.txt" and stat.S_IMODE(partial.parent.stat().st_mode) == 0o700
            partial.write_text("a")
        with atomic.replacing_folder(tmp_path / "b") as partial:
            partial.mkdir()
        modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "b")]
        assert modes == [0o644, 0o755]
    finally:
        os.umask(umask)


def test_two_names_are_never_the_same(tmp_path):
    with atomic.replacing(tmp_path / "a") as one, atomic.replacing(tmp_path / "a") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"  # the outer one ends last


WRITE = """
import os, sys, time
from tfgen.storage import atomic
with atomic.replacing(sys.argv[1]) as partial:
    partial.write_text("half")
    print("begun", flush=True)
    time.sleep(60)
"""


def writing(path):
    """Another process in the middle of writing."""
    return busy(WRITE, path, says="begun")


def test_what_a_killed_process_left_is_cleared_away_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with writing(path) as process:
        atomic.sweep(tmp_path)
        assert len(temporaries(tmp_path)) == 1  # it is being written
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.read_text() == "old" and len(temporaries(tmp_path)) == 1
        atomic.write_text(path, "new")  # the first that this process writes there
        assert path.read_text() == "new" and temporaries(tmp_path) == []


def test_only_what_is_ours_is_cleared_away(victim, tmp_path):
    kept = [".hidden", ".a.partial.b", "x.partial", ".tfgen-1.old"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    os.symlink(victim, tmp_path / ".tfgen-12345678.partial")
    os.mkfifo(tmp_path / ".tfgen-23456789.partial")
    (tmp_path / ".tfgen-3.partial").mkdir()
    os.symlink(victim, tmp_path / ".tfgen-3.partial" / "result")
    atomic.sweep(tmp_path)
    left = {path.name for path in temporaries(tmp_path)}
    assert left - set(kept) <= {".tfgen-12345678.partial", ".tfgen-23456789.partial"}
    assert all((tmp_path / name).read_text() == "mine" for name in kept) and victim.read_text() == "precious"
    assert not (tmp_path / ".tfgen-3.partial").exists()


def test_without_locks_nothing_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    (tmp_path / ".tfgen-3.partial").mkdir()
    atomic.sweep(tmp_path)
    assert (tmp_path / ".tfgen-3.partial").exists()
    atomic.write_text(tmp_path / "a", "b")
    assert (tmp_path / "a").read_text() == "b"


def test_a_folder_that_is_swept_in_the_middle_is_made_anew(tmp_path, monkeypatch):
    """Between the making of a temporary folder and its lock another process may take it for a leftover."""
    taken, real = [], atomic.tempfile.mkdtemp

    def taken_once(*args):
        made = real(*args)
        if not taken:
            taken.append(made)
            os.rmdir(made)
        return made

    monkeypatch.setattr(atomic.tempfile, "mkdtemp", taken_once)
    atomic.write_text(tmp_path / "a", "b")
    assert taken and (tmp_path / "a").read_text() == "b"


def test_names_of_the_longest_length_can_be_written(tmp_path):
    longest = "a" * 251 + ".png"
    save_picture(tmp_path / longest)
    assert (tmp_path / longest).is_file()
    with pytest.raises(UserError, match="cannot write .*File name too long"):
        save_picture(tmp_path / f"a{longest}")


def test_every_failure_of_a_disk_is_a_sentence(tmp_path):
    os.symlink("loop", tmp_path / "loop")
    with pytest.raises(UserError, match="cannot write .*what was there before is kept"):
        atomic.write_text(tmp_path / "loop" / "a.txt", "")
    for number in (5, 27, 28, 30, 116, 122):  # an error of the device, a file too large, full, read-only, stale, quota
        with pytest.raises(UserError, match="cannot write"), atomic.replacing(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write .*folder"):
        atomic.write_text(tmp_path / "folder", "")


def test_what_is_put_aside_is_never_put_over_something(tmp_path):
    for text in ("one", "two"):
        (tmp_path / "a.csv").write_text(text)
        atomic.put_aside(tmp_path / "a.csv")
    os.symlink("nowhere", tmp_path / "a.csv.damaged3")
    (tmp_path / "a.csv").mkdir()
    assert atomic.put_aside(tmp_path / "a.csv").name == "a.csv.damaged4"
    assert [(tmp_path / f"a.csv.damaged{i}").read_text() for i in (1, 2)] == ["one", "two"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    cache = Cache(tmp_path / "file" / "cache", said.append)
    assert cache.get({"a": 1}, lambda: {"x": np.ones(2)})["x"].tolist() == [1, 1]
    assert len(said) == 1 and pathlib.Path(tmp_path / "file").read_text() == ""
