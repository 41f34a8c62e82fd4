"""Folders as an attacker or an accident leaves them: links, loops, pipes, suffixes. All counted; none hangs."""

import os
import signal
import socket

import numpy as np
import pytest
from PIL import Image

from tfgen.data import load_dataset
from tfgen.data.listing import listed
from tfgen.data.paths import existing
from tfgen.errors import UserError


@pytest.fixture(autouse=True)
def nothing_hangs():
    def late(*_):
        raise TimeoutError("a test of the folder hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pictures(folder, count=3, suffix=".png", kind=None):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(np.full((4, 4), 10 + number, np.uint8)).save(folder / f"{number}{suffix}", kind)
    return folder


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path / "root" / "ant")
    pictures(tmp_path / "root" / "bee")
    return tmp_path / "root"


def test_linked_class_folders_are_followed(root, tmp_path):
    (root / "cow").symlink_to(pictures(tmp_path / "store" / "cow"))
    (root / "dog").symlink_to("../store/dog")
    pictures(tmp_path / "store" / "dog")
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee", "cow", "dog"] and sum(map(len, source.splits.values())) == 12


def test_linked_splits_are_followed(root, tmp_path):
    for name in ("ant", "bee"):
        pictures(tmp_path / "held" / name, 2)
    both = tmp_path / "both"
    both.mkdir()
    (both / "train").symlink_to(root)
    (both / "val").symlink_to(tmp_path / "held")
    source = load_dataset(f"folder:{both}")
    assert source.class_names == ["ant", "bee"]
    assert {split: len(examples) for split, examples in source.splits.items()} == {"train": 6, "validation": 4}


LOOPS = {
    "itself": lambda root: (root / "ant" / "loop").symlink_to("loop"),
    "its folder": lambda root: (root / "ant" / "loop").symlink_to("."),
    "the root": lambda root: (root / "ant" / "loop").symlink_to(".."),
    "above the root": lambda root: (root / "loop").symlink_to("../.."),
    "the file system": lambda root: (root / "loop").symlink_to("/"),
    "a sibling": lambda root: (root / "loop").symlink_to("bee"),
    "nothing": lambda root: (root / "ant" / "gone.png").symlink_to("nowhere"),
    "a pipe": lambda root: os.mkfifo(root / "ant" / "pipe.png"),
    "a pipe without suffix": lambda root: os.mkfifo(root / "ant" / "pipe"),
    "a linked pipe": lambda root: (os.mkfifo(root / ".p"), (root / "ant" / "linked.png").symlink_to("../.p")),
    "a device": lambda root: (root / "ant" / "zero.png").symlink_to("/dev/zero"),
    "a terminal": lambda root: (root / "ant" / "stdin.jpg").symlink_to("/dev/tty"),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_what_leads_nowhere_is_skipped_and_counted(root, kind, caplog):
    LOOPS[kind](root)
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee"] and sum(map(len, source.splits.values())) == 6
    assert "skipped 1 of 7 files: " in caplog.text


def test_two_links_that_lead_to_each_other_end(root, tmp_path, caplog):
    for name, other in (("one", "two"), ("two", "one")):
        (pictures(tmp_path / name) / "next").symlink_to(tmp_path / other)
        (root / name).symlink_to(tmp_path / name)
    assert load_dataset(f"folder:{root}").class_names == ["ant", "bee", "one", "two"]
    assert caplog.text.count("a link inside of a linked folder") == 2


def test_many_links_are_each_listed_once(root, tmp_path):
    for level in range(12):  # 2^12 paths, were every one walked
        (tmp_path / f"level{level}").mkdir()
        for side in "ab":
            (tmp_path / f"level{level}" / side).symlink_to(tmp_path / f"level{level + 1}")
    pictures(tmp_path / "level12")
    (root / "deep").symlink_to(tmp_path / "level0")
    found = listed(root)
    assert len(found.pictures) == 6 and len(found.problems) == 2


def test_a_linked_tree_is_listed_two_levels_deep(root, tmp_path):
    pictures(tmp_path / "far" / "one" / "two" / "three")
    pictures(tmp_path / "far" / "one" / "two")
    (root / "far").symlink_to(tmp_path / "far")
    found = listed(root)
    assert len(found.pictures) == 9 and found.problems == {"far/one/two/three": "too deep in a linked folder"}


def test_a_socket_is_skipped(root):
    place = os.getcwd()
    os.chdir(root)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s.png")
            assert listed(root).problems == {"s.png": "a socket"}
    finally:
        os.chdir(place)


@pytest.mark.parametrize("suffix", [".jfif", ".JPE", ".tif", ".TIFF", ".JPG", ".Png", ".avif"])
def test_suffixes_in_any_case(root, suffix):
    kind = {"j": "JPEG", "t": "TIFF", "p": "PNG", "a": "AVIF"}[suffix[1].lower()]
    pictures(root / "cow", 4, suffix, kind)
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee", "cow"] and sum(map(len, source.splits.values())) == 10


def test_other_files_are_counted_by_suffix(root, caplog):
    for name in ("a.npy", "b.NPY", "c.txt", "no_suffix", ".hidden", "Thumbs.db", "desktop.ini"):
        (root / "ant" / name).write_bytes(b"x")
    load_dataset(f"folder:{root}")
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == f"{root}: skipped 4 other files (2 .npy, 1 .txt, 1 without suffix)"


def test_a_folder_that_cannot_be_read_is_skipped(root, monkeypatch):
    scan = os.scandir

    def refusing(path):
        if str(path).endswith("bee"):
            raise PermissionError(13, "no")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = listed(root)
    assert found.problems == {"bee": "permission denied"} and len(found.pictures) == 3


@pytest.mark.parametrize(
    "path, reason",
    [
        ("~nosuchuser/x", "is no path"),
        ("a\0b", "is no path"),
        ("x" * 5000, r" x+ \.\.\. x+ is no path: the name is too long"),
        ("nowhere", "is not there"),
        ("pipe", "is not a regular file"),
        ("loop", "symbolic links lead in a circle"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "npz", "idx"])
def test_paths_that_are_none(tmp_path, monkeypatch, kind, path, reason):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    with pytest.raises(UserError, match=reason):
        load_dataset(f"{kind}:{path}")
    with pytest.raises(UserError, match=f"^--here: .*({reason})"):
        existing("--here", path, folder=False, what="a file")
