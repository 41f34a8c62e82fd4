"""The plan of a folder of shards: the images of each shard, and the recipe that all of them have in common."""

import dataclasses
import json
import os
import pathlib
from typing import Any

from tfgen import faults
from tfgen.errors import UserError
from tfgen.storage.atomic import OURS, sweep, written_once
from tfgen.storage.paths import check_output

MANIFEST = "samples.json"
VERSION = 1
IMAGES_A_SHARD = 10_000
MOST_SHARDS = 1_000_000
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
        """Raises UserError, before any work, if the folder holds other files than shards, or cannot be written to."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file; shards are written to a folder: --out=FOLDER")
        # hidden names are of processes that are writing their first shards
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        names = sorted(path.name for path in found if not path.name.startswith("."))
        if names and MANIFEST not in names:
            raise UserError(f"{self.folder} holds {names[0]!r} and no {MANIFEST}; give an empty or a new folder")
        check_output(self.folder, folder=True)

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
        for pattern in (OURS, ".samples*.partial*"):  # the second one of earlier versions
            sweep(self.folder, pattern)


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
        num, shards = int(manifest["num"]), int(manifest["shards"])
        # what one machine can list: a number of shards that nobody has made would be looked for one by one
        if not shards <= MOST_SHARDS or num > 2**62:
            raise ValueError(f"it promises {shards} shards")
        Plan(path.parent, manifest["format"], num, shards)
        field, *sizes = manifest["shape"]
        cycle = manifest["label"]
        if not isinstance(field, str) or not all(isinstance(size, int) and 0 < size < 2**31 for size in sizes):
            raise ValueError(f"its shape is {manifest['shape']}")
        if cycle is not None and not (cycle and all(isinstance(label, int) and abs(label) < 2**62 for label in cycle)):
            raise ValueError(f"its labels are {cycle}")
        texts = manifest.get("captions")
        if texts is not None and not (isinstance(texts, list) and texts and all(isinstance(t, str) for t in texts)):
            raise ValueError("its captions are no texts")
    except FileNotFoundError:
        raise UserError(f"{folder} holds no {MANIFEST}, so it is not a folder of shards") from None
    except faults.TEXT as error:
        raise UserError(f"{path} is damaged ({faults.reason(error):.60}); sample into a new folder") from error
    return manifest
