"""Values of options as text that `tfgen.recipes.conversion` reads back."""

import dataclasses
import inspect
import re
from typing import Any

from tfgen.recipes.conversion import choices_of


def spell(value: Any) -> str:
    """Returns a value as the user would type it: hinge, uniform(low=-1.0, high=1.0), 500,500."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(spell(item) for item in value) or "()"
    if isinstance(value, (str, int, float)):
        return str(value)
    makers = _makers(value)
    for name, maker in makers.items():
        if maker is value:
            return name
    calls = (_as_made_by(name, maker, value) for name, maker in makers.items())
    return next((call for call in calls if call is not None), repr(value))


def _makers(value: Any) -> dict[str, Any]:
    """Returns name -> instance or factory of everything public that may be, or may return, the object `value`.

    A factory of its own class comes first, one that takes any number of objects last.
    """
    found: dict[str, Any] = {}
    for cls in inspect.getmro(type(value))[:-1]:
        found = {**choices_of(cls), **found}
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(value).__name__).lower()
    return dict(sorted(found.items(), key=lambda item: (_is_variadic(item[1]), item[0] != snake, item[0])))


def _is_variadic(maker):
    return inspect.isfunction(maker) and any(
        p.kind is p.VAR_POSITIONAL for p in inspect.signature(maker).parameters.values()
    )


def _as_made_by(name: str, maker: Any, value: Any) -> str | None:
    """Returns the call `name(...)` that returns an object equal to `value`, or None where none is found.

    Arguments are looked for among the fields of the object, and of the objects that it is made of.
    """
    if not inspect.isfunction(maker) or not dataclasses.is_dataclass(value):
        return None
    known: dict[str, Any] = {}
    fields = _fields_of(value)
    for part in (value, *next((each for each in fields.values() if isinstance(each, tuple)), ())):
        known = {**_fields_of(part), **known}
    try:
        if _is_variadic(maker):
            (parts,) = fields.values()
            return f"{name}({', '.join(map(spell, parts))})" if maker(*parts) == value else None
        arguments = {p: known[p] for p in inspect.signature(maker).parameters if p in known}
        if maker(**arguments) != value:
            return None
    except Exception:  # any function may refuse what it was not made for
        return None
    return f"{name}({', '.join(f'{key}={_spelled(one)}' for key, one in arguments.items())})"


def _fields_of(value):
    kept = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    return {field.name: getattr(value, field.name) for field in kept if field.init}


def _spelled(value):
    return spell(value) if dataclasses.is_dataclass(value) else repr(value)
