"""Two domains without pairs: pictures of A (field `image`) and of B (field `other`), each with its own order."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfgen.data.source import Arrays, Examples, Field, Indices, Source, carve_validation
from tfgen.errors import UserError

LETTERS = {"a": "image", "b": "other"}  # the ending of a folder's name, as in trainA, and the field of its pictures
_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


class Unpaired(Examples):
    """Examples of two domains. Their number is that of the pictures of A; pictures of B are taken in turn.

    The training pipeline takes each part in an order of its own (`parts`).

    Args:
        a: examples with the field `image`, those of A.
        b: examples with the field `image`, those of B.
    """

    def __init__(self, a: Examples, b: Examples) -> None:
        self.a, self.b = a, b

    def __len__(self) -> int:
        return len(self.a)

    def fields(self) -> dict[str, Field]:
        return {"image": self.a.fields()["image"], "other": self.b.fields()["image"]}

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        rows = np.asarray(indices, np.int64)
        return {"image": self.a.gather(rows)["image"], "other": self.b.gather(rows % len(self.b))["image"]}

    def select(self, index: Indices) -> "Unpaired":
        rows = np.asarray(index, np.int64)
        return Unpaired(self.a.select(rows), self.b.select(rows % len(self.b)))

    def divided(self, count: int) -> "tuple[Examples, Examples]":
        """Returns two parts that share no picture: the first `count` of A with as large a share of B, and the others.

        Raises:
            UserError: B has too few pictures for that.
        """
        rest, share = len(self) - count, round(count / len(self) * len(self.b))
        if not 0 < share < len(self.b):
            raise UserError(f"{len(self.b)} pictures of the second domain cannot be divided {count} to {rest}")
        parts = zip(self.a.divided(count), self.b.divided(share), strict=True)
        first, second = (Unpaired(a, b) for a, b in parts)
        return first, second

    def parts(self) -> list[Examples]:
        return [renamed(self.a, {"image": "image"}), renamed(self.b, {"image": "other"})]


class Renamed(Examples):
    """Some fields of other examples, under other names.

    Args:
        examples: those of a data set.
        names: name -> new name, of the fields that are kept.
    """

    def __init__(self, examples: Examples, names: Mapping[str, str]) -> None:
        self.examples, self.names = examples, dict(names)

    def __len__(self) -> int:
        return len(self.examples)

    def fields(self) -> dict[str, Field]:
        known = self.examples.fields()
        return {new: known[name] for name, new in self.names.items()}

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        batch = self.examples.gather(indices)
        return {new: batch[name] for name, new in self.names.items()}


def renamed(examples: Examples, names: Mapping[str, str]) -> Examples:
    """Returns `Renamed` examples, in memory where the given ones are."""
    if not isinstance(examples, Arrays):
        return Renamed(examples, names)
    known = examples.fields()
    arrays = {new: examples.arrays[name] for name, new in names.items()}
    return Arrays(arrays, {new: known[name] for name, new in names.items()}, examples.index)


def of_field(source: Source, name: str) -> Source:
    """Returns a data set whose images are the field `name` of another one, all of them where they have no pairs."""
    splits = {}
    for split, examples in source.splits.items():
        part = next(part for part in examples.parts() if name in part.fields())
        splits[split] = renamed(part, {name: "image"})
    return dataclasses.replace(source, splits=splits, fields={"image": source.fields[name]}, class_names=None)


def splits(
    examples: Mapping[str, Examples], rows: Mapping[str, Sequence[np.ndarray | Sequence[int]]]
) -> dict[str, Examples]:
    """Returns split -> `Unpaired`, those with pictures of both domains; without `validation`, 5 % of each are held out.

    Args:
        examples: split -> examples with the field `image`.
        rows: split -> (rows of A, rows of B) of these.
    """
    domains = {
        split: [examples[split].select(np.asarray(part, np.int64)) for part in parts] for split, parts in rows.items()
    }
    domains = {split: parts for split, parts in domains.items() if all(map(len, parts))}
    if "validation" not in domains:
        train = [carve_validation(part) for part in domains["train"]]
        domains["train"], domains["validation"] = ([pair[i] for pair in train] for i in range(2))
    return {split: Unpaired(*parts) for split, parts in domains.items()}


def domain_of(path: str) -> tuple[str, str] | None:
    """Returns (split, field) of a picture in trainA/, trainB/, testA/, ..., in any case of letters; None elsewhere."""
    top, slash, _ = path.partition("/")
    split, letter = _SPLITS.get(top[:-1].lower()), LETTERS.get(top[-1:].lower())
    return (split, letter) if slash and split and letter else None


def has_domains(paths: Sequence[str]) -> bool:
    """Returns whether there are pictures in both trainA/ and trainB/."""
    found = {domain_of(path) for path in paths}
    return {("train", name) for name in LETTERS.values()} <= found


def arranged(paths: Sequence[str]) -> dict[str, list[list[int]]]:
    """Returns split -> (rows of A, rows of B) of pictures that all lie in folders of domains."""
    found: dict[str, list[list[int]]] = {}
    for row, path in enumerate(paths):
        place = domain_of(path)
        if place is not None:
            parts = found.setdefault(place[0], [[] for _ in LETTERS])
            parts[list(LETTERS.values()).index(place[1])].append(row)
    return found
