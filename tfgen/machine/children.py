"""Child processes that end with the process that started them, however that one ends."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
from collections.abc import Sequence

GRACE = 10.0  # seconds in which a child may end by itself after SIGTERM


def run_child(command: Sequence[str], log: pathlib.Path, grace: float = GRACE) -> int:
    """Runs a command to its end, its output in a file as it comes, and returns its exit code, negative for a signal.

    An exception in the meantime, such as KeyboardInterrupt on Ctrl-C, SIGTERM or SIGHUP, ends the child and the
    processes that it has started: by SIGTERM, and after `grace` seconds by SIGKILL. On Linux the child also ends with a
    parent that is killed.

    Args:
        command: program and arguments.
        log: the file of what it writes to stdout and stderr; an earlier one is replaced.
        grace: seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)  # a link is replaced, and not followed
    with open(log, "xb") as output:
        # in a session of its own: Ctrl-C reaches the parent alone, which ends the child and all that it has started
        child = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},  # its last words come last, and are not lost
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        return child.wait()
    except BaseException:
        _end(child, grace)
        raise


def _end(child: subprocess.Popen, grace: float) -> None:
    _signal(child, signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also of what the child has left behind
        _signal(child, signal.SIGKILL)
        child.wait()


def _signal(child: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all of them have ended
        os.killpg(child.pid, number)


def fate(code: int) -> str:
    """Returns what has become of a process, from its exit code as `subprocess` gives it."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal_name(-code)}"


def signal_name(number: int) -> str:
    """Returns the name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the first and the last, which have no names
        return f"signal {number}"


_prctl = None
with contextlib.suppress(OSError, AttributeError):
    _prctl = ctypes.CDLL(None).prctl  # here: after a fork as little as possible is done


def die_with_parent() -> None:
    """Makes Linux kill this process when its parent ends: the `preexec_fn` of a child."""
    if _prctl is not None:
        _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
