"""The precision that `--precision=auto` selects on this machine."""

import contextlib
from collections.abc import Callable, Iterator

from tfgen.machine.processor import cpu_flags

# Flags of processors with bfloat16 multiplication; on others, conversion to float32 makes bfloat16 the slower choice.
CPU_FLAGS = ("amx_bf16", "avx512_bf16")
GPU_CAPABILITY = (8, 0)  # NVIDIA's first compute capability with bfloat16


def bfloat16_unit(flags: set[str] | None = None) -> str | None:
    """Returns the unit that multiplies bfloat16, such as "avx512_bf16" or a GPU's name, or None."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        if details.get("compute_capability", (0, 0)) >= GPU_CAPABILITY:
            return details.get("device_name", "a GPU")
    flags = cpu_flags() if flags is None else flags
    return next((flag for flag in CPU_FLAGS if flag in flags), None)


def resolve(precision: str, say: Callable[[str], object] = print) -> str:
    """Returns the Keras dtype policy for a recipe's `precision`; "auto" probes the machine and reports by `say`."""
    if precision != "auto":
        return precision
    unit = bfloat16_unit()
    if unit:
        say(f"precision: mixed_bfloat16, which this machine multiplies itself ({unit})")
        return "mixed_bfloat16"
    say(f"precision: float32; neither a GPU nor the processor multiplies bfloat16 ({' or '.join(CPU_FLAGS)})")
    return "float32"


@contextlib.contextmanager
def using(policy: str) -> Iterator[None]:
    """Sets Keras' global dtype policy to `policy` within the context."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
