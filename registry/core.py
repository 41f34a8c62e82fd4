"""A table from names to functions that imports nothing until a name is asked for."""

import importlib
import re

from registry import plugins
from registry.errors import BrokenPlugin, DuplicateName, RegistryError, UnknownName, nearest


class Registry:
    """Names of one `kind` ("model", "dataset"), from three places: built-in rows, `register`, entry points.

    Args:
        kind: what a name stands for; used in messages.
        builtins: name -> ("module:attribute", one-line summary); the module is imported by `get` alone.
        group: the entry-point group through which installed distributions add names, or None.
    """

    def __init__(self, kind, builtins, group=None):
        self.kind = kind
        self._builtins = dict(builtins)
        self._registered = {}
        self._group = group

    def names(self):
        """Every name, sorted. Imports no built-in module and no plugin."""
        return sorted({*self._builtins, *self._registered, *self._plugins()})

    def __contains__(self, name):
        return name in self._builtins or name in self._registered or name in self._plugins()

    def summaries(self):
        """name -> one line about it, sorted by name; entry points say which distribution they are from."""
        lines = {name: f"from distribution {found[0].distribution}" for name, found in self._plugins().items()}
        lines |= {name: summary for name, (_, summary) in self._builtins.items()}
        lines |= {name: summary for name, (_, summary) in self._registered.items()}
        return dict(sorted(lines.items()))

    def register(self, name, summary=None):
        """Decorator: adds the function under `name`; `summary` defaults to its docstring's first line.

        Running a top-level definition again (a notebook cell, a reloaded module) replaces it.

        Raises:
            DuplicateName: the name is taken; the message names both owners.
        """
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
            raise RegistryError(
                f"a {self.kind} is registered under a name of letters, digits, '_', '-' and '.', got {name!r}; "
                f'write @register_{self.kind}("my_{self.kind}") above the function'
            )

        def add(function):
            owner = _owner(function)
            rerun = name in self._registered and "<locals>" not in owner
            taken = [other for other in self._owners(name, function) if not (other == owner and rerun)]
            if taken and self._target(name) != owner:
                raise DuplicateName(
                    f"{self.kind} {name!r} of {owner} is already registered by {taken[0]}; choose another name"
                )
            first_line = (function.__doc__ or f"from {owner}").strip().partition("\n")[0]
            self._registered[name] = (function, summary or first_line)
            return function

        return add

    def get(self, name):
        """Returns the function called `name`, importing what it needs.

        Raises:
            UnknownName: with the nearest valid name. DuplicateName: two owners offer it.
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
        except Exception as error:
            raise BrokenPlugin(
                f"{self.kind} {plugin.name!r} of distribution {plugin.distribution} cannot be loaded from "
                f"{plugin.value!r} ({type(error).__name__}: {error}); repair or uninstall {plugin.distribution}"
            ) from error

    def _plugins(self):
        return plugins.find(self._group) if self._group else {}

    def _target(self, name):
        return self._builtins[name][0].replace(":", ".") if name in self._builtins else None

    def _owners(self, name, newcomer=None):
        """Who offers `name`: at most one for a sound name; a built-in's own decorator is not a second owner."""
        function = self._registered.get(name, [None])[0]
        owners = {self._target(name), function and _owner(function)} - {None}
        # A plugin's module may decorate the very function that its entry point names.
        modules = {f.__module__ for f in (function, newcomer) if f}
        others = [plugin for plugin in self._plugins().get(name, []) if plugin.module not in modules]
        return sorted(owners) + [f"distribution {plugin.distribution}" for plugin in others]


def _owner(function):
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
