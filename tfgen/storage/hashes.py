"""The sha256 of files."""

import hashlib
import os


def file_digest(path: str | os.PathLike[str]) -> str:
    """Returns the sha256 of a file's contents, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
