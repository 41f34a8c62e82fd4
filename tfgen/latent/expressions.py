"""Sums and differences of concepts, such as "dark bag - light bag + light dress", and what they should come to."""

import collections
import dataclasses
import re
from collections.abc import Sequence

from tfgen.data.classes import class_numbers
from tfgen.errors import UserError

SHADES = ("dark", "light")


@dataclasses.dataclass(frozen=True)
class Concept:
    """A class, a shade, or both.

    Attributes:
        label: number of the class, or None for any.
        shade: 0 for dark, 1 for light, None for either.
    """

    label: int | None = None
    shade: int | None = None

    def text(self, names: Sequence[str]) -> str:
        """Returns it in words."""
        words = [SHADES[self.shade]] if self.shade is not None else []
        return " ".join(words + ([names[self.label]] if self.label is not None else []))


Term = tuple[int, Concept]  # +1 or -1


def concept(text: str, names: Sequence[str], classes: int) -> Concept:
    """Returns the concept of a text: a class by name or number, after "dark" or "light" or without; or one of these.

    Raises:
        UserError: there is no such class.
    """
    first, _, rest = text.strip().partition(" ")
    known = {name.casefold() for name in names}
    if text.strip().casefold() not in known and first.casefold() in SHADES:
        shade, left = SHADES.index(first.casefold()), rest.strip()
    else:
        shade, left = None, text.strip()
    if not left:
        if shade is None:
            raise UserError("an expression is a sum of classes: sneaker - sandal + dress, got an empty term")
        return Concept(None, shade)
    numbers = class_numbers(left, names, "expression")
    if len(numbers) != 1 or not 0 <= numbers[0] < classes:
        raise UserError(f"expected one class, a name or a number from 0 to {classes - 1}, got {left!r:.60}")
    return Concept(int(numbers[0]), shade)


def terms(text: str, names: Sequence[str], classes: int) -> list[Term]:
    """Returns the signed concepts of an expression.

    Signs stand between blanks, as names of classes may hold hyphens; without any blanks every sign counts.

    Raises:
        UserError: an empty expression, or no such class.
    """
    parts = re.split(r"(?:^|\s+)([+-])\s+", f" {text.strip()}")
    if len(parts) == 1 and text.strip().casefold() not in {name.casefold() for name in names}:
        parts = re.split(r"([+-])", text)
    if not parts[0].strip() and len(parts) > 2:
        parts = parts[1:]
    else:
        parts = ["+", *parts]
    signs, words = parts[0::2], parts[1::2]
    found = [(1 if sign == "+" else -1, concept(word, names, classes)) for sign, word in zip(signs, words, strict=True)]
    if len(found) < 2:
        raise UserError(f"an expression has two terms or more, such as sneaker - sandal + dress, got {text!r:.60}")
    return found


def reduced(found: Sequence[Term]) -> Concept:
    """Returns what an expression comes to where equal concepts cancel.

    That of dark bag - light bag + light dress is dark dress.
    A class (or a shade) that does not come down to one is None: of sneaker - sandal + dress, nothing is expected.
    """
    return Concept(_left([(s, c.label) for s, c in found]), _left([(s, c.shade) for s, c in found]))


def _left(signed):
    counts = collections.Counter()
    for sign, value in signed:
        if value is not None:
            counts[value] += sign
    rest = {value: count for value, count in counts.items() if count}
    return next(iter(rest)) if list(rest.values()) == [1] else None
