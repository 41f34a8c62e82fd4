"""What a figure depends on besides the code: the processor, its threads and the versions; no names, no paths."""

import importlib.metadata
import os
import pathlib
import platform

from tfgen.machine.processor import cores, cpu_flags

TELLING = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
PACKAGES = ("keras-tfgen", "tensorflow", "keras", "numpy")
ONEDNN = {True: "on", False: "off", None: "not known"}
VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def processor():
    """The processor's name, as the system gives it."""
    file = pathlib.Path("/proc/cpuinfo")
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory_gb():
    """Main memory in GB, or None."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    except (AttributeError, OSError, ValueError):
        return None


def onednn():
    """Whether TensorFlow uses oneDNN's kernels here, or None where it does not tell."""
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return None
    return bool(_pywrap_util_port.IsMklEnabled())


def describe():
    """The machine and the software, a dict that JSON holds."""
    flags = cpu_flags()
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name == "keras-tfgen":
                import tfgen

                versions[name] = tfgen.__version__
    return {
        "processor": processor(),
        "cores": cores(),
        "cores_of_machine": os.cpu_count(),
        "flags": [flag for flag in TELLING if flag in flags],
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "onednn": onednn(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "versions": versions,
    }


def lines(machine):
    """The description as lines of text."""
    variables = ", ".join(f"{name}={value}" for name, value in machine["variables"].items())
    used, there = machine["cores"], machine["cores_of_machine"]
    return [
        f"{machine['processor']}, {used if used == there else f'{used} of {there}'} cores",
        f"of its instructions: {', '.join(machine['flags']) or 'none of ' + ', '.join(TELLING)}",
        f"{machine['memory_gb']} GB, {machine['system']}",
        f"threads: {variables or 'as many as cores, no variable set'}",
        f"oneDNN in TensorFlow: {ONEDNN[machine['onednn']]}",
        ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
    ]
