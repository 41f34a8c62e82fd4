"""Paths that users name: what is expected to be there, and whether it is."""

import os
import pathlib
import re
import stat

from tfgen import faults
from tfgen.errors import UserError
from tfgen.storage.paths import expanded


def existing(kind: str, path: str | os.PathLike[str], *, folder: bool, what: str) -> pathlib.Path:
    """Returns a path where there is a folder, or a regular file.

    Args:
        kind: begins the message.
        path: `~` is replaced.
        folder: whether a folder is expected, else a file.
        what: is expected, in words.

    Raises:
        UserError: there is nothing, or something else, such as a pipe, which would block.
    """
    found = expanded(kind, path)
    try:
        mode = found.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        is_there = "not there"
    except OSError as error:  # a name that is too long, links in a circle
        is_there = f"no path: {faults.reason(error)}"
    else:
        if stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode):
            return found
        is_there = "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "not a regular file"
    raise UserError(f"{kind}: expected {what}, but {faults.shown(found)} is {is_there}")


def within(dataset: str, base: str) -> str:
    """Returns the name of a data set in which a relative path, if it has one, is that of the folder `base`."""
    return re.sub(r"\b(folder|npz|idx):(?![/~])", lambda found: f"{found[0]}{base}/", dataset) if base else dataset


def file_of(dataset: str | None) -> pathlib.Path | None:
    """Returns the file of a data set `npz:FILE`, or of a view of one; None of others."""
    found = re.search(r"npz:([^(),]+)", dataset or "")
    return pathlib.Path(found[1]).expanduser() if found else None


__all__ = ["existing", "expanded", "file_of", "within"]
