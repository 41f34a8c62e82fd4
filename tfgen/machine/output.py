"""Standard output and error that outlast their readers: what is printed may be lost, the work is not."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

from tfgen import faults
from tfgen.errors import UserError


class Lasting:
    """A text stream like `stream`, on which writing never fails: what cannot be written is dropped.

    Attributes:
        lost: the first error of `stream`, or None.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.lost: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes the text where that is possible, and returns its length."""
        with self._surviving():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered where that is possible."""
        with self._surviving():
            self.stream.flush()

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError:
            pass  # a reader that is slow, not gone
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.lost = self.lost or error
            # or Python would try again at exit, and change the exit code
            with contextlib.suppress(OSError, ValueError):
                number = self.stream.fileno()
                if number in (1, 2):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Context in which `sys.stdout` and `sys.stderr` are `Lasting`, also where the shell has closed them (`>&-`)."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the number, which a checkpoint's file would get otherwise
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # the name of a file may hold any bytes
        setattr(sys, name, Lasting(stream))
    made = sys.stdout, sys.stderr
    try:
        yield
    finally:
        for stream in made:
            stream.flush()
        sys.stdout, sys.stderr = before


def check_printed() -> None:
    """Checks that all that was printed could be written, or that its reader did not want more (`| head -1`).

    Raises:
        UserError: it was lost, for example since the disk is full.
    """
    sys.stdout.flush()
    lost = getattr(sys.stdout, "lost", None)
    if lost is not None and getattr(lost, "errno", None) != errno.EPIPE:
        raise UserError(f"cannot write to the standard output: {faults.reason(lost)}")
