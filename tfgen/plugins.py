"""Plugins: modules outside of tfgen that register models, data sets and extractors, given by `--plugin`."""

import importlib
import os
import sys
import types
from collections.abc import Iterable

from tfgen.errors import UserError, nearest

_IMPORTED: dict[str, types.ModuleType] = {}


def import_plugins(names: Iterable[str]) -> None:
    """Imports each named module, installed or in the working directory, which registers its models.

    Raises:
        UserError: there is no such module, or it cannot be imported.
    """
    names = list(names)
    # the path of a console script, unlike that of `python -m`, lacks the working directory
    if names and not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    for name in names:
        if name.endswith(".py") or os.sep in name:
            module = os.path.splitext(os.path.basename(name))[0]
            raise UserError(f"--plugin expects a module's name, got the file {name!r}; write --plugin={module}")
        try:
            _IMPORTED[name] = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise UserError(f"plugin {name!r} cannot be imported: {error}") from error
            files = [entry[:-3] for entry in os.listdir() if entry.endswith(".py")]
            raise UserError(
                f"there is no module {name!r} to import, neither installed nor in {os.getcwd()}{nearest(name, files)}"
            ) from error
        except Exception as error:
            raise UserError(f"plugin {name!r} cannot be imported: {type(error).__name__}: {error}") from error


def imported() -> dict[str, types.ModuleType]:
    """Returns name -> module of the imported plugins, whose objects can be named in options."""
    return dict(_IMPORTED)
