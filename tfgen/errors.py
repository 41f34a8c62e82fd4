"""Errors that are the user's to mend, said in one sentence."""

from registry import nearest


class UserError(ValueError):
    """A mistake in a flag, a recipe or the data: commands print the sentence and exit with code 2."""


__all__ = ["UserError", "nearest"]
