"""Checks of a recipe's fields: each takes the field's name and value, and returns the value in its one form.

A value that does not fit raises UserError with what was expected and what was got.
"""

import difflib
import math
import numbers

from tfgen.errors import UserError

PRECISIONS = ("float32", "mixed_bfloat16", "auto")
STOPS = ("equilibrium", "kid", "divergence")
DISTRIBUTIONS = ("none", "mirrored", "multiworker")


def text(name, value):
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{name} expects a name, got {value!r}")
    return value


def integer(minimum, optional=False, maximum=None):
    def check(name, value):
        if value is None and optional:
            return None
        integral = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not integral or value < minimum or (maximum is not None and value > maximum):
            limits = f"an integer of at least {minimum}" + ("" if maximum is None else f" and at most {maximum}")
            raise UserError(f"{name} expects {limits}, got {value!r}")
        return int(value)

    return check


def batch_size(name, value):
    return value if value == "auto" else integer(1)(name, value)


def minutes(name, value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value) or value <= 0:
        raise UserError(f"{name} expects a positive number, got {value!r}")
    return float(value)


def stop(name, value):
    """Reasons to stop, each once, with commas between; "none" undoes those of a config."""
    if value is None or value == "none":
        return None
    reasons = [item.strip() for item in text(name, value).split(",")]
    for reason in reasons:
        if reason not in STOPS:
            close = difflib.get_close_matches(reason, STOPS, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UserError(f"{name} expects none, or some of {', '.join(STOPS)}, got {reason!r}{hint}")
    return ",".join(dict.fromkeys(reasons))


def precision(name, value):
    if value not in PRECISIONS:
        close = difflib.get_close_matches(str(value), PRECISIONS, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"{name} expects one of {', '.join(PRECISIONS)}, got {value!r}{hint}")
    return value


def distribute(name, value):
    if value not in DISTRIBUTIONS:
        close = difflib.get_close_matches(str(value), DISTRIBUTIONS, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"{name} expects one of {', '.join(DISTRIBUTIONS)}, got {value!r}{hint}")
    return value


def image_size(name, value):
    if value is None:
        return None
    sides = (value, value) if isinstance(value, numbers.Integral) else value
    try:
        height, width = (integer(1)(name, side) for side in sides)
    except (TypeError, ValueError):
        raise UserError(f"{name} expects a size such as 32, or (height, width), got {value!r}") from None
    return height, width


def boolean(name, value):
    if not isinstance(value, bool):
        raise UserError(f"{name} expects True or False, got {value!r}")
    return value


def schedule(name, value):
    if isinstance(value, dict) and not isinstance(value.get("name"), str):
        raise UserError(f"{name} expects a name, or a dict with a 'name', got {value!r}")
    return plain(name, value) if isinstance(value, dict) else text(name, value)


def options(name, value):
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UserError(f"{name} expects a dict from option names to values, got {value!r}")
    return {key: plain(f"option {key!r}", item) for key, item in value.items()}


def plain(name, value):
    """Checks that JSON can hold `value`, so that a run can be repeated; returns a copy, tuples as lists."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(name, item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(name, item) for key, item in value.items()}
    if isinstance(value, numbers.Number) and hasattr(value, "item"):
        return value.item()
    raise UserError(
        f"{name} of a recipe expects a plain value, got one of type {type(value).__name__}; write an object as text, "
        "for example 'hinge' or 'uniform(-1, 1)'"
    )


def path(name, value):
    return None if value is None else text(name, str(value))


CHECKS = {
    "model": text,
    "dataset": text,
    "options": options,
    "batch_size": batch_size,
    "accumulate": integer(1),
    "epochs": integer(1, optional=True),
    "steps": integer(1, optional=True),
    "max_minutes": minutes,
    "stop": stop,
    "seed": integer(0, maximum=2**31 - 1),
    "precision": precision,
    "image_size": image_size,
    "mirror": boolean,
    "schedule": schedule,
    "steps_per_execution": integer(1, optional=True),
    "distribute": distribute,
    "replicas": integer(1, optional=True),
    "checkpoint_steps": integer(1, optional=True),
    "data_dir": path,
}
