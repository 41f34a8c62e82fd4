"""`python -m tfgen.launch --workers=2 -- COMMAND`: workers on this machine, all started again when one of them dies.

Each worker is the command with a TF_CONFIG of its own, on free ports of the loopback address. The first one's output is
passed on; what another said last is shown when it fails.

The launcher exits with 0 when all workers have, with 2 or 130 as soon as one has (a user's mistake, an interruption),
and otherwise, when the restarts are used up, with the failed worker's code, or 75 where that was killed.
"""

import collections
import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from tfgen import cli
from tfgen.errors import UserError
from tfgen.machine.processor import cores

LOST = 75  # as tfgen.run exits when another worker has gone: EX_TEMPFAIL of sysexits.h
FINAL = (2, 130)  # a mistake, or an interruption: no restart would change it
GRACE = 5.0  # seconds that the others have to say such a code themselves, once one worker has failed
POLL = 0.1  # seconds
LAUNCHED = "TFGEN_LAUNCHED"  # the time when the launcher began, for --resume=never: a restart goes on
KEPT_LINES = 30


class LaunchCommand(cli.Command):
    """Its flags end at `--`; what follows is the command of every worker."""

    worker_command: list = []

    def __call__(self, arguments=None):
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        self.worker_command = arguments[end + 1 :]
        return super().__call__(arguments[:end])


COMMAND = LaunchCommand(
    "launch",
    "Trains in several processes on this machine, and starts them again from the last checkpoint if one dies.",
    example="python -m tfgen.launch --workers=2 -- python -m tfgen.run --model=dcgan --distribute=multiworker",
)
COMMAND.integer("workers", 2, "processes", minimum=1)
COMMAND.integer("restarts", 3, "how often all are started again, at most", minimum=0)


@COMMAND.action
def main(flags):
    command = training_command(COMMAND.worker_command)
    return Launcher(command, flags.workers, flags.restarts).run()


def training_command(command):
    """The workers' command; tfgen's own training is told to be one of several.

    Raises:
        UserError: there is none, or it asks for another kind of distribution.
    """
    if not command:
        raise UserError(f"expected the workers' command after --, for example: {COMMAND.example}")
    trains = "tfgen.run" in command or (os.path.basename(command[0]) == "tfgen" and command[1:2] == ["run"])
    if not trains:
        return command
    asked = [argument for argument in command if argument.lstrip("-").startswith("distribute=")]
    if any(not argument.endswith("=multiworker") for argument in asked):
        raise UserError(f"workers train with --distribute=multiworker, got {asked[-1]}; leave it out")
    return command if asked else [*command, "--distribute=multiworker"]


@dataclasses.dataclass
class Worker:
    """A process, and the last lines that it wrote, where they are not passed on."""

    index: int
    process: subprocess.Popen
    lines: collections.deque
    reader: threading.Thread | None = None

    @property
    def code(self):
        return self.process.poll()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self.reader:
            self.reader.join()


class Launcher:
    """`workers` processes of `command`, started again up to `restarts` times."""

    def __init__(self, command, workers, restarts):
        self.command, self.count, self.restarts = command, workers, restarts
        self.workers, self.caught = [], None
        self.began = time.time()

    def run(self):
        """Runs until all have ended; returns the exit code."""
        with self.forwarding_signals():
            for attempt in range(self.restarts + 1):
                index, code = self.attempt()
                if self.caught and code:
                    return 130
                if code in (0, *FINAL):
                    return code
                left = self.restarts - attempt
                then = "starting all again" if left else "no restart is left"
                say(f"worker {index} {fate(code)}; {then} ({self.restarts} restarts at most)")
        return code if code > 0 else LOST

    def attempt(self):
        """Starts all, and waits until they have ended; returns the number and the code of the one that decides."""
        ports = free_ports(self.count)
        self.workers = [self.start(index, ports) for index in range(self.count)]
        try:
            while True:
                index, code = self.outcome()
                if code is not None and not self.caught:
                    self.wait_for_others(0.0 if code == -signal.SIGKILL else GRACE)
                    index, code = self.outcome()
                if code is not None and (not self.caught or self.all_ended()):
                    break
                time.sleep(POLL)
        finally:
            for worker in self.workers:
                worker.end()
        if index and not self.caught:
            for line in self.workers[index].lines:
                print(f"[worker {index}] {line}", file=sys.stderr, end="", flush=True)
        return index, code

    def all_ended(self):
        return all(worker.code is not None for worker in self.workers)

    def outcome(self):
        """(worker, code) of the failure that says most, (0, 0) if all have ended well, (0, None) if there is none yet.

        A mistake or an interruption says most, then any failure of a worker's own; least that another one has gone.
        """
        failed = [(worker.index, worker.code) for worker in self.workers if worker.code]
        if not failed:
            return 0, 0 if self.all_ended() else None
        return min(failed, key=lambda one: (one[1] not in FINAL, one[1] == LOST, one[0]))

    def wait_for_others(self, seconds):
        """One has failed: the others may be about to say why."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.all_ended():
            time.sleep(POLL)

    def start(self, index, ports):
        quiet = {} if index == 0 else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environ = {**os.environ, **environment(index, ports, self.began)}
        try:
            process = subprocess.Popen(
                self.command, env=environ, start_new_session=True, preexec_fn=die_with_launcher, text=True, **quiet
            )
        except OSError as error:
            for worker in self.workers:
                worker.end()
            raise UserError(f"cannot start {self.command[0]!r}: {error.strerror}") from error
        worker = Worker(index, process, collections.deque(maxlen=KEPT_LINES))
        if quiet:
            worker.reader = threading.Thread(target=worker.lines.extend, args=(process.stdout,), daemon=True)
            worker.reader.start()
        return worker

    @contextlib.contextmanager
    def forwarding_signals(self):
        """SIGTERM and SIGINT go to all workers, which save and end; a second one ends them at once."""

        def forward(number, frame):
            second, self.caught = self.caught, signal.SIGKILL if self.caught else number
            for worker in self.workers:
                if worker.code is None:
                    worker.process.send_signal(signal.SIGKILL if second else number)

        before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def environment(index, ports, began):
    """What a worker's environment has besides the launcher's."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    threads = str(max(1, cores() // len(ports)))
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shared = {name: threads for name in names if name not in os.environ}
    return {"TF_CONFIG": json.dumps(config), LAUNCHED: repr(began), **shared}


def free_ports(count):
    """`count` different ports of 127.0.0.1 on which nothing listens."""
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def die_with_launcher():
    """In a worker: Linux is to kill it when the launcher is killed, or two chiefs could write into one folder."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def fate(code):
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return "found another one gone" if code == LOST else f"ended with exit code {code}"


def say(text):
    print(f"tfgen launch: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(COMMAND())
