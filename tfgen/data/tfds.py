"""Image sets of TensorFlow Datasets: tfds:NAME, cifar10, celeb_a."""

import hashlib
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from tfgen.data import downloads, npz, pixels
from tfgen.data.paths import expanded
from tfgen.data.source import MEMORY_LIMIT, Arrays, Examples, Field, Indices, Source, empty
from tfgen.errors import UserError, nearest

_SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
_CELEB_A_SIZE = (64, 64)


def cifar10(data_dir: str | os.PathLike[str] | None = None) -> Source:
    """50,000 + 10,000 colour pictures, 32x32, 10 classes

    From cifar10.npz (x_train, y_train, x_test, y_test) in `data_dir`, else by TFDS.
    """
    packed = expanded("--data_dir", data_dir) / "cifar10.npz" if data_dir is not None else None
    if packed is None or not packed.is_file():
        return load("cifar10", data_dir=data_dir)
    source = npz.load(packed)
    source.class_names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    return source


def celeb_a(data_dir: str | os.PathLike[str] | None = None, image_size: tuple[int, int] | None = None) -> Source:
    """about 200,000 faces, cut to 64x64 unless --image_size is given"""
    return load("celeb_a", data_dir=data_dir, image_size=_CELEB_A_SIZE if image_size is None else image_size)


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Source:
    """any image set of TensorFlow Datasets, as tfds:NAME/CONFIG

    The fields are the feature `image` (or the first image of the set's supervised keys) and, if it is a class, `label`.
    A set that is not prepared yet is downloaded and prepared as ArrayRecord, which has random access; not in a dry run.

    Args:
        name: in the syntax of TFDS: NAME, NAME/CONFIG, NAME:VERSION.
        data_dir: TFDS's folder of prepared sets; None for its default.
        image_size: (height, width).
        memory_limit: bytes; a set that takes more when decoded is read batch by batch.

    Raises:
        UserError: no such set, no images in it, it cannot be prepared, or its sizes differ without `image_size`.
    """
    tfds = _import_tfds()
    with downloads.quiet():
        builder = _builder(tfds, name, data_dir)
    image_key, label_key = _keys(tfds, builder.info, name)
    field = _image_field(builder.info.features[image_key], name, image_size)
    fields = {"image": field}
    if label_key:
        fields["label"] = Field("label", range=(0, builder.info.features[label_key].num_classes))
    available = list(builder.info.splits) or ["train", "test"]
    wanted = {split: next((key for key in keys if key in available), None) for split, keys in _SPLITS.items()}
    if wanted["train"] is None:
        raise UserError(f"tfds:{name}: expected a split 'train', got {', '.join(available)}")
    wanted = {split: key for split, key in wanted.items() if key}
    try:
        parts = {split: Rows(_rows(builder, key), image_key, label_key, fields) for split, key in wanted.items()}
        streamed = sum(map(len, parts.values())) * int(np.prod(field.shape)) > memory_limit
        splits = (
            _check_streams(parts, name, builder) if streamed else {s: part.in_memory() for s, part in parts.items()}
        )
    except UserError:
        raise
    except Exception as error:  # readers of records raise anything on damaged files
        raise UserError(
            f"tfds:{name}: its files in {builder.data_dir} cannot be read "
            f"({type(error).__name__}: {_first_line(error)}): delete the folder, and it is prepared anew"
        ) from error
    arrays = {split: part.arrays["image"] for split, part in splits.items() if isinstance(part, Arrays)}
    digests = {split: hashlib.sha256(array.data).hexdigest() for split, array in arrays.items()}
    if len(digests) < len(splits):  # what is not read is known by its version
        digests["version"] = hashlib.sha256(builder.info.full_name.encode()).hexdigest()
    class_names = list(builder.info.features[label_key].names) if label_key else None
    provenance = {"source": f"tfds:{builder.info.full_name}", "sha256": digests, "notes": []}
    if image_size is not None:
        provenance["notes"] = [f"cut about the centre and resized to {image_size[0]}x{image_size[1]} (height x width)"]
    return Source(f"tfds:{name}", fields, splits, class_names, provenance)


class Rows(Examples):
    """The rows of a TFDS split.

    Args:
        rows: a random-access data source, or a `tf.data.Dataset`, which is read in order only. A row is a dict.
        image_key: key of the image [h, w, c] in a row.
        label_key: key of the label in a row, or None.
        fields: name -> `Field` of the examples.
    """

    def __init__(self, rows: Any, image_key: str, label_key: str | None, fields: Mapping[str, Field]) -> None:
        self.rows, self.image_key, self.label_key = rows, image_key, label_key
        self._fields = dict(fields)
        self.random_access = hasattr(rows, "__getitem__")

    def __len__(self) -> int:
        return len(self.rows)

    def fields(self) -> dict[str, Field]:
        return dict(self._fields)

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        return self._batch([self.rows[int(index)] for index in indices])

    def in_memory(self) -> Arrays:
        """Returns all rows, decoded in order, as `Arrays`."""
        arrays = {name: empty((len(self), *field.shape), field.dtype) for name, field in self._fields.items()}
        numbered = range(len(self)) if self.random_access else self.rows.as_numpy_iterator()
        for place, row in enumerate(numbered):
            batch = self._batch([self.rows[row] if self.random_access else row])
            for name, array in arrays.items():
                array[place] = batch[name][0]
        return Arrays(arrays, self._fields)

    def _batch(self, rows):
        shape = self._fields["image"].shape
        batch = {"image": np.stack([_fit(row[self.image_key], shape) for row in rows])}
        if self.label_key:
            batch["label"] = np.array([row[self.label_key] for row in rows], np.int64)
        return batch


def _fit(image, shape):
    """Returns an image uint8 or uint16 [h, w, c] as uint8 of `shape`."""
    image = np.asarray(image)
    if image.dtype == np.uint16:
        image = ((image.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)
    if image.shape == shape:
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return pixels.to_array(picture, shape[-1], shape[:2])


def _import_tfds():
    try:
        with warnings.catch_warnings():  # of its dependencies, which a user cannot correct
            warnings.simplefilter("ignore")
            import tensorflow_datasets
    except ImportError as error:
        raise UserError(
            f"this data set needs TensorFlow Datasets, which cannot be imported ({error}): "
            "pip install tensorflow-datasets importlib_resources"
        ) from None
    return tensorflow_datasets


def _builder(tfds, name, data_dir):
    """Returns a builder whose set is prepared on disk."""
    place = None if data_dir is None else str(expanded("--data_dir", data_dir))
    try:
        builder = tfds.builder(name, data_dir=place)
        prepared = builder.is_prepared()
        if not prepared:
            builder = tfds.builder(name, data_dir=place, file_format="array_record")
    except tfds.core.DatasetNotFoundError:
        names = tfds.list_builders(with_community_datasets=False)
        close = (
            nearest(name.partition("/")[0].partition(":")[0], names) or ": https://www.tensorflow.org/datasets has all"
        )
        raise UserError(f"tfds:{name}: TensorFlow Datasets has no such set{close}") from None
    except Exception as error:  # of a wrong version, configuration or syntax, and of damaged files: any kind
        raise UserError(f"tfds:{name}: {_without_preface(error)}") from None
    if not prepared and not downloads.WANTED.get():
        raise UserError(
            f"tfds:{name}: is not prepared in {builder.data_dir} yet, and a dry run downloads nothing: leave out "
            "--dry_run, or give the folder of a copy by --data_dir"
        )
    try:
        with downloads.impatient(tfds):
            builder.download_and_prepare()
    except Exception as error:  # download errors have no common base class
        raise UserError(
            f"tfds:{name}: cannot be downloaded and prepared in {builder.data_dir} "
            f"({type(error).__name__}: {_first_line(error)}): give the folder of a copy by --data_dir, or try again"
        ) from error
    return builder


def _keys(tfds, info, name):
    """Returns the names of the image feature and of the class feature, None where there is none."""
    features = info.features
    supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]
    images = [key for key in ["image", *supervised] if isinstance(_get(features, key), tfds.features.Image)]
    if not images:
        raise UserError(f"tfds:{name}: expected a feature 'image', got {', '.join(features)}")
    labels = [key for key in ["label", *supervised] if isinstance(_get(features, key), tfds.features.ClassLabel)]
    labels = [key for key in labels if features[key].num_classes]
    return images[0], labels[0] if labels else None


def _get(features, key):
    return features[key] if key in features else None


def _image_field(feature, name, image_size):
    height, width, channels = feature.shape
    if image_size is None and (height is None or width is None):
        raise UserError(f"tfds:{name}: its images differ in size: give --image_size, for example --image_size=64")
    size = tuple(image_size) if image_size is not None else (height, width)
    return Field("image", (*size, 1 if channels == 1 else 3))


def _rows(builder, split):
    """Returns a random-access source where the files allow it, else a dataset in their order."""
    try:
        return builder.as_data_source(split)
    except (NotImplementedError, ValueError):
        return builder.as_dataset(split=split, shuffle_files=False)


def _check_streams(parts, name, builder):
    if not all(part.random_access for part in parts.values()):
        raise UserError(
            f"tfds:{name}: it is larger than memory allows and prepared in {builder.data_dir} in a format without "
            "random access: give an empty --data_dir, and it is prepared as ArrayRecord, or a smaller --image_size"
        )
    return parts


def _first_line(error):
    return (str(error).strip().split("\n") or [""])[0][:200]


def _without_preface(error):
    """Returns the first line of an error, without the arguments with which TFDS tried to construct the set."""
    text = re.sub(r'^Failed to construct dataset ".*?", builder_kwargs "\{[^{}]*\}": ', "", str(error).strip())
    return (text.split("\n")[0] or type(error).__name__)[:200].rstrip(":")
