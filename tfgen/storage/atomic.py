"""Atomic writing of files and folders: readers see the old or the new state, also after a kill at any moment.

What is not complete yet lies in a folder `.tfgen-XXXXXXXX.partial` beside its path. Its name cannot be guessed and
nobody else can enter it: a link that somebody planted in a shared folder is never written through. It is locked while
it is in use, so that what a killed process has left can be told from what another process is writing.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from tfgen.errors import UserError
from tfgen.storage import locks

_PREFIX, _SUFFIX = ".tfgen-", ".partial"
OURS = f"{_PREFIX}*{_SUFFIX}"
ANY = f".*{_SUFFIX}*"  # of earlier versions too: only for folders that hold nothing but what tfgen wrote
_swept: set[str] = set()  # folders that this process has cleared of what others left


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], sync: bool = False) -> Iterator[pathlib.Path]:
    """Yields a temporary path; the file written there replaces `path` at the end, in one step.

    Args:
        path: the file to write; a missing folder is created. A link is replaced, and not followed.
        sync: wait until the bytes are on the disk, so that they survive a power failure.

    Yields:
        `pathlib.Path` with the same name as `path`. After an error it is removed and `path` is unchanged.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    path = pathlib.Path(path)
    with _clear_errors(path), _workspace(path) as space:
        partial = space / path.name
        yield partial
        if sync:
            sync_to_disk(partial)
        os.replace(partial, path)
        if sync:
            sync_to_disk(path.parent)  # the rename itself is an entry of the folder


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path as `replacing` does, for a folder, which replaces `path` once it is complete."""
    path = pathlib.Path(path)
    with _clear_errors(path), _workspace(path) as space:
        partial = space / path.name
        yield partial
        # a folder cannot be renamed to the path of a non-empty folder: what is there is renamed first
        old = space / f"{path.name}.old"
        if os.path.lexists(path):
            os.rename(path, old)
        try:
            os.rename(partial, path)
        except OSError:
            if os.path.lexists(old):
                os.rename(old, path)
            raise


@contextlib.contextmanager
def written_once(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path; the file or folder written there is renamed to `path`, unless another was faster.

    For what several processes may write at once, each the same bytes.
    """
    path = pathlib.Path(path)
    with _clear_errors(path), _workspace(path) as space:
        partial = space / path.name
        yield partial
        try:
            os.rename(partial, path)
        except OSError:
            if not (partial.exists() and path.exists()):
                raise


def write_text(path: str | os.PathLike[str], text: str, sync: bool = False) -> None:
    """Writes `text` (UTF-8) to `path` atomically."""
    with replacing(path, sync) as partial:
        partial.write_text(text, encoding="utf-8")


def put_aside(path: str | os.PathLike[str], reason: str = "damaged") -> pathlib.Path:
    """Renames a file or folder to the first free name such as `history.csv.damaged1`, and returns its new path."""
    path = pathlib.Path(path)
    with _clear_errors(path):
        names = (path.with_name(f"{path.name}.{reason}{number}") for number in range(1, 100_000))
        aside = next(name for name in names if not os.path.lexists(name))
        os.rename(path, aside)
    return aside


def sweep(folder: str | os.PathLike[str], pattern: str = OURS) -> None:
    """Removes what processes that were killed have left in `folder`, and nothing that is being written."""
    for path in pathlib.Path(folder).glob(pattern):
        with contextlib.suppress(OSError):  # one that is a link, or is in use (BlockingIOError)
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if locks.lock(handle):
                    remove(path)
            finally:
                os.close(handle)


def remove(path: pathlib.Path) -> None:
    """Removes a file, a link or a folder, as far as this user may."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sync_to_disk(path: str | os.PathLike[str]) -> None:
    """Waits until the bytes of a file or folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _workspace(path):
    """Yields a new folder beside `path`: a rename is atomic only within one file system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parent = os.path.realpath(path.parent)
    if parent not in _swept:
        _swept.add(parent)
        sweep(parent)
    space, handle = _locked_folder(path.parent)
    try:
        yield space
    finally:
        shutil.rmtree(space, ignore_errors=True)
        os.close(handle)


def _locked_folder(parent):
    while True:
        space = tempfile.mkdtemp(_SUFFIX, _PREFIX, parent)  # made with mode 0700, and refused if there is such a name
        with contextlib.suppress(FileNotFoundError, BlockingIOError):  # swept by another process before it was locked
            handle = os.open(space, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                locks.lock(handle)
                if locks.is_at(handle, space):
                    return pathlib.Path(space), os.dup(handle)
            finally:
                os.close(handle)


@contextlib.contextmanager
def _clear_errors(path):
    try:
        yield
    except OSError as error:
        # a temporary file that is not there, and an error without a number, are faults of the program
        if error.errno in (None, errno.ENOENT):
            raise
        # the temporary path is nobody's business
        hidden = error.filename is None or _SUFFIX in str(error.filename) or str(error.filename) == str(path)
        where = "" if hidden else f" ({error.filename})"
        raise UserError(f"cannot write {path}: {error.strerror}{where}; what was there before is kept") from error
