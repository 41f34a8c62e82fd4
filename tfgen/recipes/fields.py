"""Kinds of a recipe's fields: their values, and how the text of a flag is read.

A value that does not fit raises UserError, which says what was expected and what was received.
"""

import dataclasses
import numbers
import os
import re
from typing import Any

from tfgen import domains
from tfgen.errors import UserError, nearest, shown
from tfgen.storage.paths import expanded

PRECISIONS = ("float32", "mixed_bfloat16", "auto")
STOPS = ("equilibrium", "kid", "divergence")
DISTRIBUTIONS = ("none", "mirrored", "multiworker")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table of a recipe's fields: how a field is checked, given and compared.

    Attributes:
        kind: of its values.
        flag: the help text of its flag in `tfgen run`; None for a field without a flag, which `--set` gives.
        changes: whether a continued run may have another value.
    """

    kind: "Kind"
    flag: str | None = None
    changes: bool = False


def row(kind: "Kind", default: Any = dataclasses.MISSING, *, flag: str | None = None, changes: bool = False) -> Any:
    """Returns the dataclass field that is one row of the table; arguments as in `Row`."""
    metadata = {"row": Row(kind, flag, changes)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Kind:
    """Base of the kinds of fields."""

    @property
    def expected(self) -> str:
        """The expected text of a flag, for messages and `--help`."""
        return "text"

    def check(self, name: str, value: Any) -> Any:
        """Returns the value of the field `name` in its normal form.

        Raises:
            UserError: the value does not fit.
        """
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """Returns the value of a flag's text, which `check` has yet to check.

        Raises:
            ValueError: the text is not as `expected`.
        """
        return text


class Text(Kind):
    """A name or another text."""

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{name} expects a name, got {shown(value)}")
        return value


class Path(Text):
    """A path, or None."""

    def check(self, name: str, value: Any) -> Any:
        return None if value is None else super().check(name, str(expanded(name, value)))


class Classes(Text):
    """Numbers or names of classes; None or "none" for none."""

    def check(self, name: str, value: Any) -> Any:
        return None if value is None or value == "none" else super().check(name, value)


class Start(Path):
    """A path of weights; None or "none" for initial weights."""

    def check(self, name: str, value: Any) -> Any:
        return None if value is None or str(value) == "none" else os.path.normpath(super().check(name, value))


@dataclasses.dataclass(frozen=True)
class Integer(Kind):
    """An integer of at least `minimum`; None as well where `optional`."""

    minimum: int
    optional: bool = False
    maximum: int = domains.LARGEST

    @property
    def expected(self) -> str:
        return f"an integer of at least {self.minimum}"

    def check(self, name: str, value: Any) -> Any:
        if value is None and self.optional:
            return None
        integral = domains.is_integer(value)
        if not integral or not self.minimum <= value <= self.maximum:
            limits = f" and at most {self.maximum}" if integral and value > self.maximum else ""
            raise UserError(f"{name} expects {self.expected}{limits}, got {shown(value)}")
        return int(value)

    def parse(self, text: str) -> Any:
        value = domains.integer(text)
        if value < self.minimum:
            raise ValueError
        return value


class BatchSize(Kind):
    """An integer of at least 1, or "auto"."""

    expected = "an integer of at least 1, or auto"

    def check(self, name: str, value: Any) -> Any:
        return value if value == "auto" else Integer(1).check(name, value)

    def parse(self, text: str) -> Any:
        return text if text == "auto" else Integer(1).parse(text)


class Positive(Kind):
    """A positive number, or None."""

    expected = "a number of at least 0"

    def check(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if not domains.is_number(value) or value not in domains.Interval(0.0, low_open=True):
            raise UserError(f"{name} expects a positive number, got {shown(value)}")
        return float(value)

    def parse(self, text: str) -> Any:
        value = float(domains.number(text))
        if not value >= 0:
            raise ValueError
        return value


class Boolean(Kind):
    """True or False."""

    expected = "true or false"

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, bool):
            raise UserError(f"{name} expects True or False, got {shown(value)}")
        return value

    def parse(self, text: str) -> Any:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError
        return text.lower() in ("true", "1")


@dataclasses.dataclass(frozen=True)
class Choice(Kind):
    """One of some words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "|".join(self.words)

    def check(self, name: str, value: Any) -> Any:
        if value not in self.words:
            raise UserError(f"{name} {self._mistake(value)}")
        return value

    def parse(self, text: str) -> Any:
        if text not in self.words:
            raise UserError(self._mistake(text).replace("expects", "expected"))
        return text

    def _mistake(self, value: Any) -> str:
        return f"expects one of {', '.join(self.words)}, got {shown(value)}{nearest(value, self.words)}"


class Stop(Text):
    """Reasons to stop, separated by commas, each once; "none" undoes those of a config."""

    def check(self, name: str, value: Any) -> Any:
        if value is None or value == "none":
            return None
        reasons = [item.strip() for item in super().check(name, value).split(",")]
        for reason in reasons:
            if reason not in STOPS:
                close = nearest(reason, STOPS)
                raise UserError(f"{name} expects none, or some of {', '.join(STOPS)}, got {shown(reason)}{close}")
        return ",".join(dict.fromkeys(reasons))


class Loggers(Text):
    """Names of loggers, separated by commas or in a list, each once; "none" for none."""

    def check(self, name: str, value: Any) -> Any:
        if value is None or value in ("none", [], ()):
            return "none"
        text = super().check(name, ",".join(value) if _texts(value) else value)
        names = [item.strip() for item in text.split(",") if item.strip()]
        if not names or (len(names) > 1 and "none" in names):
            raise UserError(f"{name} expects names such as tensorboard,wandb, or none, got {text!r}")
        return ",".join(dict.fromkeys(names))


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


class Size(Kind):
    """(height, width), also from one number for both; or None."""

    expected = "a size such as 28 or 28x32"

    def check(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        sides = (value, value) if isinstance(value, numbers.Integral) else value
        try:
            height, width = (Integer(1).check(name, side) for side in sides)
        except (TypeError, ValueError):
            raise UserError(f"{name} expects a size such as 32, or (height, width), got {shown(value)}") from None
        return height, width

    def parse(self, text: str) -> Any:
        sides = [Integer(1).parse(side) for side in text.lower().split("x")]
        if len(sides) not in (1, 2):
            raise ValueError
        return sides[0], sides[-1]


STAGES = "phases with their steps, such as autoencoder:1000,flow"


class Stages(Text):
    """Phases that run one after the other, "autoencoder:1000,flow+critic"; "none" undoes those of a config."""

    def check(self, name: str, value: Any) -> Any:
        if value is None or value == "none":
            return None
        if not isinstance(value, str):
            raise UserError(f"{name} expects {STAGES}, got {shown(value)}")
        stages = parse_stages(value, name)
        return ",".join("+".join(phases) + (f":{steps}" if steps else "") for phases, steps in stages)


def parse_stages(text: str, name: str = "stages") -> tuple[tuple[tuple[str, ...], int | None], ...]:
    """Returns (names of phases, steps) of each stage of a text such as "autoencoder:1000,flow+critic".

    Args:
        text: stages separated by commas. A stage is names of phases joined by +, a colon and its number of steps. The
            last stage may leave out its steps (None): it takes those that remain.
        name: of the text in messages.

    Raises:
        UserError: the text is of another form.
    """
    stages: list[tuple[tuple[str, ...], int | None]] = []
    for stage in re.sub(r"\s", "", text).split(","):
        match = re.fullmatch(r"(\w+(?:\+\w+)*)(?::([1-9][0-9]*))?", stage)
        if not match:
            got = f"{shown(stage)} in {shown(text)}"
            raise UserError(f"{name} expects {STAGES}, got {got}")
        steps = Integer(1).check(f"the length of stage {match[1]}", Integer(1).parse(match[2])) if match[2] else None
        stages.append((tuple(match[1].split("+")), steps))
    endless = [phases for phases, steps in stages[:-1] if steps is None]
    if endless:
        first = "+".join(endless[0])
        raise UserError(f"{name}: only the last stage may leave out its steps; write {first}:1000, for example")
    return tuple(stages)


class Schedule(Text):
    """A name, or a dict with a "name" and its settings."""

    def check(self, name: str, value: Any) -> Any:
        if isinstance(value, dict) and not isinstance(value.get("name"), str):
            raise UserError(f"{name} expects a name, or a dict with a 'name', got {shown(value)}")
        return plain(name, value) if isinstance(value, dict) else super().check(name, value)


class OptionValues(Kind):
    """A dict from names to plain values."""

    def check(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise UserError(f"{name} expects a dict from option names to values, got {shown(value)}")
        return {key: plain(f"option {key!r}", item) for key, item in value.items()}


def plain(name: str, value: Any) -> Any:
    """Returns a copy of `value`, tuples as lists; checks that JSON can hold it, so that a run can be repeated."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        domains.check(name, value, type(value))  # JSON has no infinity, and Python reads no 5,000 digits back
        return value
    if isinstance(value, (list, tuple)):
        return [plain(name, item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(name, item) for key, item in value.items()}
    if isinstance(value, numbers.Number) and hasattr(value, "item"):  # of NumPy, which json cannot write
        return plain(name, value.item())
    raise UserError(
        f"{name} of a recipe expects a plain value, got one of type {type(value).__name__}; write an object as text, "
        "for example 'hinge' or 'uniform(-1, 1)'"
    )
