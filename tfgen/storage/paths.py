"""Paths as users give them: `~` is their home, and a name that no file can have is said at once."""

import os
import pathlib

from tfgen import faults
from tfgen.errors import UserError, shown


def expanded(kind: str, path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns a path with `~` and `~user` replaced.

    Args:
        kind: what the path is, such as "--workdir"; begins the message.
        path: of a file or a folder, which need not exist.

    Raises:
        UserError: there is no such user, or the name holds a NUL byte, or is not UTF-8.
    """
    try:
        found = pathlib.Path(path).expanduser()
        str(found).encode()  # TensorFlow takes no other names; JSON and HTML cannot hold them
    except (*faults.PATH, TypeError) as error:
        reason = "it is not UTF-8; rename it" if isinstance(error, UnicodeError) else faults.reason(error)
        raise UserError(f"{kind}: {shown(path)} is no path: {reason}") from None
    if "\0" in str(found):
        raise UserError(f"{kind}: {shown(path)} is no path: it holds a NUL byte")
    return found


def whole(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the absolute path without links; `Path.resolve` fails where they lead in a circle, this does not."""
    return pathlib.Path(os.path.realpath(path))
