"""Weights of one model as the start of another: what fits is taken over, and what does not is named."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.training.model import GenerativeModel

Networks = Mapping[str, keras.Model]


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What was taken over.

    Attributes:
        taken: name of a network -> (arrays taken over, all its arrays).
        misfits: a phrase on each array that was not.
    """

    taken: dict[str, tuple[int, int]]
    misfits: list[str]

    def __str__(self) -> str:
        counts = (f"{name}: {taken} of {of} arrays" for name, (taken, of) in self.taken.items())
        return ", ".join(counts)

    def report(self, shown: int = 6) -> str:
        """Returns lines on what fits, and the first `shown` arrays that do not."""
        lines = [str(self)]
        if self.misfits:
            more = len(self.misfits) - shown
            named = "; ".join(self.misfits[:shown]) + (f"; and {more} more" if more > 0 else "")
            lines.append(f"does not fit, and starts anew: {named}")
        return "\n".join(lines)


def transfer(
    model: GenerativeModel,
    networks: Networks,
    averaged: Networks,
    origin: str,
    states: Mapping[str, keras.Variable] | None = None,
) -> Transfer:
    """Takes over all weights of the same place and shape, batch statistics included, and states that belong to them.

    Nothing else of a model changes. The trained weights start from those of `networks`; an average starts from that of
    `averaged`, or where there is none from the same weights. Arrays are matched by the names of their layers, numbered
    within a network: the third kernel of a `conv2d` is the third kernel of a `conv2d`, whatever Keras has called it.

    Args:
        model: `GenerativeModel` whose weights are to be set.
        networks: name -> network with trained weights.
        averaged: name -> network with averaged weights.
        states: of the model that the networks are of; one is taken over where all arrays of its networks are.
        origin: where they come from, for messages.

    Raises:
        UserError: no array fits, or one holds a NaN or an infinity; the model is unchanged.
    """
    plans, misfits, taken = [], [], {}
    for name, network in model.networks.items():
        pairs, missed = _matched(network, networks.get(name))
        taken[name] = (len(pairs), len(network.weights))
        misfits += [f"{name} {text}" for text in missed]
        plans += pairs
        if name in model.averaged_networks:
            plans += _matched(model.averaged_networks[name], averaged.get(name, networks.get(name)))[0]
    whole = {name for name, (count, of) in taken.items() if count == of}
    for name, state in (states or {}).items():
        mine, of = model.states.get(name), model.state_networks.get(name)
        if mine is not None and of and whole.issuperset(of) and _alike(mine, state):
            plans.append((mine, state))
    if not plans:
        raise UserError(f"no weights of {origin} fit {model.name}: {_reason(model, networks, misfits)}")
    values = [(variable, np.asarray(other)) for variable, other in plans]
    if not all(np.all(np.isfinite(value)) for _, value in values):
        raise UserError(f"{origin} holds weights that are not finite; give an earlier checkpoint or another run")
    for variable, value in values:
        variable.assign(value)
    model.taken_over = frozenset(id(variable) for variable, _ in plans)
    return Transfer(taken, misfits)


def _reason(model: GenerativeModel, networks: Networks, misfits: list[str]) -> str:
    if not set(networks) & set(model.networks):
        return f"it has {' and '.join(networks)}, and {model.name} is made of {' and '.join(model.networks)}"
    return "; ".join(misfits[:3])


def _matched(
    network: keras.Model, other: keras.Model | None
) -> tuple[list[tuple[keras.Variable, keras.Variable]], list[str]]:
    """Returns pairs of variables of one place and shape, and a phrase on each variable without one."""
    found = {} if other is None else _by_place(other)
    pairs, missed = [], []
    for place, variable in _by_place(network).items():
        twin = found.get(place)
        shown = re.sub(r" 0$", "", place)
        if twin is None:
            missed.append(f"{shown} (there is none)")
        elif not _alike(twin, variable):
            missed.append(f"{shown} ({_described(twin)} there, {_described(variable)} here)")
        else:
            pairs.append((variable, twin))
    return pairs, missed


def _alike(one: keras.Variable, other: keras.Variable) -> bool:
    return tuple(one.shape) == tuple(other.shape) and one.dtype == other.dtype


def _described(variable: keras.Variable) -> str:
    return "x".join(map(str, variable.shape)) or "a number"


def _by_place(network: keras.Model) -> dict[str, keras.Variable]:
    """Returns "conv2d/kernel 2" -> the third kernel of a layer that Keras has named `conv2d`, `conv2d_7`, ..."""
    seen: Counter[str] = Counter()
    places = {}
    for variable in network.weights:
        plain = "/".join(re.sub(r"_\d+$", "", part) for part in variable.path.split("/"))
        places[f"{plain} {seen[plain]}"] = variable
        seen[plain] += 1
    return places
