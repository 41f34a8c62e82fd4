"""The processor of this machine: cores, instruction sets, and the kernels that TensorFlow uses on it."""

import os
import pathlib
import sys
from collections.abc import Collection


def cores() -> int:
    """Returns the number of cores available to this process, at least 1; all cores where the system has no affinity."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def cpu_flags(file: str | os.PathLike[str] = "/proc/cpuinfo") -> set[str]:
    """Returns the processor's flags; an empty set where the system has no such `file`."""
    try:
        lines = pathlib.Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def prefer_onednn(flags: Collection[str] | None = None) -> None:
    """Makes TensorFlow use oneDNN's kernels on every processor with AVX2, unless TF_ENABLE_ONEDNN_OPTS is set.

    TensorFlow's default requires avx512_vnni; with AVX2 alone, oneDNN makes wide convolutions 1.5 times as fast
    (docs/speed.md). Its order of summation differs, so results differ in the last bits, equally in every run.
    TensorFlow reads the variable at import: after that the function has no effect.
    """
    if "tensorflow" not in sys.modules and "avx2" in (cpu_flags() if flags is None else flags):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
