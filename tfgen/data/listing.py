"""The files of a folder of pictures: links are followed as far as they end, and what is left out is counted."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import stat
from collections.abc import Iterator

from tfgen import faults
from tfgen.data.pixels import SUFFIXES
from tfgen.errors import UserError

# what file managers leave, beside hidden files, what `tfgen.sample` writes beside its pictures, and metadata
_UNSEEN = {"thumbs.db", "desktop.ini", "__macosx", "labels.csv", "metadata.csv", "metadata.jsonl"}
_LINK_DEPTH = 2  # levels of folders below a linked one: of a split, its classes; a link to / or /usr ends soon
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@dataclasses.dataclass
class Listing:
    """What `listed` found.

    Attributes:
        pictures: relative paths with slashes, sorted, of the files with the suffix of a picture.
        others: suffix -> number of files left out because of it.
        problems: relative path -> why it was left out, of anything else.
        linked: linked folders that were followed.
    """

    pictures: list[str] = dataclasses.field(default_factory=list)
    others: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    problems: dict[str, str] = dataclasses.field(default_factory=dict)
    linked: list[str] = dataclasses.field(default_factory=list)

    def other_files(self) -> str:
        """Returns "3 other files (2 .npy, 1 .txt)", or "" without any."""
        if not self.others:
            return ""
        named = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in self.others.most_common(5))
        more = ", ..." if len(self.others) > 5 else ""
        return f"{self.others.total()} other file{'s' if self.others.total() > 1 else ''} ({named}{more})"


def listed(root: pathlib.Path) -> Listing:
    """Lists a folder at any depth.

    Hidden files and what file managers leave are ignored. A linked folder is followed, `_LINK_DEPTH` levels deep,
    unless it was listed already or contains `root`: no folder is listed twice, so loops end, and no picture is in two
    splits. Pipes, sockets and devices, which may block a reader, links to nothing, and unreadable folders are problems.

    Raises:
        UserError: `root` cannot be read.
    """
    walk = _Walk(root)
    try:
        os.listdir(root)
    except OSError as error:
        raise UserError(f"folder: {root} cannot be read: {faults.reason(error)}") from None
    walk.folder("", depth=None)
    for relative in sorted(walk.links):  # after the real folders, which win over links to them
        walk.link(relative)
    walk.found.pictures.sort()
    return walk.found


class _Walk:
    """A walk through `root`, which keeps what it found and where it was."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root, self.found = root, Listing()
        self.links: list[str] = []
        self.seen: set[tuple[int, int]] = set()

    def link(self, relative: str) -> None:
        """Lists a linked folder, unless it leads back."""
        target = pathlib.Path(os.path.realpath(self.root / relative))
        if not target.exists():
            self.found.problems[relative] = "a link to what is gone"
        elif pathlib.Path(os.path.realpath(self.root)).is_relative_to(target):
            self.found.problems[relative] = "a link to a folder that contains it"
        elif self._identity(target) in self.seen:
            self.found.problems[relative] = "a link to a folder that is listed already"
        else:
            self.found.linked.append(relative)
            self.folder(relative, depth=_LINK_DEPTH)

    def folder(self, relative: str, depth: int | None) -> None:
        """Lists a folder and those in it; `depth` levels of them, of a linked one, or all for None."""
        path = self.root / relative
        try:
            identity = self._identity(path)
            if identity in self.seen:
                self.found.problems[relative] = "listed already"
                return
            self.seen.add(identity)
            entries = sorted(_visible(path), key=lambda entry: entry.name)
        except OSError as error:
            self.found.problems[relative] = faults.reason(error)
            return
        for entry in entries:
            name = f"{relative}/{entry.name}" if relative else entry.name
            try:
                self._entry(entry, name, depth)
            except OSError as error:  # of a link to nothing or to itself
                self.found.problems[name] = faults.reason(error)

    def _entry(self, entry: os.DirEntry[str], name: str, depth: int | None) -> None:
        mode = entry.stat().st_mode  # of what a link leads to
        if stat.S_ISDIR(mode):
            if entry.is_symlink() and depth is not None:
                self.found.problems[name] = "a link inside of a linked folder"
            elif entry.is_symlink():
                self.links.append(name)
            elif depth == 0:
                self.found.problems[name] = "too deep in a linked folder"
            else:
                self.folder(name, None if depth is None else depth - 1)
        elif not stat.S_ISREG(mode):
            self.found.problems[name] = _KINDS.get(stat.S_IFMT(mode), "not a file")
        elif name.lower().endswith(SUFFIXES):
            self.found.pictures.append(name)
        else:
            self.found.others[pathlib.PurePath(entry.name).suffix.lower()] += 1

    def _identity(self, path: pathlib.Path) -> tuple[int, int]:
        found = path.stat()
        return found.st_dev, found.st_ino


def _visible(path: pathlib.Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        yield from (entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in _UNSEEN)
