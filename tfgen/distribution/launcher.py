"""Worker processes on this machine: started together, and all restarted when one of them fails.

Each worker runs the same command with its own TF_CONFIG, on free ports of the loopback address. The output of worker 0
is printed; of another worker, the last lines are printed when it fails.

Exit codes of `Launcher.run`: 0 when all workers exited with 0; 2 or 130 as soon as one worker exited with it (a mistake
of the user, an interruption); otherwise, when no restart is left, the code of the failed worker, or 75 if a signal
killed it.
"""

import collections
import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tfgen import faults
from tfgen.errors import LOST, UserError
from tfgen.machine.children import die_with_parent, fate
from tfgen.machine.processor import cores
from tfgen.machine.stopping import listened

FINAL = (2, 130)  # a mistake or an interruption, which a restart would not change
GRACE = 5.0  # seconds in which the other workers can exit with such a code after the first failure
POLL = 0.1  # seconds between two looks at the workers
LAUNCHED = "TFGEN_LAUNCHED"  # variable with the launcher's start time: --resume=never must not undo a restart
PER_CORE = 64  # workers; more of them would only wait for each other
KEPT_LINES = 30  # of the output of a worker that is not printed


def training_command(command: list[str], example: str) -> list[str]:
    """Returns the command of the workers: a training of tfgen gets `--distribute=multiworker`.

    Args:
        command: program and arguments.
        example: a complete command line, for the message when `command` is empty.

    Returns:
        The command; unchanged if it is not a training of tfgen.

    Raises:
        UserError: the command is empty, or has another value of `--distribute`.
    """
    if not command:
        raise UserError(f"expected the workers' command after --, for example: {example}")
    trains = "tfgen.run" in command or (os.path.basename(command[0]) == "tfgen" and command[1:2] == ["run"])
    if not trains:
        return command
    asked = [argument for argument in command if argument.lstrip("-").startswith("distribute=")]
    if any(not argument.endswith("=multiworker") for argument in asked):
        raise UserError(f"workers train with --distribute=multiworker, got {asked[-1]}; leave it out")
    return command if asked else [*command, "--distribute=multiworker"]


@dataclasses.dataclass
class Worker:
    """A process, and the last lines of its output if that is not printed."""

    index: int
    process: subprocess.Popen
    lines: collections.deque
    reader: threading.Thread | None = None

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self.process.poll()

    def end(self) -> None:
        """Kills the process if it still runs, and waits for its end."""
        with contextlib.suppress(ProcessLookupError):  # it has just exited
            self.process.kill()
        self.process.wait()
        if self.reader:
            self.reader.join()


class Launcher:
    """Several processes of one command, restarted together when one of them fails.

    Args:
        command: program and arguments of every worker.
        workers: number of processes.
        restarts: maximum number of restarts of all workers.

    Raises:
        UserError: too many workers for this machine.
    """

    def __init__(self, command: list[str], workers: int, restarts: int) -> None:
        most = PER_CORE * cores()
        if workers > most:
            raise UserError(f"this machine has {cores()} cores, for {most} workers at most, got {workers}")
        self.command, self.count, self.restarts = command, workers, restarts
        self.workers: list[Worker] = []
        self.caught: int | None = None  # the last signal received
        self.began = time.time()

    def run(self) -> int:
        """Runs until all workers have exited.

        Returns:
            The exit code, as listed in the module's docstring.

        Raises:
            UserError: the command cannot be started, or not so often.
        """
        with self._forwarding_signals():
            for attempt in range(self.restarts + 1):
                index, code = self._attempt()
                if self.caught and code:
                    return 130
                if code in (0, *FINAL):
                    return code
                left = self.restarts - attempt
                then = "starting all again" if left else "no restart is left"
                _say(f"worker {index} {_fate(code)}; {then} ({self.restarts} restarts at most)")
        return code if code > 0 else LOST

    def _attempt(self) -> tuple[int, int]:
        """Starts all workers and waits for them; returns (index, exit code) of the decisive worker."""
        ports, self.workers = free_ports(self.count), []
        try:
            for index in range(self.count):
                self.workers.append(self._start(index, ports))
            index, code = self._wait()
        finally:
            for worker in self.workers:
                worker.end()
        if index and not self.caught:
            for line in self.workers[index].lines:
                print(f"[worker {index}] {line}", file=sys.stderr, end="", flush=True)
        return index, code

    def _wait(self) -> tuple[int, int]:
        """Waits until the outcome is known; after a signal, until all workers have exited."""
        while True:
            index, code = self._outcome()
            if code is not None and not self.caught:
                self._wait_for_others(0.0 if code == -signal.SIGKILL else GRACE)
                index, code = self._outcome()
            if code is not None and (not self.caught or self._all_ended()):
                return index, code
            time.sleep(POLL)

    def _all_ended(self) -> bool:
        return all(worker.code is not None for worker in self.workers)

    def _outcome(self) -> tuple[int, int | None]:
        """Returns (index, exit code) of the most informative failure, (0, 0) for none, (0, None) while workers run.

        In order: a mistake or an interruption, a worker's own failure, the failure of a peer.
        """
        failed = [(worker.index, worker.code) for worker in self.workers if worker.code]
        if not failed:
            return 0, 0 if self._all_ended() else None
        return min(failed, key=lambda one: (one[1] not in FINAL, one[1] == LOST, one[0]))

    def _wait_for_others(self, seconds: float) -> None:
        """Waits for the other workers to exit: the cause of the first failure may be in one of them."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._all_ended():
            time.sleep(POLL)

    def _start(self, index: int, ports: list[int]) -> Worker:
        """Starts one worker; the output of all but the first is collected instead of printed."""
        quiet: dict[str, Any] = {} if index == 0 else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environ = {**os.environ, **environment(index, ports, self.began)}
        try:
            # in a session of its own: Ctrl-C reaches the launcher alone, which forwards it
            process = subprocess.Popen(
                self.command,
                env=environ,
                start_new_session=True,
                preexec_fn=die_with_parent,  # two chiefs could otherwise write into one folder
                errors="replace",
                **quiet,
            )
        except faults.PATH as error:
            at = f" as worker {index} of {self.count}" if index else ""
            raise UserError(f"cannot start {self.command[0]!r}{at}: {faults.reason(error)}") from error
        worker = Worker(index, process, collections.deque(maxlen=KEPT_LINES))
        if quiet:
            worker.reader = threading.Thread(target=worker.lines.extend, args=(process.stdout,), daemon=True)
            worker.reader.start()
        return worker

    @contextlib.contextmanager
    def _forwarding_signals(self) -> Iterator[None]:
        """Forwards SIGINT, SIGTERM and SIGHUP to all workers, which save and exit; a second signal kills them."""

        def forward(number, frame):
            second, self.caught = self.caught, signal.SIGKILL if self.caught else number
            for worker in self.workers:
                if worker.code is None:
                    worker.process.send_signal(signal.SIGKILL if second else number)

        before = {number: signal.signal(number, forward) for number in listened()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def environment(index: int, ports: list[int], began: float) -> dict[str, str]:
    """Returns the variables that a worker has in addition to those of the launcher.

    Args:
        index: of the worker.
        ports: one per worker.
        began: start time of the launcher, in seconds since the epoch.
    """
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    # by default each worker would use all cores, and the workers would slow each other down
    threads = str(max(1, cores() // len(ports)))
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shared = {name: threads for name in names if name not in os.environ}
    return {"TF_CONFIG": json.dumps(config), LAUNCHED: repr(began), **shared}


def free_ports(count: int) -> list[int]:
    """Returns `count` different free ports of 127.0.0.1."""
    # all open at once: closed in between, a port could be assigned twice
    with contextlib.ExitStack() as open_sockets:
        ports: list[int] = []
        for _ in range(count):
            try:
                opened = open_sockets.enter_context(socket.socket())
                opened.bind(("127.0.0.1", 0))
            except OSError as error:
                raise UserError(
                    f"this machine can give ports to {len(ports)} of {count} workers only ({faults.reason(error)}): "
                    "choose fewer --workers"
                ) from error
            ports.append(opened.getsockname()[1])
        return ports


def _fate(code: int) -> str:
    return "lost another worker" if code == LOST else fate(code)


def _say(text: str) -> None:
    print(f"tfgen launch: {text}", file=sys.stderr, flush=True)
