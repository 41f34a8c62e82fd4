"""What goes wrong with names, each said in one sentence for the person who asked."""

import difflib


class RegistryError(ValueError):
    """A name cannot be registered or looked up."""


class UnknownName(RegistryError):
    """No function has this name."""


class DuplicateName(RegistryError):
    """Two owners claim one name."""


class BrokenPlugin(RegistryError):
    """An installed distribution offers this name but cannot deliver it."""


def nearest(name, names):
    """Returns `"; did you mean 'dcgan'?"` for the valid name closest to `name`, or an empty string."""
    spellings = {valid.lower(): valid for valid in names}
    close = difflib.get_close_matches(str(name).lower(), spellings, n=1)
    return f"; did you mean {spellings[close[0]]!r}?" if close else ""
