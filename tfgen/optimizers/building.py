"""Optimizers from plain values: a lower-case name and its settings."""

from typing import Any

import keras

from tfgen import domains
from tfgen.domains import Count, NotNegative, Positive, Proportion
from tfgen.errors import UserError, nearest
from tfgen.optimizers.fused import FusedAdam, RampedSGD

OPTIMIZERS = {
    "adam": FusedAdam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "sgd": keras.optimizers.SGD,
}

# setting -> its type and domain
TYPES: dict[str, Any] = {
    "learning_rate": NotNegative,  # 0: a network that stays as it is
    "beta_1": Proportion,
    "beta_2": Proportion,
    "epsilon": Positive,
    "weight_decay": NotNegative,
    "momentum": Proportion,
    "final_momentum": Proportion,
    "momentum_steps": Count,
}

# optimizer -> its settings besides the learning rate
SETTINGS = {
    "adam": ("beta_1", "beta_2", "epsilon"),
    "adamw": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "rmsprop": ("momentum", "epsilon"),
    "adagrad": ("epsilon",),
    "sgd": ("momentum", "final_momentum", "momentum_steps"),
}


def make_optimizer(
    name: str = "adam", learning_rate: float = 1e-3, **settings: float | None
) -> keras.optimizers.Optimizer:
    """Returns a Keras optimizer by its lower-case name; settings that are None keep Keras' default.

    Raises:
        UserError: an unknown name, a setting that this optimizer does not have, a number outside of its domain.
    """
    if name not in OPTIMIZERS:
        raise UserError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}{nearest(name, OPTIMIZERS)}")
    # Any: settings of several optimizers, which the loop below checks by name
    given: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    domains.check_all({"learning_rate": learning_rate, **given}, TYPES)
    kind = RampedSGD if name == "sgd" and "final_momentum" in given else OPTIMIZERS[name]
    for key in given:
        if key not in SETTINGS[name]:
            raise UserError(f"the optimizer {name!r} has no {key!r}; it takes {', '.join(SETTINGS[name])}")
    try:
        return kind(learning_rate, **given)
    except ValueError as error:
        values = ", ".join(f"{key}={value}" for key, value in given.items())
        raise UserError(f"the optimizer {name!r} does not take {values}: {error}") from error
