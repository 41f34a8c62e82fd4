"""`--batch_size=auto`: the largest power of two whose training step fits into the free memory."""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.errors import UserError

if TYPE_CHECKING:
    from tfgen.data.source import Field
    from tfgen.recipes.recipe import Recipe

LARGEST = 1024
BATCHES = 10  # per epoch, at least: a batch has at most a tenth of the examples
SHARE = 0.8  # fraction of the free memory for a step; the rest is for samples, checkpoints and other processes
PROBED = 16, 64  # batch sizes to measure first
STEPS = 2  # training steps per measurement
_SAID = "PEAK"
_CGROUP = pathlib.Path("/sys/fs/cgroup")


def automatic(
    recipe: "Recipe",
    fields: "Mapping[str, Field]",
    examples: int,
    *,
    free: int | None = None,
    probe: Callable[[list[int]], list[int] | None] | None = None,
    say: Callable[[str], object] = print,
) -> int:
    """Returns the batch size for a recipe with `batch_size="auto"`, measured on this machine.

    Two small batches are trained on in another process. The peak of memory is extrapolated as a linear function of the
    batch size, and the largest power of two that fits by it is measured before it is returned.

    Args:
        recipe: the `Recipe`.
        fields: of the data.
        examples: number of training examples.
        free: bytes, or None for those of the system.
        probe: `f(sizes)` returns the bytes of a training step per batch size, or None if the process was killed.
        say: called with a sentence on the choice.

    Raises:
        UserError: not even the smallest batch fits, or the free memory is unknown.
    """
    free = free_memory() if free is None else free
    probe = probe or (lambda tried: peaks(recipe, fields, tried))
    budget, sizes = SHARE * free, allowed(examples, recipe.accumulate)
    small, large = (max((s for s in sizes if s <= probed), default=sizes[0]) for probed in PROBED)
    found = probe([small, large])
    if found is None:
        raise UserError(
            f"batch_size=auto: a training step of {large} images does not fit; give a number, or accumulate"
        )
    size, taken = fitting(sizes, (small, found[0]), (large, found[1]), budget)
    while size > large:  # `large` itself has been measured
        tried = probe([size])
        if tried and tried[0] <= budget:
            taken = tried[0]
            break
        size = sizes[sizes.index(size) - 1]
    say(
        f"batch_size: {size}; a step takes {_gb(taken)} of the {_gb(free)} that are free; of the powers of two up to "
        f"{sizes[-1]}, which is the most for {examples} examples, it is the largest within {SHARE:.0%} of that"
    )
    return size


def allowed(examples: int, accumulate: int = 1) -> list[int]:
    """Returns the possible batch sizes in ascending order: powers of two that are multiples of `accumulate`.

    Raises:
        UserError: there is none.
    """
    most = max(1, min(LARGEST, examples // BATCHES))
    sizes = [2**i for i in range(most.bit_length()) if 2**i % accumulate == 0]
    if not sizes:
        raise UserError(
            f"batch_size=auto chooses a power of two up to {most}, and accumulate={accumulate} divides none; give a "
            "number as batch_size"
        )
    return sizes


def fitting(sizes: Sequence[int], one: tuple[int, float], other: tuple[int, float], budget: float) -> tuple[int, float]:
    """Returns (the largest of `sizes` within `budget` bytes, its expected bytes), by linear extrapolation.

    Args:
        sizes: batch sizes in ascending order.
        one: a measurement (batch size, bytes).
        other: another one, of a batch at least as large.
        budget: bytes.

    Raises:
        UserError: none fits.
    """
    (small, low), (large, high) = one, other
    # the allocator's noise can make a small batch the larger one: memory never falls with the batch
    slope = max(0.0, (high - low) / (large - small)) if large > small else 0.0
    taken = {size: high + slope * (size - large) for size in sizes}
    good = [size for size in sizes if taken[size] <= budget]
    if not good:
        raise UserError(
            f"batch_size=auto: a training step of {sizes[0]} images takes about {_gb(taken[sizes[0]])}, and "
            f"{_gb(budget)} may be taken; free some memory, or choose a smaller model"
        )
    return good[-1], taken[good[-1]]


def free_memory(meminfo: str | os.PathLike[str] = "/proc/meminfo", cgroup: pathlib.Path = _CGROUP) -> int:
    """Returns the bytes that this process can still allocate, within the limit of its control group if there is one.

    Raises:
        UserError: the system has no such file, or TensorFlow uses a GPU, whose memory is not measured.
    """
    if _has_gpu():
        raise UserError("batch_size=auto measures the memory of the processor, and there is a GPU; give a number")
    try:
        lines = pathlib.Path(meminfo).read_text(encoding="ascii").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        raise UserError(
            f"batch_size=auto reads the free memory from {meminfo}, which is not there; give a number"
        ) from None
    try:
        limit, used = ((cgroup / f"memory.{name}").read_text(encoding="ascii").strip() for name in ("max", "current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, max(0, int(limit) - int(used)))


def _has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def peaks(recipe: "Recipe", fields: "Mapping[str, Field]", sizes: Sequence[int]) -> list[int] | None:
    """Measures the peak growth, in bytes, of a new process that trains with each batch size of `sizes`, ascending.

    Returns:
        Bytes per batch size, or None if the process was killed.

    Raises:
        UserError: the model cannot be trained, or another process cannot import its module.
    """
    from tfgen.models import MODELS

    module = MODELS.get(recipe.model).__module__
    if module == "__main__":
        raise UserError(
            f"batch_size=auto builds {recipe.model!r} in another process, which cannot import it from a script or a "
            "notebook; put it into a module of its own, or give a number"
        )
    # any valid number instead of "auto": the task has the sizes to measure
    plain = recipe.replace(batch_size=recipe.accumulate).to_json()
    described = {name: dataclasses.asdict(field) for name, field in fields.items()}
    task = {"module": module, "recipe": plain, "fields": described, "sizes": sizes}
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-m", "tfgen.runs.batch_size"]
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, env=environ)
    found = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(_SAID)]
    if done.returncode < 0 or "MemoryError" in done.stderr or "OOM" in done.stderr:
        return None
    if done.returncode or len(found) != len(sizes):
        reason = (done.stderr.strip().splitlines() or ["it printed no error"])[-1]
        raise UserError(f"batch_size=auto: a trial of the training step failed: {reason}")
    return found


def measure(task: Mapping[str, Any]) -> None:
    """Trains on random data, in a process of its own, and prints the growth of the memory's peak per batch size."""
    from tfgen.data.source import as_fields
    from tfgen.machine import startup
    from tfgen.models import build_from_recipe
    from tfgen.recipes.recipe import Recipe

    startup.start_tensorflow()
    import keras

    importlib.import_module(task["module"])
    recipe = Recipe.from_json(task["recipe"])
    fields = as_fields(task["fields"])
    before = _memory("VmRSS")
    keras.config.set_dtype_policy(recipe.precision)
    model = build_from_recipe(recipe, fields)
    model.accumulate = recipe.accumulate
    # what a model takes from its examples beforehand costs a step nothing, and random ones do not have it
    model.prepare = lambda train, held_out: None  # type: ignore[method-assign]
    for size in task["sizes"]:
        model.train_function = None  # a new trace: Keras would trace the second size with an unknown batch axis
        _forget_peak()
        held_out = random_examples(model.fields, size) if model.sees_held_out else None
        examples = random_examples(model.fields, STEPS * size * model.parts)
        # validation_freq: held-out examples are for phases, and are not to be evaluated
        model.fit(examples, validation_data=held_out, validation_freq=2, batch_size=size, epochs=1, verbose=0)
        print(_SAID, _memory("VmHWM") - before, flush=True)


def random_examples(fields: "Mapping[str, Field]", count: int) -> dict[str, np.ndarray]:
    """Returns random arrays [count, ...] with the shapes, dtypes and ranges of `fields`; labels evenly."""
    random = np.random.default_rng(0)

    def values(field):
        shape = (count, *field.shape)
        if field.kind == "text":
            return np.full(shape, "a b c", object)
        if field.kind == "label" and field.range:  # some models choose examples by class
            low, high = field.range
            return np.resize(np.arange(low, high, dtype=field.dtype), shape)
        if field.dtype.startswith(("int", "uint")):
            low, high = field.range or (0, 2)
            return random.integers(low, high, shape, field.dtype)
        return random.random(shape, np.float32)

    return {name: values(field) for name, field in fields.items()}


def _memory(name):
    """Returns the bytes of this process by the system's name: VmRSS for the current ones, VmHWM for the peak."""
    lines = pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _forget_peak():
    """Resets the peak: the import of TensorFlow takes, for a moment, more memory than a small step."""
    with contextlib.suppress(OSError):  # some containers do not allow it: then the peak includes the import
        pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _gb(count):
    return f"{count / 1e9:.2f} GB"


if __name__ == "__main__":
    try:
        measure(json.load(sys.stdin))
    except UserError as error:
        sys.exit(str(error))
