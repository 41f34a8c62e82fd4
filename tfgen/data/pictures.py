"""Pictures in files: their headers, and examples that are decoded when a batch is gathered."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import logging
import os
import pathlib
import stat
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from tfgen.data import pixels
from tfgen.data.source import Examples, Field, Indices, empty
from tfgen.errors import UserError
from tfgen.faults import PICTURE

NAMED = 5  # most files that warnings name
_WORKERS = min(4, os.cpu_count() or 1)  # threads are enough: Pillow releases Python's lock while it decodes

log = logging.getLogger("tfgen")


@dataclasses.dataclass(frozen=True)
class Picture:
    """The header of a picture: `path` relative to the folder, with slashes; the size after EXIF rotation."""

    path: str
    width: int
    height: int
    gray: bool
    traits: tuple[str, ...]


class Files(Examples):
    """Pictures that are decoded from their files when a batch is gathered.

    A damaged file is replaced by the next readable one of its split, of its class where there is one, with a warning: a
    batch depends on (seed, step) and the files.

    Args:
        root: the folder, to which `paths` are relative.
        channels: 1 for gray, 3 for RGB.
        size: (height, width).
    """

    def __init__(self, root: pathlib.Path, paths: Sequence[str], channels: int, size: tuple[int, int]) -> None:
        self.root, self.paths, self.channels, self.size = root, paths, channels, size
        self.columns: dict[str, np.ndarray] = {}  # fields besides the image
        self._split = np.zeros(len(paths), np.int64)
        self._fields = {"image": Field("image", (*size, channels))}
        self._pool = concurrent.futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="pictures")
        self._said: set[int] = set()
        self._lock = threading.Lock()  # of `_said`, which the pool's threads share

    def __len__(self) -> int:
        return len(self.paths)

    def fields(self) -> dict[str, Field]:
        return dict(self._fields)

    def label(self, labels: np.ndarray | None, names: Sequence[str] | None) -> None:
        """Adds labels int64 [N] with class `names`, or none for None."""
        if labels is not None and names is not None:
            self.attach({"label": labels}, {"label": Field("label", range=(0, len(names)))})

    def attach(self, values: Mapping[str, np.ndarray], fields: Mapping[str, Field]) -> None:
        """Adds fields: name -> array [N, ...] of all pictures, and name -> `Field`."""
        self.columns |= values
        self._fields |= fields

    def divide(self, splits: Mapping[str, Sequence[int]]) -> None:
        """Says which rows belong to each split, so that none is replaced by a picture of another one."""
        self._split[:] = -1
        for number, rows in enumerate(splits.values()):
            self._split[rows] = number

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        found = list(self._pool.map(self._readable, np.asarray(indices, np.int64)))
        batch = {"image": np.stack([image for _, image in found])}
        rows = [number for number, _ in found]
        return batch | {name: values[rows] for name, values in self.columns.items()}

    def column(self, name: str) -> np.ndarray:
        return self.columns[name] if name in self.columns else super().column(name)

    def decode(self, number: int) -> np.ndarray:
        """Returns picture `number`, uint8 [H, W, C]; exceptions are those of Pillow."""
        with open_picture(self.root / self.paths[number]) as image:
            array = pixels.to_array(image, self.channels, self.size)
        return array

    def _readable(self, number):
        """Returns (the number, the picture) of the first readable one from `number` on, of its class if any can be."""
        for kind in (self.columns.get("label", self._split), self._split):
            for step in range(len(self)):
                other = (int(number) + step) % len(self)
                if self._split[other] != self._split[number] or kind[other] != kind[number]:
                    continue
                try:
                    return other, self.decode(other)
                except PICTURE as error:
                    self._say(other, error)
        raise UserError(f"folder: no picture in {self.root} can be read any more")

    def _say(self, number, error):
        with self._lock:
            if number in self._said:
                return
            self._said.add(number)
            count = len(self._said)
        if count <= NAMED:
            more = "; no further file will be named" if count == NAMED else ""
            log.warning("%s: skipped %s (%s)%s", self.root, self.paths[number], reason(error), more)

    def decode_all(self, problems: dict[str, str]) -> tuple[np.ndarray, list[int]]:
        """Decodes every picture into one array.

        Args:
            problems: path -> reason; files that cannot be decoded are added.

        Returns:
            (images uint8 [M, H, W, C], the indices of the M readable pictures).
        """
        images = empty((len(self), *self.size, self.channels), np.uint8)

        def fill(number: int) -> str | None:
            try:
                images[number] = self.decode(number)
            except PICTURE as error:
                return reason(error)
            return None

        reasons = list(self._pool.map(fill, range(len(self))))
        good = [number for number, why in enumerate(reasons) if why is None]
        problems.update({self.paths[number]: why for number, why in enumerate(reasons) if why is not None})
        if len(good) < len(self):
            for place, number in enumerate(good):  # in place: no second copy
                images[place] = images[number]
        return images[: len(good)], good


class Halves(Files):
    """Pictures of two halves side by side, each cropped about its own centre; arguments as of `Files`."""

    def decode(self, number: int) -> np.ndarray:
        with open_picture(self.root / self.paths[number]) as image:
            whole = pixels.to_array(image, self.channels)
        middle, (height, width) = whole.shape[1] // 2, self.size
        if not middle:
            raise ValueError("one pixel wide, of which there are no halves")
        if whole.shape[:2] == (height, width):
            return whole
        parts = whole[:, :middle], whole[:, whole.shape[1] - middle :]
        return np.concatenate([pixels.resize_all(part[None], (height, width // 2))[0] for part in parts], axis=1)


def open_picture(path: str | os.PathLike[str]) -> Image.Image:
    """Opens a file with the parsers of `pixels.FORMATS`; pixels are decoded later.

    Raises:
        OSError: it is no regular file: a pipe would block.
        Image.DecompressionBombError: it has more pixels than Pillow's limit, where Pillow itself would only warn.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("not a regular file")
    image = Image.open(path, formats=pixels.FORMATS)
    if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        image.close()
        raise Image.DecompressionBombError(f"{image.width}x{image.height} pixels")
    return image


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppresses Pillow's warnings: a file with a serious problem is skipped with a warning of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def probed(root: pathlib.Path, paths: Sequence[str], problems: dict[str, str]) -> list[Picture]:
    """Returns the headers of all pictures; `problems`, path -> reason, gets those that cannot be read."""
    pictures = []
    for path in paths:
        try:
            pictures.append(_header(root, path))
        except PICTURE as error:
            problems[path] = "empty" if _is_empty(root / path) else reason(error)
    return pictures


def _header(root, path):
    with open_picture(root / path) as image:
        width, height = image.size
        if not width or not height:
            raise ValueError("no pixels")
        turned = pixels.orientation(image)
        if turned >= 5:  # a quarter turn
            width, height = height, width
        traits = pixels.traits(image) + (["turned as EXIF says"] if turned > 1 else [])
        return Picture(path, width, height, pixels.is_gray(image), tuple(traits))


def _is_empty(path):
    try:
        return not os.path.getsize(path)
    except OSError:  # it has gone meanwhile
        return False


def reason(error: Exception) -> str:
    """Returns why a picture cannot be read, in a few words."""
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow's limit"
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).split("\n")[0]
    return "truncated" if "truncated" in text.lower() else text[:60] or type(error).__name__
