"""Classes by number or by name, as `--label` and `sample(label=...)` take them."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest
from tfgen.faults import NUMBER

_QUOTED = '; a name with a comma stands in double quotes: "a, b"'


def class_numbers(label: Any, names: Sequence[str] | None = None, asked: str = "label") -> Any:
    """Returns `label` with names of classes replaced by their numbers; numbers stay as they are.

    A text is one name, or names and numbers with commas between them, as in a line of CSV: `sandal,bag`, `3,5`,
    `"a, b",c`. The case of letters counts only where two names differ in nothing else. Digits are the name of a class
    where one is called so; where other classes have numbers for names, they are an error instead of a guess.

    Args:
        label: a text, an integer, or a sequence of these.
        names: of the classes, in the order of their numbers; None if unknown.
        asked: what takes the classes, for messages.

    Raises:
        UserError: no class has this name, or several have.
    """
    if isinstance(label, str):
        return [_number(word, names, asked) for word in _words(label, names or (), asked)]
    if isinstance(label, np.ndarray) and label.dtype.kind in "UTO":
        return class_numbers(label.tolist(), names, asked)
    if isinstance(label, (list, tuple)):
        return [_number(item, names, asked) if isinstance(item, str) else item for item in label]
    return label


def _words(text, names, asked):
    """Returns the parts of a text between commas; the text itself where it is a name."""
    try:
        words = next(csv.reader([text], skipinitialspace=True, strict=True)) or [""]
    except csv.Error:
        if text in names:
            return [text]
        raise UserError(f"{asked} expects class numbers or names, got {text!r:.60}{_QUOTED}") from None
    if text not in names or len(words) == 1:
        return [text] if text in names else words
    if all(numbers_called(word, names) for word in words):
        raise UserError(f'{asked}: {text!r} is one class, and its parts are others: give "{text}" in double quotes')
    return [text]


def _number(word, names, asked):
    found = numbers_called(word, names or ())
    if len(found) == 1:
        return found[0]
    if found:
        same = ", ".join(f"{names[number]!r} (class {number})" for number in found[:5])
        raise UserError(f"{asked}: {word!r} fits {len(found)} classes: {same}; give one exactly, or its number")
    if word.strip().isdecimal() and not any(name.strip().isdecimal() for name in names or ()):
        return _integer(word, asked)
    if names is None:
        raise UserError(
            f"{asked} expects class numbers such as 3,5, got {word!r:.60}; no names of classes are known: those of a "
            "run come from its data, those of another model are set by model.class_names = [...]"
        )
    close = nearest(word, names) or nearest(word.title(), names) or f"; the classes are {_listed(names)}"
    raise UserError(f"{asked} expects one of the classes' names, got {word!r:.60}{close}{_hint(names)}")


def numbers_called(word: str, names: Sequence[str]) -> list[int]:
    """Returns the numbers of the classes called `word`: exactly, else but for blanks around it, else in any case."""
    for form in (str, str.strip, _folded):
        found = [number for number, name in enumerate(names) if form(name) == form(word)]
        if found:
            return found
    return []


def _folded(text):
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _integer(word, asked):
    try:
        return int(word)
    except NUMBER:  # of more digits than Python converts
        raise UserError(f"{asked} expects class numbers, got one of {len(word)} digits") from None


def _listed(names, limit=20):
    quoted = (f'"{name}"' if "," in name else name for name in names[:limit])
    return ", ".join(quoted) + (" ..." if len(names) > limit else "")


def _hint(names):
    return _QUOTED if any("," in name for name in names) else ""
