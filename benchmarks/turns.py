"""Work in windows of time, so that contenders can take turns: in threads and in processes of other environments.

Standard library only: the other environment has no tfgen.
"""

import dataclasses
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Window:
    """What was done (images, operations, ...) in how many seconds by the clock and of all threads together."""

    done: float
    wall: float
    cpu: float


class Clock:
    """Counts what is done since its start."""

    def __init__(self):
        self.done, self._wall, self._cpu = 0, time.perf_counter(), time.process_time()

    def elapsed(self):
        return time.perf_counter() - self._wall

    def window(self):
        return Window(self.done, self.elapsed(), time.process_time() - self._cpu)


def windows(step):
    """`f(seconds) -> Window` that repeats `step() -> what it has done` until the time is over, once at least."""

    def window(seconds):
        clock = Clock()
        while not clock.done or clock.elapsed() < seconds:
            clock.done += step()
        return clock.window()

    return window


class Turnstile:
    """`window(seconds) -> Window` of a training loop that cannot be left, only be made to wait in a callback.

    Args:
        train: `train(step_done)`, called in a thread; it calls `step_done(images)` after every step and goes on for
            ever.
    """

    def __init__(self, train):
        self._turn, self._outcome = threading.Semaphore(0), queue.Queue()
        self._closed, self._seconds, self._clock = False, 0.0, None
        self._thread = threading.Thread(target=self._run, args=(train,), daemon=True)

    def window(self, seconds):
        self._seconds = seconds
        if self._thread.ident is None:
            self._thread.start()
        self._turn.release()
        outcome = self._outcome.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def close(self):
        """Ends the loop at the step where it waits."""
        self._closed = True
        self._turn.release()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self, train):
        try:
            self._wait()
            train(self._step_done)
            raise RuntimeError("the training came to an end within a window")
        except _Closed:
            pass
        except BaseException as error:
            self._outcome.put(error)

    def _step_done(self, images):
        self._clock.done += images
        if self._clock.elapsed() >= self._seconds:
            self._outcome.put(self._clock.window())
            self._wait()

    def _wait(self):
        self._turn.acquire()
        if self._closed:
            raise _Closed
        self._clock = Clock()


class _Closed(Exception):
    """Ends a loop that waits for its turn."""


def serve(contenders, **about):
    """Lets the parent process call `contenders`, dict of name -> `f(seconds) -> Window`; `about` is told it first."""
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        print(json.dumps(dataclasses.asdict(contenders[name](seconds))), flush=True)


class Child:
    """A process that serves contenders, perhaps of another environment.

    Args:
        python: its interpreter.
        module: of this repository, run with `arguments`.
        variables: of its environment, beside those of this process.

    Attributes:
        about: what the process said of itself, a dict.
    """

    def __init__(self, python, module, *arguments, variables=()):
        self._errors = tempfile.TemporaryFile("w+")
        command = [str(python), "-m", module, *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        self._name = module
        environment = os.environ | dict(variables)
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)
        self.about = self._answer()

    def contender(self, name):
        """`f(seconds) -> Window` of the contender that the process calls `name`."""

        def window(seconds):
            self._process.stdin.write(json.dumps([name, seconds]) + "\n")
            self._process.stdin.flush()
            return Window(**self._answer())

        return window

    def close(self):
        """Ends the process, which serves as long as it can read; returns what it has written to stderr."""
        self._process.communicate()
        with self._errors as errors:
            errors.seek(0)
            return errors.read()

    def _answer(self):
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries print, too
                return json.loads(line)
        said = self.close()[-2000:]
        raise RuntimeError(f"{self._name} ended with code {self._process.returncode}:\n{said}")
