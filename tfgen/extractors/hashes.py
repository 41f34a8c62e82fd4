"""The sha256 of weights, which is checked before they are used."""

import hashlib
import pathlib

from tfgen.errors import UserError
from tfgen.storage.hashes import file_digest


def check_sha256(path: str | pathlib.Path, expected: str, advice: str) -> None:
    """Raises `UserError` if the file's sha256 is not `expected`; `advice` is the end of the message."""
    found = sha256_of(path)
    if found != expected:
        raise UserError(
            f"{path} is damaged or another file: its sha256 is {found[:12]}..., expected {expected[:12]}...; {advice}"
        )


def sha256_of(path: str | pathlib.Path) -> str:
    """Returns the sha256, hexadecimal, of a file, or of the names and contents of a folder's files, sorted by path.

    Raises:
        UserError: the file does not exist or cannot be read.
    """
    path = pathlib.Path(path)
    digest = hashlib.sha256()
    try:
        if not path.is_dir():
            return file_digest(path)
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n".encode())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()
