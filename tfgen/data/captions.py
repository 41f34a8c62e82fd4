"""Captions made from labels and measured factors, so that what a caption asks for can be checked."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfgen.data import load_dataset
from tfgen.data.agreement import Agreement, Attribute, words_of
from tfgen.data.measures import across_of, brightness_of, down_of, limit_between, size_of
from tfgen.data.source import Arrays, Examples, Field, Indices, Source
from tfgen.errors import UserError

PLACED = ("scale", "x", "y")  # factors of drawings
ATTRIBUTES = {
    "light": ("dark", "light"),
    "large": ("small", "large"),
    "right": ("left", "right"),
    "low": ("top", "bottom"),
}
MEASURES = {"light": brightness_of, "large": size_of, "right": across_of, "low": down_of}


class Captioned(Examples):
    """Examples with further columns that are in memory.

    Args:
        examples: those of the data set.
        columns: field name -> array [N, ...].
        fields: of the columns.
    """

    def __init__(self, examples: Examples, columns: dict[str, np.ndarray], fields: dict[str, Field]) -> None:
        self.examples, self.columns, self._fields = examples, columns, {**examples.fields(), **fields}

    def __len__(self) -> int:
        return len(self.examples)

    def fields(self) -> dict[str, Field]:
        return dict(self._fields)

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        rows = np.asarray(indices, np.int64)
        return {**self.examples.gather(rows), **{name: values[rows] for name, values in self.columns.items()}}

    def column(self, name: str) -> np.ndarray:
        return self.columns[name] if name in self.columns else self.examples.column(name)


def captions(name: str, data_dir: str | None = None, image_size: tuple[int, int] | None = None) -> Source:
    """pictures with captions made from their class and brightness, of drawings from size and place

    "a dark ankle boot", "a light bag": a picture is light where it is brighter than the median of the training pictures
    of its class (`brightness_of`). Of data with the factors scale, x and y, as `shapes`: "a large heart at the top
    left". The field `caption` is the text, `attributes` the zeros and ones that it says, float32 [1] or [3].

    Args:
        name: of a data set of pictures with names of classes.
        data_dir: folder of files.
        image_size: (height, width).

    Raises:
        UserError: the data have no named classes, or captions of their own.
    """
    source = load_dataset(name, data_dir=data_dir, image_size=image_size)
    if "image" not in source.fields or not source.class_names or "caption" in source.fields:
        own = "captions of its own" if "caption" in source.fields else ", ".join(source.fields) + " without class names"
        raise UserError(f"captions({name}): expected pictures of named classes without captions, got {own}")
    nouns = nouns_of(name, source.class_names)
    drawn = "factors" in source.fields and set(PLACED) <= set(source.provenance.get("factors", ()))
    measure = _placed if drawn else _brightness
    values, limits = measure(source)
    splits: dict[str, Examples] = {}
    said = {"caption": Field("text"), "attributes": Field("vector", (len(limits),))}
    for split, examples in source.splits.items():
        labels = examples.column("label")
        truths = np.stack([values[split][key] > limits[key][labels] for key in limits], axis=1)
        texts = [_text(nouns[label], list(limits), row) for label, row in zip(labels, truths, strict=True)]
        columns = {"caption": np.array(texts, object), "attributes": truths.astype(np.float32)}
        splits[split] = _joined(examples, columns, said)
    stated = {key: [float(value) for value in limit] for key, limit in limits.items()}
    provenance = {**source.provenance, "captions": {"attributes": list(limits), "limits": stated}}
    made = dataclasses.replace(
        source, splits=splits, fields={**source.fields, **said}, provenance=provenance, scoring=None
    )
    return dataclasses.replace(made, agreement=_agreement(made, tuple(nouns), None if drawn else limits))


def nouns_of(name: str, titles: Sequence[str]) -> list[str]:
    """Returns the words for classes in captions: the first of several names (`T-shirt/top`) where it is no other's.

    Raises:
        UserError: two classes of the data set `name` cannot be told apart in a caption.
    """
    first = [title.partition("/")[0].strip().lower() for title in titles]
    nouns = [noun if first.count(noun) == 1 else title.strip().lower() for noun, title in zip(first, titles)]
    read = [words_of(noun) for noun in nouns]
    for number, words in enumerate(read):
        if not words.strip() or words in read[:number]:
            raise UserError(
                f"captions({name}): expected names of classes that differ by their words, got "
                f"{', '.join(repr(titles[n]) for n, other in enumerate(read) if other == words)}; rename these"
            )
    return nouns


def _brightness(source):
    """Returns (split -> {"light": values [N]}, {"light": limit of each class})."""
    values = {split: {"light": brightness_of(part.column("image"))} for split, part in source.splits.items()}
    labels, light = source.splits["train"].column("label"), values["train"]["light"]
    whole = np.median(light)
    medians = [np.median(light[labels == k]) if (labels == k).any() else whole for k in range(source.num_classes)]
    return values, {"light": np.array(medians)}


def _placed(source):
    """Returns (split -> attribute -> values [N], attribute -> limit of each class) of drawings."""
    columns = [list(source.provenance["factors"]).index(name) for name in PLACED]
    factors = {split: part.column("factors")[:, columns] for split, part in source.splits.items()}
    limits = {"large": 0.75, "right": 0.5, "low": 0.5}
    values = {split: dict(zip(limits, rows.T, strict=True)) for split, rows in factors.items()}
    return values, {key: np.full(source.num_classes, limit) for key, limit in limits.items()}


def _agreement(source, nouns, limits):
    """Returns the check of pictures against captions; of drawings the limits are those that fit the training pictures.

    Size and place of a drawing are known, and of a sample have to be measured.
    """
    train = source.splits["train"]
    attributes = {}
    for place, name in enumerate(source.provenance["captions"]["attributes"]):
        if limits is None:
            values, truths = MEASURES[name](train.column("image")), train.column("attributes")[:, place] > 0.5
            of_class = [train.column("label") == label for label in range(len(nouns))]
            fitted = np.array([limit_between(values[rows], truths[rows]) for rows in of_class])
        else:
            fitted = limits[name]
        attributes[name] = Attribute(ATTRIBUTES[name], MEASURES[name], fitted)
    return Agreement("caption", nouns, attributes)


def _text(noun, keys, truths):
    words = {key: ATTRIBUTES[key][int(truth)] for key, truth in zip(keys, truths, strict=True)}
    if "low" in words:
        return f"a {words['large']} {noun} at the {words['low']} {words['right']}"
    return f"a {words['light']} {noun}"


def _joined(examples, columns, fields):
    """Returns examples with the columns; in memory where they are, so that a batch is gathered by TensorFlow."""
    if not isinstance(examples, Arrays) or not all(isinstance(array, np.ndarray) for array in examples.arrays.values()):
        return Captioned(examples, columns, fields)
    if examples.index is None:
        return Arrays({**examples.arrays, **columns}, {**examples.fields(), **fields})
    spread = {}
    for name, values in columns.items():
        blank = "" if values.dtype == object else 0
        whole = np.full((len(next(iter(examples.arrays.values()))), *values.shape[1:]), blank, values.dtype)
        whole[examples.index] = values
        spread[name] = whole
    return Arrays({**examples.arrays, **spread}, {**examples.fields(), **fields}, examples.index)
