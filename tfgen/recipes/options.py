"""A builder's options: read from its signature, checked and converted from the plain values of recipes and flags.

A builder is a function `build(fields, *, name: type = default, ...)`; its keyword arguments are its options. Their
annotations say how text becomes a value:

    int, float, bool, str                 64, 1e-3, true, text
    Literal["none", "static"]             one of the words
    X | None                              the same, and none
    tuple[int, ...], tuple[int, int]      500,500 or [500, 500]
    a class such as priors.Prior          a name from the class's module, called where arguments are given:
                                          normal, uniform(-1, 1), bernoulli(binarize='dynamic')

Arguments are literals, parsed and never evaluated.
"""

import ast
import inspect
import math
import numbers
import re
import sys
import types
import typing

from tfgen.errors import UserError, nearest

_NONE = {"none", "null"}
_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "none", dict: "a dict"}


class _Mismatch(Exception):
    """A value is not of the type asked for; the text says what else is wrong, if anything."""


def resolve(builder, options):
    """Returns `options` with every value checked and converted for `builder`.

    Args:
        builder: a function with keyword options, as in this module's description.
        options: name -> plain value (text, number, bool, None, list, dict) or a ready object.

    Raises:
        UserError: a name that `builder` does not take, or a value of another type than its annotation.
    """
    parameters = option_parameters(builder)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(builder).parameters.values())
    resolved = {}
    for name, value in options.items():
        if name not in parameters and not open_ended:
            title = getattr(builder, "__name__", "the builder")
            expected = nearest(name, parameters) or f"; it has {', '.join(sorted(parameters)) or 'none'}"
            raise UserError(f"{title} has no option {name!r}{expected}")
        annotation = annotation_of(builder, parameters[name]) if name in parameters else inspect.Parameter.empty
        try:
            resolved[name] = _convert(value, annotation)
        except _Mismatch as mismatch:
            more = str(mismatch)
            raise UserError(f"option {name!r} expects {describe(annotation)}, got {value!r}{more}") from None
        except UserError as error:
            raise UserError(f"option {name!r}: {error}") from None
    return resolved


def table(builder):
    """Rows (name, type in words, default as it would be typed) of every option of `builder`."""
    rows = []
    for name, parameter in option_parameters(builder).items():
        annotation = annotation_of(builder, parameter)
        default = "required" if parameter.default is parameter.empty else _spell(parameter.default)
        rows.append((name, describe(annotation, names=3), default))
    return rows


def option_parameters(builder):
    """name -> `inspect.Parameter` of the options: all but the first argument, the fields, and `**` catch-alls."""
    parameters = list(inspect.signature(builder).parameters.values())
    if parameters and parameters[0].kind in (parameters[0].POSITIONAL_ONLY, parameters[0].POSITIONAL_OR_KEYWORD):
        parameters = parameters[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter for parameter in parameters if parameter.kind in named}


def annotation_of(builder, parameter):
    """The parameter's annotation as a type; without one, that of its default where it is a plain value."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        namespace = getattr(inspect.unwrap(builder), "__globals__", {})
        holder = types.SimpleNamespace(__annotations__={"it": annotation})
        try:
            annotation = typing.get_type_hints(holder, globalns=namespace)["it"]
        except (NameError, AttributeError, SyntaxError):  # imported for type checkers alone
            annotation = inspect.Parameter.empty
    if annotation is inspect.Parameter.empty and type(parameter.default) in (bool, int, float, str):
        return type(parameter.default)
    return annotation


def describe(annotation, names=12):
    """What an annotation asks for, in words; of objects at most `names` examples are listed."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is typing.Literal:
        return " or ".join(repr(argument) for argument in arguments)
    if _is_union(origin):
        return " or ".join(describe(argument, names) for argument in arguments)
    if origin in (tuple, list) and arguments:
        count = "" if origin is list or arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"{count}{_plural(describe(arguments[0], names))} separated by commas"
    if _is_object(annotation):
        found = list(_choices(annotation))
        shown = ", ".join(found[:names]) + (", ..." if len(found) > names else "")
        article = "an" if annotation.__name__[0] in "AEIOU" else "a"
        return f"{article} {annotation.__name__}" + (f" ({shown})" if shown else "")
    return "a value"


def _convert(value, annotation):
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return _literal(value, arguments)
    if _is_union(origin):
        return _union(value, arguments)
    if origin in (tuple, list) or annotation in (tuple, list):
        return _sequence(value, origin or annotation, arguments)
    if annotation in _SCALARS:
        return _SCALARS[annotation](value)
    if annotation is dict or origin is dict:
        value = _plain(value)
        return value if isinstance(value, dict) else _refuse()
    if _is_object(annotation):
        return _object(value, annotation)
    return _plain(value)


def _refuse(more=""):
    raise _Mismatch(more)


def _integer(value):
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        _refuse()
    return int(value) if int(value) == value else _refuse()


def _number(value):
    if isinstance(value, str):
        try:
            # int first: a large integer does not fit a float.
            value = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
        except ValueError:
            _refuse()
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value:
        _refuse()
    return value


def _boolean(value):
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return value if isinstance(value, bool) else _refuse()


def _text(value):
    return value if isinstance(value, str) else _refuse()


def _nothing(value):
    return None if value is None or (isinstance(value, str) and value.lower() in _NONE) else _refuse()


_SCALARS = {
    int: _integer,
    float: lambda value: float(_number(value)),
    bool: _boolean,
    str: _text,
    type(None): _nothing,
}


def _literal(value, choices):
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    for choice in choices:
        if str(value).lower() == str(choice).lower():
            return choice
    return _refuse(nearest(value, [str(choice) for choice in choices]))


def _union(value, arms):
    # "none" is a word of its own in some Literal, so None comes last; text, which takes all, later still.
    order = sorted(arms, key=lambda arm: 2 * (arm is str) + (arm is type(None)))
    if value is None and type(None) in arms:
        return None
    more = ""
    for arm in order:
        try:
            return _convert(value, arm)
        except _Mismatch as mismatch:
            more = more or str(mismatch)
    return _refuse(more)


def _sequence(value, kind, arguments):
    items = _split(value) if isinstance(value, str) else value
    if isinstance(items, numbers.Real) and not isinstance(items, bool):
        items = [items]  # `--set=units=500`, already made a number
    if not isinstance(items, (list, tuple)):
        _refuse()
    if not arguments:
        return kind(_plain(item) for item in items)
    variadic = kind is list or arguments[-1] is Ellipsis
    if not variadic and len(items) != len(arguments):
        _refuse()
    types_of_items = [arguments[0]] * len(items) if variadic else arguments
    return kind(_convert(item, annotation) for item, annotation in zip(items, types_of_items))


def _split(text):
    """Cuts "500, uniform(-1, 1)" at the commas outside brackets and quotes; outer brackets are optional."""
    text = text.strip()
    if text[:1] + text[-1:] in ("()", "[]"):
        text = text[1:-1]
    quoted = r"'[^']*'|\"[^\"]*\""
    bracketed = rf"\((?:{quoted}|[^()])*\)|\[(?:{quoted}|[^\[\]])*\]"
    items = re.findall(rf"(?:{quoted}|{bracketed}|[^,])+", text)
    return [item.strip() for item in items if item.strip()]


def _object(value, cls):
    if isinstance(value, cls):
        return value
    if not isinstance(value, str):
        _refuse()
    name, positional, named = _parse_call(value)
    choices = _choices(cls)
    if name not in choices:
        _refuse(nearest(name, choices))
    found = choices[name]
    if isinstance(found, cls):
        if positional is not None:
            raise UserError(f"{name!r} takes no arguments, got {value!r}; write {name}")
        return found
    positional = positional or []
    try:
        inspect.signature(found).bind(*positional, **named)  # its words are the same in every version of Python
        made = found(*positional, **named)
    except (TypeError, ValueError) as error:
        raise UserError(f"{value!r} is refused ({error}); write it as {name}{inspect.signature(found)}") from None
    return made if isinstance(made, cls) else _refuse()


def _parse_call(text):
    """Reads "name" or "name(literal, key=literal)"; returns the name, the positional values or None, the named."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, None, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in tree.keywords if keyword.arg}
            if len(named) == len(tree.keywords):
                return tree.func.id, [ast.literal_eval(argument) for argument in tree.args], named
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        pass
    if isinstance(_plain(text), (int, float, list, tuple, dict)) or not text.strip():
        return _refuse()
    raise UserError(
        f"{text!r} cannot be read; write a name, or a name with literal arguments such as uniform(-1, 1) or "
        "bernoulli(binarize='dynamic')"
    )


def _choices(cls):
    """name -> instance, or factory callable without arguments, of everything public in the class's module."""
    module = sys.modules[cls.__module__]
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, cls) or (inspect.isfunction(value) and _is_factory(value, cls, module)):
            found[name] = value
    return dict(sorted(found.items()))


def _is_factory(function, cls, module):
    if function.__module__ != module.__name__:
        return False
    signature = inspect.signature(function)
    returns = signature.return_annotation
    if returns is not signature.empty:
        return returns in (cls, cls.__name__) or (inspect.isclass(returns) and issubclass(returns, cls))
    required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    return not required


def _is_object(annotation):
    return inspect.isclass(annotation) and annotation.__module__ not in ("builtins", "typing", "inspect")


def _is_union(origin):
    return origin in (typing.Union, types.UnionType)


def _plain(value):
    """Text as the literal that it spells, or as it is; anything else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return {"true": True, "false": False, "none": None, "null": None}.get(value.lower(), value)


def _plural(words):
    return {"an integer": "integers", "a number": "numbers", "text": "texts"}.get(words, f"items, each {words},")


def _spell(value):
    """A default as the user would write it: hinge, uniform(low=-1.0, high=1.0), 500,500."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(_spell(item) for item in value) or "()"
    if isinstance(value, (str, int, float)):
        return str(value)
    choices = _choices(type(value))
    for name, choice in choices.items():
        if choice is value:
            return name
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(value).__name__).lower()
    is_factory = inspect.isfunction(getattr(sys.modules[type(value).__module__], snake, None))
    return re.sub(r"^\w+", snake, repr(value)) if is_factory else repr(value)
