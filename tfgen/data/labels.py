"""Labels of a split, and a choice of examples that has as many of each class."""

import dataclasses

import numpy as np

from tfgen.data.classes import class_numbers
from tfgen.data.source import Arrays, Examples, Source
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


def without_classes(source: Source, classes: str | None) -> Source:
    """Returns a data set whose training and validation splits lack some classes; the test split has them all.

    Args:
        source: with labels, whose numbers stay.
        classes: numbers or names, as `--label` takes them; None: the data set as it is.

    Raises:
        UserError: there are no labels, no such class, or nothing else.
    """
    if classes is None:
        return source
    gone = numbers_of(classes, source)
    splits = dict(source.splits)
    for split in ("train", "validation"):
        if split not in splits:
            continue
        labels = splits[split].column("label")
        rows = np.flatnonzero(~np.isin(labels, gone))
        if not len(rows):
            raise UserError(f"leave_out={classes} leaves no example in the split {split} of {source.name}")
        splits[split] = splits[split].select(rows)
    names = [source.class_names[number] if source.class_names else str(number) for number in gone]
    return dataclasses.replace(source, splits=splits, provenance={**source.provenance, "left_out": names})


def numbers_of(classes: str, source: Source) -> list[int]:
    """Returns the numbers of classes that a text names, as `without_classes` takes it; each once.

    Raises:
        UserError: there are no labels, or no such class.
    """
    if "label" not in source.fields or labels_of(source.splits["train"]) is None:
        raise UserError(f"leave_out={classes} names a class, and {source.name} has no labels: choose data with labels")
    numbers = sorted({int(number) for number in class_numbers(classes, source.class_names, "leave_out")})
    if not all(0 <= number < (source.num_classes or number + 1) for number in numbers):
        raise UserError(f"leave_out expects classes 0 to {(source.num_classes or 1) - 1}, got {classes}")
    return numbers


def evenly_chosen(labels: np.ndarray, count: int, classes: int, seed: int) -> np.ndarray:
    """Returns the indices int64, ascending, of `count` labels, as many of each class, chosen by the seed.

    Where the classes do not divide `count`, some classes, chosen by the seed, have one more.

    Args:
        labels: int [N], in 0 .. classes - 1.
        count: of the indices.
        classes: number of classes.
        seed: any non-negative integer.

    Raises:
        UserError: a class has too few examples, or would have none.
    """
    if count < classes:
        raise UserError(
            f"{count} labelled examples leave some of {classes} classes without any: give {classes} or more"
        )
    random = np.random.RandomState(seed % 2**32)  # its stream is the only one that NumPy never changes
    each = np.full(classes, count // classes)
    each[random.permutation(classes)[: count % classes]] += 1
    rows = [np.flatnonzero(np.asarray(labels) == number) for number in range(classes)]
    there = np.array([len(own) for own in rows])
    lacking = np.flatnonzero(there < each)
    if len(lacking):
        number = int(lacking[there[lacking].argmin()])
        fewer = f"give fewer (--set=labelled={classes * there[number]}, for example)"
        remedy = fewer if there[number] else "number the classes without gaps, and leave none out"
        raise UserError(
            f"{count} labelled examples of {classes} classes need {each[number]} of each, but class {number} has "
            f"{there[number]}: {remedy}"
        )
    found = [random.permutation(own)[:wanted] for own, wanted in zip(rows, each, strict=True)]
    return np.sort(np.concatenate(found)).astype(np.int64)
