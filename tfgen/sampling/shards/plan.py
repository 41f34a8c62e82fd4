"""What a folder of shards holds: which images lie in which shard, and the recipe that all of them must share."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
from collections.abc import Iterator

from tfgen.errors import UserError

MANIFEST = "samples.json"
VERSION = 1
IMAGES_A_SHARD = 10_000
SUFFIXES = {"array_record": ".array_record", "png": "", "npz": ".npz"}  # of a shard; "": it is a folder
_NO_MATTER = {"run"}  # where a run lies says nothing about its weights


@dataclasses.dataclass(frozen=True)
class Plan:
    """Images 0..num-1 in `shards` parts of `folder`, as equal as can be.

    Attributes:
        folder: `pathlib.Path`. format: a key of `SUFFIXES`. num: images in all. shards: parts, at most `num`.
    """

    folder: pathlib.Path
    format: str
    num: int
    shards: int

    def __post_init__(self):
        if not 1 <= self.shards <= self.num:
            raise UserError(f"--shards must be at least 1 and at most --num={self.num}, got {self.shards}")

    def bounds(self, shard: int) -> tuple[int, int]:
        """(first, end): the shard holds the images first..end-1."""
        return shard * self.num // self.shards, (shard + 1) * self.num // self.shards

    def path(self, shard: int) -> pathlib.Path:
        """The shard's file, or its folder of pictures."""
        return self.folder / f"samples-{shard:05d}-of-{self.shards:05d}{SUFFIXES[self.format]}"

    def missing(self, worker: int = 0, workers: int = 1) -> list[int]:
        """Numbers of the shards that worker `worker` of `workers` is to make (j mod workers = worker) and has not."""
        return [shard for shard in range(worker, self.shards, workers) if not self.path(shard).exists()]

    def check_folder(self) -> None:
        """Refuses, before any work, a folder that holds other things than shards."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file; shards are written to a folder: --out=FOLDER")
        names = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        if names and MANIFEST not in names and not all(name.startswith(f".{MANIFEST}") for name in names):
            raise UserError(f"{self.folder} holds {names[0]!r} and no {MANIFEST}; give an empty or a new folder")

    def settle(self, **recipe) -> None:
        """Writes samples.json, or compares it with what is there: shards of two recipes are never mixed.

        Args:
            **recipe: what the images follow from (run, weights, seed, label, ...), plain values.

        Raises:
            UserError: the folder is being filled by another recipe.
        """
        wanted = {"version": VERSION, "format": self.format, "num": self.num, "shards": self.shards, **recipe}
        path = self.folder / MANIFEST
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_once(path) as partial:
                partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        found = read_manifest(self.folder)  # another process may have been faster
        different = [key for key in {**found, **wanted} if key not in _NO_MATTER and found.get(key) != wanted.get(key)]
        if different:
            words = (f"{key} was {found.get(key)!s:.40}, now {wanted.get(key)!s:.40}" for key in different)
            raise UserError(f"{self.folder} holds samples of another recipe: {'; '.join(words)}; give another --out")

    def tidy(self) -> None:
        """Removes what processes that were killed have left half made; only once no shard is missing."""
        for path in self.folder.glob(".samples*.partial*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def read_manifest(folder: str | os.PathLike) -> dict:
    """samples.json as a dict.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = pathlib.Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["version"] != VERSION or manifest["format"] not in SUFFIXES:
            raise ValueError("it is of another version")
        Plan(path.parent, manifest["format"], int(manifest["num"]), int(manifest["shards"]))
    except FileNotFoundError:
        raise UserError(f"{folder} holds no {MANIFEST}, so it is no folder of shards") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!s:.60}); sample into a new folder") from error
    return manifest


@contextlib.contextmanager
def written_once(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a temporary path of this process alone; what is written there, a file or a folder, becomes `path` whole.

    Two processes may write the same `path`: each makes the same bytes, and whichever is last changes nothing.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.{socket.gethostname()}-{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        os.rename(partial, path)
    except OSError:
        if not path.exists():  # else another was faster, and perhaps has tidied up
            raise
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
