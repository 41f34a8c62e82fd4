"""A folder of pictures: folder:PATH."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import logging
import os
import pathlib
import threading
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfgen.data import pixels
from tfgen.data.source import MEMORY_LIMIT, Arrays, Examples, Field, Indices, Source, empty
from tfgen.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
_HELD_OUT = 0.05
_NAMED = 5  # most files that warnings name
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


def load(
    path: str | os.PathLike[str], image_size: tuple[int, int] | None = None, memory_limit: int = MEMORY_LIMIT
) -> Source:
    """a folder of pictures; its subfolders are the classes

    PNG, JPEG, WebP, BMP and GIF files, at any depth; hidden files are ignored. The first level of subfolders gives the
    labels, in the order of their sorted names, unless there is only one subfolder, or there are pictures beside them.
    Subfolders `train` and `test` (and optionally `validation`), where both exist, are the splits; otherwise 5 % of the
    files are held out for validation and 5 % for test by a hash of their relative path, so that a new file does not
    change the split of the others.

    The pictures become gray if all of them are gray by their mode or palette, else RGB. They are rotated upright by
    EXIF, laid over white where transparent, scaled from 16 to 8 bits, and cropped and resized to `image_size`, which is
    optional for pictures of one common size. Files that cannot be read are skipped with one warning.

    Args:
        path: the folder.
        image_size: (height, width).
        memory_limit: bytes; pictures that take more when decoded are decoded from their files batch by batch.

    Raises:
        UserError: no such folder, fewer than 2 readable pictures, or sizes that differ without `image_size`.
    """
    pictures, images, stored = read_all(path, image_size, memory_limit)
    root, in_memory = stored.root, images is not None
    splits, labels, names = _arrange([picture.path for picture in pictures])
    stored.label(labels, names)
    fields = stored.fields()
    whole: Examples = stored
    if images is not None:
        whole = Arrays({"image": images} if labels is None else {"image": images, "label": labels}, fields)
    notes = _notes(pictures, stored.channels, image_size, names, in_memory)
    log.info("%s: %s", root, "; ".join(notes))
    provenance = {"source": str(root.resolve()), "sha256": {"listing": _listing_digest(root, pictures)}, "notes": notes}
    views = {split: whole.select(rows) for split, rows in splits.items()}
    return Source(f"folder:{path}", fields, views, names, provenance)


def read_all(
    path: str | os.PathLike[str], image_size: tuple[int, int] | None = None, memory_limit: int = MEMORY_LIMIT
) -> tuple[list[Picture], np.ndarray | None, "Files"]:
    """Reads every readable picture of a folder, in the order of their paths; arguments and errors as in `load`.

    Returns:
        (list of `Picture`, images uint8 [N, H, W, C] or None where they take more than `memory_limit`, `Files`).
    """
    root = pathlib.Path(path).expanduser()
    files = _files(root)
    with _quiet_pillow():
        pictures, problems = _probe(root, files)
        size = _common_size(root, pictures, image_size)
        channels = 1 if all(picture.gray for picture in pictures) else 3
        stored = Files(root, [picture.path for picture in pictures], channels, size)
        in_memory = len(pictures) * size[0] * size[1] * channels <= memory_limit
        images, good = stored.decode_all(problems) if in_memory else (None, range(len(pictures)))
    _report(root, problems, len(files))
    pictures = [pictures[number] for number in good]
    if len(pictures) < 2:
        found = f"{len(pictures)} of {len(files)} files"
        raise UserError(f"folder: expected at least 2 readable pictures in {root}, got {found}")
    return pictures, images, stored


class Files(Examples):
    """Pictures that are decoded from their files when a batch is gathered.

    A damaged file is replaced by the next readable one, with a warning: a batch depends on (seed, step) and the files.

    Args:
        root: the folder, to which `paths` are relative.
        channels: 1 for gray, 3 for RGB.
        size: (height, width).
    """

    def __init__(self, root: pathlib.Path, paths: Sequence[str], channels: int, size: tuple[int, int]) -> None:
        self.root, self.paths, self.channels, self.size = root, paths, channels, size
        self.labels: np.ndarray | None = None
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
        self.labels = labels
        if labels is not None and names is not None:
            self._fields["label"] = Field("label", range=(0, len(names)))

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        found = list(self._pool.map(self._readable, np.asarray(indices, np.int64)))
        batch = {"image": np.stack([image for _, image in found])}
        if self.labels is not None:
            batch["label"] = self.labels[[number for number, _ in found]]
        return batch

    def decode(self, number: int) -> np.ndarray:
        """Returns picture `number`, uint8 [H, W, C]; exceptions are those of Pillow."""
        with open_picture(self.root / self.paths[number]) as image:
            array = pixels.to_array(image, self.channels, self.size)
        return array

    def _readable(self, number):
        """Returns (the number, the picture) of the first readable one from `number` on."""
        for step in range(len(self)):
            other = (int(number) + step) % len(self)
            try:
                return other, self.decode(other)
            except Exception as error:  # decoders raise anything on damaged input
                self._say(other, error)
        raise UserError(f"folder: no picture in {self.root} can be read any more")

    def _say(self, number, error):
        with self._lock:
            if number in self._said:
                return
            self._said.add(number)
            count = len(self._said)
        if count <= _NAMED:
            more = "; no further file will be named" if count == _NAMED else ""
            log.warning("%s: skipped %s (%s)%s", self.root, self.paths[number], _reason(error), more)

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
            except Exception as error:  # decoders raise anything on damaged input
                return _reason(error)
            return None

        reasons = list(self._pool.map(fill, range(len(self))))
        good = [number for number, reason in enumerate(reasons) if reason is None]
        problems.update({self.paths[number]: reason for number, reason in enumerate(reasons) if reason is not None})
        if len(good) < len(self):
            for place, number in enumerate(good):  # in place: no second copy
                images[place] = images[number]
        return images[: len(good)], good


def _files(root):
    if not root.is_dir():
        what = "a file" if root.exists() else "not there"
        raise UserError(f"folder: expected a folder of pictures, but {root} is {what}")
    files = scan(root)
    if not files:
        raise UserError(f"folder: expected pictures ({', '.join(SUFFIXES)}) in {root}, got none")
    return files


def scan(root: pathlib.Path) -> list[str]:
    """Returns the sorted relative paths of all files with the suffix of a picture, except hidden files."""
    found: list[str] = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        relative = pathlib.Path(folder).relative_to(root)
        named = (name for name in files if name.lower().endswith(SUFFIXES) and not name.startswith("."))
        found += [(relative / name).as_posix() for name in named]
    return sorted(found)


def open_picture(path: str | os.PathLike[str]) -> Image.Image:
    """Opens a file with the parsers of five formats; pixels are decoded later.

    Raises:
        Image.DecompressionBombError: it has more pixels than Pillow's limit, where Pillow itself would only warn.
    """
    image = Image.open(path, formats=pixels.FORMATS)
    if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        image.close()
        raise Image.DecompressionBombError(f"{image.width}x{image.height} pixels")
    return image


@contextlib.contextmanager
def _quiet_pillow():
    """Suppresses Pillow's warnings: a file with a serious problem is skipped with a warning of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _probe(root, files):
    """Returns (pictures, path -> reason of the files that cannot be read) from the headers of all files."""
    pictures, problems = [], {}
    for path in files:
        try:
            pictures.append(_header(root, path))
        except Exception as error:  # hostile files make parsers raise anything
            problems[path] = _reason(error) if os.path.getsize(root / path) else "empty"
    return pictures, problems


def _header(root, path):
    with open_picture(root / path) as image:
        width, height = image.size
        if not width or not height:
            raise ValueError("no pixels")
        if pixels.orientation(image) >= 5:  # a quarter turn
            width, height = height, width
        traits = pixels.traits(image) + (["turned as EXIF says"] if pixels.orientation(image) > 1 else [])
        return Picture(path, width, height, pixels.is_gray(image), tuple(traits))


def _reason(error):
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow's limit"
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).split("\n")[0]
    return "truncated" if "truncated" in text.lower() else text[:60] or type(error).__name__


def _common_size(root, pictures, image_size):
    """Returns (height, width): `image_size`, or the common size of all pictures."""
    if image_size is not None:
        return image_size
    sizes = collections.Counter((picture.height, picture.width) for picture in pictures)
    if len(sizes) > 1:
        examples = ", ".join(f"{width}x{height}" for (height, width), _ in sizes.most_common(3))
        raise UserError(
            f"folder: expected pictures of one size in {root}, got {len(sizes)} sizes ({examples}"
            f"{', ...' if len(sizes) > 3 else ''}; width x height): give --image_size, for example --image_size=64"
        )
    return next(iter(sizes), (1, 1))


def _report(root, problems, total):
    """Logs one warning with the skipped files."""
    if problems:
        named = ", ".join(f"{path} ({reason})" for path, reason in sorted(problems.items())[:_NAMED])
        more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        log.warning("%s: skipped %d of %d files: %s%s", root, len(problems), total, named, more)


def _arrange(paths):
    """Returns (split -> rows, labels int64 [N] or None, class names or None)."""
    top = {path.split("/")[0] for path in paths if "/" in path}
    given = {"train", "test"} <= top and all("/" in path and path.split("/")[0] in _SPLITS for path in paths)
    inner = [path.split("/", 1)[1] for path in paths] if given else paths
    splits = collections.defaultdict(list)
    for row, path in enumerate(paths):
        splits[_split_of(path, given, "validation" in {_SPLITS.get(name) for name in top})].append(row)
    _fill_empty(splits, given)
    names = sorted({path.split("/")[0] for path in inner})
    if any("/" not in path for path in inner) or len(names) < 2:
        return dict(splits), None, None
    labels = np.array([names.index(path.split("/")[0]) for path in inner], np.int64)
    return dict(splits), labels, names


def _split_of(path, given, has_validation):
    """Returns the split of a file: its first folder, or by a hash of its path."""
    share = int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    if given:
        split = _SPLITS[path.split("/")[0]]
        return "validation" if split == "train" and not has_validation and share < _HELD_OUT else split
    return "test" if share < _HELD_OUT else "validation" if share < 2 * _HELD_OUT else "train"


def _fill_empty(splits, given):
    """Moves pictures so that even a few give both a train and a validation split; a given test split is kept."""
    for wanted in "train", "validation":
        if not splits[wanted]:
            giver = "train" if given else max(splits, key=lambda split: (len(splits[split]), split != "train"))
            splits[wanted] += [splits[giver].pop()] if splits[giver] else []
    for split in [split for split, rows in splits.items() if not rows]:
        del splits[split]


def _notes(pictures, channels, image_size, names, in_memory):
    """Returns short phrases on the conversion of the pictures, for the log and the provenance."""
    counts = collections.Counter(trait for picture in pictures for trait in picture.traits)
    grays = sum(picture.gray for picture in pictures)
    notes = [f"{len(pictures)} pictures as {'gray' if channels == 1 else 'RGB'}"]
    if names:
        notes.append(f"{len(names)} classes")
    if channels == 3 and grays:
        notes.append(f"{grays} gray, made RGB")
    notes += [f"{count} {trait}" for trait, count in sorted(counts.items())]
    if image_size is not None:
        notes.append(f"cut about the centre and resized to {image_size[0]}x{image_size[1]} (height x width), Lanczos")
    if not in_memory:
        notes.append("read from their files batch by batch")
    return notes


def _listing_digest(root, pictures):
    """Returns the sha256 of the files' relative paths and sizes."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(f"{picture.path}\0{os.path.getsize(root / picture.path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
