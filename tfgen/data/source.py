"""What a data set is to the rest of tfgen: named fields, and splits that hand out batches by index. NumPy only."""

import dataclasses

import numpy as np

from tfgen.errors import UserError

ALIGNMENT = 64  # bytes; TensorFlow takes over a NumPy buffer without a copy only from such an address

MEMORY_LIMIT = 2 << 30  # bytes of decoded pixels; larger sets are decoded batch by batch


@dataclasses.dataclass(frozen=True)
class Field:
    """One named part of an example.

    `shape` is that of one example, without the batch; `dtype` a NumPy name. `range` is `(low, high)` of the values,
    both included, except for labels, where it is half open: `(0, num_classes)`. None: not known.
    """

    shape: tuple[int, ...]
    dtype: str
    range: tuple | None = None


def data_field(fields):
    """Returns the name of the field that a model makes: `image`, or `point` in a data set of points alone."""
    return "point" if "point" in fields and "image" not in fields else "image"


class Examples:
    """A split: examples 0 .. len - 1, of which any batch can be had at any time."""

    def __len__(self):
        raise NotImplementedError

    def fields(self):
        """Returns the `Field` of every name."""
        raise NotImplementedError

    def gather(self, indices):
        """Returns the examples at `indices` (int64 [B]), NumPy: image uint8 [B, H, W, C], label int64 [B]."""
        raise NotImplementedError

    def select(self, index):
        """Returns the examples at `index` (int64 [M]) as a view: no example is copied."""
        return Selected(self, index)


class Selected(Examples):
    """A view of some of the examples of another split, decoded when asked for."""

    def __init__(self, examples, index):
        self.examples = examples
        self.index = np.asarray(index, np.int64)

    def __len__(self):
        return len(self.index)

    def fields(self):
        return self.examples.fields()

    def gather(self, indices):
        return self.examples.gather(self.index[indices])


class Arrays(Examples):
    """Examples in memory: one array a field, held once and shared by all views of it.

    Args:
        arrays: name -> array [N, ...]. They are not copied; leave them as they are while a model trains on them.
        fields: name -> `Field`, worked out from the arrays where left out.
        index: int64 [M], the rows that belong to this view, in order; None for all rows.
    """

    def __init__(self, arrays, fields=None, index=None):
        self.arrays = dict(arrays)
        self._fields = dict(fields or {})
        self.index = None if index is None else np.asarray(index, np.int64)
        self.tensors = {}  # filled by tfgen.data.pipeline; shared by all views, as `arrays` is
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1:
            raise UserError(f"Every field needs the same number of examples, but got {lengths or 'no field at all'}.")
        for name, array in self.arrays.items():
            self._fields.setdefault(name, infer_field(name, array))

    def __len__(self):
        return len(self.index) if self.index is not None else len(next(iter(self.arrays.values())))

    def fields(self):
        return dict(self._fields)

    def gather(self, indices):
        rows = np.asarray(indices, np.int64)
        if self.index is not None:
            rows = self.index[rows]
        return {name: array[rows] for name, array in self.arrays.items()}

    def select(self, index):
        index = np.asarray(index, np.int64)
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)  # the very same dicts: an array swapped in one view is swapped in all
        view.index = index if self.index is None else self.index[index]
        return view


@dataclasses.dataclass
class Source:
    """A data set: `splits` holds "train", "validation" and, where there is one, "test".

    `class_names` are in the order of the labels. `provenance` says where the data came from (source, sha256, licence,
    notes): plain values for recipe.json.
    """

    name: str
    fields: dict[str, Field]
    splits: dict[str, Examples]
    class_names: list[str] | None = None
    provenance: dict = dataclasses.field(default_factory=dict)

    @property
    def num_classes(self):
        """The number of classes, or None where the data has no labels."""
        label = self.fields.get("label")
        return None if label is None or label.range is None else int(label.range[1])


def infer_field(name, array):
    """Returns the `Field` that an array [N, ...] holds."""
    values = None
    if name == "label" and np.issubdtype(array.dtype, np.integer) and len(array):
        values = (0, int(array.max()) + 1)
    elif name == "image":
        values = (0, 255) if array.dtype == np.uint8 else (0.0, 1.0)
    return Field(tuple(array.shape[1:]), array.dtype.name, values)


def empty(shape, dtype):
    """Returns an uninitialised array that TensorFlow can use in place (see `ALIGNMENT`)."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % ALIGNMENT
    return buffer[offset : offset + size].view(dtype).reshape(shape)


def carve_validation(train, fraction=0.05):
    """Splits off a fixed share of `train`, at least one example, by a fixed permutation. Both parts are views.

    Returns:
        (train, validation); the same examples every time for the same number of examples.
    """
    size = len(train)
    held_out = min(max(1, round(size * fraction)), size - 1)
    order = np.random.RandomState(0).permutation(size)  # the one stream that NumPy promises never to change
    return train.select(np.sort(order[held_out:])), train.select(np.sort(order[:held_out]))
