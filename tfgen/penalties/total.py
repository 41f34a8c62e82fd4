"""The sum of several penalties."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.penalties.base import Penalty, Seen
from tfgen.penalties.r1 import R1
from tfgen.penalties.r2 import R2
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Total(Penalty):
    """The sum of penalties, each with random streams and states of its own."""

    parts: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        if len({part.every for part in self.parts}) > 1:
            counts = ", ".join(str(part.every) for part in self.parts)
            raise UserError(f"penalties that are added together need one value of every, got {counts}")
        places = {f"{i}_{name}": value for i, part in enumerate(self.parts) for name, value in part.states.items()}
        for name in ("couples", "needs_maps"):
            vars(self)[name] = any(getattr(part, name) for part in self.parts)
        vars(self).update(every=self.parts[0].every, states=places)

    def of(self, seen: Seen) -> tf.Tensor:
        values = []
        for index, part in enumerate(self.parts):
            states = {name: seen.states[f"{index}_{name}"] for name in part.states}
            values.append(part.of(dataclasses.replace(seen, noise=seen.noise.scope(str(index)), states=states)))
        return tf.add_n(values)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from keras.saving import deserialize_keras_object

        return cls(tuple(p if isinstance(p, Penalty) else deserialize_keras_object(p) for p in config["parts"]))


def total(*parts: Penalty | None) -> Penalty | None:
    """Returns the sum of penalties as one, without those that are None; None if nothing remains."""
    given = tuple(part for part in parts if part is not None)
    return Total(given) if len(given) > 1 else (given[0] if given else None)


def r1_r2(weight: float = 1.0, every: int = 1) -> Penalty:
    """Returns the sum of R1 and R2 with one weight, the penalty of R3GAN (Huang et al. 2024, section 3.2)."""
    return Total((R1(float(weight), every), R2(float(weight), every)))
