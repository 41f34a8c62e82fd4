"""Paths that users name: what is expected to be there, and whether it is."""

import os
import pathlib

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
        if found.is_dir() if folder else found.is_file():
            return found
        kinds = {"a folder": found.is_dir, "a file": found.is_file, "not a regular file": found.exists}
        is_there = next((name for name, test in kinds.items() if test()), "not there")
    except OSError as error:  # a name that is too long, links in a circle
        is_there = f"no path: {faults.reason(error)}"
    raise UserError(f"{kind}: expected {what}, but {found} is {is_there}")


__all__ = ["existing", "expanded"]
