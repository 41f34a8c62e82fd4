"""The lock of a run's folder: one process at a time trains there, and one that is killed leaves no lock."""

import contextlib
import os
import pathlib
import re
import socket
import stat
from typing import Self

from tfgen.errors import UserError
from tfgen.faults import reason
from tfgen.storage import locks

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK  # no link is followed, and a pipe is not waited for


class FolderLock:
    """A lock on a folder, from `take` until the end of the context, or of the process.

    It lies on a file in the folder, which holds the number of the process for the message to others.

    Args:
        path: of the file.

    Raises:
        UserError: another process holds the lock, or there can be no such file; nothing has been changed then.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._ours = False  # whether the file is to be removed at the end

    def __enter__(self) -> Self:
        if self.path.parent.is_dir():  # otherwise it is made, and locked, when there is something to write
            self.take()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def take(self) -> None:
        """Locks the folder, which is made if there is none; does nothing if it is locked by this object."""
        while self._handle is None:
            handle, made = self._opened()
            try:
                if not locks.lock(handle):
                    print(
                        f"{self.path.parent}: this file system has no locks, so that two processes that train in one "
                        "folder are not noticed",
                        flush=True,
                    )
                elif not locks.is_at(handle, self.path):
                    continue  # its owner has just removed it
                self._handle, self._ours = os.dup(handle), made
            except BlockingIOError:
                raise UserError(
                    f"{self.path.parent} is locked: {_owner(handle)} trains there; wait for its end, or choose another "
                    "--workdir"
                ) from None
            finally:
                os.close(handle)
        if self._ours:
            self.sign()

    def sign(self) -> None:
        """Writes the number of this process, once the folder may be changed."""
        if self._handle is None:
            return
        found = os.fstat(self._handle)
        if found.st_nlink == 1:  # a file with another name beside this one is somebody else's
            self._ours = True
            with contextlib.suppress(OSError):  # the lock holds without it
                os.ftruncate(self._handle, 0)
                os.pwrite(self._handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)

    def release(self, folder: pathlib.Path | None = None) -> None:
        """Ends the lock; `folder` is where the locked folder is now, if it has been renamed."""
        if self._handle is None:
            return
        path = self.path if folder is None else folder / self.path.name
        if self._ours and locks.is_at(self._handle, path):
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(self._handle)
        self._handle, self._ours = None, False

    def _opened(self) -> tuple[int, bool]:
        """Returns (a descriptor of the file, whether it has been made now)."""
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                return os.open(self.path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644), True
            except FileExistsError:
                with contextlib.suppress(FileNotFoundError):  # its owner has just removed it
                    return self._existing(), False
            except OSError as error:
                raise UserError(f"cannot write to {self.path.parent}: {reason(error)}") from error

    def _existing(self):
        try:
            try:
                handle = os.open(self.path, _FLAGS)
            except PermissionError:  # of another user who may write here: it can be locked, and not signed
                handle = os.open(self.path, _FLAGS & ~os.O_RDWR)
        except FileNotFoundError:
            raise
        except OSError as error:
            problem = "is a link" if self.path.is_symlink() else f"cannot be opened: {reason(error)}"
            raise UserError(f"cannot lock {self.path.parent}: {self.path.name} {problem}; remove it") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise UserError(f"cannot lock {self.path.parent}: {self.path.name} is not a file; remove it")
        return handle


def _owner(handle):
    """Returns who has signed the file, in words."""
    found = re.fullmatch(r"([0-9]{1,10}) (\S{1,100})\n", os.pread(handle, 200, 0).decode("utf-8", "replace"))
    if not found:
        return "another process"
    host = "" if found[2] == socket.gethostname() else f" on {found[2]}"
    return "this process" if not host and found[1] == str(os.getpid()) else f"another process (pid {found[1]}{host})"
