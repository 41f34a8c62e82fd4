"""Features of real images on disk: the next evaluation against the same data need not compute them again."""

import hashlib
import json
import os
import pathlib

import numpy as np

from tfgen.data import npz
from tfgen.errors import UserError
from tfgen.storage.atomic import replacing


def default_folder():
    """`$TFGEN_CACHE`, else `tfgen` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("TFGEN_CACHE") or pathlib.Path(base) / "tfgen")


class Cache:
    """Arrays by what they were computed from.

    Args:
        folder: where the files lie, or None to keep nothing.
        say: called with a sentence where a file is damaged or cannot be written.
    """

    def __init__(self, folder=None, say=print):
        self.folder, self.say = None if folder is None else pathlib.Path(folder), say

    def get(self, key, make):
        """The arrays that `make() -> dict of arrays` gives, computed once for each `key` (dict of plain values).

        A file that is damaged, or holds another key, is made anew.
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
            if str(arrays.pop("key", None)) == text:
                return arrays
            problem = "it holds other data"
        except UserError as error:
            problem = error
        self.say(f"the cached features {path} are damaged ({problem}) and are computed again")
        return None

    def _write(self, path, text, arrays):
        try:
            with replacing(path) as partial:
                with open(partial, "wb") as file:
                    np.savez(file, key=np.array(text), **arrays)
        except UserError as error:  # an evaluation goes on without a cache
            self.say(f"features are not kept for the next time: {error}")
