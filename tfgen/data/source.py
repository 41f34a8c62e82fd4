"""The interface of data sets: named fields, and splits whose examples are gathered by index. NumPy only."""

import dataclasses
import functools
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tfgen.errors import UserError, nearest

if TYPE_CHECKING:
    from tfgen.data.agreement import Agreement

ALIGNMENT = 64  # bytes; TensorFlow uses a NumPy buffer without a copy only at a multiple of this address

DEFLATE_LIMIT = 1040  # the ratio that zip and gzip cannot exceed: a header that promises more data is wrong

MEMORY_LIMIT = 2 << 30  # bytes of decoded pixels; larger sets are decoded batch by batch

Indices: TypeAlias = Sequence[int] | np.ndarray
Kind = Literal["image", "label", "vector", "tokens", "point", "text"]

# kind -> (dtype, range) of a field without either
KINDS: dict[str, tuple[str, tuple[float, float] | None]] = {
    "image": ("uint8", (0, 255)),
    "label": ("int64", None),
    "vector": ("float32", None),
    "tokens": ("int64", None),
    "point": ("float32", None),
    "text": ("object", None),
}


@dataclasses.dataclass(frozen=True)
class Field:
    """One named part of an example.

    The treatment of a field depends on its kind, never on its name: only images are mirrored, resized and mapped to the
    value range of the networks; labels are class indices.

    Attributes:
        kind: `image` [H, W, C], `label` [], `vector` [D], `tokens` [length], `point` [2], or `text` [], a string.
        shape: of one example, without the batch axis.
        dtype: a NumPy name; by default that of the kind.
        range: (low, high) of the values, inclusive, but half open for labels and tokens: (0, number of classes). None
            if unknown.
        names: of the classes of a label, in their order, or None if unknown.

    Raises:
        UserError: there is no such kind.
    """

    kind: Kind
    shape: tuple[int, ...] = ()
    dtype: str | None = None
    range: tuple[float, float] | None = None
    # the same data under other names are the same data
    names: tuple[str, ...] | None = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise UserError(
                f"a field's kind is one of {', '.join(KINDS)}, got {self.kind!r}{nearest(self.kind, KINDS)}"
            )
        dtype, values = KINDS[self.kind]
        # object.__setattr__: the dataclass is frozen. JSON has made lists of the tuples
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "range", tuple(self.range) if self.range else values if self.dtype is None else None)
        object.__setattr__(self, "dtype", self.dtype or dtype)
        object.__setattr__(self, "names", tuple(map(str, self.names)) if self.names else None)


def as_fields(saved: Mapping[str, Field | dict[str, Any]]) -> dict[str, Field]:
    """Returns name -> `Field` of fields or of their JSON form, dicts whose tuples have become lists."""
    return {name: field if isinstance(field, Field) else Field(**field) for name, field in saved.items()}


def data_field(fields: Mapping[str, Field]) -> str:
    """Returns the name of the field that a model generates: the image, else the point, else the first field.

    Of several images it is `image`; the others, such as `source`, are conditions or targets.
    """
    for kind in ("image", "point"):
        names = [name for name, field in fields.items() if field.kind == kind]
        if names:
            return kind if kind in names else names[0]
    return next(iter(fields), "image")


class Examples:
    """A split of a data set: examples 0 .. len - 1 with random access."""

    def __len__(self) -> int:
        raise NotImplementedError

    def fields(self) -> dict[str, Field]:
        """Returns the `Field` of every name."""
        raise NotImplementedError

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        """Returns the examples at `indices` (int64 [B]), NumPy: image uint8 [B, H, W, C], label int64 [B]."""
        raise NotImplementedError

    def select(self, index: Indices) -> "Examples":
        """Returns the examples at `index` (int64 [M]) as a view, without copying them."""
        return Selected(self, index)

    def divided(self, count: int) -> "tuple[Examples, Examples]":
        """Returns the first `count` examples, and the others."""
        return self.select(np.arange(count)), self.select(np.arange(count, len(self)))

    def column(self, name: str) -> np.ndarray:
        """Returns one field of all examples, [N, ...]; where they are in memory, no other field is read."""
        starts = range(0, len(self), 256)
        parts = [self.gather(np.arange(first, min(first + 256, len(self))))[name] for first in starts]
        return np.concatenate(parts)

    def parts(self) -> "list[Examples]":
        """Returns the examples whose order is one: by default all fields, of unpaired domains a part for each."""
        return [self]

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Returns exactly the examples of this split by field name: image uint8 [N, H, W, C], label int64 [N].

        Arrays in memory that are this split alone are returned as they are, others copied; pictures in files are read.
        """
        return self.gather(np.arange(len(self)))

    def name_classes(self, names: Sequence[str]) -> None:
        """Keeps the names of the classes with the field `label`, from which a model that is fitted takes them."""
        own = vars(self).get("_fields")  # of the classes here; others need not keep them
        if own and "label" in own:
            own["label"] = dataclasses.replace(own["label"], names=tuple(names))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} examples: {described(self.fields())}>"


class Selected(Examples):
    """A view of some of the examples of another split, decoded when a batch is gathered."""

    def __init__(self, examples: Examples, index: Indices) -> None:
        self.examples = examples
        self.index = np.asarray(index, np.int64)

    def __len__(self) -> int:
        return len(self.index)

    def fields(self) -> dict[str, Field]:
        return self.examples.fields()

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        return self.examples.gather(self.index[indices])

    def column(self, name: str) -> np.ndarray:
        return self.examples.column(name)[self.index]

    def name_classes(self, names: Sequence[str]) -> None:
        self.examples.name_classes(names)


class Arrays(Examples):
    """Examples in memory: one array per field, shared by all views.

    Args:
        arrays: name -> array [N, ...]. They are not copied: do not change them while a model trains on them.
        fields: name -> `Field`; missing ones are inferred from the arrays.
        index: int64 [M], the rows of this view, in order; None for all rows.

    Raises:
        UserError: there is no array, or their lengths differ.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        fields: Mapping[str, Field] | None = None,
        index: Indices | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self._fields = dict(fields or {})
        self.index = None if index is None else np.asarray(index, np.int64)
        self.tensors: dict[str, Any] = {}  # filled by tfgen.data.pipeline; shared by all views, as `arrays` is
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1:
            raise UserError(f"Every field needs the same number of examples, but got {lengths or 'no field'}.")
        for name, array in self.arrays.items():
            self._fields.setdefault(name, infer_field(name, array))

    def __len__(self) -> int:
        return len(self.index) if self.index is not None else len(next(iter(self.arrays.values())))

    def fields(self) -> dict[str, Field]:
        return dict(self._fields)

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        rows = np.asarray(indices, np.int64)
        if self.index is not None:
            rows = self.index[rows]
        return {name: array[rows] for name, array in self.arrays.items()}

    def column(self, name: str) -> np.ndarray:
        array = np.asarray(self.arrays[name])
        return array if self.index is None else array[self.index]

    def to_numpy(self) -> dict[str, np.ndarray]:
        return dict(self.arrays) if self.index is None else super().to_numpy()

    def select(self, index: Indices) -> "Arrays":
        rows = np.asarray(index, np.int64)
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)  # the same dicts: an array replaced in one view is replaced in all
        view.index = rows if self.index is None else self.index[rows]
        return view


@dataclasses.dataclass(frozen=True)
class Scoring:
    """The metric that a data set defines for its own samples.

    Attributes:
        function: "module:name" of `f(samples, source, extractor) -> (dict of Score, dict of details)`, imported on use;
            `extractor` is that of the source, or None.
        gives: the names of its scores.
        samples: number of samples in the published protocol.
        pictures: whether the samples are images, which can be shown beside training images.
    """

    function: str
    gives: tuple[str, ...]
    samples: int
    pictures: bool = True


@dataclasses.dataclass(repr=False)
class Source:
    """A data set with the splits "train", "validation" and, optionally, "test".

    A split is a view: `splits["train"].arrays` holds the examples of all splits, `to_numpy("train")` those of one.

    Attributes:
        class_names: in the order of the labels, or None.
        provenance: origin of the data (source, sha256, licence, notes), plain values for recipe.json.
        extractor: name of the feature extractor for such images, or None.
        scoring: metric of the samples where it is not based on features of images, or None.
        agreement: checks whether pictures show what their captions ask for; None where nobody can tell.
    """

    name: str
    fields: dict[str, Field]
    splits: Mapping[str, Examples]
    class_names: list[str] | None = None
    provenance: dict = dataclasses.field(default_factory=dict)
    extractor: str | None = None
    scoring: Scoring | None = None
    agreement: "Agreement | None" = None

    @property
    def num_classes(self) -> int | None:
        """The number of classes, or None for data without labels."""
        label = self.fields.get("label")
        return None if label is None or label.range is None else int(label.range[1])

    def to_numpy(self, split: str = "train") -> dict[str, np.ndarray]:
        """Returns exactly the examples of a split by field name, as `Examples.to_numpy`.

        Raises:
            UserError: there is no such split.
        """
        return self.split(split).to_numpy()

    def split(self, name: str) -> Examples:
        """Returns the examples of a split.

        Raises:
            UserError: there is no such split; the sentence names those there are.
        """
        if name not in self.splits:
            order = [split for split in ("train", "validation", "test") if split in self.splits]
            hint = ": give --split=validation" if name == "test" and "validation" in order else ""
            raise UserError(f"{self.name} has no split {name!r}; it has {', '.join(order or self.splits)}{hint}")
        return self.splits[name]

    def __repr__(self) -> str:
        order = dict.fromkeys(("train", "validation", "test", *self.splits))
        sizes = ", ".join(f"{split} {len(self.splits[split])}" for split in order if split in self.splits)
        classes = f"; {self.num_classes} classes" if self.num_classes else ""
        return f"<Source {self.name}: {sizes}; {described(self.fields)}{classes}>"


def described(fields: Mapping[str, Field]) -> str:
    """Returns "image uint8 28x28x1, label int64" for fields of these dtypes and shapes."""
    parts = (f"{name} {field.dtype} {'x'.join(map(str, field.shape))}".rstrip() for name, field in fields.items())
    return ", ".join(parts)


def content_of(values: np.ndarray) -> bytes:
    """Returns the bytes of an array's values, for hashes; those of texts, where memory holds addresses alone."""
    if values.dtype == object:
        return repr(values.tolist()).encode()
    return np.ascontiguousarray(values).tobytes()


def infer_field(name: str, array: np.ndarray) -> Field:
    """Returns the `Field` of an array [N, ...], its kind inferred from name, shape and dtype."""
    kind, dtype = infer_kind(name, array), array.dtype.name
    values: tuple[float, float] | None = None
    if kind == "label" and np.issubdtype(array.dtype, np.integer) and len(array):
        values = (0, int(array.max()) + 1)
    elif kind == "image":
        values = (0, 255) if array.dtype == np.uint8 else (0.0, 1.0)
    return Field(kind, tuple(array.shape[1:]), dtype, values)


def infer_kind(name: str, array: Any) -> Kind:
    """Returns the kind of a field without a declaration, from name, shape and dtype."""
    if name == "label":
        return "label"
    if name == "point":
        return "point"
    if array.ndim == 4 or name == "image":
        return "image"
    if array.ndim == 1 and array.dtype.kind in "OU":
        return "text"
    return "tokens" if array.ndim == 2 and np.issubdtype(array.dtype, np.integer) else "vector"


def empty(shape: Sequence[int], dtype: DTypeLike | None) -> np.ndarray:
    """Returns an uninitialised array that TensorFlow can use in place (see `ALIGNMENT`)."""
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size > machine_memory():  # Linux would promise it, and end the process when it is used
        raise UserError(f"an array of {size / 2**30:.1f} GiB does not fit into the memory of this machine")
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % ALIGNMENT
    return buffer[offset : offset + size].view(kind).reshape(shape)


@functools.cache
def machine_memory() -> float:
    """Returns the bytes of the machine's memory; infinity where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf


def carve_validation(train: Examples, fraction: float = 0.05) -> tuple[Examples, Examples]:
    """Splits a fraction of `train`, at least one example, off by a fixed permutation.

    Returns:
        (train, validation), two views; the split depends on the number of examples alone.
    """
    size = len(train)
    held_out = min(max(1, round(size * fraction)), size - 1)
    order = np.random.RandomState(0).permutation(size)  # its stream is the only one that NumPy never changes
    return train.select(np.sort(order[held_out:])), train.select(np.sort(order[:held_out]))
