"""Locks that end with the process that holds them, also if it is killed."""

import contextlib
import os
from typing import Any

fcntl: Any = None
with contextlib.suppress(ImportError):  # there is none on Windows
    import fcntl


def lock(handle: int) -> bool:
    """Locks an open file or folder for as long as it is open, without waiting.

    Args:
        handle: a file descriptor.

    Returns:
        Whether it is locked; False where the system or the file system has no locks.

    Raises:
        BlockingIOError: another process, or another descriptor of this one, has locked it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def is_at(handle: int, path: str | os.PathLike[str]) -> bool:
    """Returns whether `path` is still the file or folder that was opened as `handle`."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError:
        return False
