"""Samples in chunks: the same for any number of them, in memory that does not grow with their number."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfgen.data.source import Examples, content_of
from tfgen.errors import UserError

CHUNK = 250  # samples drawn at once


def turned(values: np.ndarray, start: int) -> np.ndarray:
    """Returns values [N, ...] in the order in which samples start, ..., start + N - 1 take row 0, ..., N - 1 of them.

    Sample i takes number i mod N of what `sample` is given, whatever the number of the first sample.
    """
    return np.roll(values, start, axis=0)


def chunks(
    model: Any, first: int, end: int, *, given: dict | None = None, examples: Examples | None = None, **how: Any
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yields (samples [n, ...], their conditions by field name) of samples first, ..., end - 1 in order.

    Args:
        model: a `GenerativeModel`.
        first, end: numbers of the first sample, and of the one after the last.
        given, examples: conditions, as in `model.conditions_for`.
        **how: further arguments of `model.sample`: seed, stochastic, sampler.
    """
    # every chunk begins at a multiple of CHUNK: a row of another batch could be rounded differently
    for start in range(first - first % CHUNK, end, CHUNK):
        rows = model.conditions_for(min(CHUNK, end - start), given, examples, start, how.get("sampler"))
        taken = {name: turned(values, start) for name, values in rows.items()}
        made = model.sample(min(CHUNK, end - start), start=start, conditions=taken, **how)
        skip = max(first - start, 0)
        yield made[skip:], {name: values[skip:] for name, values in rows.items()}


def drawn(
    model: Any, num: int, *, given: dict | None = None, examples: Examples | None = None, **how: Any
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns (samples 0, ..., num - 1, their conditions by field name); arguments as in `chunks`."""
    parts = list(chunks(model, 0, num, given=given, examples=examples, **how))
    conditions = {name: np.concatenate([rows[name] for _, rows in parts]) for name in parts[0][1]}
    return np.concatenate([made for made, _ in parts]), conditions


def check_rows(model: Any, given: dict | None, examples: Examples | None, data: str, sampler: Any = None) -> None:
    """Raises UserError if a condition is neither in `given` nor in `examples`, of the data set called `data`."""
    classes = model.label_field if model.num_classes else None
    missing = [name for name in model.sampling_conditions(sampler) if name not in (given or {}) and name != classes]
    for name in missing:
        if examples is None or name not in examples.fields():
            known = f"{model.name} is conditioned on {name!r}, which {data} does not have"
            raise UserError(f"{known}: give --conditions=FILE.npz")


def conditions_digest(
    model: Any, num: int, given: dict | None = None, examples: Examples | None = None, sampler: Any = None
) -> str | None:
    """Returns the sha256 of the conditions of samples 0, ..., num - 1 without the label; None without any."""
    names = [name for name in model.sampling_conditions(sampler) if name != model.label_field]
    if not names:
        return None
    found = hashlib.sha256()
    given = given or {}
    longest = max([len(np.atleast_1d(given[n])) if n in given else len(examples or ()) for n in names])
    for start in range(0, min(num, longest), CHUNK):  # after that they repeat
        rows = model.conditions_for(min(CHUNK, num - start), given, examples, start, sampler)
        for name in names:
            found.update(name.encode() + content_of(rows[name]))
    return found.hexdigest()


def stated_conditions(
    model: Any,
    given: dict | None = None,
    split: str | None = None,
    sampler: Any = None,
    examples: Examples | None = None,
) -> dict[str, str]:
    """Returns name -> a description of the samples' values, for each condition that they have.

    Args:
        model: a `GenerativeModel`.
        given: the conditions that the user gave.
        split: name of the split whose rows are the other conditions.
        sampler: of the samples, by default the model's own.
        examples: those of the split.
    """
    stated, given = {}, given or {}
    for name in model.sampling_conditions(sampler):
        if name in given:
            number = len(np.atleast_1d(given[name]))
            stated[name] = f"{number} given, in turn"
        elif name == model.label_field and model.num_classes and model.cycles_classes(given, examples, sampler):
            stated[name] = f"all {model.num_classes} classes in turn"
        else:
            stated[name] = f"rows of the {split} split in turn"
    return stated
