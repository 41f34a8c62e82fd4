"""A table from names to functions that imports a function's module only when its name is looked up."""

import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from registry import plugins
from registry.errors import BrokenPlugin, DuplicateName, RegistryError, UnknownName, nearest

Function = TypeVar("Function", bound=Callable[..., Any])


class Registry:
    """Names of one `kind` ("model", "dataset") from three sources: built-in rows, `register`, entry points.

    Args:
        kind: what a name stands for; used in messages and in the decorator's name, `register_KIND`.
        builtins: name -> ("module:attribute", one-line summary); only `get` imports the module.
        group: the entry-point group through which installed distributions add names, or None.
    """

    def __init__(self, kind: str, builtins: Mapping[str, tuple[str, str]], group: str | None = None) -> None:
        self.kind = kind
        self._builtins = dict(builtins)
        self._registered: dict[str, tuple[Callable[..., Any], str]] = {}
        self._group = group

    def names(self) -> list[str]:
        """Returns every name, sorted. Imports no built-in module and no plugin."""
        return sorted({*self._builtins, *self._registered, *self._plugins()})

    def __contains__(self, name: str) -> bool:
        return name in self._builtins or name in self._registered or name in self._plugins()

    def summaries(self) -> dict[str, str]:
        """Returns name -> one-line summary, sorted by name; that of an entry point names its distribution."""
        # in ascending order of precedence, the reverse of the order in `get`
        lines = {name: f"from distribution {found[0].distribution}" for name, found in self._plugins().items()}
        lines |= {name: summary for name, (_, summary) in self._builtins.items()}
        lines |= {name: summary for name, (_, summary) in self._registered.items()}
        return dict(sorted(lines.items()))

    def register(self, name: str, summary: str | None = None) -> Callable[[Function], Function]:
        """Returns a decorator that adds a function as `name`; `summary` defaults to its docstring's first line.

        Running a top-level definition again (a notebook cell, a reloaded module) replaces it.

        Raises:
            RegistryError: the name is not made of letters, digits, '_', '-' and '.'.
            DuplicateName: the name is taken; the message names both owners.
        """
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
            raise RegistryError(
                f"a {self.kind} is registered under a name of letters, digits, '_', '-' and '.', got {name!r}; "
                f'write @register_{self.kind}("my_{self.kind}") above the function'
            )

        def add(function: Function) -> Function:
            owner = _owner(function)
            # local functions of two calls share a qualified name, though they may differ
            rerun = name in self._registered and "<locals>" not in owner
            taken = [other for other in self._owners(name, function) if not (other == owner and rerun)]
            # a built-in row's own module may register the function that the row points to
            if taken and self._target(name) != owner:
                raise DuplicateName(
                    f"{self.kind} {name!r} of {owner} is already registered by {taken[0]}; choose another name"
                )
            first_line = (function.__doc__ or f"from {owner}").strip().partition("\n")[0]
            self._registered[name] = (function, summary or first_line)
            return function

        return add

    def get(self, name: str) -> Callable[..., Any]:
        """Returns the function called `name`, and imports its module.

        Raises:
            UnknownName: no owner provides it; the message gives the nearest valid name.
            DuplicateName: several owners provide it.
            BrokenPlugin: its distribution fails to import; the message names the distribution.
        """
        owners = self._owners(name)
        if not owners:
            expected = nearest(name, self.names()) or f"; expected one of {', '.join(self.names())}"
            raise UnknownName(f"unknown {self.kind} {name!r}{expected}")
        if len(owners) > 1:
            raise DuplicateName(f"{self.kind} {name!r} is offered by {' and by '.join(owners)}; remove one of them")
        if name in self._registered:
            return self._registered[name][0]
        if name in self._builtins:
            module, attribute = self._builtins[name][0].split(":")
            return getattr(importlib.import_module(module), attribute)
        return self._load(self._plugins()[name][0])

    def _load(self, plugin):
        try:
            return plugin.load()
        except (Exception, SystemExit) as error:  # importing a plugin runs its code, which can raise anything
            raise BrokenPlugin(
                f"{self.kind} {plugin.name!r} of distribution {plugin.distribution} cannot be loaded from "
                f"{plugin.value!r} ({type(error).__name__}: {error}); repair or uninstall {plugin.distribution}"
            ) from error

    def _plugins(self):
        return plugins.find(self._group) if self._group else {}

    def _target(self, name):
        return self._builtins[name][0].replace(":", ".") if name in self._builtins else None

    def _owners(self, name, newcomer=None):
        """Returns the owners of `name`, one unless it is ambiguous; a built-in's own decorator does not count twice."""
        function = self._registered.get(name, [None])[0]
        owners = {self._target(name), function and _owner(function)} - {None}
        # A plugin's module may decorate the very function that its entry point names.
        modules = {f.__module__ for f in (function, newcomer) if f}
        others = [plugin for plugin in self._plugins().get(name, []) if plugin.module not in modules]
        return sorted(owners) + [f"distribution {plugin.distribution}" for plugin in others]


def _owner(function):
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
