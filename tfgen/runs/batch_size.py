"""`--batch_size=auto`: the largest power of two whose training step fits into the memory that is free."""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from tfgen.errors import UserError

LARGEST = 1024
EXAMPLES_A_BATCH = 10  # a batch has a tenth of the examples at most
SHARE = 0.8  # of the free memory that a step may take; the rest is for samples, checkpoints and others
PROBED = 16, 64
STEPS = 2
_SAID = "PEAK"
_CGROUP = pathlib.Path("/sys/fs/cgroup")


def automatic(recipe, fields, examples, *, free=None, probe=None, say=print):
    """The batch size for a recipe with `batch_size="auto"`, measured on this machine.

    Two small batches are trained on in another process; its peaks of memory are taken as a line in the batch size, and
    the largest power of two that should fit is tried before it is chosen.

    Args:
        recipe: `Recipe`. fields: of the data, dict of `Field`. examples: number of training examples.
        free: bytes, or None to ask the system.
        probe: `f(sizes) -> bytes that a training step of each takes`, or None where the process died of them.
        say: called with a sentence on the choice.

    Raises:
        UserError: not even the smallest batch fits, or nobody can tell what is free.
    """
    free = free_memory() if free is None else free
    probe = probe or (lambda sizes: peaks(recipe, fields, sizes))
    budget, sizes = SHARE * free, allowed(examples, recipe.accumulate)
    small, large = (max((s for s in sizes if s <= probed), default=sizes[0]) for probed in PROBED)
    found = probe([small, large])
    if found is None:
        raise UserError(
            f"batch_size=auto: a training step of {large} images does not fit; give a number, or accumulate"
        )
    size, taken = fitting(sizes, (small, found[0]), (large, found[1]), budget)
    while size > large:
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


def allowed(examples, accumulate=1):
    """The powers of two that a batch may have, ascending; all of them multiples of `accumulate`."""
    most = max(1, min(LARGEST, examples // EXAMPLES_A_BATCH))
    sizes = [2**i for i in range(most.bit_length()) if 2**i % accumulate == 0]
    if not sizes:
        raise UserError(
            f"batch_size=auto chooses a power of two up to {most}, and accumulate={accumulate} divides none; give a "
            "number as batch_size"
        )
    return sizes


def fitting(sizes, one, other, budget):
    """(the largest of `sizes` that fits, bytes it should take) by the line through two measurements (size, bytes).

    Raises:
        UserError: none fits.
    """
    (small, low), (large, high) = one, other
    slope = max(0.0, (high - low) / (large - small)) if large > small else 0.0
    taken = {size: high + slope * (size - large) for size in sizes}
    good = [size for size in sizes if taken[size] <= budget]
    if not good:
        raise UserError(
            f"batch_size=auto: a training step of {sizes[0]} images takes about {_gb(taken[sizes[0]])}, and "
            f"{_gb(budget)} may be taken; free some memory, or choose a smaller model"
        )
    return good[-1], taken[good[-1]]


def free_memory(meminfo="/proc/meminfo", cgroup=_CGROUP):
    """Bytes that this process may still take: of the machine's and, where there is a limit, of its control group's.

    Raises:
        UserError: the system does not tell, or it trains on a GPU, whose memory is another.
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


def peaks(recipe, fields, sizes):
    """Bytes by which a fresh process grows, at its peak, while it trains on batches of each of the ascending `sizes`.

    Returns:
        list of int, or None where it was killed.

    Raises:
        UserError: the model cannot be trained, or is of a module that another process cannot import.
    """
    from tfgen.models import MODELS

    module = MODELS.get(recipe.model).__module__
    if module == "__main__":
        raise UserError(
            f"batch_size=auto builds {recipe.model!r} in another process, which cannot import it from a script or a "
            "notebook; put it into a module of its own, or give a number"
        )
    # any number in the place of "auto": the sizes come beside it
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
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise UserError(f"batch_size=auto: a trial of the training step failed: {reason}")
    return found


def measure(task):
    """In the process of a trial: trains on random data, and prints by how much the peak of memory grows."""
    from tfgen.data.source import Field
    from tfgen.machine import startup
    from tfgen.models import build_from_recipe
    from tfgen.recipes.recipe import Recipe

    startup.start_tensorflow()
    import keras

    importlib.import_module(task["module"])
    recipe = Recipe.from_json(task["recipe"])
    fields = {
        name: Field(**{key: tuple(v) if isinstance(v, list) else v for key, v in field.items()})
        for name, field in task["fields"].items()
    }
    before = _memory("VmRSS")
    keras.config.set_dtype_policy(recipe.precision)
    model = build_from_recipe(recipe, fields)
    model.accumulate = recipe.accumulate
    for size in task["sizes"]:
        model.train_function = None  # else Keras would trace the second size as any size
        _forget_peak()
        model.fit(random_examples(model.fields, STEPS * size * model.parts), batch_size=size, epochs=1, verbose=0)
        print(_SAID, _memory("VmHWM") - before, flush=True)


def random_examples(fields, count):
    """A dict of arrays [count, ...] that look like a data set of `fields`."""
    random = np.random.default_rng(0)

    def values(field):
        shape = (count, *field.shape)
        if field.dtype.startswith(("int", "uint")):
            low, high = field.range or (0, 2)
            return random.integers(low, high, shape, field.dtype)
        return random.random(shape, np.float32)

    return {name: values(field) for name, field in fields.items()}


def _memory(name):
    """Bytes of this process by the system's name: VmRSS for those it has now, VmHWM for the peak."""
    lines = pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _forget_peak():
    """Starts a new peak: importing TensorFlow takes more for a moment than a small step."""
    with contextlib.suppress(OSError):  # some containers do not allow it; then the peak is that of all so far
        pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _gb(count):
    return f"{count / 1e9:.2f} GB"


if __name__ == "__main__":
    measure(json.load(sys.stdin))
