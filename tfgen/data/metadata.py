"""What a folder of pictures says of them: metadata.csv or metadata.jsonl, as Hugging Face's ImageFolder has it."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tfgen import faults
from tfgen.data.source import Field
from tfgen.errors import UserError, closest

FILES = ("metadata.csv", "metadata.jsonl")
FILE, CAPTION = "file_name", "caption"
TEXTS = {"text", "caption"}  # columns that are the caption
LARGEST = 64 << 20  # bytes of a file
TAKEN = {"image", "label", "source", "other", "attributes"}  # names of other fields
TRUTHS = {"true": 1.0, "false": 0.0}


@dataclasses.dataclass
class Metadata:
    """Fields of pictures.

    Attributes:
        paths: relative paths of the pictures that have a row.
        values: field name -> array [N, ...], in the order of `paths`.
        fields: name -> `Field`.
        attributes: names of the columns of the field `attributes`.
        remarks: sentences on what a user may not expect.
    """

    paths: list[str] = dataclasses.field(default_factory=list)
    values: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    fields: dict[str, Field] = dataclasses.field(default_factory=dict)
    attributes: list[str] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)

    def of(self, paths: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns field name -> array of some of the pictures, in their order."""
        places = {path: place for place, path in enumerate(self.paths)}
        rows = np.array([places[path] for path in paths] if self.values else [], np.int64)
        return {name: values[rows] for name, values in self.values.items()}


def read(root: pathlib.Path, paths: Sequence[str]) -> Metadata:
    """Returns what is said of pictures, those with a row; of all and nothing where there is no such file.

    A file lies in `root` or in a folder of a split, and names pictures relative to its own folder. The column `text` or
    `caption` is the field `caption`; columns of numbers or truth values together are the field `attributes`, float32
    [N, columns]; other columns of texts are fields of their own names.

    Args:
        root: the folder.
        paths: relative paths of the pictures, with slashes.

    Raises:
        UserError: a file is damaged, has no column `file_name`, or has several rows for a picture.
    """
    tops = sorted({path.partition("/")[0] for path in paths if "/" in path})
    places = [(prefix, root / prefix / name) for prefix in ("", *tops) for name in FILES]
    found: dict[str, dict[str, Any]] = {}
    columns: dict[str, None] = {}
    there = [(prefix, path) for prefix, path in places if path.is_file()]
    for prefix, path in there:
        for number, row in _rows(path):
            row = {FILE if str(key).strip().lower() == FILE else key: value for key, value in row.items()}
            name = _name(row, path, number, prefix)
            if name in found:
                raise UserError(f"{path}:{number}: expected one row for every picture, got another one for {name}")
            found[name] = row
            columns |= dict.fromkeys(key for key in row if key != FILE)
    if not there:
        return Metadata(list(paths))
    known = [path for path in paths if path in found]
    if not known:
        example = next(iter(found), "nothing")
        raise UserError(f"{there[0][1]}: expected rows of pictures in {root}, got {example!r:.80}")
    return _metadata(known, found, list(columns), there[0][1])


def _metadata(known, found, columns, path):
    values: dict[str, np.ndarray] = {}
    numbers: dict[str, list[float]] = {}
    remarks = []
    for column in columns:
        raw = [found[name].get(column) for name in known]
        parsed = [_number(value) for value in raw]
        if column not in TEXTS and all(value is not None for value in parsed):
            numbers[column] = parsed
        elif all(map(_is_text, raw)) and not _has_gaps(column, raw):
            name = CAPTION if column in TEXTS else column
            if name in values:
                remarks.append(f"{path.name}: the column {column!r:.60} is left out: there is another one of captions")
            elif name in TAKEN or not name.isidentifier():
                remarks.append(f"{path.name}: the column {column!r:.60} has no name of a field, and is left out")
            else:
                values[name] = np.array([str(value) for value in raw], object)
        else:
            blank = [row for row, value in enumerate(raw) if not _is_text(value)]
            words = [row for row, value in enumerate(parsed) if value is None]
            odd = min((rows for rows in (blank, words) if rows), key=len)[0]  # of the kind that most are not
            remarks.append(
                f"{path.name}: the column {column!r:.60} is left out: its values are neither all texts nor all finite "
                f"numbers; that of {known[odd]:.80} is {raw[odd]!r:.40}"
            )
    if numbers:
        values["attributes"] = np.array(list(numbers.values()), np.float32).T.copy()
    kinds = {name: Field("text") for name in values}
    if numbers:
        kinds["attributes"] = Field("vector", (len(numbers),))
    return Metadata(known, values, kinds, list(numbers), remarks)


def _is_text(value):
    return isinstance(value, str) and bool(value.strip())


def _rows(path: pathlib.Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (number of the line, column -> value)."""
    number = 0
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: expected at most {LARGEST >> 20} MiB, got {path.stat().st_size >> 20}")
        with open(path, newline="", encoding="utf-8-sig") as file:
            if path.suffix == ".csv":
                reader = csv.DictReader(file, strict=True)
                twice = [name for name, count in Counter(reader.fieldnames or ()).items() if count > 1]
                if twice:
                    raise ValueError(f"the column {twice[0]!r} is there twice")
                for row in reader:
                    number = reader.line_num
                    if None in row or None in row.values():
                        raise ValueError(f"{len(reader.fieldnames or ())} columns are expected")
                    yield number, row
            else:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, _object(json.loads(line))
    except UserError:
        raise
    except faults.TEXT as error:
        raise UserError(f"{path}: cannot be read after line {number}: {faults.reason(error)}") from None


def _object(value):
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {value!r:.60}")
    return value


def _name(row, path, number, prefix):
    if FILE not in row:
        close = closest(FILE, map(str, row))
        rename = f"; rename {close!r}" if close else ""
        if len(row) == 1 and (found := next((sign for sign in ";\t|" if sign in next(iter(row))), None)):
            rename = f"; columns are separated by commas, not by {found!r}"
        raise UserError(f"{path}:{number}: expected a column {FILE}, got {', '.join(map(str, row))!s:.80}{rename}")
    name = row[FILE]
    if not isinstance(name, str) or not name:
        raise UserError(f"{path}:{number}: expected the name of a picture in {FILE}, got {name!r:.60}")
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(filter(None, (prefix, *(part for part in parts if part != "."))))


def _has_gaps(column, raw):
    """Returns whether texts are numbers but for some that are not finite: `nan`, as tables write what is unknown."""
    try:
        return column not in TEXTS and bool([float(value) for value in raw])
    except faults.NUMBER:
        return False


def _number(value):
    """Returns a number or a truth value as a finite float, else None."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in TRUTHS:
        return TRUTHS[value.strip().lower()]
    try:
        found = float(value) if isinstance(value, (int, float, str)) else math.nan
    except faults.NUMBER:
        return None
    return found if math.isfinite(found) and abs(found) < 1e30 else None
