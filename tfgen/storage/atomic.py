"""Writing files and folders so that a reader, or a kill at any moment, never meets half of one."""

import contextlib
import errno
import os
import pathlib
import shutil

from tfgen.errors import UserError

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
def replacing(path, sync=False):
    """Gives a temporary path beside `path`; what is written there becomes `path` at the end, in one step.

    Args:
        path: the file to write; its folder is made if it is missing.
        sync: waits until the bytes are on the disk, so that they outlive a power cut too.

    Yields:
        `pathlib.Path` with the same suffix as `path`. After an error it is removed and `path` is as it was.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    with _clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            if sync:
                sync_to_disk(partial)
            os.replace(partial, path)
            if sync:
                sync_to_disk(path.parent)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


@contextlib.contextmanager
def replacing_folder(path):
    """As `replacing`, for a folder: the old one is kept until the new one is complete, and put back after an error."""
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


def write_text(path, text, sync=False):
    """Writes `text` (UTF-8) to `path`, whole or not at all."""
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
    # A folder cannot be renamed over one that holds files: the old one steps aside first.
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


def sync_to_disk(path):
    """Waits until the bytes of a file or folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
