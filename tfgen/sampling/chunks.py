"""Samples in chunks: the same however many are asked for, in memory that does not grow with their number."""

import hashlib
from collections.abc import Iterator

import numpy as np

from tfgen.errors import UserError

CHUNK = 250  # samples made at once


def chunks(model, first: int, end: int, *, given=None, examples=None, **how) -> Iterator[tuple[np.ndarray, dict]]:
    """Yields (samples [n, ...], their conditions by field name) of samples first, ..., end - 1 in order.

    The batches begin at multiples of `CHUNK`, so that a sample has the same bits whichever part it is asked for in.

    Args:
        model: a `GenerativeModel`.
        given, examples: of the conditions, as of `model.conditions_for`.
        **how: further arguments of `model.sample`: seed, stochastic, sampler.
    """
    for start in range(first - first % CHUNK, end, CHUNK):
        rows = model.conditions_for(min(CHUNK, end - start), given, examples, start)
        # sample i takes number i mod n of n values
        turned = {name: np.roll(values, start, axis=0) for name, values in rows.items()}
        made = model.sample(min(CHUNK, end - start), start=start, conditions=turned, **how)
        skip = max(first - start, 0)
        yield made[skip:], {name: values[skip:] for name, values in rows.items()}


def drawn(model, num: int, *, given=None, examples=None, **how) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns (samples 0, ..., num - 1, their conditions by field name) at once; arguments as of `chunks`."""
    parts = list(chunks(model, 0, num, given=given, examples=examples, **how))
    conditions = {name: np.concatenate([rows[name] for _, rows in parts]) for name in parts[0][1]}
    return np.concatenate([made for made, _ in parts]), conditions


def check_rows(model, given: dict | None, examples, data: str) -> None:
    """Raises UserError where rows of `examples`, of the data set called `data`, lack a condition that nobody gives."""
    classes = model.label_field if model.num_classes else None
    missing = [name for name in model.conditions if name not in (given or {}) and name != classes]
    for name in missing:
        if examples is None or name not in examples.fields():
            known = f"{model.name} is conditioned on {name!r}, which {data} has not"
            raise UserError(f"{known}: give --conditions=FILE.npz")


def conditions_digest(model, num: int, given=None, examples=None) -> str | None:
    """Returns the sha256 of the conditions of samples 0, ..., num - 1 other than the label, None without any."""
    names = [name for name in model.conditions if name != model.label_field]
    if not names:
        return None
    found = hashlib.sha256()
    longest = max([len(np.atleast_1d(given[n])) if n in (given or {}) else len(examples or ()) for n in names])
    for start in range(0, min(num, longest), CHUNK):  # after that they repeat
        rows = model.conditions_for(min(CHUNK, num - start), given, examples, start)
        for name in names:
            found.update(name.encode() + np.ascontiguousarray(rows[name]).tobytes())
    return found.hexdigest()


def stated_conditions(model, given=None, where: str | None = None, split: str | None = None) -> dict[str, str]:
    """Returns name -> what the samples' conditions are, in words, for each condition of the model.

    Args:
        given: the conditions that somebody gave. where: from which file, or None.
        split: from which rows of a data set all others are taken.
    """
    stated = {}
    for name in model.conditions:
        if name in (given or {}):
            number = len(np.atleast_1d(given[name]))
            stated[name] = f"{number} of {where} in turn" if where else f"{number} given, in turn"
        elif name == model.label_field and model.num_classes:
            stated[name] = f"all {model.num_classes} classes in turn"
        else:
            stated[name] = f"rows of the {split} split in turn"
    return stated
