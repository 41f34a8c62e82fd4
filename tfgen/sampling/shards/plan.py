"""The plan of a folder of shards: the images of each shard, and the recipe that all of them have in common."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
from collections.abc import Iterator
from typing import Any

from tfgen.errors import UserError

MANIFEST = "samples.json"
VERSION = 1
IMAGES_A_SHARD = 10_000
SUFFIXES = {"array_record": ".array_record", "png": "", "npz": ".npz"}  # of a shard; "": it is a folder
_NO_MATTER = {"run"}  # a run may have been moved: its weights are compared, not its path


@dataclasses.dataclass(frozen=True)
class Plan:
    """The division of images 0..num-1 into shards, as equal as possible.

    Attributes:
        folder: of the shards.
        format: a key of `SUFFIXES`.
        num: number of all images.
        shards: number of shards, at most `num`.

    Raises:
        UserError: `shards` is not in 1..num.
    """

    folder: pathlib.Path
    format: str
    num: int
    shards: int

    def __post_init__(self):
        if not 1 <= self.shards <= self.num:
            raise UserError(f"--shards must be at least 1 and at most --num={self.num}, got {self.shards}")

    def bounds(self, shard: int) -> tuple[int, int]:
        """Returns (first, end): the shard holds the images first..end-1."""
        return shard * self.num // self.shards, (shard + 1) * self.num // self.shards

    def path(self, shard: int) -> pathlib.Path:
        """Returns the path of the shard's file, or of its folder of pictures."""
        return self.folder / f"samples-{shard:05d}-of-{self.shards:05d}{SUFFIXES[self.format]}"

    def missing(self, worker: int = 0, workers: int = 1) -> list[int]:
        """Returns the missing shards of worker `worker` of `workers`, which makes those with j mod workers = worker."""
        return [shard for shard in range(worker, self.shards, workers) if not self.path(shard).exists()]

    def check_folder(self) -> None:
        """Raises UserError, before any work, if the folder holds other files than shards."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file; shards are written to a folder: --out=FOLDER")
        names = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        if names and MANIFEST not in names and not all(name.startswith(f".{MANIFEST}") for name in names):
            raise UserError(f"{self.folder} holds {names[0]!r} and no {MANIFEST}; give an empty or a new folder")

    def settle(self, **recipe: Any) -> None:
        """Writes samples.json, or compares it with the existing one: shards of two recipes are never mixed.

        Args:
            **recipe: plain values that determine the images (run, weights, seed, label, ...).

        Raises:
            UserError: the folder holds samples of another recipe.
        """
        wanted = {"version": VERSION, "format": self.format, "num": self.num, "shards": self.shards, **recipe}
        path = self.folder / MANIFEST
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_once(path) as partial:
                partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        found = read_manifest(self.folder)  # read, as another process may have written it first
        different = [key for key in {**found, **wanted} if key not in _NO_MATTER and found.get(key) != wanted.get(key)]
        if different:
            words = (f"{key} was {found.get(key)!s:.40}, now {wanted.get(key)!s:.40}" for key in different)
            raise UserError(f"{self.folder} holds samples of another recipe: {'; '.join(words)}; give another --out")

    def tidy(self) -> None:
        """Removes the partial files of killed processes; to be called only when no shard is missing."""
        for path in self.folder.glob(".samples*.partial*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def read_manifest(folder: str | os.PathLike) -> dict:
    """Reads samples.json.

    Raises:
        UserError: it is missing or damaged.
    """
    path = pathlib.Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["version"] != VERSION or manifest["format"] not in SUFFIXES:
            raise ValueError("it is of another version")
        Plan(path.parent, manifest["format"], int(manifest["num"]), int(manifest["shards"]))
    except FileNotFoundError:
        raise UserError(f"{folder} holds no {MANIFEST}, so it is not a folder of shards") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!s:.60}); sample into a new folder") from error
    return manifest


@contextlib.contextmanager
def written_once(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path of this process alone; the file or folder written there is then renamed to `path`.

    Two processes may write the same `path`: both make the same bytes, so the second one changes nothing.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.{socket.gethostname()}-{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.rename(partial, path)
    except OSError:
        if not path.exists():  # else another process was faster, and may have removed the temporary path
            raise
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
