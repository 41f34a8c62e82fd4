"""Whether the updates to come have a learning rate above zero."""

from collections.abc import Mapping, Sequence

import keras

from tfgen.optimizers.as_one import schedule_of

ROUNDING = 1e-4  # the last share of a cosine that float32 rounds to 0, at most


def rate_at(optimizer: keras.optimizers.Optimizer, update: int) -> float:
    """Returns the learning rate of an update, counted from 0."""
    schedule = schedule_of(optimizer)
    rate = optimizer.learning_rate if schedule is None else schedule(update)
    return float(keras.ops.convert_to_numpy(rate))  # not `float`: on several replicas it is a variable of each


def has_ended(optimizer: keras.optimizers.Optimizer, update: int) -> bool:
    """Returns whether a schedule gives one and the same rate from an update on, as far as can be seen."""
    rate = rate_at(optimizer, update)
    return schedule_of(optimizer) is not None and all(rate_at(optimizer, update + 10**k) == rate for k in range(9))


def updates_above_zero(optimizer: keras.optimizers.Optimizer, first: int, last: int) -> int:
    """Returns how many of the updates first, ..., last come before a schedule has reached 0, where it does in them."""
    low, high = first, last  # the rate is positive at `low` and 0 at `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rate_at(optimizer, middle) else (low, middle)
    return high - first


def complaints(optimizers: Mapping[str, keras.optimizers.Optimizer], updates: Mapping[str, int]) -> list[str]:
    """Returns a sentence for each rate that is 0, becomes 0, or stays as it is because its schedule is over.

    Args:
        optimizers: name -> optimizer of a model.
        updates: name -> number of updates to come, at least 1 unless it is idle.
    """
    found = {}
    for name, optimizer in optimizers.items():
        count, first = updates[name], int(optimizer.iterations.numpy())
        if count:
            found[name] = _complaint(optimizer, first, first + count - 1)
    said: dict[str, list[str]] = {}
    for name, sentence in found.items():
        if sentence:
            said.setdefault(sentence, []).append(name)
    return [
        f"the learning rate of {' and '.join(map(repr, names))} {sentence}; to go on with another one, keeping weights "
        f"and step: model.compile({_arguments(names, len(optimizers))})"
        for sentence, names in said.items()
    ]


def _arguments(names: Sequence[str], count: int) -> str:
    called = ["optimizer"] if count == 1 else [f"{name}_optimizer" for name in names]
    return ", ".join(f"{name}=keras.optimizers.Adam(1e-4)" for name in called)


def _complaint(optimizer: keras.optimizers.Optimizer, first: int, last: int) -> str:
    rate, scheduled = rate_at(optimizer, first), schedule_of(optimizer) is not None
    if not rate and (not scheduled or (first == 0 and has_ended(optimizer, 0))):  # a schedule of 0 from its start on
        return "is 0: what it trains stays as it is"
    if scheduled and has_ended(optimizer, first):
        return f"is {rate:.3g}, since its schedule has ended"
    if scheduled and rate and not rate_at(optimizer, last):
        above = updates_above_zero(optimizer, first, last)
        if last - first + 1 - above <= ROUNDING * (last + 1):
            return ""  # it ends with the updates
        return f"becomes 0 after {above} of the {last - first + 1} updates to come, where its schedule ends"
    return ""
