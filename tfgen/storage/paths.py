"""Paths as users give them: `~` is their home; what no file can be called, and where none can be, is said at once."""

import os
import pathlib
import stat
import tempfile
from collections.abc import Mapping

from tfgen import faults
from tfgen.errors import UserError, shown

Read = Mapping[str, str | os.PathLike[str] | None]  # flag -> what a command reads


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


def folder_above(kind: str, folder: pathlib.Path) -> pathlib.Path:
    """Returns the deepest folder on the way to a folder that there is: the folder itself, or where it can be made.

    Args:
        kind: what the folder is, such as "workdir"; begins the message.
        folder: the path, which need not exist.

    Raises:
        UserError: a file, or a link to what is not there, lies on the way, or the path cannot be used.
    """
    for place in (folder, *folder.absolute().parents):
        try:
            is_folder = stat.S_ISDIR(place.stat().st_mode)
        except FileNotFoundError:
            if os.path.lexists(place):
                raise UserError(f"{kind}: {place} is a link to what is not there") from None
            continue
        except faults.PATH as error:
            raise UserError(f"{kind}: cannot use {place}: {faults.reason(error)}") from None
        if not is_folder:
            raise UserError(f"{kind}: {place} is a file, expected a folder")
        return place
    raise UserError(f"{kind}: cannot use {folder}: there is no such folder")


def check_output(
    path: pathlib.Path,
    folder: bool = False,
    kind: str = "--out",
    read: Read | None = None,
) -> pathlib.Path:
    """Returns a path to which a command writes, after a check, before its work, that it can and may.

    A file without a name is made in the deepest folder that there is: permissions do not tell of all that can be in the
    way, such as file systems that are only read, and bind not every user.

    Args:
        path: of a file, or of a folder of files; neither need exist, nor the folders above.
        folder: whether it is a folder.
        kind: what the path is; begins the message.
        read: flag -> the file or folder that the same command reads, or None.

    Raises:
        UserError: it cannot be written, or would replace what is read.
    """
    # of a folder that is read, one of the files in it
    replaced = {whole(path), whole(path.parent)} if os.path.isfile(path) else {whole(path)}
    for flag, given in (read or {}).items():
        if given is not None and whole(expanded(flag, given)) in replaced:
            raise UserError(f"{kind}={path} would replace what {flag} reads: give another path")
    try:
        if not folder and stat.S_ISDIR(path.stat().st_mode):
            raise UserError(f"{kind}: {path} is a folder, expected a file")
    except (FileNotFoundError, NotADirectoryError):  # or a link to what is not there, which is replaced
        pass  # what is above is looked at below
    except faults.PATH as error:
        raise UserError(f"{kind}: cannot use {path}: {faults.reason(error)}") from None
    place = folder_above(kind, path if folder else path.parent)
    try:
        with tempfile.TemporaryFile(dir=place):
            return path
    except OSError as error:
        # the name of the file that was tried is nobody's business; that it "is not there" is no reason
        reason = "no file can be made there" if isinstance(error, FileNotFoundError) else faults.reason(error)
        raise UserError(f"{kind}: cannot write to {place}: {reason}") from None


def whole(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the absolute path without links; `Path.resolve` fails where they lead in a circle, this does not."""
    return pathlib.Path(os.path.realpath(path))
