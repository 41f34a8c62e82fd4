"""Values of options by type annotation: from plain values and text to the annotated type.

    int, float, bool, str                 64, 1e-3, true, text
    Literal["none", "static"]             one of the words
    Annotated[int, Interval(1)]           the same; `tfgen.domains` checks the domain
    X | None                              the same, and none
    tuple[int, ...], tuple[int, int]      500,500 or [500, 500]
    a class such as priors.Prior          a name from the class's module, or from a plugin's, called where arguments
                                          are given: normal, uniform(-1, 1), bernoulli(binarize='dynamic')

Arguments are literals, or calls of such names, parsed and never evaluated. `tfgen.recipes.spelling` is the way back.
"""

import ast
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tfgen import domains, faults, plugins
from tfgen.errors import UserError, nearest, shown

Modules = Sequence[types.ModuleType]

_NONE = {"none", "null"}
# what Python's parser raises for texts that are no literals, some of them nested too deep for it
_UNREADABLE = (SyntaxError, MemoryError, RecursionError, *faults.NUMBER)
_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "none", dict: "a dict"}


class Mismatch(Exception):
    """A value is not of the annotated type; the text is a hint, such as the nearest valid name, or empty."""


def describe(annotation: Any, names: int = 12, modules: Modules = ()) -> str:
    """Returns the values that an annotation allows, in words.

    Args:
        annotation: a type.
        names: maximum number of objects that are listed as examples.
        modules: further modules whose objects can be named, besides those of plugins.
    """
    annotation, domain = domains.unwrap(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation] + (domain.words if domain else "")
    if origin is typing.Literal:
        return " or ".join(repr(argument) for argument in arguments)
    if _is_union(origin):
        return " or ".join(describe(argument, names, modules) for argument in arguments)
    if origin in (tuple, list) and arguments:
        count = "" if origin is list or arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"{count}{_plural(describe(arguments[0], names, modules))} separated by commas"
    if _is_object(annotation):
        found = list(choices_of(annotation, modules))
        shown = ", ".join(found[:names]) + (", ..." if len(found) > names else "")
        article = "an" if annotation.__name__[0] in "AEIOU" else "a"
        return f"{article} {annotation.__name__}" + (f" ({shown})" if shown else "")
    return "a value"


def convert(value: Any, annotation: Any, modules: Modules = ()) -> Any:
    """Returns `value`, plain or text, as the annotated type; objects are named as in `describe`.

    Raises:
        Mismatch: the value is not of this type.
        UserError: an object's arguments do not fit, or its text cannot be read.
    """
    annotation, _ = domains.unwrap(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return _literal(value, arguments)
    if _is_union(origin):
        return _union(value, arguments, modules)
    if origin in (tuple, list) or annotation in (tuple, list):
        return _sequence(value, origin or annotation, arguments, modules)
    if annotation in _SCALARS:
        return _SCALARS[annotation](value)
    if annotation is dict or origin is dict:
        value = _plain(value)
        return value if isinstance(value, dict) else _refuse()
    if _is_object(annotation):
        return _object(value, annotation, modules)
    return _plain(value)


def _refuse(more: str = "") -> NoReturn:
    raise Mismatch(more)


def _integer(value: Any) -> int:
    value = _number(value)
    try:
        return int(value) if int(value) == value else _refuse()
    except faults.NUMBER:  # infinity
        _refuse()


def _float(value: Any) -> float:
    value = _number(value)
    try:
        return float(value)
    except OverflowError:  # an integer of 400 digits
        _refuse(domains.FINITE.remark(value))


def _number(value: Any) -> int | float:
    if isinstance(value, str):
        try:
            value = domains.number(value)
        except ValueError:
            _refuse()
    return value if domains.is_number(value) and value == value else _refuse()


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return value if isinstance(value, bool) else _refuse()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _refuse()


def _nothing(value: Any) -> None:
    return None if value is None or (isinstance(value, str) and value.lower() in _NONE) else _refuse()


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    int: _integer,
    float: _float,
    bool: _boolean,
    str: _text,
    type(None): _nothing,
}


def _literal(value: Any, choices: Sequence) -> Any:
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    for choice in choices:
        if str(value).lower() == str(choice).lower():
            return choice
    return _refuse(nearest(value, [str(choice) for choice in choices]))


def _union(value: Any, arms: Sequence, modules: Modules) -> Any:
    # "none" is a word of its own in some Literal, so None comes last; text, which takes everything, after it
    order = sorted(arms, key=lambda arm: 2 * (arm is str) + (arm is type(None)))
    if value is None and type(None) in arms:
        return None
    more = ""
    for arm in order:
        try:
            return convert(value, arm, modules)
        except Mismatch as mismatch:
            more = more or str(mismatch)
    return _refuse(more)


def _sequence(value: Any, kind: type, arguments: Sequence, modules: Modules) -> Any:
    items = _split(value) if isinstance(value, str) else value
    if domains.is_number(items):
        items = [items]  # `--set=units=500`, already made a number
    if not isinstance(items, (list, tuple)):
        _refuse()
    if not arguments:
        return kind(_plain(item) for item in items)
    variadic = kind is list or arguments[-1] is Ellipsis
    if not variadic and len(items) != len(arguments):
        _refuse()
    types_of_items = [arguments[0]] * len(items) if variadic else arguments
    return kind(convert(item, annotation, modules) for item, annotation in zip(items, types_of_items))


def _split(text: str) -> list[str]:
    """Returns the items of "500, uniform(-1, 1)", cut at commas outside of brackets and quotes, less outer brackets."""
    text = text.strip()
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1]
    items, start, place, depth = [], 0, 0, 0
    # by hand, in one pass: a regular expression for it takes hours on some texts
    while place < len(text):
        letter = text[place]
        if letter in "'\"":
            place = max(place, text.find(letter, place + 1))  # to its end, if it has one
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth = max(0, depth - 1)
        elif letter == "," and not depth:
            items.append(text[start:place])
            start = place + 1
        place += 1
    return [item.strip() for item in [*items, text[start:]] if item.strip()]


def _object(value: Any, cls: type, modules: Modules) -> Any:
    if isinstance(value, cls):
        return value
    # "1e400" or "9999..." is a number that went wrong, where one is taken too, and never a name
    if not isinstance(value, str) or not value.strip()[:1].isidentifier():
        _refuse()
    name, positional, named = _parse_call(value)
    choices = choices_of(cls, modules)
    if name not in choices:
        _refuse(nearest(name, choices))
    found = choices[name]
    if isinstance(found, cls):
        if positional is not None:
            raise UserError(f"{name!r} takes no arguments, got {shown(value)}; write {name}")
        return found
    positional = [_nested(item, cls, modules) for item in positional or ()]
    named = {key: _nested(item, cls, modules) for key, item in named.items()}
    try:
        # first: its error has the same words in every version of Python, that of the call has not
        inspect.signature(found).bind(*positional, **named)
        made = found(*positional, **named)
    except Exception as error:  # a plugin's own function may refuse its arguments in any way
        signature = _plain_signature(found)
        raise UserError(f"{shown(value)} is refused ({error}); write it as {name}{signature}") from None
    return made if isinstance(made, cls) else _refuse()


def _plain_signature(function):
    """A function's parameters with their defaults, without annotations: what a person types."""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=signature.empty)


class _Call(str):
    """The text of a call among the arguments of another one: total(r1(1.0), lecam())."""


def _nested(value: Any, cls: type, modules: Modules) -> Any:
    return _object(str(value), cls, modules) if isinstance(value, _Call) else value


def _argument(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return _Call(ast.unparse(node))
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _parse_call(text: str) -> tuple[str, list | None, dict[str, Any]]:
    """Returns (name, positional values or None, named values) of "name" or "name(literal, key=literal)".

    A word among the arguments is a text, as quotes are lost in a shell; a call is a `_Call`.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, None, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            named = {keyword.arg: _argument(keyword.value) for keyword in tree.keywords if keyword.arg}
            if len(named) == len(tree.keywords):
                return tree.func.id, [_argument(node) for node in tree.args], named
    except _UNREADABLE:
        pass
    if isinstance(_plain(text), (int, float, list, tuple, dict)) or not text.strip():
        return _refuse()
    raise UserError(
        f"{shown(text)} cannot be read; write a name, or a name with literal arguments such as uniform(-1, 1) or "
        "bernoulli(binarize='dynamic')"
    )


def choices_of(cls: type, modules: Modules = ()) -> dict[str, Any]:
    """Returns name -> instance or factory of everything public in the class's module, in `modules` and in plugins."""
    own = domains.home_of(cls)
    found: dict[str, Any] = {}
    # the class's own module first: a plugin cannot change what its names mean
    for module in (own, *modules, *plugins.imported().values()):
        for name, value in vars(module).items():
            if not name.startswith("_") and name not in found and _makes(value, cls, module, own):
                found[name] = value
    return dict(sorted(found.items()))


def _makes(value: Any, cls: type, module: types.ModuleType, own: types.ModuleType) -> bool:
    """Returns whether `value` of `module` is a `cls`, or a function of this module that returns one."""
    if isinstance(value, cls):
        return True
    if not inspect.isfunction(value) or not f"{value.__module__}.".startswith(f"{module.__name__}."):
        return False
    returns = _returned(value)
    if returns is not inspect.Parameter.empty:
        return returns == cls.__name__ or (inspect.isclass(returns) and issubclass(returns, cls))
    # without an annotation: elsewhere such a function may be anything, and naming it would call it
    parameters = inspect.signature(value).parameters.values()
    return module is own and all(p.default is not p.empty or p.kind is p.VAR_POSITIONAL for p in parameters)


def _returned(function: types.FunctionType) -> Any:
    """Returns the return annotation as a type, or the last part of its text where that cannot be resolved.

    A function that returns `X | None`, as the sum of nothing is none, makes an X.
    """
    returns = inspect.signature(function).return_annotation
    if _is_union(typing.get_origin(returns)):
        some = [one for one in typing.get_args(returns) if one is not types.NoneType]
        return some[0] if len(some) == 1 else returns
    if not isinstance(returns, str):
        return returns
    returns = returns.removesuffix(" | None")
    return vars(sys.modules[function.__module__]).get(returns, returns.split(".")[-1])


def _is_object(annotation: Any) -> bool:
    return inspect.isclass(annotation) and annotation.__module__ not in ("builtins", "typing", "inspect")


def _is_union(origin: Any) -> bool:
    return origin in (typing.Union, types.UnionType)


def _plain(value: Any) -> Any:
    """Returns the value of text that is a literal; anything else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except _UNREADABLE:
        return {"true": True, "false": False, "none": None, "null": None}.get(value.lower(), value)


def _plural(words: str) -> str:
    return {"an integer": "integers", "a number": "numbers", "text": "texts"}.get(words, f"items, each {words},")
