"""Arrays that a user gives, as examples and as the splits of a data set."""

import dataclasses
import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data import pixels
from tfgen.data.checks import as_array, check_against, check_field
from tfgen.data.source import (
    Arrays,
    Examples,
    Field,
    Source,
    carve_validation,
    content_of,
    empty,
    infer_field,
    infer_kind,
)
from tfgen.errors import UserError

log = logging.getLogger("tfgen")
_SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}


def from_arrays(
    images: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    *,
    declared: Mapping[str, Field] | None = None,
    **fields: ArrayLike | None,
) -> Arrays:
    """Returns the arrays as `Arrays`, checked, and copied only where a dtype or shape has to change.

    Memory maps and large arrays of files (h5py) are not copied; their rows are read when a batch is gathered.

    Args:
        images: uint8 [N, H, W, C] or [N, H, W], or float in [0, 1], which becomes float32.
        labels: integers [N] or [N, 1], 0 <= label; they become int64 [N].
        declared: name -> `Field` where kind, shape and number of classes are known; other kinds are inferred from
            name, shape and dtype.
        fields: further arrays by name: images as above, labels and tokens integers, others float [N, D], which become
            float32.

    Raises:
        UserError: an array has another dtype, shape or value range, or the lengths of the arrays differ.
    """
    given = {"image": images, **fields, "label": labels}
    arrays = {name: as_array(name, value) for name, value in given.items() if value is not None}
    declared = {name: field for name, field in (declared or {}).items() if name in arrays}
    checked = {
        name: check_against(name, array, declared[name])
        if name in declared
        else check_field(name, array, infer_kind(name, array))
        for name, array in arrays.items()
    }
    if not checked:
        raise UserError("expected images or another field to train on, got no array")
    lengths = {name: len(array) for name, array in checked.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"expected as many examples in every array, got {_pairs(lengths)}")
    if not min(lengths.values()):
        raise UserError("expected at least one example, got arrays of length 0")
    known = {name: infer_field(name, array) for name, array in checked.items()}
    for name, field in declared.items():
        known[name] = dataclasses.replace(known[name], kind=field.kind)
    return Arrays(checked, known)


def check_images(name: str, images: ArrayLike) -> np.ndarray:
    """Returns images uint8 or float32 [N, H, W, C], floats in [0, 1]; `name` is the array's, for messages.

    Raises:
        UserError: the array has another dtype, shape or value range.
    """
    return check_field(name, images, "image")


def check_labels(name: str, labels: ArrayLike) -> np.ndarray:
    """Returns labels int64 [N], none of them negative; `name` is the array's, for messages.

    Raises:
        UserError: the array has another shape or dtype, or negative values.
    """
    return check_field(name, labels, "label")


def from_splits(arrays: Mapping[str, Any], name: str, provenance: Mapping[str, Any] | None = None) -> Source:
    """Returns a `Source` of arrays named as in Keras.

    Args:
        arrays: dict with x_train, and optionally y_train, x_valid (x_val, x_validation), y_valid, x_test, y_test,
            class_names; or `images` and `labels`, as `tfgen.sample` writes them, for x_train and y_train. Further
            fields are NAME_train, NAME_valid, NAME_test, of the kinds that `from_arrays` infers.
        name: of the data set, for messages.
        provenance: of the `Source`; notes are added, and the sha256 of the arrays of each split if it has none.

    Raises:
        UserError: an array is missing or malformed, or the splits differ in shape or fields.
    """
    known = dict(provenance or {})
    notes = list(known.pop("notes", []))
    splits = {}
    for split, (x_key, y_key) in _split_keys(arrays, name).items():
        images = arrays[x_key]
        values = {"image": _to_bytes(f"{name}: {x_key}", images, notes)}
        if y_key in arrays:
            values["label"] = check_labels(f"{name}: {y_key}", arrays[y_key])
            if len(values["label"]) != len(images):
                raise UserError(
                    f"{name}: expected as many labels as images, got {len(values['label'])} in {y_key} "
                    f"and {len(images)} in {x_key}"
                )
        for field, key in _more_keys(arrays, x_key).items():
            value = np.asarray(arrays[key])
            checked = check_field(field, value, infer_kind(field, value))
            values[field] = _to_bytes(f"{name}: {key}", checked, notes) if value.ndim == 4 else checked
        splits[split] = values
    if "sha256" not in known:  # of a plugin's arrays, which come from no file that is known here
        known["sha256"] = {split: _digest(values) for split, values in splits.items()}
    if notes:
        known["notes"] = notes
    return _assemble(splits, name, arrays.get("class_names"), known)


def _digest(values):
    digest = hashlib.sha256()
    for name, array in sorted(values.items()):
        digest.update(name.encode())
        digest.update(content_of(array))
    return digest.hexdigest()


def _split_keys(arrays, name):
    """Returns split -> (key of the images, key of the labels)."""
    if "x_train" not in arrays and "images" in arrays:
        return {"train": ("images", "labels")}
    keys = {}
    for split, endings in _SPLITS.items():
        for ending in endings:
            if f"x_{ending}" in arrays:
                keys.setdefault(split, (f"x_{ending}", f"y_{ending}"))
    if "train" not in keys:
        raise UserError(f"{name}: expected an array x_train, got {', '.join(sorted(arrays)) or 'no array'}")
    return keys


def _more_keys(arrays, x_key):
    """Returns field -> key of the further fields that belong to the split of `x_key`."""
    ending = x_key.removeprefix("x") if x_key.startswith("x_") else None
    taken = {x_key, f"y{ending}", "class_names"}
    for field, key in (("image", x_key), ("label", f"y{ending}")):
        if ending and key in arrays and f"{field}{ending}" in arrays:
            raise UserError(f"{key} and {field}{ending} both give the field {field!r}: leave one out")
    found = {key.removesuffix(ending): key for key in arrays if ending and key.endswith(ending) and key not in taken}
    for field in found:
        if not field.isidentifier():  # it names inputs of networks and files
            raise UserError(f"expected names of fields of letters, digits and _, got {field!r:.60}: rename the array")
    return found


def _to_bytes(name, images, notes):
    """Returns images uint8 [N, H, W, C]; floats are rounded, and that is noted."""
    images = check_images(name, images)
    if images.dtype == np.uint8:
        return images
    notes.append(f"{name.rpartition(': ')[2]}: floats in [0, 1] rounded to bytes")
    out = empty(images.shape, np.uint8)
    for start in range(0, len(images), 1024):  # in parts: no second float copy
        out[start : start + 1024] = np.floor(images[start : start + 1024] * np.float32(255) + np.float32(0.5))
    return out


def _assemble(splits, name, class_names, provenance):
    """Checks the splits against each other; `splits` is split -> field -> array."""
    train = splits["train"]
    if len(train["image"]) < 2:
        raise UserError(f"{name}: expected at least 2 training images, got {len(train['image'])}")
    for split, values in splits.items():
        if not len(values["image"]):
            raise UserError(f"{name}: expected images in the {split} split, got none")
        if values["image"].shape[1:] != train["image"].shape[1:]:
            shapes = f"{values['image'].shape[1:]} in {split} and {train['image'].shape[1:]} in train"
            raise UserError(f"{name}: expected images of one shape, got {shapes}")
        for field in {*values} ^ {*train}:
            given, called = "train" if field in train else split, "labels" if field == "label" else f"{field!r}"
            raise UserError(f"{name}: expected {called} in every split or in none, got them in {given} only")
        lengths = {field: len(array) for field, array in values.items()}
        if len(set(lengths.values())) > 1:
            raise UserError(f"{name}: expected as many examples in every array of {split}, got {_pairs(lengths)}")
    fields = {"image": Field("image", tuple(train["image"].shape[1:]))}
    if "label" in train:
        classes = count_classes(name, [values["label"] for values in splits.values()])
        fields["label"] = Field("label", range=(0, classes))
        class_names = check_class_names(name, class_names, classes)
        absent = np.setdiff1d(np.arange(classes), train["label"])
        if len(absent):
            log.warning("%s: train has no images of %d of %d classes: %s", name, len(absent), classes, _some(absent))
    fields |= {field: infer_field(field, array) for field, array in train.items() if field not in ("image", "label")}
    examples = {split: Arrays(values, fields) for split, values in splits.items()}
    return Source(name, fields, examples, class_names if "label" in train else None, provenance)


def count_classes(name: str, labels: Iterable[np.ndarray]) -> int:
    """Returns the number of classes C of the labels of all splits.

    Raises:
        UserError: the labels of all splits together are not exactly 0 .. C - 1.
    """
    found = np.unique(np.concatenate([np.unique(part) for part in labels]))
    if not np.array_equal(found, np.arange(len(found))):
        missing = np.setdiff1d(np.arange(min(int(found[-1]), len(found) + 5) + 1), found)  # the first ones
        raise UserError(
            f"{name}: expected labels from 0 to C - 1 with none left out, got {found[0]} to {found[-1]} "
            f"without {_some(missing)}: renumber the classes with np.unique(y, return_inverse=True)[1]"
        )
    return len(found)


def check_class_names(name: str, class_names: ArrayLike | None, classes: int) -> list[str] | None:
    """Returns the class names as a list of `classes` texts, or None for None."""
    if class_names is None:
        return None
    names = [str(item) for item in np.asarray(class_names).ravel()]
    if len(names) != classes:
        raise UserError(f"{name}: expected {classes} class names, one per label, got {len(names)}")
    return names


def finish(loaded: Source | dict[str, Any], name: str) -> Source:
    """Returns the result of a loader as a `Source` called `name` with a validation split.

    Raises:
        UserError: it is neither a `Source` nor a dict of arrays, or too small to hold out a validation split.
    """
    source = from_splits(loaded, name) if isinstance(loaded, dict) else loaded
    if not isinstance(source, Source):
        raise UserError(
            f"dataset {name!r}: expected its function to return a tfgen.data.Source or a dict of arrays, "
            f"got {type(source).__name__}"
        )
    least = 1 if "validation" in source.splits else 2
    if len(source.splits.get("train", ())) < least:
        raise UserError(f"dataset {name!r}: expected a train split with at least {least} examples")
    if "validation" not in source.splits:
        train, validation = carve_validation(source.splits["train"])
        source.splits = {**source.splits, "train": train, "validation": validation}
    source.name = name
    if source.class_names and len(source.class_names) == source.num_classes:
        # with the field they reach the model, and are saved with it
        named = dataclasses.replace(source.fields["label"], names=tuple(source.class_names))
        source.fields = {**source.fields, "label": named}
        for examples in source.splits.values():
            examples.name_classes(source.class_names)
    return source


def resize(source: Source, size: tuple[int, int]) -> Source:
    """Returns the source with all its images cropped about the centre and resized to `size`, (height, width).

    Raises:
        UserError: the data set has no images, or they are not in memory.
    """
    images = {name: field for name, field in source.fields.items() if field.kind == "image"}
    if not images or any(field.dtype != "uint8" for field in images.values()):
        raise UserError(f"dataset {source.name!r}: --image_size needs images as bytes, got {_pairs(source.fields)}")
    if all(tuple(field.shape[:2]) == tuple(size) for field in images.values()):
        return source
    resized = {name: dataclasses.replace(field, shape=(*size, field.shape[2])) for name, field in images.items()}
    fields = {**source.fields, **resized}
    done: dict[int, Arrays] = {}  # train and validation are views of one array, which is resized once
    splits: dict[str, Examples] = {}
    for split, examples in source.splits.items():
        if not isinstance(examples, Arrays):
            raise UserError(
                f"dataset {source.name!r}: --image_size needs images in memory, got {type(examples).__name__}; let the "
                "function of the data set take image_size"
            )
        if id(examples.arrays) not in done:
            small = {name: pixels.resize_all(examples.arrays[name], size) for name in images}
            done[id(examples.arrays)] = Arrays({**examples.arrays, **small}, fields)
        base = done[id(examples.arrays)]
        splits[split] = base if examples.index is None else base.select(examples.index)
    return dataclasses.replace(source, fields=fields, splits=splits)


def _pairs(mapping):
    return ", ".join(f"{name} {value}" for name, value in mapping.items())


def _some(values, limit=5):
    return ", ".join(map(str, values[:limit])) + (" ..." if len(values) > limit else "")
