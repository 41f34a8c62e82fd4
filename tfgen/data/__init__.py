"""Data sets by name. Importing this package imports neither TensorFlow nor NumPy; loading a data set does.

    source = tfgen.load_dataset("folder:photos", image_size=64)
    source.splits["train"], source.fields["image"].shape, source.class_names, source.num_classes

    pairs = tfgen.load_dataset("edges(fashion_mnist_mini)")                 # a view: fields `source` and `image`

A user's data set is a function that returns a `tfgen.data.Source`, or the arrays as a dict:

    @tfgen.register_dataset("my_set")
    def my_set(data_dir=None):
        \"\"\"A one-line summary for lists.\"\"\"
        return {"x_train": images, "y_train": labels}     # and x_valid, x_test, ..., class_names
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
from typing import TYPE_CHECKING, Any

from registry import Registry, UnknownName
from tfgen.errors import UserError, nearest, shown

if TYPE_CHECKING:
    from tfgen.data.source import Source

# A name with a colon is a kind of source: load_dataset("folder:photos") calls the row "folder:PATH" with "photos".
_BUILTINS = {
    "fashion_mnist_mini": ("tfgen.data.embedded:fashion_mnist_mini", "10,000 + 2,000 garments, part of tfgen, 28x28"),
    "fashion_mnist": ("tfgen.data.idx:fashion_mnist", "60,000 + 10,000 garments, 28x28, 10 classes"),
    "mnist": ("tfgen.data.idx:mnist", "60,000 + 10,000 handwritten digits, 28x28, 10 classes"),
    "binarized_mnist": ("tfgen.data.npz:binarized_mnist", "MNIST in black and white as Larochelle fixed it, 28x28"),
    "cifar10": ("tfgen.data.tfds:cifar10", "50,000 + 10,000 colour pictures, 32x32, 10 classes"),
    "celeb_a": ("tfgen.data.tfds:celeb_a", "about 200,000 faces, cut to 64x64 unless --image_size is given"),
    "emoji": (
        "tfgen.data.emoji:emoji",
        "3,521 emoji with category and name, part of tfgen, 32x32 colour, 9 classes",
    ),
    "shapes": (
        "tfgen.data.shapes:shapes",
        "17,280 drawings of known shape, scale, orientation and place, 32x32 grey, 3 classes",
    ),
    "stacked_mnist": (
        "tfgen.data.stacked:stacked_mnist",
        "128,000 + 26,000 colour pictures of three MNIST digits each, 28x28, 1000 classes",
    ),
    "ring": ("tfgen.data.mixtures:ring", "8 normal distributions on a circle, sigma 0.01: points of the plane"),
    "grid": ("tfgen.data.mixtures:grid", "5 x 5 normal distributions over -4..4, sigma 0.05: points of the plane"),
    "folder:PATH": ("tfgen.data.folder:load", "a folder of pictures; its subfolders are the classes"),
    "idx:PATH": ("tfgen.data.idx:load", "a folder of IDX files, as MNIST's"),
    "npz:PATH": ("tfgen.data.npz:load", "a NumPy file with x_train, y_train, x_valid, x_test, ..."),
    "tfds:NAME": ("tfgen.data.tfds:load", "any image set of TensorFlow Datasets, as tfds:NAME/CONFIG"),
    # views: names with brackets
    "edges(NAME)": (
        "tfgen.data.views:edges",
        "pairs: the lines at which brightness changes, white on black, and the picture",
    ),
    "gray(NAME)": ("tfgen.data.views:gray", "pairs: the picture in gray, and the picture"),
    "small(NAME, 4)": (
        "tfgen.data.views:small",
        "pairs: the picture reduced by a factor of 2 to 16 (bicubic, antialiased), and the picture",
    ),
    "masked(NAME)": (
        "tfgen.data.views:masked",
        "pairs: the picture without its middle (half of each side), and the picture",
    ),
    "side_by_side(folder:PATH)": (
        "tfgen.data.views:side_by_side",
        "pairs: the left and the right half of every picture of a folder, as pix2pix stores them",
    ),
    "captions(NAME)": (
        "tfgen.data.captions:captions",
        "pictures with captions made from their class and brightness, of drawings from size and place",
    ),
    "domains(NAME, CLASS_A, CLASS_B)": (
        "tfgen.data.views:domains",
        "unpaired: the pictures of one class, and those of another as `other`",
    ),
}
DEEPEST = 8  # views within views

DATASETS = Registry("dataset", _BUILTINS, group="tfgen.datasets")
register_dataset = DATASETS.register
dataset_names = DATASETS.names

_LAZY = {
    "Arrays": "source",
    "Examples": "source",
    "Field": "source",
    "Source": "source",
    "from_arrays": "arrays",
    "step_indexed": "pipeline",
    "steps_per_epoch": "pipeline",
}


def load_dataset(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | str | tuple[int, int] | None = None,
    download: bool = True,
) -> Source:
    """Returns the `Source` called `name`, with the splits "train", "validation" and, where there is one, "test".

    Args:
        name: one of `dataset_names()`; `folder:photos`, `npz:data.npz`, `idx:FOLDER` and `tfds:NAME` take an argument
            after the colon; `edges(mnist)`, `small(edges(mnist), 2)` and the like are views of another data set.
        data_dir: folder of files that are already on disk.
        image_size: pixels, an int or (height, width): images are cropped about their centre to this shape and resized,
            those of a view before it is made.
        download: whether a set of TensorFlow Datasets that is not on disk yet is downloaded. A dry run downloads none.

    Raises:
        UserError: the data is missing or malformed.
        registry.UnknownName: there is no such data set; the message gives the nearest valid name.
    """
    from tfgen.data import arrays, downloads, pixels  # here, for the import of NumPy and Pillow takes time

    size = pixels.parse_size(image_size)
    loader, arguments = _find(name)
    accepted = inspect.signature(loader).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    options = {"data_dir": data_dir, "image_size": size}
    # a loader declares the options that it takes; `arrays.resize` does the rest
    given = {key: value for key, value in options.items() if takes_all or key in accepted}
    wanted = downloads.WANTED.set(download)
    try:
        source = arrays.finish(loader(*arguments, **given), name)
    finally:
        downloads.WANTED.reset(wanted)
    return source if size is None or _is_view(name) else arrays.resize(source, size)


def _is_view(name):
    return re.match(r"\s*\w*\s*\(", str(name)) is not None


def _find(name):
    """Returns the loader and its positional arguments."""
    return _find_view(str(name)) if _is_view(name) else _find_source(name)


def _find_view(name):
    from tfgen.data.views import arguments

    kind, rows = name.partition("(")[0].strip(), [row for row in _BUILTINS if "(" in row]
    row = next((row for row in rows if row.startswith(f"{kind}(")), None)
    if row is None:
        expected = nearest(kind, [row.partition("(")[0] for row in rows]) or f"; expected one of {', '.join(rows)}"
        raise UnknownName(f"unknown view {shown(kind)} of a data set{expected}")
    if name.count("(") > DEEPEST:
        raise UserError(f"dataset {shown(name)}: expected at most {DEEPEST} views within each other")
    loader = DATASETS.get(row)
    return loader, arguments(loader, row, name)


def _find_source(name):
    kind, colon, argument = str(name).partition(":")
    rows = [row for row in _BUILTINS if row.startswith(kind + ":")]
    if not colon or not rows:
        there = "folder" if os.path.isdir(kind) else "npz" if os.path.isfile(kind) and kind.endswith(".npz") else None
        if there and name not in DATASETS.names():
            raise UnknownName(f"unknown dataset {name!r}: for what lies there say {there}:{name}")
        return DATASETS.get(name), []
    placeholder = rows[0].partition(":")[2]
    if not argument or argument == placeholder:
        what = placeholder.lower()
        raise UserError(f"dataset {kind!r}: expected {rows[0]}, got {str(name)!r}: put a {what} after the colon")
    return DATASETS.get(rows[0]), [argument]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"tfgen.data.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tfgen.data' has no attribute {name!r}")
