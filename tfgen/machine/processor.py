"""The processor that this process runs on: cores, instructions, and the kernels that TensorFlow is to use on it."""

import os
import pathlib
import sys


def cores():
    """Cores that the system lets this process run on, at least 1; all of the machine's where it does not say."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def cpu_flags(file="/proc/cpuinfo"):
    """The set of the processor's flags; empty where the system does not tell them in `file`."""
    try:
        lines = pathlib.Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def prefer_onednn(flags=None):
    """Has TensorFlow use oneDNN's kernels on every processor with AVX2, unless TF_ENABLE_ONEDNN_OPTS says otherwise.

    By itself it uses them from avx512_vnni on only; with AVX2 alone wide convolutions are half as fast again with them
    (docs/speed.md). Sums come in another order, so bits differ, and are the same again in every run. TensorFlow reads
    the variable when it is imported: after that nothing is changed.
    """
    if "tensorflow" not in sys.modules and "avx2" in (cpu_flags() if flags is None else flags):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
