"""Errors that the user can correct, each with a one-sentence message."""

from registry import nearest


class UserError(ValueError):
    """A mistake in a flag, a recipe or the data; commands print its message and exit with code 2."""


__all__ = ["UserError", "nearest"]
