"""The optimizers of a model as `model.optimizer`, which Keras' callbacks ask for its learning rate."""

from collections.abc import Mapping
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from tfgen.errors import UserError

Rate = Any  # a number, a variable or tensor, or a schedule


def schedule_of(optimizer: keras.optimizers.Optimizer) -> LearningRateSchedule | None:
    """Returns the schedule of an optimizer's learning rate, or None where the rate is a number."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if isinstance(rate, LearningRateSchedule) else None


def refuse_schedule(name: str, optimizer: keras.optimizers.Optimizer) -> None:
    """Raises UserError where a schedule gives the learning rate, so that nothing else can set it."""
    schedule = schedule_of(optimizer)
    if schedule is not None:
        raise UserError(
            f"the learning rate of the optimizer {name!r} follows a schedule ({type(schedule).__name__}) and cannot be "
            "set: compile the model with a number, as in keras.optimizers.Adam(1e-4), or leave the callback out"
        )


class NamedOptimizer:
    """An optimizer under its name in the model, with a learning rate that can be read and set; all else is its own."""

    def __init__(self, name: str, optimizer: keras.optimizers.Optimizer) -> None:
        self.name, self._optimizer = name, optimizer

    @property
    def learning_rate(self) -> Rate:
        """The rate of the next update."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        if not isinstance(rate, LearningRateSchedule):
            refuse_schedule(self.name, self._optimizer)
        self._optimizer.learning_rate = rate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)


class SeveralOptimizers:
    """Several optimizers as one.

    Attributes:
        optimizers: each as a `NamedOptimizer`. Keras' own callbacks look for this attribute, and treat each by itself.
    """

    def __init__(self, optimizers: Mapping[str, keras.optimizers.Optimizer]) -> None:
        self.optimizers = [NamedOptimizer(name, optimizer) for name, optimizer in optimizers.items()]

    @property
    def learning_rate(self) -> Rate:
        """The rate of the first; a number that is set changes the rates of all by the same factor."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        # a callback that knows one optimizer reads the first rate and sets a multiple of it: two time scales stay two
        before = _number(self.learning_rate)
        for optimizer in self.optimizers:
            own = _number(optimizer.learning_rate)
            optimizer.learning_rate = rate * own / before if before else rate

    @property
    def iterations(self) -> keras.Variable:
        """The number of updates of the first."""
        return self.optimizers[0].iterations

    @property
    def built(self) -> bool:
        """Whether all have their variables."""
        return all(optimizer.built for optimizer in self.optimizers)

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of all."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]


def _number(rate: Rate) -> float:
    return float(keras.ops.convert_to_numpy(rate))  # not `float`: on several replicas it is a variable of each


def as_one(optimizers: Mapping[str, keras.optimizers.Optimizer]) -> NamedOptimizer | SeveralOptimizers | None:
    """Returns a view of the optimizers of a model, by name; None without any."""
    if len(optimizers) == 1:
        return NamedOptimizer(*next(iter(optimizers.items())))
    return SeveralOptimizers(optimizers) if optimizers else None
