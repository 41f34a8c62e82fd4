"""A cache of the features of real images on disk: evaluations against the same data compute them once."""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable

import numpy as np

from tfgen.data import npz
from tfgen.errors import UserError
from tfgen.storage.atomic import replacing


def default_folder() -> pathlib.Path:
    """Returns `$TFGEN_CACHE`, else `tfgen` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("TFGEN_CACHE") or pathlib.Path(base) / "tfgen")


class Cache:
    """A store of computed arrays; the key says what they were computed from.

    Args:
        folder: folder of the files, or None to store nothing.
        say: called with a sentence where a file is damaged or cannot be written.
    """

    def __init__(self, folder: str | os.PathLike | None = None, say: Callable[[str], object] = print) -> None:
        self.folder, self.say = None if folder is None else pathlib.Path(folder), say

    def get(self, key: dict, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Returns the arrays by name that `make()` computes, computed once per `key` (dict of plain values).

        A file that is damaged, or holds another key, is written again.
        """
        if self.folder is None:
            return make()
        text = json.dumps(key, sort_keys=True)
        path = self.folder / f"features_{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
        arrays = self._read(path, text)
        if arrays is None:
            arrays = make()
            self._write(path, text, arrays)
        return arrays

    def _read(self, path, text):
        if not path.is_file():
            return None
        try:
            arrays = npz.read(path)
            # the file's name is a part of a hash: the whole key excludes a collision
            if str(arrays.pop("key", None)) == text:
                return arrays
            problem = "it holds other data"
        except UserError as error:
            problem = str(error)
        self.say(f"the cached features {path} are damaged ({problem}) and are computed again")
        return None

    def _write(self, path, text, arrays):
        try:
            with replacing(path) as partial:
                with open(partial, "wb") as file:
                    np.savez(file, key=np.array(text), **arrays)
        except UserError as error:  # an evaluation goes on without a cache
            self.say(f"features are not kept for the next time: {error}")
