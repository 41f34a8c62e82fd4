"""Atomic writing of files and folders: readers see the old or the new state, also after a kill at any moment."""

import contextlib
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator

from tfgen.errors import UserError

# Failures that the user can correct; any other OSError is treated as a bug.
DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], sync: bool = False) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`; the file written there replaces `path` at the end, in one step.

    Args:
        path: the file to write; a missing folder is created.
        sync: wait until the bytes are on the disk, so that they survive a power failure.

    Yields:
        `pathlib.Path` with the same suffix as `path`. After an error it is removed and `path` is unchanged.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    path = pathlib.Path(path)
    # in the same folder: a rename is atomic only within one file system
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    with _clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            if sync:
                sync_to_disk(partial)
            os.replace(partial, path)
            if sync:
                sync_to_disk(path.parent)  # the rename itself is an entry of the folder
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path as `replacing` does, for a folder, which replaces `path` once it is complete."""
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.partial")
    old = path.with_name(f".{path.name}.old")
    with _clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        try:
            yield partial
            _swap(partial, path, old)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str, sync: bool = False) -> None:
    """Writes `text` (UTF-8) to `path` atomically."""
    with replacing(path, sync) as partial:
        partial.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _clear_errors(path):
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
        raise UserError(f"cannot write {path}: {error.strerror}{where}; what was there before is kept") from error


def _swap(partial, path, old):
    # A folder cannot be renamed to the path of a non-empty folder: the old folder is renamed first.
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(path, old)
    try:
        os.rename(partial, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sync_to_disk(path: str | os.PathLike[str]) -> None:
    """Waits until the bytes of a file or folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
