"""Starting a strategy, on the devices of one machine or over several processes, and what these have to agree on."""

import contextlib
import ctypes
import functools
import json
import os
import re
import shutil

import tensorflow as tf

from tfgen.errors import UserError

LOST = 75  # exit code, EX_TEMPFAIL of sysexits.h: try again
PORT = 8470  # the workers' own, where SLURM or Kubernetes name the machines alone


class WorkerLost(RuntimeError):
    """Another worker has gone, and this one cannot go on alone: all are to be started again."""


@functools.cache
def start(distribute="none", replicas=None):
    """The strategy that `--distribute` and `--replicas` name, once a process; None for `none`.

    It has to come before TensorFlow's first operation.

    Args:
        distribute: `none`. `mirrored`: replicas on the devices of this machine. `multiworker`: this process is one of
            the workers that TF_CONFIG names, which is written from SLURM's or Kubernetes' variables where missing.
        replicas: so many logical CPUs; None for all devices. Only of `mirrored`.

    Raises:
        UserError: nothing names the workers, or TensorFlow has already started in another way.
        WorkerLost: the other workers did not come.
    """
    if distribute != "none":
        keep_freed_memory()
    return {"none": lambda: None, "mirrored": lambda: mirrored(replicas), "multiworker": multiworker}[distribute]()


def keep_freed_memory():
    """Has glibc keep what is freed, for the next step to use; other C libraries are left as they are.

    TensorFlow's buffers for convolutions, of many MB, else go back to the system when they are freed and are faulted in
    anew, page by page. Measured with one replica on the DCGAN tutorial's network: a third of every step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4  # names of malloc.h
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def mirrored(replicas=None):
    """A strategy over all local devices, or over so many logical CPUs."""
    if replicas is None:
        return tf.distribute.MirroredStrategy()
    made = len(tf.config.get_logical_device_configuration(tf.config.list_physical_devices("CPU")[0]) or [None])
    if made < replicas:
        divide_cpu(replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(replicas)])


def divide_cpu(count):
    """Makes `count` logical devices of the CPU; raises UserError where TensorFlow has already started."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise UserError(
            f"replicas={count} needs {count} logical CPUs, which have to be asked for before TensorFlow's first "
            "operation, and there has been one: begin a new process with the training, or use --distribute=mirrored "
            "on the command line"
        ) from error


def multiworker():
    """The strategy of this worker among those of TF_CONFIG; returns when all of them have come."""
    config = cluster_config()
    os.environ["TF_CONFIG"] = json.dumps(config)
    names = [name for job in config["cluster"].values() for name in job]
    if config["task"]["index"] == 0 and len(names) > 1:
        print(f"waiting for the workers {', '.join(names)}", flush=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "distribute=multiworker has to begin before TensorFlow's first operation, and there has been one: begin a "
            "new process with the training"
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0]
        raise WorkerLost(f"the workers {', '.join(names)} did not come together: {reason}") from error


def cluster_config(environ=os.environ):
    """What TF_CONFIG says, or is to say: {"cluster": {"worker": [HOST:PORT, ...]}, "task": {"type", "index"}}.

    Raises:
        UserError: it cannot be read, or nothing names the workers.
    """
    if "TF_CONFIG" in environ:
        return checked(environ["TF_CONFIG"])
    if "SLURM_PROCID" in environ:
        return from_slurm(environ)
    if "JOB_COMPLETION_INDEX" in environ:
        return from_kubernetes(environ)
    raise UserError(
        "distribute=multiworker needs to know the workers: set TF_CONFIG, start under SLURM's srun or as an indexed "
        "Kubernetes job, or use python -m tfgen.launch --workers=2 -- COMMAND on one machine"
    )


def checked(text):
    """TF_CONFIG as a dict; raises UserError where a part is missing."""
    form = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(text)
        hosts, task = config["cluster"], config["task"]
        hosts[task["type"]][int(task["index"])]
    except (ValueError, TypeError, LookupError):
        raise UserError(f"TF_CONFIG must be like {form}, the index within the list, got {text!r:.200}") from None
    return config


def from_slurm(environ):
    """TF_CONFIG of a task of a SLURM step, by TensorFlow's resolver: the worker's index is the task's rank."""
    needed = ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
    missing = [name for name in needed if name not in environ]
    if missing:
        raise UserError(f"SLURM_PROCID is set, but {missing[0]} is not: start the workers by srun")
    given = {}
    if not (environ.get("CUDA_VISIBLE_DEVICES") or shutil.which("nvidia-smi")):
        # the resolver knows no machine without GPUs: it is told of one a task, of which nothing is made
        most = max(int(count) for count in re.findall(r"(?:^|,)(\d+)", environ["SLURM_STEP_TASKS_PER_NODE"]))
        given = {"gpus_per_node": most, "gpus_per_task": 1, "auto_set_gpu": False}
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=PORT, **given)
    workers, hosts = resolver.cluster_spec().as_dict()["worker"], resolver._resolve_hostlist()
    workers.sort(key=lambda address: hosts.index(address.rpartition(":")[0]))  # it sorts n10 before n9, SLURM does not
    index = resolver.task_id
    if hosts[int(environ.get("SLURM_NODEID", hosts.index(host_of(workers[index]))))] != host_of(workers[index]):
        raise UserError("the tasks of a SLURM step have to fill one node after the other: srun --distribution=block")
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}


def host_of(address):
    return address.rpartition(":")[0]


def from_kubernetes(environ):
    """TF_CONFIG of a pod of an indexed job, whose pods a headless service makes known as JOB-INDEX.SERVICE.

    Kubernetes itself tells a pod neither how many there are nor the service: the manifest sets TFGEN_WORKERS and
    TFGEN_SERVICE. (TensorFlow's resolver asks the API server instead, for the nodes' addresses, and does not know which
    pod asks.)
    """
    missing = [name for name in ("TFGEN_WORKERS", "TFGEN_SERVICE", "HOSTNAME") if not environ.get(name)]
    if missing:
        raise UserError(f"JOB_COMPLETION_INDEX is set, but {missing[0]} is not: docs/distributed.md has a manifest")
    index, count = int(environ["JOB_COMPLETION_INDEX"]), int(environ["TFGEN_WORKERS"])
    job = environ["HOSTNAME"].removesuffix(f"-{index}")
    workers = [f"{job}-{number}.{environ['TFGEN_SERVICE']}:{PORT}" for number in range(count)]
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}


# Among several workers.


def workers_of(strategy):
    """How many processes train together."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    cluster = strategy.cluster_resolver.cluster_spec().as_dict()
    return max(1, len(cluster.get("chief", [])) + len(cluster.get("worker", [])))


def is_chief(strategy):
    """Whether this process is the one that writes: the first worker, or the only one."""
    if workers_of(strategy) == 1:
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def any_worker(strategy, truth):
    """Whether `truth` holds on at least one worker. All of them have to ask, and wait for each other."""
    if workers_of(strategy) == 1:
        return truth
    return int(_sum_over(strategy)(tf.constant(int(truth), tf.int64))) > 0


def same_everywhere(strategy, number):
    """Whether all workers have the same integer; `any_worker`'s conditions hold."""
    workers = workers_of(strategy)
    if workers == 1:
        return True
    total = int(_sum_over(strategy)(tf.constant(number, tf.int64)))
    return not any_worker(strategy, total != workers * number)


def wait_for_all(strategy):
    """Returns when every worker has come here."""
    any_worker(strategy, False)


@functools.cache
def _sum_over(strategy):
    def total(value):
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value))

    def run(value):
        return strategy.experimental_local_results(strategy.run(total, args=(value,)))[0]

    return tf.function(run, autograph=False)


@contextlib.contextmanager
def together(strategy):
    """Turns the failure of an operation that needs all workers into one sentence.

    Raises:
        WorkerLost: another worker has gone.
    """
    try:
        yield
    except tf.errors.OpError as error:
        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        gone += (tf.errors.DeadlineExceededError,)
        collective = isinstance(error, tf.errors.InternalError) and "ollective" in error.message
        if workers_of(strategy) == 1 or not (isinstance(error, gone) or collective):
            raise
        task = strategy.cluster_resolver.task_id
        raise WorkerLost(
            f"worker {task} of {workers_of(strategy)} stops, for another one has gone; start all of them again, and "
            "they go on from the last checkpoint"
        ) from error
