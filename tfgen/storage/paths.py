"""Paths as users give them: `~` is their home, and a name that no file can have is said at once."""

import os
import pathlib

from tfgen import faults
from tfgen.errors import UserError, shown


def expanded(path: str | os.PathLike[str], name: str) -> pathlib.Path:
    """Returns the path with `~` and `~user` expanded.

    Args:
        path: of a file or a folder, which need not exist.
        name: what it is, such as "--workdir", for messages.

    Raises:
        UserError: there is no such user, or no file can have this name: it holds a NUL byte, or is not UTF-8.
    """
    try:
        made = pathlib.Path(path).expanduser()
        text = os.fspath(made)
        text.encode("utf-8")  # TensorFlow takes no other names; JSON and HTML cannot hold them
    except (*faults.PATH, TypeError) as error:
        reason = "it is not UTF-8; rename it" if isinstance(error, UnicodeError) else faults.reason(error)
        raise UserError(f"{name} expects a path, got {shown(path)}: {reason}") from error
    if "\0" in text:
        raise UserError(f"{name} expects a path, got {shown(path)}: no name of a file holds a NUL byte")
    return made
