"""Ctrl-C, SIGTERM and SIGHUP: a command ends with one line, and with the exit code of shells, 128 + the signal."""

import contextlib
import os
import signal
import threading
import types
from collections.abc import Iterator, Sequence

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
HANG_UP = getattr(signal, "SIGHUP", None)  # there is none on Windows
if HANG_UP is not None:
    WORDS[HANG_UP] = "its terminal was closed"
SIGNALS = tuple(WORDS)


def listened() -> list[signal.Signals]:
    """Returns the signals that end a command; without SIGHUP under `nohup`, which has it ignored."""
    return [number for number in SIGNALS if number != HANG_UP or signal.getsignal(number) != signal.SIG_IGN]


class Stop:
    """What is known of the signals that a command has received.

    Attributes:
        command: its name, for the line.
        number: of the first signal, or None.
        stderr: file descriptor of the line while the process has to end at once; None while it may clean up.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.number: int | None = None
        self.stderr: int | None = None
        self._ending = threading.Lock()

    @property
    def word(self) -> str:
        """What has happened to the command, in a word."""
        return WORDS[signal.Signals(self.number or signal.SIGINT)]

    @property
    def code(self) -> int:
        """The exit code of a command that a signal has ended."""
        return 128 + (self.number or signal.SIGINT)

    def handle(self, number: int, frame: types.FrameType | None) -> None:
        """Handles a signal: ends the process at once if it has to, or if this is the second one.

        Raises:
            KeyboardInterrupt: the process may clean up.
        """
        if self.number is not None or self.stderr is not None:
            self.end(number, 2 if self.stderr is None else self.stderr)
        self.number = number
        raise KeyboardInterrupt

    def end(self, number: int, stderr: int) -> None:
        """Ends the process, without exceptions: libraries that are being imported turn them into others."""
        if self._ending.acquire(blocking=False):
            with contextlib.suppress(OSError):
                os.write(
                    stderr, f"{' '.join(['tfgen', self.command]).strip()}: {WORDS[signal.Signals(number)]}\n".encode()
                )
            os._exit(128 + number)


_current: Stop | None = None


@contextlib.contextmanager
def stoppable(command: str) -> Iterator[Stop]:
    """Context in which one of `SIGNALS` raises KeyboardInterrupt, and a second one ends the process at once."""
    global _current
    stop, outer, before = Stop(command), _current, {}
    with contextlib.suppress(ValueError):  # not in the main thread: leave signals alone
        for number in listened():
            before[number] = signal.signal(number, stop.handle)
        _current = stop
    try:
        yield stop
    finally:
        _current = outer
        for number, handler in before.items():
            # None: a handler that C code has installed
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def guard_start(command_line: Sequence[str]) -> None:
    """Lets a signal end a command at once from the import of its package on, without Python's traceback.

    Args:
        command_line: of the process, `sys.orig_argv`; the signals of other programs are left alone.
    """
    words = list(command_line)
    module = words[words.index("-m") + 1 :][:1] if "-m" in words else []
    if module and module[0].split(".")[0] == "tfgen":
        stop = Stop(module[0].split(".")[1] if "." in module[0] else "")
    elif any(os.path.basename(word) == "tfgen" for word in words[:2]):  # the console script
        stop = Stop("")
    else:
        return
    stop.stderr = 2
    with contextlib.suppress(ValueError):
        for number in listened():
            signal.signal(number, stop.handle)


@contextlib.contextmanager
def at_once(stderr: int) -> Iterator[None]:
    """Context, of a command that has nothing to lose yet, in which a signal ends the process at once.

    A thread waits for the signal, since Python's own handlers wait for the main thread, which may be in a library: it
    imports TensorFlow, or waits for other workers.

    Args:
        stderr: file descriptor for the line.
    """
    stop = _current
    if stop is None:  # a program of the user's, with its own signals
        yield
        return
    listening, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(stop, listening, stderr), daemon=True)
    thread.start()
    stop.stderr = stderr
    try:
        yield
    finally:
        stop.stderr = None
        signal.set_wakeup_fd(before)
        os.close(told)  # ends the thread
        thread.join()
        os.close(listening)


def _listen(stop: Stop, listening: int, stderr: int) -> None:
    while received := os.read(listening, 1):
        if received[0] in SIGNALS:
            stop.end(received[0], stderr)
