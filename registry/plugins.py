"""Names that installed distributions offer through entry points, found without importing any of them."""

import dataclasses
import functools
import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Plugin:
    """One entry point: `name = module:attribute`, offered by `distribution` ("tiny-plugin 1.0")."""

    name: str
    value: str
    distribution: str

    @property
    def module(self) -> str:
        """The module of the entry point."""
        return self.value.partition(":")[0].strip()

    def load(self) -> Callable[..., Any]:
        """Imports the module and returns the function.

        Raises:
            TypeError: the attribute is not callable. Any other exception is the plugin's own.
        """
        function = _metadata().EntryPoint(self.name, self.value, "").load()
        if not callable(function):
            raise TypeError(f"{self.value} is a {type(function).__name__}, expected a function")
        return function


def _metadata():
    # Imported on use: this import takes as long as the rest of a command's start.
    return importlib.import_module("importlib.metadata")


def find(group: str) -> dict[str, list[Plugin]]:
    """Returns the entry points of `group`, as name -> list of `Plugin` (several where distributions disagree)."""
    return _find(group, tuple(sys.path))


# Cached per search path: reading every installed distribution takes about 20 ms, and names are looked up often.
@functools.lru_cache
def _find(group, path):
    found, seen = {}, set()
    for distribution in _metadata().distributions(path=list(path)):
        # Only the few that mention the group are parsed, so that damaged files of other distributions do no harm.
        if group not in (distribution.read_text("entry_points.txt") or ""):
            continue
        title = f"{distribution.metadata['Name']} {distribution.version}"
        # Where a distribution is installed twice, Python imports the first on the path.
        if distribution.metadata["Name"] in seen:
            continue
        seen.add(distribution.metadata["Name"])
        for plugin in _read(distribution, group, title):
            found.setdefault(plugin.name, []).append(plugin)
    return found


def _read(distribution, group, title):
    try:
        points = distribution.entry_points.select(group=group)
        return [Plugin(point.name, point.value, title) for point in points]
    except Exception as error:
        warnings.warn(f"the entry points of distribution {title} cannot be read ({error}); ignored", stacklevel=2)
        return []
