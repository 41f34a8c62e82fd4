"""Views of data sets, by name: pairs of a source and an image, and two domains without pairs.

    edges(NAME)   gray(NAME)   small(NAME, 4)   masked(NAME)        fields source and image
    side_by_side(folder:PATH)                                       the same, of pictures that hold both halves
    domains(NAME, CLASS_A, CLASS_B)                                 fields image (of A) and other (of B)

Views are nested from the inside out: `edges(small(mnist, 2))` has the edges of the small pictures as its source.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tfgen import domains as numbers
from tfgen.data import folder, load_dataset, unpaired
from tfgen.data.classes import class_numbers
from tfgen.data.filters import centre_masked, edges_of, gray_of, halves_of, shrunk
from tfgen.data.pictures import Halves
from tfgen.data.source import MEMORY_LIMIT, Arrays, Examples, Field, Indices, Source
from tfgen.errors import UserError, nearest, shown

Place = str | None
Size = tuple[int, int] | None
Make = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]

FACTORS = (2, 16)  # of `small`
DIRECTIONS = ("AtoB", "BtoA")  # of `side_by_side`, as pix2pix names them
_CHUNK = 1024  # examples that are looked at together
_ITEM = r',\s*("[^"]*"|[^,"]*?)\s*'  # one of the last arguments; a class name with a comma stands in double quotes


class View(Examples):
    """Examples some of whose fields are made from others when a batch is gathered.

    Args:
        examples: those of the data set.
        make: fields of a batch -> the fields that are added or replaced.
        fields: of the result.
    """

    def __init__(self, examples: Examples, make: Make, fields: dict[str, Field]) -> None:
        self.examples, self.make, self._fields = examples, make, dict(fields)

    def __len__(self) -> int:
        return len(self.examples)

    def fields(self) -> dict[str, Field]:
        return dict(self._fields)

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        batch = self.examples.gather(indices)
        return {**batch, **self.make(batch)}


def arguments(loader: Callable[..., Any], row: str, name: str) -> list[str]:
    """Returns the arguments that stand in the brackets of `name`: a data set's name, and what its view asks for.

    Args:
        loader: the function of the view.
        row: how the view is written, for messages: "small(NAME, 4)".
        name: what the user wrote.

    Raises:
        UserError: an argument or a bracket is missing.
    """
    needed = [p for p in inspect.signature(loader).parameters.values() if p.default is p.empty]
    inside = name.strip().partition("(")[2].removesuffix(")")
    found = re.fullmatch("(.*)" + _ITEM * (len(needed) - 1), inside, re.DOTALL)
    given = [part.strip().strip('"').strip() for part in found.groups()] if found else []
    if not name.strip().endswith(")") or not all(given) or len(given) < len(needed):
        raise UserError(f"dataset {shown(name)}: expected {row}, all arguments between one pair of brackets")
    return [found.group(1).strip() if found else "", *given[1:]]


def edges(name: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """pairs: the lines at which brightness changes, white on black, and the picture"""
    return _degraded(name, "edges", edges_of, lambda shape: (*shape[:2], 1), data_dir, image_size)


def gray(name: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """pairs: the picture in gray, and the picture"""
    return _degraded(name, "gray", gray_of, lambda shape: (*shape[:2], 1), data_dir, image_size)


def masked(name: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """pairs: the picture without its middle (half of each side), and the picture"""
    return _degraded(name, "masked", centre_masked, tuple, data_dir, image_size)


def small(name: str, factor: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """pairs: the picture reduced by a factor of 2 to 16 (bicubic, antialiased), and the picture"""
    times = _factor(factor)

    def shape_of(shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape[0] % times or shape[1] % times or min(shape[:2]) < 2 * times:
            raise UserError(
                f"small({name}, {times}): expected sides that {times} divides, at least {2 * times} pixels, got "
                f"{shape[0]}x{shape[1]}: give another factor, or --image_size"
            )
        return (shape[0] // times, shape[1] // times, *shape[2:])

    return _degraded(name, f"small by {times}", lambda images: shrunk(images, times), shape_of, data_dir, image_size)


def side_by_side(name: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """pairs: the left and the right half of every picture of a folder, as pix2pix stores them

    `side_by_side(folder:PATH, BtoA)` makes the left half of the right one.

    Args:
        name: folder:PATH, perhaps with a direction behind a comma.
        data_dir: not used.
        image_size: (height, width) of each half, which is cropped about its own centre.
    """
    inner, comma, direction = name.rpartition(",")
    known = {one.lower(): one for one in DIRECTIONS}.get(direction.strip().lower())
    close = nearest(direction.strip(), DIRECTIONS) if comma and not known else ""
    if close:
        raise UserError(f"side_by_side: unknown direction {direction.strip()!r}{close}")
    inner, direction = (inner.strip(), known) if known else (name, DIRECTIONS[0])
    kind, colon, path = inner.partition(":")
    if kind.strip() != "folder" or not path.strip():
        raise UserError(f"side_by_side: expected side_by_side(folder:PATH), got side_by_side({name:.80})")
    whole = None if image_size is None else (image_size[0], 2 * image_size[1])
    source = folder.load(path, whole, kind=Halves)
    if "other" in source.fields or source.fields["image"].shape[1] % 2:
        raise UserError(
            f"side_by_side: expected pictures of two halves in {path}, got "
            + ("two domains" if "other" in source.fields else f"an odd width of {source.fields['image'].shape[1]}")
        )
    height, width, channels = source.fields["image"].shape
    half = Field("image", (height, width // 2, channels))
    names = ("source", "image") if direction == "AtoB" else ("image", "source")
    fields = {**source.fields, "source": half, "image": half}
    made = viewed(source, lambda batch: dict(zip(names, halves_of(batch["image"]), strict=True)), fields)
    return _described(made, f"side by side, {direction}")


def domains(name: str, class_a: str, class_b: str, data_dir: Place = None, image_size: Size = None) -> Source:
    """unpaired: the pictures of one class, and those of another as `other`"""
    source = load_dataset(name, data_dir=data_dir, image_size=image_size)
    if "image" not in source.fields or "label" not in source.fields or "source" in source.fields:
        raise UserError(
            f"domains({name}, ...): expected pictures of classes, got {', '.join(source.fields)}: give a data set with "
            "labels, and no pairs"
        )
    chosen = [class_numbers(f'"{text}"', source.class_names)[0] for text in (class_a, class_b)]
    if chosen[0] == chosen[1]:
        raise UserError(f"domains({name}, ...): expected two classes, got {class_a!r} twice")
    found = {split: examples.column("label") for split, examples in source.splits.items()}
    rows = {split: [np.flatnonzero(labels == label) for label in chosen] for split, labels in found.items()}
    for label, part in zip((class_a, class_b), rows["train"], strict=True):
        if len(part) < 2:
            raise UserError(
                f"domains({name}, ...): expected at least 2 training pictures of {label!r}, got {len(part)}"
            )
    titles = [source.class_names[label] if source.class_names else str(label) for label in chosen]
    splits = unpaired.splits(source.splits, rows)
    fields = {"image": source.fields["image"], "other": source.fields["image"]}
    made = dataclasses.replace(source, splits=splits, fields=fields, class_names=None, scoring=None)
    made.provenance = {**source.provenance, "domains": dict(zip(fields, titles, strict=True)), "classes": chosen}
    return made


def _degraded(name, title, degrade, shape_of, data_dir, image_size):
    """Returns pairs whose source is made by `degrade(images uint8) -> uint8` of the source within, or of the image."""
    inner = load_dataset(name, data_dir=data_dir, image_size=image_size)
    if "image" not in inner.fields or "other" in inner.fields:
        held = "two domains without pairs" if "other" in inner.fields else ", ".join(inner.fields)
        raise UserError(f"{title}: expected a data set of pictures, got {name} with {held}")
    base = "source" if "source" in inner.fields else "image"
    field = Field("image", shape_of(tuple(inner.fields[base].shape)))
    made = viewed(inner, lambda batch: {"source": degrade(_bytes(batch[base]))}, {**inner.fields, "source": field})
    return _described(made, title)


def _described(source, title):
    views = [*source.provenance.get("views", []), title]
    return dataclasses.replace(source, scoring=None, provenance={**source.provenance, "views": views})


def viewed(source: Source, make: Make, fields: dict[str, Field]) -> Source:
    """Returns a view of every split, made at once where the data are in memory and the result fits there too."""
    done: dict[int, Arrays] = {}  # train and validation are views of one array
    splits: dict[str, Examples] = {}
    for split, examples in source.splits.items():
        if not isinstance(examples, Arrays) or not _fits(examples, fields):
            splits[split] = View(examples, make, fields)
            continue
        if id(examples.arrays) not in done:
            done[id(examples.arrays)] = _whole(examples.arrays, make, fields)
        base = done[id(examples.arrays)]
        splits[split] = base if examples.index is None else base.select(examples.index)
    return dataclasses.replace(source, fields=fields, splits=splits)


def _fits(examples, fields):
    count = len(next(iter(examples.arrays.values())))
    size = sum(int(np.prod(field.shape)) for field in fields.values() if field.kind == "image")
    return count * size <= MEMORY_LIMIT and all(isinstance(array, np.ndarray) for array in examples.arrays.values())


def _whole(arrays, make, fields):
    count = len(next(iter(arrays.values())))
    starts = range(0, count, _CHUNK)
    parts = [make({name: array[first : first + _CHUNK] for name, array in arrays.items()}) for first in starts]
    made = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Arrays({**arrays, **made}, fields)


def _bytes(images):
    return images if images.dtype == np.uint8 else np.floor(images * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _factor(text):
    try:
        factor = numbers.integer(text)
    except (ValueError, ArithmeticError):
        factor = 0
    if not FACTORS[0] <= factor <= FACTORS[1]:
        raise UserError(f"small: expected a factor of {FACTORS[0]} to {FACTORS[1]}, got {shown(text)}")
    return factor
