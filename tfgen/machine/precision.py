"""Which precision `--precision=auto` means on this machine."""

from tfgen.machine.processor import cpu_flags

# Flags of processors that multiply bfloat16 matrices themselves; others convert to float32 and lose time.
CPU_FLAGS = ("amx_bf16", "avx512_bf16")
GPU_CAPABILITY = (8, 0)  # of NVIDIA's compute capabilities, the first with bfloat16


def bfloat16_unit(flags=None):
    """What multiplies bfloat16 here, "avx512_bf16" or a GPU's name for example, or None."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        if details.get("compute_capability", (0, 0)) >= GPU_CAPABILITY:
            return details.get("device_name", "a GPU")
    flags = cpu_flags() if flags is None else flags
    return next((flag for flag in CPU_FLAGS if flag in flags), None)


def resolve(precision, say=print):
    """The Keras policy for a recipe's `precision`; for "auto" by a probe, whose outcome is said."""
    if precision != "auto":
        return precision
    unit = bfloat16_unit()
    if unit:
        say(f"precision: mixed_bfloat16, which this machine multiplies itself ({unit})")
        return "mixed_bfloat16"
    say(f"precision: float32; neither a GPU nor the processor multiplies bfloat16 ({' or '.join(CPU_FLAGS)})")
    return "float32"
