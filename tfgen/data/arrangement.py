"""What the folders above pictures mean: splits, and below them classes."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from tfgen.data import unpaired
from tfgen.errors import UserError

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_HELD_OUT = 0.05


@dataclasses.dataclass
class Arrangement:
    """Pictures as examples.

    Attributes:
        splits: split -> rows of the pictures.
        labels: int64 [N], -1 where a picture is in no split; None without classes.
        names: of the classes, in the order of the labels; None without classes.
        remarks: sentences on what a user may not expect.
    """

    splits: dict[str, list[int]]
    labels: np.ndarray | None = None
    names: list[str] | None = None
    remarks: list[str] = dataclasses.field(default_factory=list)


def split_of(path: str) -> str | None:
    """Returns the split that the first folder of a path names, in any case of letters; None if it names none."""
    top, slash, _ = path.partition("/")
    return _SPLITS.get(top.lower()) if slash else None


def has_splits(paths: Iterable[str]) -> bool:
    """Returns whether folders of splits lie above: train/ and another one; train/ alone may be a class of vehicles."""
    found = {split_of(path) for path in paths}
    return "train" in found and bool(found & {"validation", "test"})


def outside_of_splits(root: pathlib.Path, paths: Sequence[str]) -> dict[str, str]:
    """Returns path -> reason of the pictures that lie beside the folders of splits; {} without such folders.

    Raises:
        UserError: all pictures lie in folders of splits, and none of them is train/.
    """
    if has_splits(paths):
        return {path: "beside the folders of splits" for path in paths if split_of(path) is None}
    splits = {split_of(path) for path in paths}
    if paths and None not in splits and "train" not in splits:
        tops = sorted({path.partition("/")[0] for path in paths})
        raise UserError(
            f"folder: expected train/ beside {' and '.join(f'{top}/' for top in tops)} in {root}: to train on the "
            f"pictures of {tops[0]}/, give folder:{root / tops[0]}"
        )
    return {}


def arranged(paths: Sequence[str]) -> Arrangement:
    """Returns the splits and the classes of pictures, from their relative paths; none lies `outside_of_splits`."""
    given = has_splits(paths)
    top = {path.partition("/")[0] for path in paths}
    # a single train/ is no choice of splits: as if its folder had been given
    inside = given or (len(top) == 1 and split_of(paths[0]) == "train")
    inner = [path.partition("/")[2] for path in paths] if inside else list(paths)
    found = Arrangement({}, remarks=_unlikely_classes(paths) if not inside else [])
    if _has_classes(paths, inner, found.remarks):
        known = [path for path, whole in zip(inner, paths, strict=True) if not given or split_of(whole) == "train"]
        names = sorted({path.partition("/")[0] for path in known})
        if len(names) > 1:
            index = {name: number for number, name in enumerate(names)}
            labels = np.array([index.get(path.partition("/")[0], -1) for path in inner], np.int64)
            found.names, found.labels = names, labels
            found.remarks += _differing_classes(paths, inner, names) if given else []
    rows = [row for row in range(len(paths)) if found.labels is None or found.labels[row] >= 0]
    found.splits = _splits(paths, rows, given)
    return found


def _has_classes(paths, inner, remarks):
    """Returns whether all pictures lie in folders; adds a remark if only some of them do."""
    loose = [whole for whole, path in zip(paths, inner, strict=True) if "/" not in path]
    if loose and len(loose) < len(inner):
        remarks.append(f"no classes: {len(loose)} pictures lie in no folder of a class, {loose[0]} for one")
    return not loose


def _differing_classes(paths, inner, names):
    """Returns a sentence per split on classes that it lacks, or has and train/ has not."""
    seen = collections.defaultdict(collections.Counter)
    for whole, path in zip(paths, inner, strict=True):
        seen[whole.partition("/")[0]][path.partition("/")[0]] += 1
    remarks = []
    for top, counts in sorted(seen.items()):
        extra, missing = [name for name in counts if name not in names], [name for name in names if name not in counts]
        if split_of(f"{top}/") != "train" and extra:
            number = sum(counts[name] for name in extra)
            remarks.append(f"skipped {number} pictures of {top}/, whose class train/ does not have: {_some(extra)}")
        if missing:
            remarks.append(f"{top}/ has no pictures of {len(missing)} of {len(names)} classes: {_some(missing)}")
    return remarks


def _unlikely_classes(paths):
    """Returns a sentence where folders with the names of splits count as classes, or lie below the classes."""
    tops = sorted({path.partition("/")[0] for path in paths if split_of(path)})
    below = {split_of(path.partition("/")[2]) for path in paths}
    domains = sorted({path.partition("/")[0] for path in paths if unpaired.domain_of(path)})
    if domains:
        return [f"the folder {domains[0]}/ counts as a class: two domains are pictures in both trainA/ and trainB/"]
    if tops:
        return [f"the folder {tops[0]}/ counts as a class: folders of splits are train/ beside val/ or test/"]
    if "train" in below and len(below) > 1 and None not in below:
        return ["the folders of splits lie below the classes and do not count: put train/CLASS, test/CLASS above"]
    return []


def _splits(paths, rows, given):
    """Returns split -> rows: those of the folders, or by a hash of the path, and at least two of them."""
    has_validation = "validation" in {split_of(path) for path in paths}
    splits = collections.defaultdict(list)
    for row in rows:
        splits[_split(paths[row], given, has_validation)].append(row)
    for wanted in "train", "validation":  # of a few pictures too; a given test split is kept
        if not splits[wanted]:
            giver = "train" if given else max(splits, key=lambda split: (len(splits[split]), split != "train"))
            splits[wanted] += [splits[giver].pop()] if splits[giver] else []
    return {split: found for split, found in splits.items() if found}


def _split(path, given, has_validation):
    share = int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    if given:
        split = split_of(path)
        return "validation" if split == "train" and not has_validation and share < _HELD_OUT else split
    return "test" if share < _HELD_OUT else "validation" if share < 2 * _HELD_OUT else "train"


def _some(names, limit=5):
    return ", ".join(names[:limit]) + (" ..." if len(names) > limit else "")
