"""What an action has found: a picture or a film, numbers, and the files that hold them."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen import domains, faults
from tfgen.errors import UserError
from tfgen.metrics.score import Score
from tfgen.runs.layout import check_spares_runs
from tfgen.storage import films, images
from tfgen.storage.atomic import write_text
from tfgen.storage.paths import Read, check_output
from tfgen.storage.tables import load_json


@dataclasses.dataclass(frozen=True)
class Exploration:
    """The result of an action.

    Attributes:
        action: its name.
        picture: uint8 [H, W, C].
        values: name -> number, `Score`, list, or dict of these.
        lines: the same in words, for the terminal.
        settings: plain values that they depend on.
        frames: uint8 [F, H, W, C] of a film, which is written instead of the picture; or None.
    """

    action: str
    picture: np.ndarray
    values: dict[str, Any]
    lines: tuple[str, ...] = ()
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    frames: np.ndarray | None = None

    @property
    def suffix(self) -> str:
        """The suffix of the picture's file."""
        return ".png" if self.frames is None else ".gif"

    def to_json(self) -> dict[str, Any]:
        """Returns the contents of the JSON file, plain values."""
        return {"action": self.action, "settings": plain(self.settings), "values": plain(self.values)}

    def write(self, out: str | os.PathLike, **more: Any) -> list[pathlib.Path]:
        """Writes the picture or the film to `out`, and its numbers beside it as NAME.json; returns their paths.

        Args:
            out: FILE.png; of a film FILE.gif or FILE.mp4.
            **more: further plain values for the JSON file.
        """
        out = pathlib.Path(out)
        numbers = out.with_suffix(".json")
        if self.frames is None:
            images.save_png(out, self.picture)
        elif out.suffix == ".mp4":
            films.save_mp4(out, self.frames)
        else:
            images.save_gif(out, list(self.frames), max_frames=len(self.frames), hold=films.SECONDS / len(self.frames))
        text = json.dumps({**more, **self.to_json()}, indent=1, allow_nan=False)
        write_text(numbers, text + "\n")
        return [out, numbers]


def checked_out(out: str | os.PathLike, suffixes: tuple[str, ...], read: Read | None = None) -> pathlib.Path:
    """Returns the path of a picture or a film.

    Args:
        out: the path.
        suffixes: that it may have.
        read: flag -> path that is read, or None.

    Raises:
        UserError: it has another suffix, is a folder, or cannot be written, or such films cannot on this machine; or it
            would replace what is read or what a run has kept, or its numbers a JSON file of another origin.
    """
    out = pathlib.Path(out)
    if out.is_dir() or out.suffix not in suffixes:
        raise UserError(f"--out must be FILE{' or FILE'.join(suffixes)}, got {out}")
    if out.suffix == ".mp4" and films.encoder() is None:
        raise UserError(films.MISSING)
    numbers = out.with_suffix(".json")
    for path in (out, numbers):
        check_output(check_spares_runs(path), read=read)
    if numbers.exists() and not _is_own(numbers):
        raise UserError(f"--out={out} would replace {numbers} by its numbers, which are beside it: give another path")
    return out


def _is_own(numbers):
    """Returns whether a JSON file was written by `Exploration.write`."""
    try:
        return "action" in load_json(numbers)
    except faults.TEXT:
        return False


def plain(value: Any) -> Any:
    """Returns numbers, `Score`s, arrays, and dicts and lists of these as plain values; what is not finite is None."""
    if isinstance(value, Score):
        return {name: number for name, number in value.to_json().items() if number not in (None, {})}
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def sheet(pictures: np.ndarray, columns: int, padding: int = 2, names: Sequence[str] = ()) -> np.ndarray:
    """Returns pictures uint8 [N, H, W, C] in rows, small ones enlarged, with the names of the rows, if any, beside."""
    from tfgen.sampling.grids import enlarged
    from tfgen.sampling.lettering import beside

    made = enlarged(images.grid(pictures, columns, padding), pictures.shape[1:])
    return beside(names, made) if names else made


def checked(**numbers: Any) -> None:
    """Raises UserError unless every number is a count of at least 1."""
    for name, number in numbers.items():
        domains.check(name, number, domains.Count)
