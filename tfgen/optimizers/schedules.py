"""Learning-rate schedules from plain values: Keras' own, where asked for with a warmup or a minimum."""

import math
import typing
from typing import Any

import keras
from keras.optimizers.schedules import (
    CosineDecay,
    ExponentialDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

from tfgen import domains
from tfgen.domains import Length, NotNegative, Positive, Share
from tfgen.errors import UserError, nearest, shown
from tfgen.values import serializable

# name -> its settings, each with the domain of its number, or of each number of its list
SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "cosine": {"warmup": Share, "final": NotNegative},
    "linear": {"warmup": Share, "final": NotNegative},
    "exponential": {"rate": Positive, "floor": NotNegative},
    "stages": {"epochs": list[Length], "factors": list[NotNegative]},
}

SPANNING = ("cosine", "linear")  # stretched over all steps of a run: with more steps, the first ones have other rates


class Wrapped(LearningRateSchedule):
    """A schedule that changes the rates of another one; saved and loaded together with it."""

    def __init__(self, schedule: LearningRateSchedule) -> None:
        self.schedule = schedule

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Wrapped":
        """Rebuilds the schedule, the wrapped one included, from `get_config()`."""
        return cls(**{**config, "schedule": keras.saving.deserialize_keras_object(config["schedule"])})


@serializable
class Warmup(Wrapped):
    """A linear rise over `steps` updates to the first rate of `schedule`, which begins after it.

    Keras' own warmup, in `CosineDecay` alone, starts from a rate of 0 and so wastes the first update.
    """

    def __init__(self, schedule: LearningRateSchedule, steps: int) -> None:
        super().__init__(schedule)
        self.steps = int(steps)

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of update `step`, counted from 0."""
        step = keras.ops.cast(step, "float32")
        rise = keras.ops.minimum((step + 1.0) / self.steps, 1.0)
        return rise * self.schedule(keras.ops.maximum(step - self.steps, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values."""
        return {**super().get_config(), "steps": self.steps}


@serializable
class Floor(Wrapped):
    """The rates of `schedule`, but never below `minimum`, an absolute learning rate."""

    def __init__(self, schedule: LearningRateSchedule, minimum: float) -> None:
        super().__init__(schedule)
        self.minimum = float(minimum)

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of update `step`, counted from 0."""
        return keras.ops.maximum(self.schedule(step), self.minimum)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as plain values."""
        return {**super().get_config(), "minimum": self.minimum}


def parse_schedule(schedule: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns the name and the settings of a recipe's `schedule`, checked.

    `constant`; `cosine` and `linear` (`warmup`: fraction of all steps, `final`: fraction of the rate); `exponential`
    (`rate`: divisor per update, so that an optimizer with several updates per step falls faster; `floor`: smallest
    rate); `stages` (`epochs`: length of each stage, `factors`: of each
    stage).

    Args:
        schedule: a name, or a dict with `name` and the settings.

    Returns:
        The name and a new dict of the settings that were given.

    Raises:
        UserError: an unknown name or setting, a value of the wrong type, a list that is missing.
    """
    settings = {"name": schedule} if isinstance(schedule, str) else dict(schedule)
    name = settings.pop("name", None)
    if name not in SCHEDULES:
        raise UserError(f"schedule must be one of {', '.join(SCHEDULES)}, got {shown(name)}{nearest(name, SCHEDULES)}")
    for key, value in settings.items():
        _check_setting(name, key, value)
    missing = [key for key in SCHEDULES[name] if key not in settings]
    if missing and name == "stages":
        raise UserError(f"the schedule 'stages' needs epochs and factors, two lists, got no {missing[0]!r}")
    return name, settings


def spans_all_steps(schedule: str | dict[str, Any]) -> bool:
    """Returns whether the rates of a recipe's `schedule` depend on how many steps there are in all."""
    return parse_schedule(schedule)[0] in SPANNING


def apply_schedule(
    optimizer: keras.optimizers.Optimizer, schedule: str | dict[str, Any], steps: int, steps_per_epoch: int
) -> None:
    """Replaces an optimizer's constant learning rate by a recipe's `schedule` that starts from it.

    Call it once per optimizer: a second call would take the schedule's first rate for the base.

    Args:
        optimizer: changed in place.
        schedule: as in `parse_schedule`.
        steps: number of updates that the schedule spans.
        steps_per_epoch: number of updates per epoch.

    Raises:
        UserError: as in `parse_schedule`, and settings that do not fit together.
    """
    name, settings = parse_schedule(schedule)
    base = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    if name == "exponential":
        optimizer.learning_rate = _exponential(base, **settings)
    elif name == "stages":
        optimizer.learning_rate = _stages(base, steps_per_epoch, **settings)
    elif name != "constant":
        optimizer.learning_rate = _decay(name, base, steps, **settings)


def _decay(name: str, base: float, steps: int, warmup: float = 0.0, final: float = 0.0) -> LearningRateSchedule:
    """Returns a fall from `base` to `final * base` along half a cosine or a line, after a warmup."""
    rise = int(warmup * steps)
    fall = max(steps - rise, 1)
    if name == "cosine":
        decay = CosineDecay(base, fall, alpha=final)
    else:
        decay = PolynomialDecay(base, fall, end_learning_rate=final * base, power=1.0)
    return Warmup(decay, rise) if rise else decay


def _exponential(base: float, rate: float = 1.0, floor: float = 0.0) -> LearningRateSchedule:
    """Returns `base` divided by `rate` at every update."""
    # rate^-step = 2^(-step / half_life): 1.000004 itself would lose 1 % of its exponent when rounded to float32
    half_life = math.log(2.0) / abs(math.log(rate)) if rate != 1.0 else math.inf
    decay = ExponentialDecay(base, half_life, 0.5 if rate > 1.0 else 2.0)
    return Floor(decay, floor) if floor else decay


def _stages(
    base: float, steps_per_epoch: int, epochs: list[float], factors: list[float]
) -> LearningRateSchedule | float:
    """Returns `base` times `factors[i]` during the `epochs[i]` of stage i; the last factor stays."""
    if len(epochs) != len(factors):
        raise UserError(f"the schedule 'stages' needs as many epochs as factors, got {len(epochs)} and {len(factors)}")
    if not factors:
        raise UserError("the schedule 'stages' needs at least one stage, got two empty lists")
    values = [base * factor for factor in factors]
    if len(values) == 1:  # Keras needs at least one boundary
        return values[0]
    # Keras changes after a boundary, a stage changes at its first step.
    ends = [math.ceil(steps_per_epoch * sum(epochs[: i + 1])) - 1 for i in range(len(epochs) - 1)]
    return PiecewiseConstantDecay(ends, values)


def _check_setting(name: str, key: str, value: Any) -> None:
    """Raises UserError for a setting that the schedule `name` does not have, or a value of the wrong type or domain."""
    if key not in SCHEDULES[name]:
        takes = ", ".join(SCHEDULES[name]) or "no settings"
        raise UserError(f"the schedule {name!r} has no {key!r}; it takes {takes}{nearest(key, SCHEDULES[name])}")
    listed = typing.get_origin(SCHEDULES[name][key]) is list
    numbers = value if listed and isinstance(value, (list, tuple)) else [value]
    if listed != isinstance(value, (list, tuple)) or not all(domains.is_number(number) for number in numbers):
        expected = "a list of numbers" if listed else "a number"
        raise UserError(f"the schedule {name!r} expects {key!r} to be {expected}, got {shown(value)}")
    domains.check(f"{key!r} of the schedule {name!r}", value, SCHEDULES[name][key])
