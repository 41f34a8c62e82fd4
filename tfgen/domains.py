"""Domains of numbers: stated in an annotation, where an option or an argument has its type, and checked by it.

    class R1(Value): weight: NotNegative = 1.0

`Annotated[float, Interval(...)]` is a float to type checkers. A number without a domain has to be finite, and an
integer has to fit 64 bits: nothing that computes with it could hold another one.
"""

import dataclasses
import functools
import numbers
import re
import sys
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from tfgen.errors import UserError, shown

# in ASCII alone: Python reads 1_000 and the digits of every script
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)

LARGEST = 2**31 - 1  # of counts and sizes: what TensorFlow holds as int32
MANY = 2**16  # bounds from here on are left out of messages, unless a number lies beyond them
FLOAT32 = 3.4028234663852886e38  # the largest number that the computation, in float32, takes for a finite one


@dataclasses.dataclass(frozen=True)
class Interval:
    """The finite numbers from `low` to `high`; without the ends themselves where these are open."""

    low: float = -FLOAT32
    high: float = FLOAT32
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return bool(above and below)  # no number is NaN

    @property
    def words(self) -> str:
        """The bounds, to follow "a number" or "an integer": " of at least 1", " in [0, 1)"; "" without any."""
        endless = self.high >= MANY
        if self.low < -MANY:
            return "" if endless else f" of at most {self.high:g}"
        if endless:
            return f" above {self.low:g}" if self.low_open else f" of at least {self.low:g}"
        return f" in {'(' if self.low_open else '['}{self.low:g}, {self.high:g}{')' if self.high_open else ']'}"

    @property
    def rule(self) -> str:
        """The bounds, to follow "must": "be at least 1", "lie in [0, 1)"."""
        if self.low < -MANY and self.high >= MANY:
            return "be a finite number" if self.high == FLOAT32 else "be an integer of 64 bits"
        if self.high >= MANY:
            return "be positive" if self.low == 0 and self.low_open else f"be{self.words.replace(' of', '')}"
        return f"lie{self.words}"

    def remark(self, value: Any) -> str:
        """Returns the end of a message on a value outside: the bound that `words` leaves out."""
        if value > self.high >= MANY or value < self.low < -MANY:
            if self.high == FLOAT32:
                return "; it has to be finite in float32"
            return f"; the largest is {self.high}" if value > self.high else f"; the smallest is {self.low}"
        return ""


_UNIONS = (typing.Union, types.UnionType)

FINITE = Interval()
INT64 = Interval(-(2**63), 2**63 - 1)

Count = Annotated[int, Interval(1, LARGEST)]  # of things of which there is at least one
Size = Annotated[int, Interval(1, MANY)]  # of a layer or a vector
Depth = Annotated[int, Interval(1, 10)]  # how often maps are halved
Natural = Annotated[int, Interval(0, LARGEST)]  # a number of things that may be 0
Seed = Annotated[int, Interval(0, LARGEST)]
Positive = Annotated[float, Interval(0.0, low_open=True)]
NotNegative = Annotated[float, Interval(0.0)]
Proportion = Annotated[float, Interval(0.0, 1.0, high_open=True)]  # [0, 1): a dropout rate, the decay of an average
Share = Annotated[float, Interval(0.0, 1.0)]  # [0, 1]
Length = Annotated[float, Interval(0.0, LARGEST)]  # in epochs, of which there may be parts


def unwrap(annotation: Any) -> tuple[Any, Interval | None]:
    """Returns the type and the domain of an annotation, that of all numbers of its type where it states none."""
    if typing.get_origin(annotation) is Annotated:
        base, *marks = typing.get_args(annotation)
        return base, next((mark for mark in marks if isinstance(mark, Interval)), None)
    return annotation, {int: INT64, float: FINITE}.get(annotation)


def arms_of(annotation: Any) -> tuple[Any, ...]:
    """Returns the members of a union, or the annotation itself where it is none."""
    return typing.get_args(annotation) if typing.get_origin(annotation) in _UNIONS else (annotation,)


def violated(value: Any, annotation: Any) -> tuple[Any, Interval] | None:
    """Returns the number in `value` that lies outside of its domain, and the domain; None where all lie within.

    Args:
        value: anything; what is no number, or a number where the annotation asks for none, lies within.
        annotation: a type, `Annotated` or not, a union or a tuple of such.
    """
    base, domain = unwrap(annotation)
    if domain is not None:
        return (value, domain) if is_number(value) and value not in domain else None
    arms = typing.get_args(base)
    if isinstance(value, (list, tuple)):
        kind = next((arm for arm in arms if arm is not Ellipsis), Any)
        return next((found for item in value if (found := violated(item, kind))), None)
    outside = [violated(value, arm) for arm in arms if unwrap(arm)[1] is not None]
    return outside[0] if outside and all(outside) else None


def is_number(value: Any) -> bool:
    """Returns whether `value` is a real number; True and False are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Returns whether `value` is an integer of Python or NumPy; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check(name: str, value: Any, annotation: Any) -> None:
    """Checks the numbers of `value` against the domain of an annotation.

    Raises:
        UserError: one lies outside, or the annotation asks for an integer and the value is none (8.0, "8", True), or
            for a number and it is a text or None; the sentence begins with `name`.
    """
    arms = [unwrap(arm) for arm in arms_of(annotation)]
    kinds = [base for base, _ in arms]
    if value is None and type(None) in kinds:
        return
    kinds = [kind for kind in kinds if kind is not type(None)]
    no_number = (value is None or isinstance(value, str)) and all(kind in (int, float) for kind in kinds)
    if no_number or (kinds == [int] and not is_integer(value)):
        raise UserError(f"{name} must be {'a number' if float in kinds else 'an integer'}, got {shown(value)}")
    found = violated(value, annotation)
    if found:
        number, domain = found
        raise UserError(f"{name} must {domain.rule}, got {shown(value)}{domain.remark(number)}")


def typed(value: Any, annotation: Any) -> Any:
    """Returns a number as the int or float that the annotation asks for: 2 is 2.0 where it is float alone."""
    kinds = {unwrap(arm)[0] for arm in arms_of(annotation)} - {type(None)}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind(value) if kind in (int, float) else value


def check_all(values: Mapping[str, Any], annotations: Mapping[str, Any]) -> None:
    """Checks each value that has an annotation, as `check` does."""
    for name, value in values.items():
        if name in annotations:
            check(name, value, annotations[name])


def annotations_of(described: Any) -> dict[str, Any]:
    """Returns name -> annotation of a class's fields or a function's arguments, with their domains."""
    return _annotations_of(described)


@functools.cache
def _annotations_of(described: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(described, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError):  # imported for type checkers alone: no domains
        return {}


def home_of(cls: type) -> types.ModuleType:
    """Returns the module in which users find a class: the package that its module belongs to, if that has it too."""
    module = sys.modules[cls.__module__]
    package = sys.modules.get(cls.__module__.rpartition(".")[0])
    return package if package is not None and vars(package).get(cls.__name__) is cls else module


def integer(text: str) -> int:
    """Returns the integer that a text writes in ASCII digits: 12, -3.

    Raises:
        ValueError: it writes none, or one of thousands of digits.
    """
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f"expected an integer, got {shown(text)}")
    return int(text)


def number(text: str) -> int | float:
    """Returns the number that a text writes in ASCII digits: 12, -3.5, 1e-4; `inf` and `nan` too.

    An integer stays one: a large one does not fit a float.

    Raises:
        ValueError: it writes none.
    """
    if _INTEGER.fullmatch(text.strip()):
        return int(text)
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"expected a number, got {shown(text)}")
    return float(text)
