"""What weights on the disk say of their origin: the recipe and the data that they were trained by, and the step."""

import dataclasses
import json
import pathlib
import re
import zipfile
from typing import Any, Self

from tfgen import faults

MEMBER = "tfgen.json"  # in a .keras file, an archive of which Keras reads only what it knows
STATE = "state.json"  # in a checkpoint, beside the variables
EXTRA = pathlib.Path("assets.extra") / MEMBER  # in a SavedModel: TensorFlow's place for the files of others


@dataclasses.dataclass(frozen=True)
class Origin:
    """The recipe and the data of a training.

    Attributes:
        recipe: `Recipe.identity` of its recipe.
        data: hexadecimal digits of the sha256 of its data, or None where they are not known.
    """

    recipe: str
    data: str | None = None

    def agrees(self, other: "Origin") -> bool:
        """Returns whether both are of one recipe and, as far as that is known, of the same data."""
        return self.recipe == other.recipe and (self.data == other.data or None in (self.data, other.data))

    @classmethod
    def read(cls, saved: Any) -> Self | None:
        """Returns the origin in a dict from a JSON file that anybody may have written; None without a valid one."""
        found = saved.get("origin") if isinstance(saved, dict) else None
        recipe, data = (found.get("recipe"), found.get("data")) if isinstance(found, dict) else (None, None)
        return cls(recipe, data) if isinstance(recipe, str) and isinstance(data, (str, type(None))) else None


@dataclasses.dataclass(frozen=True)
class Stamp:
    """An origin, and the step of a training.

    Attributes:
        origin: of the training.
        step: whose weights these are.
        last: the step at which the training has ended, where the weights that were kept are of an earlier one.
    """

    origin: Origin
    step: int
    last: int | None = None

    @property
    def ended(self) -> int:
        """The step at which the training has ended."""
        return self.step if self.last is None else self.last

    def text(self) -> str:
        """Returns the stamp as JSON."""
        last = {} if self.last is None else {"last": self.last}
        return json.dumps({"origin": dataclasses.asdict(self.origin), "step": self.step, **last})


def stamp_file(path: pathlib.Path, stamp: Stamp | None) -> None:
    """Adds a stamp, or nothing for None, to a `.keras` file that has just been written."""
    if stamp is not None:
        with zipfile.ZipFile(path, "a") as archive:
            # a fixed time: equal models are equal files
            archive.writestr(zipfile.ZipInfo(MEMBER, (1980, 1, 1, 0, 0, 0)), stamp.text())


def stamp_folder(folder: pathlib.Path, stamp: Stamp | None) -> None:
    """Adds a stamp, or nothing for None, to a SavedModel that has just been written."""
    if stamp is not None:
        (folder / EXTRA).parent.mkdir(exist_ok=True)
        (folder / EXTRA).write_text(stamp.text(), encoding="utf-8")


def stamp_of(path: pathlib.Path) -> Stamp | None:
    """Returns the stamp of a `.keras` file, of a SavedModel or of a checkpoint; None without a readable one."""
    try:
        if path.is_dir():
            text = (path / (STATE if (path / STATE).is_file() else EXTRA)).read_bytes()
        elif path.is_file():
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(MEMBER).file_size > 10_000:
                    return None
                text = archive.read(MEMBER)
        else:
            return None
        saved = json.loads(text)
        origin = Origin.read(saved)
        last = saved.get("last") if origin is not None else None
        return None if origin is None else Stamp(origin, int(saved["step"]), None if last is None else int(last))
    except (*faults.ARCHIVE, *faults.TEXT):
        return None


def steps_of(folder: pathlib.Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, in ascending order; other names, files and links are none."""
    found = [path for path in folder.glob("step_*") if re.fullmatch(r"step_[0-9]{8,18}", path.name)]
    steps = [int(path.name[5:]) for path in found if path.is_dir() and not path.is_symlink()]
    return sorted(step for step in steps if path_of(folder, step) in found)


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the subfolder of the checkpoint of `step`."""
    return folder / f"step_{step:08d}"
