"""Names, plugins' functions, and the set that comes with tfgen."""

import hashlib
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tfgen
from registry import UnknownName
from tfgen import data
from tfgen.data import embedded, idx
from tfgen.errors import UserError


@pytest.fixture
def registered(monkeypatch):
    """Registers a function as `my_set` for one test."""

    def add(function):
        monkeypatch.setattr(data.DATASETS, "_registered", {})
        return data.register_dataset("my_set")(function)

    return add


def images(count=40):
    return np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)


def test_listing_imports_neither_tensorflow_nor_numpy():
    code = (
        "import sys, tfgen.data as d; d.DATASETS.summaries(); print({'tensorflow', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", [name for name in data.dataset_names() if name in data._BUILTINS])
def test_rows_agree_with_docstrings(name):
    assert data.DATASETS.get(name).__doc__.partition("\n")[0] == data.DATASETS.summaries()[name]


def test_public_names():
    assert tfgen.load_dataset is data.load_dataset and tfgen.register_dataset == data.register_dataset
    for name in data._LAZY:
        assert getattr(data, name).__module__ == f"tfgen.data.{data._LAZY[name]}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = data.nothing


@pytest.mark.parametrize("name, nearest", [("mnits", "mnist"), ("fashion_mnist_mni", "fashion_mnist_mini")])
def test_unknown_names_suggest_the_nearest(name, nearest):
    with pytest.raises(UnknownName, match=f"unknown dataset '{name}'; did you mean '{nearest}'"):
        data.load_dataset(name)


def test_a_path_in_the_place_of_a_name_is_said(tmp_path):
    (tmp_path / "some.npz").touch()
    for path, name in ((tmp_path, f"folder:{tmp_path}"), (tmp_path / "some.npz", f"npz:{tmp_path}/some.npz")):
        with pytest.raises(UnknownName, match=f"for what lies there say {name}"):
            data.load_dataset(str(path))


@pytest.mark.parametrize("name", ["folder:", "npz:PATH", "tfds:NAME"])
def test_a_kind_needs_its_argument(name):
    with pytest.raises(UserError, match=f"expected .*, got '{name}': put a (path|name) after the colon"):
        data.load_dataset(name)


def test_the_embedded_set():
    source = data.load_dataset("fashion_mnist_mini")
    assert {split: len(part) for split, part in source.splits.items()} == {
        "train": 9500,
        "validation": 500,
        "test": 2000,
    }
    assert source.num_classes == 10 and source.class_names[0] == "T-shirt/top"
    assert source.fields["image"].shape == (28, 28, 1) and "MIT" in source.provenance["licence"]
    arrays = source.splits["train"].arrays
    assert hashlib.sha256(arrays["image"]).hexdigest().startswith("86dc874cb93f2bd5")
    for split in "train", "test":
        labels = source.splits[split].arrays["label"]
        np.testing.assert_array_equal(labels, np.arange(len(labels)) % 10)
    folder = pathlib.Path(embedded.__file__).parent
    assert "Permission is hereby granted" in (folder / "fashion_mnist_mini.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not idx.DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_embedded_set_can_be_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Image.Image, "save", lambda image, path, **_: np.save(path.with_suffix(".npy"), np.asarray(image))
    )
    embedded.make(idx.DEBIAN, tmp_path)
    for split in "train", "test":
        with Image.open(embedded._sheet(split)) as sheet:
            np.testing.assert_array_equal(np.load(tmp_path / f"fashion_mnist_mini_{split}.npy"), np.asarray(sheet))


def test_a_function_may_return_arrays(registered):
    registered(lambda: {"x_train": images()})
    source = tfgen.load_dataset("my_set", data_dir="unused", image_size=4)
    assert source.name == "my_set" and source.fields["image"].shape == (4, 4, 1)
    assert len(source.splits["train"]) == 38 and len(source.splits["validation"]) == 2


def test_a_function_gets_what_it_takes(registered):
    @registered
    def my_set(data_dir=None, image_size=None):
        """A set that cuts its images itself."""
        assert (data_dir, image_size) == ("somewhere", (4, 6))
        return {"x_train": images()[:, :4, :6]}

    assert tfgen.load_dataset("my_set", data_dir="somewhere", image_size=(4, 6)).fields["image"].shape == (4, 6, 1)
    assert data.DATASETS.summaries()["my_set"] == "A set that cuts its images itself."


def points(count):
    fields = {"point": data.Field("point", (2,))}
    splits = {"train": data.Arrays({"point": np.zeros((count, 2), np.float32)}, fields)}
    return data.Source("points", fields, splits)


def test_points_have_no_image_size(registered):
    registered(lambda: points(20))
    assert len(tfgen.load_dataset("my_set").splits["validation"]) == 1
    with pytest.raises(UserError, match="--image_size needs images as bytes, got point"):
        tfgen.load_dataset("my_set", image_size=8)


@pytest.mark.parametrize(
    "result, message",
    [
        (None, "expected its function to return a tfgen.data.Source or a dict of arrays, got NoneType"),
        (points(1), "expected a train split with at least 2 examples"),
        ({"x_train": np.zeros((4, 4), np.uint8)}, "my_set: x_train: expected images"),
    ],
)
def test_a_function_that_returns_something_else(registered, result, message):
    registered(lambda: result)
    with pytest.raises(UserError, match=message):
        tfgen.load_dataset("my_set")
