"""A builder's options: read from its signature, checked and converted from the plain values of recipes and flags.

A builder is a function `build(fields, *, name: type = default, ...)`; its keyword arguments are its options. One that
is annotated with an option group, a frozen dataclass derived from `Options`, stands for all fields of the group:

    def vae(fields, *, conv: ConvNetwork = ConvNetwork(width=32), steps: Optimizer = Optimizer(), beta: float = 1.0)

has the options width, kernel_size, ..., optimizer, learning_rate, ..., beta. `tfgen.recipes.conversion` says how a
value or a text becomes what an annotation asks for.

Groups note which of their options a builder reads. An option that nothing reads while the model is built has no effect
on it, so a builder reads an option only where it uses it.
"""

import dataclasses
import inspect
import itertools
import re
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, NamedTuple, Self, get_type_hints

from tfgen import domains
from tfgen.errors import UserError, nearest, shown
from tfgen.recipes.conversion import Mismatch, convert, describe
from tfgen.recipes.spelling import spell


class Usage:
    """A record of the options that were read while a model was built, and of reasons why others were not.

    Attributes:
        read: names of options.
        reasons: name -> the end of a sentence "width has no effect ...", such as "with network=dense".
    """

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.reasons: dict[str, str] = {}


class Options:
    """Base of option groups: frozen dataclasses, each field an option with its type and default.

    While a model is built, the group that the builder is given notes in a `Usage` which fields are read.
    """

    _usage: Usage | None = None
    _replaced: frozenset[str] = frozenset()
    _given: frozenset[str] = frozenset()
    # option -> others that a recipe may bring and that stand back where it is given, as it would have no effect else
    displaces: ClassVar[dict[str, tuple[str, ...]]] = {}
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field]]

    def __post_init__(self) -> None:
        """Checks the numbers against the domains of their types, also where Python makes the group."""
        domains.check_all(vars(self), domains.annotations_of(type(self)))

    def __getattribute__(self, name: str) -> Any:
        # `__getattr__` would not do: it is called only for attributes that do not exist
        value = object.__getattribute__(self, name)
        if not name.startswith("_") and self._usage is not None and name in self.__dataclass_fields__:
            self._usage.read |= {name} - self._replaced
        return value

    def observed(self, usage: Usage, given: Collection[str] = ()) -> Self:
        """Returns a copy that notes in `usage` which options are read, and knows which ones a recipe has `given`."""
        return self._copy(_usage=usage, _given=frozenset(given))

    def is_given(self, name: str) -> bool:
        """Returns whether the recipe or the user has given the option, be it the value of the default."""
        return name in self._given

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with other values; reading these does not count as reading the options that they replace."""
        dataclasses.replace(self._copy(_usage=None), **changes)  # checks them
        return self._copy(**changes, _replaced=self._replaced | changes.keys(), _given=self._given | changes.keys())

    def idle(self, reason: str, *names: str) -> None:
        """Notes the reason why options have no effect, for messages.

        Args:
            reason: the end of the sentence "width has no effect ...", such as "with network=dense".
            *names: of the options; by default all of the group.
        """
        if self._usage is not None:
            self._usage.reasons |= dict.fromkeys(names or [f.name for f in dataclasses.fields(self)], reason)

    def _copy(self, **changes: Any) -> Self:
        # past __init__, which reads every field in order to check it, and past the freeze
        copy = object.__new__(type(self))
        vars(copy).update(vars(self) | changes)
        return copy


def resolve(builder: Callable, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `options` with every value checked and converted for `builder`.

    Args:
        builder: a function with keyword options, as in this module's description.
        options: name -> plain value (text, number, bool, None, list, dict) or a ready object.

    Raises:
        UserError: a name that `builder` does not take, or a value of another type or domain than its
            annotation.
    """
    parameters, modules = option_parameters(builder), _modules(builder)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(builder).parameters.values())
    resolved = {}
    for name, value in options.items():
        if name not in parameters and not open_ended:
            title = getattr(builder, "__name__", "the builder")
            expected = nearest(name, parameters) or f"; it has {', '.join(sorted(parameters)) or 'none'}"
            raise UserError(f"{title} has no option {name!r}{expected}")
        annotation = annotation_of(builder, parameters[name]) if name in parameters else inspect.Parameter.empty
        try:
            resolved[name] = convert(value, annotation, modules)
        except Mismatch as mismatch:
            expected = describe(annotation, modules=modules)
            raise UserError(f"option {name!r} expects {expected}, got {shown(value)}{mismatch}") from None
        except UserError as error:
            raise UserError(f"option {name!r}: {error}") from None
        domains.check(name, resolved[name], annotation)
    return resolved


def keyword_arguments(builder: Callable, values: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Returns the keyword arguments of `builder`: resolved `values`, with the options of a group put together.

    Args:
        builder: as in `resolve`.
        values: the result of `resolve`.
        usage: in which the groups note the options that the builder reads.
    """
    groups = _groups(builder)
    grouped = {field.name for default in groups.values() for field in dataclasses.fields(default)}
    arguments = {name: value for name, value in values.items() if name not in grouped}
    for name, default in groups.items():
        own = {field.name: values[field.name] for field in dataclasses.fields(default) if field.name in values}
        arguments[name] = dataclasses.replace(default, **own).observed(usage, own)
    return arguments


class Idle(NamedTuple):
    """An option that was not read while a model was built.

    Attributes:
        name: of the option.
        value: of the option.
        is_default: whether this is the builder's default.
        reason: the end of the sentence "width has no effect ...".
    """

    name: str
    value: Any
    is_default: bool
    reason: str


def without_effect(builder: Callable, values: Mapping[str, Any], usage: Usage) -> list[Idle]:
    """Returns the options among the resolved `values` that were not read.

    Options outside of groups count as read, since Python does not record the use of arguments.
    """
    grouped = {f.name: getattr(group, f.name) for group in _groups(builder).values() for f in dataclasses.fields(group)}
    return [
        Idle(name, value, value == grouped[name], usage.reasons.get(name, "here"))
        for name, value in values.items()
        if name in grouped and name not in usage.read
    ]


def refuse(idle: list[Idle], given: Collection[str]) -> None:
    """Raises UserError for an idle option that a user has `given`, unless its value is the default."""
    for option in idle:
        if option.name in given and not option.is_default:
            raise UserError(f"option {option.name!r} has no effect {option.reason}; leave it out")


def left_out(idle: list[Idle]) -> list[str]:
    """Returns sentences on options of a recipe that are left out, one per reason.

    For example ["width=32, depth=3 of the recipe have no effect with network=dense: left out"].
    """
    reasons: dict[str, list[str]] = {}
    for option in idle:
        reasons.setdefault(option.reason, []).append(f"{option.name}={spell(option.value)}")
    return [
        f"{', '.join(pairs)} of the recipe {'has' if len(pairs) == 1 else 'have'} no effect {reason}: left out"
        for reason, pairs in reasons.items()
    ]


class Described(NamedTuple):
    """An option as a list shows it.

    Attributes:
        name: of the option.
        value: as it would be typed.
        expected: its type and domain, in words.
        meaning: a line that explains it; empty where the builder's docstring has none.
    """

    name: str
    value: str
    expected: str
    meaning: str


def table(builder: Callable, values: Mapping[str, Any] | None = None) -> list[Described]:
    """Returns a row for every option of `builder`, with its value in `values` or its default."""
    modules, meanings = _modules(builder), explanations(builder)
    resolved = resolve(builder, values or {})
    rows = []
    for name, parameter in option_parameters(builder).items():
        value = resolved.get(name, parameter.default)
        shown = "required" if value is parameter.empty else spell(value)
        expected = describe(annotation_of(builder, parameter), 3, modules)
        rows.append(Described(name, shown, expected, meanings.get(name, "")))
    return rows


def explanations(builder: Callable) -> dict[str, str]:
    """Returns name -> line of the options that docstrings explain: `Args:` of the builder, `Attributes:` of groups."""
    found: dict[str, str] = {}
    for group in _groups(builder).values():
        for cls in reversed(type(group).__mro__):
            found |= _section(vars(cls).get("__doc__"), "Attributes:")
    return found | _section(builder.__doc__, "Args:")


def _section(docstring: str | None, title: str) -> dict[str, str]:
    """Returns name -> text of the entries of a section of a docstring, each as one line."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    start = lines.index(title) + 1 if title in lines else len(lines)
    body = itertools.takewhile(lambda line: not line or line.startswith(" "), lines[start:])
    entries = re.findall(r"^ {4}(\w+):(.*(?:\n {5,}.*)*)", "\n".join(body), re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def displaced(builder: Callable, given: Collection[str]) -> dict[str, str]:
    """Returns name -> reason of the options that stand back where others, whose place they would take, are `given`."""
    return {
        name: f"beside {other}"
        for group in _groups(builder).values()
        for other, names in group.displaces.items()
        if other in given
        for name in names
        if name not in given
    }


def option_parameters(builder: Callable) -> dict[str, inspect.Parameter]:
    """Returns name -> `inspect.Parameter` of the options: keyword arguments, groups as their fields.

    Not options are: the first argument, which is the fields; `**` catch-alls; and classes, such as that of the model.

    Raises:
        UserError: two groups have an option of one name and different defaults.
    """
    groups = _groups(builder)
    options: dict[str, inspect.Parameter] = {}
    for name, parameter in _keywords(builder).items():
        if inspect.isclass(parameter.default) and parameter.default is not parameter.empty:
            continue
        for option in _fields(groups[name]) if name in groups else [parameter]:
            other = options.setdefault(option.name, option)
            if other.default != option.default:
                raise UserError(
                    f"{getattr(builder, '__name__', 'the builder')} has two options {option.name!r}, with the defaults "
                    f"{spell(other.default)} and {spell(option.default)}; give one of them another name or default"
                )
    return options


def annotation_of(builder: Callable, parameter: inspect.Parameter) -> Any:
    """Returns the parameter's annotation as a type; without one, that of its default where it is a plain value."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        namespace = getattr(inspect.unwrap(builder), "__globals__", {})
        holder = types.SimpleNamespace(__annotations__={"it": annotation})
        try:
            annotation = get_type_hints(holder, globalns=namespace, include_extras=True)["it"]
        except (NameError, AttributeError, SyntaxError):  # imported for type checkers alone
            annotation = inspect.Parameter.empty
    if annotation is inspect.Parameter.empty and type(parameter.default) in (bool, int, float, str):
        return type(parameter.default)
    return annotation


def _keywords(builder: Callable) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(builder).parameters.values())
    if parameters and parameters[0].kind in (parameters[0].POSITIONAL_ONLY, parameters[0].POSITIONAL_OR_KEYWORD):
        parameters = parameters[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter for parameter in parameters if parameter.kind in named}


def _groups(builder: Callable) -> dict[str, Options]:
    """Returns argument -> default group, of the arguments that stand for a group of options."""
    groups: dict[str, Options] = {}
    for name, parameter in _keywords(builder).items():
        annotation = annotation_of(builder, parameter)
        if inspect.isclass(annotation) and issubclass(annotation, Options):
            groups[name] = annotation() if parameter.default is parameter.empty else parameter.default
    return groups


def _fields(group: Options) -> list[inspect.Parameter]:
    """Returns a group's fields as keyword arguments."""
    hints = get_type_hints(type(group), include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, field.name), annotation=hints[field.name]
        )
        for field in dataclasses.fields(group)
    ]


def _modules(builder: Callable) -> tuple[types.ModuleType, ...]:
    """Returns the module that defines the builder, whose objects can be named."""
    module = inspect.getmodule(inspect.unwrap(builder))
    return () if module is None else (module,)
