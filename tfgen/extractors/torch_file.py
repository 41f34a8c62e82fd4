"""Reads the tensors of a legacy torch file (before the zip format of torch 1.6) without torch.

Such a file is a row of pickles, then the raw numbers. A pickle can run code; this reader calls nothing but the four
functions below, and refuses any other name. Its callers check the file's sha256 before all that.
"""

import collections
import pickle
import struct

import numpy as np

from tfgen.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read(path):
    """Returns name -> array, float32 or int64, of a state_dict that `torch.save` wrote.

    Raises:
        UserError: another kind of file, or one that asks for more than tensors.
    """
    try:
        with open(path, "rb") as file:
            if _Reader(file).load() != _MAGIC or _Reader(file).load() != _PROTOCOL:
                raise UserError(f"{path} is no torch file of the legacy format")
            _Reader(file).load()  # sizes of C types where it was written
            reader = _Reader(file)
            tensors = reader.load()
            for key in _Reader(file).load():
                reader.fill(key, file)
        return {name: tensor.array() for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, EOFError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no torch file of the legacy format, or is damaged ({error})") from error


class _Reader(pickle.Unpickler):
    """Knows ordered dicts, tensors and two kinds of storage; any other name in a pickle is an error."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, identity):
        kind, dtype, key, _, size, view = identity
        if kind != "storage" or view is not None or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"unknown storage {identity!r}")
        return self.storages.setdefault(key, _Storage(dtype, size))

    def fill(self, key, file):
        storage = self.storages[key]
        (size,) = struct.unpack("<q", file.read(8))
        if size != storage.size:
            raise pickle.UnpicklingError(f"storage {key} has {size} numbers, expected {storage.size}")
        storage.values = np.frombuffer(file.read(size * storage.dtype.itemsize), storage.dtype, size)


class _Storage:
    """A flat row of numbers, `values` [size], known after `fill`."""

    def __init__(self, dtype, size):
        self.dtype, self.size, self.values = dtype, size, None


class _Tensor:
    """Part of a storage; the arguments are those of torch's `_rebuild_tensor_v2`."""

    def __init__(self, storage, offset, shape, stride, requires_grad, hooks):
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self):
        values, last = self.storage.values, self.offset + sum(s * (n - 1) for n, s in zip(self.shape, self.stride))
        if min((self.offset, *self.shape, *self.stride)) < 0 or last >= len(values):
            raise ValueError(f"a tensor of shape {self.shape} reaches beyond its {len(values)} numbers")
        strides = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)
