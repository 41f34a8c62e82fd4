"""Modules of others that register models, data sets and extractors, named by `--plugin`."""

import importlib
import os
import sys

from tfgen.errors import UserError, nearest


def import_plugins(names):
    """Imports each named module, from the working directory too, so that it can register its models."""
    # A console script's path does not have the working directory.
    if names and not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    for name in names:
        if name.endswith(".py") or os.sep in name:
            module = os.path.splitext(os.path.basename(name))[0]
            raise UserError(f"--plugin expects a module's name, got the file {name!r}; write --plugin={module}")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise UserError(f"plugin {name!r} cannot be imported: {error}") from error
            files = [entry[:-3] for entry in os.listdir() if entry.endswith(".py")]
            raise UserError(
                f"there is no module {name!r} to import, neither installed nor in {os.getcwd()}{nearest(name, files)}"
            ) from error
        except Exception as error:
            raise UserError(f"plugin {name!r} cannot be imported: {type(error).__name__}: {error}") from error
