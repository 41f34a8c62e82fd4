"""Tables of numbers and JSON in files, read as if anybody had written them."""

import csv
import dataclasses
import io
import json
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from tfgen import faults
from tfgen.errors import UserError
from tfgen.storage.atomic import put_aside

_LONGEST = 1 << 20  # bytes of a line
_LARGEST = 1 << 28  # bytes of a JSON file

Row = dict[str, float]


@dataclasses.dataclass
class Table:
    """What could be read of a CSV file of numbers.

    Attributes:
        names: of the columns.
        rows: a dict per row, blank cells left out; int in the columns that count, float in all others.
        problem: what is wrong with the rest of the file, or None.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    rows: list[Row] = dataclasses.field(default_factory=list)
    problem: str | None = None


def read_table(path: str | os.PathLike[str], counts: Sequence[str] = ("step",)) -> Table:
    """Reads the rows of a CSV file up to the first one that is damaged.

    Args:
        path: of the file, which may be missing or empty.
        counts: columns that the file has to have, of integers of at least 0 that never fall.
    """
    table, path = Table(), pathlib.Path(path)
    if not os.path.lexists(path):
        return table
    try:
        if not path.is_file():  # nor a pipe, which would be waited for
            raise ValueError("it is not a file")
        with open(path, "rb") as file:
            _read_lines(table, file, counts)
    except faults.TEXT as error:
        table.problem = faults.reason(error)
    return table


def _read_lines(table: Table, file: BinaryIO, counts: Sequence[str]) -> None:
    """Fills a table; raises ValueError, among others, at the first line that is damaged."""
    if not (first := file.readline(_LONGEST)):
        return
    names = _cells(first, 1)
    missing = [name for name in counts if name not in names]
    if missing or len(set(names)) < len(names):
        raise ValueError(f"expected a first line with a column {(missing or counts)[0]}, and no name twice")
    table.names = names
    number = 1
    while line := file.readline(_LONGEST):
        number += 1
        cells = _cells(line, number)
        blank = [name for name, cell in zip(names, cells) if name in counts and not cell]
        if blank and len(cells) == len(names):
            raise ValueError(f"a row has no {blank[0]}, in line {number}")
        try:
            if len(cells) != len(names):
                raise ValueError
            row = {name: _number(cell, name in counts) for name, cell in zip(names, cells) if cell or name in counts}
        except faults.NUMBER:
            raise ValueError(f"line {number} is not a row of {len(names)} numbers") from None
        if table.rows and any(row[name] < table.rows[-1][name] for name in counts):
            raise ValueError(f"line {number} counts backwards")
        table.rows.append(row)


def _cells(line: bytes, number: int) -> list[str]:
    try:
        cells = next(csv.reader([line.decode("utf-8").rstrip("\r\n")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a table of numbers, got in line {number}: {error}") from None
    if not line.endswith(b"\n"):
        raise ValueError(f"line {number} is {'endless' if len(line) == _LONGEST else 'cut off'}")
    return cells


def _number(cell: str, is_count: bool) -> float:
    if not is_count:
        return float(cell)
    if not re.fullmatch(r"[0-9]{1,18}", cell):
        raise ValueError
    return int(cell)


def table_text(names: Sequence[str], rows: Iterable[Mapping[str, float]]) -> str:
    """Returns the CSV text of rows, blank where a row has no such column; numbers read back as they are."""
    return "".join([table_line(names), *(table_line(names, row) for row in rows)])


def table_line(names: Sequence[str], row: Mapping[str, float] | None = None) -> str:
    """Returns a line of CSV: the names, or the numbers of a row."""
    text = io.StringIO()
    # repr: the shortest text that reads back as the same float
    cells = names if row is None else [repr(row[name]) if name in row else "" for name in names]
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def recovered(path: str | os.PathLike[str], counts: Sequence[str] = ("step",)) -> list[Row]:
    """Returns the rows of a CSV file that is going to be written anew.

    A damaged file is kept under another name, and that is printed; its rows before the damage count.
    """
    table = read_table(path, counts)
    if table.problem is not None:
        aside = put_aside(path)
        print(
            f"{path} is damaged ({table.problem}): kept as {aside.name}, and its first {len(table.rows)} rows go on",
            flush=True,
        )
    return table.rows


def load_json(path: str | os.PathLike[str]) -> Any:
    """Returns the contents of a JSON file; raises an exception of `faults.TEXT` where that is not possible."""
    path = pathlib.Path(path)
    if path.exists() and not path.is_file():
        raise ValueError("it is not a file")
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    return json.loads(path.read_text(encoding="utf-8"))


def read_json(path: str | os.PathLike[str], remedy: str = "") -> Any:
    """Returns the contents of a JSON file.

    Args:
        path: of the file.
        remedy: what to do about a damaged file, for the message.

    Raises:
        UserError: the file is missing, cannot be read, or is not JSON.
    """
    try:
        return load_json(path)
    except faults.TEXT as error:
        reason = faults.reason(error)
        problem = f"is damaged: it is not JSON ({reason})"
        if isinstance(error, OSError):
            problem = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason}"
        raise UserError(f"{path} {problem}{'; ' if remedy else ''}{remedy}") from None
