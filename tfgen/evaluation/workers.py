"""Features of samples in shards by several processes, each of which reads its own parts of the files."""

import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
from collections.abc import Iterable

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluation.real import CHUNK, Side, as_side
from tfgen.extractors import load_extractor
from tfgen.sampling.shards.reading import StoredSamples
from tfgen.sampling.shards.workers import share_threads, wake


def side_of_shards(
    samples: np.ndarray | StoredSamples, extractor: str, workers: int, plugins: Iterable[str] = ()
) -> Side:
    """Returns the `Side` of samples in shards, equal to that of `as_side`.

    Args:
        samples: `StoredSamples`.
        extractor: its name.
        workers: processes, which share the threads; each takes parts of `CHUNK` images until none is left.
        plugins: modules that register extractors.

    Raises:
        UserError: the samples lie in memory, where several processes are of no use; a process died.
    """
    if not isinstance(samples, StoredSamples):
        raise UserError("several workers read samples in shards: --samples=FOLDER, as tfgen.sample --format makes it")
    tasks = [(extractor, str(samples.plan.folder), len(samples), first) for first in range(0, len(samples), CHUNK)]
    spawned = multiprocessing.get_context("spawn")  # a fork of a process with TensorFlow's threads would hang
    start = functools.partial(wake, tuple(plugins))
    try:
        with _environment(workers), concurrent.futures.ProcessPoolExecutor(workers, spawned, start) as pool:
            parts = list(pool.map(_part, tasks))
    except concurrent.futures.process.BrokenProcessPool as error:
        raise UserError("a worker ended early, perhaps out of memory; try again with fewer --workers") from error
    features, probabilities = zip(*parts)
    whole = None if probabilities[0] is None else np.concatenate(probabilities)
    return Side(np.concatenate(features), whole, samples.labels)


@contextlib.contextmanager
def _environment(workers):
    """Divides the threads among processes that start within the context; this process keeps its own."""
    before = dict(os.environ)
    share_threads(workers)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]


def _part(task):
    """Returns (features, probabilities or None) of `CHUNK` images, fewer at the end."""
    name, folder, num, first = task
    side = as_side(_loaded(name), _opened(folder, num)[first : min(first + CHUNK, num)])
    return side.features, side.probabilities


_loaded, _opened = functools.lru_cache(1)(load_extractor), functools.lru_cache(1)(StoredSamples)  # once per process
