"""Errors of registering and looking up names, each with a one-sentence message."""

import difflib
from collections.abc import Iterable


class RegistryError(ValueError):
    """A name cannot be registered or looked up."""


class UnknownName(RegistryError):
    """No function has this name."""


class DuplicateName(RegistryError):
    """Two owners claim one name."""


class BrokenPlugin(RegistryError):
    """An installed distribution offers this name but cannot deliver it."""


def closest(name: object, names: Iterable[str]) -> str | None:
    """Returns the valid name closest to `name`, or None where none is close."""
    # in lower case: difflib counts a difference of case as it counts another letter
    spellings = {valid.lower(): valid for valid in names}
    close = difflib.get_close_matches(str(name).lower(), spellings, n=1)
    return spellings[close[0]] if close else None


def nearest(name: object, names: Iterable[str]) -> str:
    """Returns `"; did you mean 'dcgan'?"` for the valid name closest to `name`, or an empty string."""
    close = closest(name, names)
    return f"; did you mean {close!r}?" if close is not None else ""
