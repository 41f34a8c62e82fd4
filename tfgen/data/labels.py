"""Labels of a split, and a choice of examples that has as many of each class."""

import numpy as np

from tfgen.data.source import Arrays, Examples
from tfgen.errors import UserError

CHUNK = 500  # examples that are read at once


def labels_of(examples: Examples) -> np.ndarray | None:
    """Returns all labels int64 [N] of a split, or None where it has none."""
    if "label" not in examples.fields():
        return None
    if isinstance(examples, Arrays) and "label" in examples.arrays:  # `gather` would decode every picture
        stored = examples.arrays["label"]
        return stored if examples.index is None else stored[examples.index]
    starts = range(0, len(examples), CHUNK)
    return np.concatenate([examples.gather(np.arange(s, min(s + CHUNK, len(examples))))["label"] for s in starts])


def evenly_chosen(labels: np.ndarray, count: int, classes: int, seed: int) -> np.ndarray:
    """Returns the indices int64, ascending, of `count` labels, as many of each class, chosen by the seed.

    Where the classes do not divide `count`, some classes, chosen by the seed, have one more.

    Args:
        labels: int [N], in 0 .. classes - 1.
        count: of the indices.
        classes: number of classes.
        seed: any non-negative integer.

    Raises:
        UserError: a class has too few examples.
    """
    random = np.random.RandomState(seed % 2**32)  # its stream is the only one that NumPy never changes
    each = np.full(classes, count // classes)
    each[random.permutation(classes)[: count % classes]] += 1
    found = []
    for number, wanted in enumerate(each):
        rows = np.flatnonzero(np.asarray(labels) == number)
        if len(rows) < wanted:
            raise UserError(
                f"{count} labelled examples of {classes} classes need {wanted} of each, but class {number} has "
                f"{len(rows)}: give fewer (--set=labelled={classes * len(rows)}, for example)"
            )
        found.append(random.permutation(rows)[:wanted])
    return np.sort(np.concatenate(found)).astype(np.int64)
