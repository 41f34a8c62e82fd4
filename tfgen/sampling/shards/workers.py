"""Several processes that divide shards by index, without communication: worker i of N makes those with j mod N = i."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from tfgen import faults
from tfgen.distribution.environment import integer_of
from tfgen.domains import Count, check
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.machine.processor import cores
from tfgen.plugins import import_plugins

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def place(worker: int | None, workers: int | None, environ: Mapping[str, str] = os.environ) -> tuple[int | None, int]:
    """Returns (index of this worker, number of workers).

    The index is None if `number` processes are to be started on this machine.

    Args:
        worker, workers: the flags, or None; they take precedence over the environment.
        environ: the environment. Read are, in this order, TF_CONFIG, SLURM_PROCID with SLURM_NTASKS, and the
            JOB_COMPLETION_INDEX of a Kubernetes Indexed Job, which does not say the number of workers.

    Raises:
        UserError: an index without a number, or not below it.
    """
    check("workers", workers, Count | None)
    index, number, origin = (worker, None, "--worker") if worker is not None else _of_cluster(environ)
    if index is None or number == 1:  # a cluster with one worker is treated as none
        return None, 1 if workers is None else workers
    number = number if workers is None else workers
    if number is None:
        raise UserError(f"{origin} says that this is worker {index}, but not how many there are: give --workers=N")
    if index >= number:
        raise UserError(f"{origin} says that this is worker {index}, of {number} workers 0..{number - 1}")
    return index, number


def _of_cluster(environ):
    """Returns (index, number or None, name of the variable); Nones if the environment names no cluster."""
    if environ.get("TF_CONFIG"):
        return *_of_tf_config(environ["TF_CONFIG"]), "TF_CONFIG"
    for index, number in (("SLURM_PROCID", "SLURM_NTASKS"), ("JOB_COMPLETION_INDEX", None)):
        if environ.get(index):
            count = integer_of(environ, number, minimum=1) if number and environ.get(number) else None
            return integer_of(environ, index), count, index
    return None, None, None


def _of_tf_config(text):
    """Returns (index of this worker, number of workers); Nones for a TF_CONFIG without workers, such as {}."""
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        members = [(kind, i) for kind in ("chief", "worker") for i in range(len(cluster.get(kind, ())))]
        if not members:
            return None, None
        return members.index((task["type"], int(task["index"]))), len(members)
    except faults.TEXT as error:
        raise UserError(f"TF_CONFIG names no worker of its cluster ({error!s:.60}); mend or unset it") from None


def share_threads(number: int, environ: MutableMapping[str, str] = os.environ) -> None:
    """Limits the threads of this process and of those that it starts to 1 / `number` of the cores.

    Variables that are set already are kept.
    """
    if number > 1:
        for name in _THREADS:
            environ.setdefault(name, str(max(1, cores() // number)))


def wake(plugins: Iterable[str] = ()) -> None:
    """Prepares a new process: starts TensorFlow quietly, and imports the modules `plugins`."""
    startup.start_tensorflow()
    import_plugins(plugins)


@contextlib.contextmanager
def started(module: str, arguments: list[str], number: int) -> Iterator[list[subprocess.Popen]]:
    """Runs `python -m MODULE ARGUMENTS --worker=i --workers=number` for i from 1 on; this process is worker 0.

    The end of the block waits for them; after an error in it, Ctrl-C or SIGTERM they are terminated.

    Yields:
        list of `subprocess.Popen`.
    """
    # without an installed package, a process started elsewhere finds tfgen by this path alone
    package = str(pathlib.Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", module, *arguments, f"--workers={number}"]
    before = None
    with contextlib.suppress(ValueError):  # only the main thread may set a signal's handler
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    processes = [
        subprocess.Popen([*command, f"--worker={i}"], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
        for i in range(1, number)
    ]
    try:
        yield processes
        for process in processes:
            process.wait()
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            process.wait()
