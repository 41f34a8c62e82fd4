"""Several augmentations in order."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import tensorflow as tf

from tfgen.augment.base import Assign, Augment, States
from tfgen.noise import Noise
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Chain(Augment):
    """Several augmentations in order, each with random streams and states of its own."""

    steps: tuple[Augment, ...] = ()

    def __post_init__(self) -> None:
        states = {f"{i}_{name}": value for i, step in enumerate(self.steps) for name, value in step.states.items()}
        for name in ("watches_held_out", "needs_maps"):
            vars(self)[name] = any(getattr(step, name) for step in self.steps)
        vars(self)["states"] = states

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        for index, step in enumerate(self.steps):
            images = step(images, noise.scope(str(index)))
        return images

    def at(self, states: States) -> Augment:
        return Chain(tuple(step.at(self._own(states, index)) for index, step in enumerate(self.steps)))

    def observe(self, real: tf.Tensor, fake: tf.Tensor, middle: tf.Tensor, states: States, assign: Assign) -> None:
        for index, step in enumerate(self.steps):
            step.observe(real, fake, middle, self._own(states, index), assign)

    def observe_held_out(self, logit: tf.Tensor, states: States, assign: Assign) -> None:
        for index, step in enumerate(self.steps):
            step.observe_held_out(logit, self._own(states, index), assign)

    def _own(self, states: States, index: int) -> States:
        return {name: states[f"{index}_{name}"] for name in self.steps[index].states}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from keras.saving import deserialize_keras_object

        return cls(tuple(s if isinstance(s, Augment) else deserialize_keras_object(s) for s in config["steps"]))


def chain(*steps: Augment | None) -> Augment | None:
    """Returns the augmentations in order as one, without those that are None; None if nothing remains."""
    given = tuple(step for step in steps if step is not None)
    return Chain(given) if len(given) > 1 else (given[0] if given else None)
