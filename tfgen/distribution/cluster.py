"""Strategies for the devices of one machine or several processes, and agreement between these processes."""

import contextlib
import ctypes
import functools
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tfgen import faults
from tfgen.distribution.environment import integer_of, tf_config
from tfgen.distribution.meeting import meet
from tfgen.errors import UserError, WorkerLost

PORT = 8470  # of the workers, where SLURM or Kubernetes give host names only
WAIT = "TFGEN_WAIT_SECONDS"  # variable: how long workers wait for each other when they start
WAIT_SECONDS = 300


@functools.cache
def start(distribute: str = "none", replicas: int | None = None) -> tf.distribute.Strategy | None:
    """Returns the strategy for `--distribute` and `--replicas`, one per process; None for `none`.

    Call it before TensorFlow's first operation.

    Args:
        distribute: `none`. `mirrored`: replicas on the devices of this machine. `multiworker`: this process is one of
            the workers in TF_CONFIG, which is set from the variables of SLURM or Kubernetes if missing.
        replicas: number of logical CPUs; None for all devices. Only for `mirrored`.

    Raises:
        UserError: no variable names the workers, or TensorFlow has run an operation already.
        WorkerLost: the other workers did not connect.
    """
    if distribute != "none":
        keep_freed_memory()
    return {"none": lambda: None, "mirrored": lambda: mirrored(replicas), "multiworker": multiworker}[distribute]()


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next step; has no effect with other C libraries.

    By default, TensorFlow's buffers for convolutions, of many MB, return to the system when freed, and their pages are
    mapped again at the next step. Measured with one replica on the DCGAN tutorial's network: a third of every step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def mirrored(replicas: int | None = None) -> tf.distribute.Strategy:
    """Returns a strategy over all local devices, or over `replicas` logical CPUs."""
    if replicas is None:
        return tf.distribute.MirroredStrategy()
    made = len(tf.config.get_logical_device_configuration(tf.config.list_physical_devices("CPU")[0]) or [None])
    if made < replicas:
        divide_cpu(replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(replicas)])


def divide_cpu(count: int) -> None:
    """Divides the CPU into `count` logical devices.

    Raises:
        UserError: TensorFlow has run an operation already.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise UserError(
            f"replicas={count} needs {count} logical CPUs, which have to be requested before TensorFlow's first "
            "operation, and there has been one: start the training in a new process, or use --distribute=mirrored "
            "on the command line"
        ) from error


def multiworker() -> tf.distribute.Strategy:
    """Returns the strategy of this worker of TF_CONFIG, once all workers have connected."""
    config = cluster_config()
    os.environ["TF_CONFIG"] = json.dumps(config)
    kind, index = config["task"]["type"], config["task"]["index"]
    jobs = {job: config["cluster"][job] for job in ("chief", "worker") if job in config["cluster"]}
    names = [name for hosts in jobs.values() for name in hosts]
    place = index + (len(jobs.get("chief", ())) if kind == "worker" else 0)
    wait = WAIT_SECONDS if WAIT not in os.environ else integer_of(os.environ, WAIT, minimum=1)
    if place == 0 and len(names) > 1:
        print(f"waiting for the workers {', '.join(names)}, {wait} seconds at most ({WAIT})", flush=True)
    meet(names, place, wait)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "distribute=multiworker has to start before TensorFlow's first operation, and there has been one: start "
            "the training in a new process"
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0]
        raise WorkerLost(f"the workers {', '.join(names)} did not connect: {reason}") from error


def cluster_config(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Returns TF_CONFIG as a dict, {"cluster": {"worker": [HOST:PORT, ...]}, "task": {"type", "index"}}.

    Where it is not set, it is made from the variables of SLURM or Kubernetes.

    Raises:
        UserError: it is malformed, or no variable names the workers.
    """
    if "TF_CONFIG" in environ:
        return tf_config(environ["TF_CONFIG"])
    if "SLURM_PROCID" in environ:
        return from_slurm(environ)
    if "JOB_COMPLETION_INDEX" in environ:
        return from_kubernetes(environ)
    raise UserError(
        "distribute=multiworker needs to know the workers: set TF_CONFIG, start under SLURM's srun or as an indexed "
        "Kubernetes job, or use python -m tfgen.launch --workers=2 -- COMMAND on one machine"
    )


def from_slurm(environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns TF_CONFIG for a task of a SLURM step, by TensorFlow's resolver; the worker's index is the task's rank.

    Raises:
        UserError: srun has not started the task, or the tasks do not fill the nodes in order.
    """
    needed = ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
    missing = [name for name in needed if name not in environ]
    if missing:
        raise UserError(f"SLURM_PROCID is set, but {missing[0]} is not: start the workers by srun")
    for name in ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        integer_of(environ, name)
    try:
        workers, hosts = slurm_workers(environ)
        index = integer_of(environ, "SLURM_PROCID", below=len(workers))
        node = hosts[int(environ.get("SLURM_NODEID", hosts.index(host_of(workers[index]))))]
    except UserError:
        raise
    except (RuntimeError, *faults.TEXT) as error:  # of the resolver
        raise UserError(f"the variables of SLURM do not fit together: {faults.reason(error)}") from error
    if node != host_of(workers[index]):
        raise UserError("the tasks of a SLURM step have to fill one node after the other: srun --distribution=block")
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}


def slurm_workers(environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Returns (HOST:PORT of each worker in the order of tasks, the hosts), by TensorFlow's resolver."""
    given: dict[str, Any] = {}
    if not (environ.get("CUDA_VISIBLE_DEVICES") or shutil.which("nvidia-smi")):
        # the resolver supports no machine without GPUs: it gets a nominal one per task, which it then leaves alone
        most = max(int(count) for count in re.findall(r"(?:^|,)(\d+)", environ["SLURM_STEP_TASKS_PER_NODE"]))
        given = {"gpus_per_node": most, "gpus_per_task": 1, "auto_set_gpu": False}
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=PORT, **given)
    workers, hosts = resolver.cluster_spec().as_dict()["worker"], resolver._resolve_hostlist()
    workers.sort(key=lambda address: hosts.index(address.rpartition(":")[0]))  # the resolver sorts n10 before n9
    return workers, hosts


def host_of(address: str) -> str:
    """Returns the host of HOST:PORT."""
    return address.rpartition(":")[0]


def from_kubernetes(environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns TF_CONFIG for a pod of an indexed job, whose host name in a headless service is JOB-INDEX.SERVICE.

    Kubernetes gives a pod neither the number of pods nor the service: the manifest sets TFGEN_WORKERS and
    TFGEN_SERVICE. (TensorFlow's resolver asks the API server for the nodes' addresses, and cannot tell pods apart.)

    Raises:
        UserError: one of these variables is missing.
    """
    missing = [name for name in ("TFGEN_WORKERS", "TFGEN_SERVICE", "HOSTNAME") if not environ.get(name)]
    if missing:
        raise UserError(f"JOB_COMPLETION_INDEX is set, but {missing[0]} is not: docs/distributed.md has a manifest")
    count = integer_of(environ, "TFGEN_WORKERS", minimum=1)
    index = integer_of(environ, "JOB_COMPLETION_INDEX", below=count)
    job = environ["HOSTNAME"].removesuffix(f"-{index}")
    workers = [f"{job}-{number}.{environ['TFGEN_SERVICE']}:{PORT}" for number in range(count)]
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}


# Agreement between workers.


def workers_of(strategy: tf.distribute.Strategy | None) -> int:
    """Returns the number of processes that train together."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    cluster = strategy.cluster_resolver.cluster_spec().as_dict()
    return max(1, len(cluster.get("chief", [])) + len(cluster.get("worker", [])))


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Returns whether this process writes the files: whether it is the first or only worker."""
    if strategy is None or workers_of(strategy) == 1:
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def any_worker(strategy: tf.distribute.Strategy | None, truth: bool) -> bool:
    """Returns whether `truth` holds on at least one worker; a collective operation, which all workers have to call."""
    if workers_of(strategy) == 1:
        return truth
    return int(_sum_over(strategy)(tf.constant(int(truth), tf.int64))) > 0


def same_everywhere(strategy: tf.distribute.Strategy | None, number: int) -> bool:
    """Returns whether all workers have the same integer; a collective operation, as `any_worker`."""
    workers = workers_of(strategy)
    if workers == 1:
        return True
    # a worker whose number happens to be the mean sees no difference: the second collective informs it
    total = int(_sum_over(strategy)(tf.constant(number, tf.int64)))
    return not any_worker(strategy, total != workers * number)


def wait_for_all(strategy: tf.distribute.Strategy | None) -> None:
    """Blocks until every worker has called it."""
    any_worker(strategy, False)


# cached, so that each strategy traces the function once
@functools.cache
def _sum_over(strategy):
    def total(value):
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value))

    def run(value):
        return strategy.experimental_local_results(strategy.run(total, args=(value,)))[0]

    return tf.function(run, autograph=False)


@contextlib.contextmanager
def together(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """Replaces the error of a collective operation, within the context, by `WorkerLost`.

    Raises:
        WorkerLost: another worker has failed.
    """
    try:
        yield
    except tf.errors.OpError as error:
        # which of them a worker gets depends on what it was doing when its peer failed
        gone = (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
        )
        collective = isinstance(error, tf.errors.InternalError) and "ollective" in error.message
        if strategy is None or workers_of(strategy) == 1 or not (isinstance(error, gone) or collective):
            raise
        task = strategy.cluster_resolver.task_id
        raise WorkerLost(
            f"worker {task} of {workers_of(strategy)} stops, because another worker has failed; start all of them "
            "again, and they resume from the last checkpoint"
        ) from error
