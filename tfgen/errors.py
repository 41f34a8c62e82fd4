"""Errors that the user can correct, each with a one-sentence message."""

from typing import Any

from registry import closest, nearest

SHOWN = 80  # characters of a value in a message


class UserError(ValueError):
    """A mistake in a flag, a recipe or the data; commands print its message and exit with code 2."""


class BuilderFailed(UserError):
    """The builder of a model of a plugin has raised something of its own."""


class WorkerLost(RuntimeError):
    """Another worker has failed, or never came, and this one cannot continue alone: commands exit with LOST."""


LOST = 75  # exit code, EX_TEMPFAIL of sysexits.h: start all workers again


def shown(value: Any) -> str:
    """Returns the `repr` of a value for a message, shortened in the middle where it is long."""
    try:
        text = repr(value)
    except Exception:  # an integer of more digits than Python writes, or a class of the user's
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 20]} ... {text[-12:]}"


__all__ = ["LOST", "BuilderFailed", "UserError", "WorkerLost", "closest", "nearest", "shown"]
