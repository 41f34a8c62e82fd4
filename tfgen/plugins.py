"""Plugins: modules outside of tfgen that register models, data sets and extractors, given by `--plugin`."""

import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterable

from tfgen.errors import UserError, nearest
from tfgen.storage.paths import expanded

_IMPORTED: dict[str, types.ModuleType] = {}


def import_plugins(names: Iterable[str]) -> None:
    """Imports each module, which registers its models.

    Args:
        names: of modules, installed or in the working directory; or paths of Python files and of package folders.

    Raises:
        UserError: there is no such module, or it cannot be imported.
    """
    names = list(names)
    # the path of a console script, unlike that of `python -m`, lacks the working directory
    if names and not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    for name in names:
        try:
            _IMPORTED[name] = _import_file(name) if _is_path(name) else importlib.import_module(name)
        except UserError:
            raise
        except ModuleNotFoundError as error:
            if error.name != name:
                raise UserError(f"plugin {name!r} cannot be imported: {error}") from error
            files = [entry[:-3] for entry in os.listdir() if entry.endswith(".py")]
            raise UserError(
                f"there is no module {name!r} to import, neither installed nor in {os.getcwd()}{nearest(name, files)}"
            ) from error
        except (Exception, SystemExit) as error:  # importing a plugin runs its code, which can raise anything
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
            raise UserError(f"plugin {name!r} cannot be imported: {reason:.300}") from error


def _is_path(name: str) -> bool:
    return name.endswith(".py") or os.sep in name or name.startswith("~")


def _import_file(name: str) -> types.ModuleType:
    """Imports a file, or a package by its folder, under the name that `import` would give it from beside it."""
    path = expanded("--plugin", name)
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        lacks = "the folder holds no __init__.py" if path.is_dir() else "there is no such file"
        raise UserError(f"--plugin expects a module or a Python file, got {name!r}: {lacks}")
    module, place = path.resolve().stem, str(path.resolve().parent)
    loaded = sys.modules.get(module)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
        if origin is not None and os.path.realpath(origin) == os.path.realpath(file):
            return loaded
        raise UserError(f"--plugin={name}: a module {module!r} is imported already, from {origin}; rename the file")
    if place not in sys.path:
        sys.path.append(place)  # for modules beside it, and for objects that name this one as theirs
    spec = importlib.util.spec_from_file_location(module, file)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin expects a module or a Python file, got {name!r}")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[module]
        raise
    return made


def imported() -> dict[str, types.ModuleType]:
    """Returns name -> module of the imported plugins, whose objects can be named in options."""
    return dict(_IMPORTED)
