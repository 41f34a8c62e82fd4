"""Arrays of a user, in Python and as npz:PATH: what is taken, and a sentence for each fault."""

import numpy as np
import pytest

from tfgen.data import from_arrays, load_dataset
from tfgen.data.arrays import from_splits
from tfgen.errors import UserError

IMAGES = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
LABELS = np.array([0, 1, 2, 0])


def unit(array, **changes):
    """The images as floats in [0, 1], with some pixels changed."""
    floats = array.astype(np.float32) / 255
    for value in changes.values():
        floats[0, 0, 0] = value
    return floats


def test_bytes_are_not_copied():
    examples = from_arrays(IMAGES, LABELS)
    assert np.shares_memory(examples.arrays["image"], IMAGES)
    assert examples.fields()["image"].shape == (5, 6, 1)
    assert examples.fields()["label"].range == (0, 3)
    np.testing.assert_array_equal(examples.gather([2, 0])["image"][..., 0], IMAGES[[2, 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_become_float32(dtype):
    examples = from_arrays(unit(IMAGES).astype(dtype))
    assert examples.fields()["image"].dtype == "float32" and examples.fields()["image"].range == (0.0, 1.0)


def test_black_and_white_may_be_bool():
    np.testing.assert_array_equal(from_arrays(IMAGES > 60).arrays["image"][..., 0], (IMAGES > 60) * 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_become_int64(dtype):
    for labels in LABELS, LABELS[:, None]:
        found = from_arrays(IMAGES, labels.astype(dtype)).arrays["label"]
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, LABELS)


def test_other_fields_become_float32():
    examples = from_arrays(point=np.zeros((7, 2)), attributes=np.ones((7, 3)), caption=np.ones((7, 3), np.int64))
    assert len(examples) == 7 and examples.fields()["point"].shape == (2,)
    kinds = {name: (field.kind, field.dtype) for name, field in examples.fields().items()}
    expected = {"point": ("point", "float32"), "attributes": ("vector", "float32"), "caption": ("tokens", "int64")}
    assert kinds == expected


@pytest.mark.parametrize(
    "images, message",
    [
        (IMAGES[0], r"image: expected images \[N, H, W\] or \[N, H, W, C\], got shape \(5, 6\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"expected 1 or 3 channels, last, got shape \(2, 3, 8, 8\)"),
        (np.zeros((2, 0, 8, 1), np.uint8), "at least 1x1 pixel"),
        (IMAGES.astype(np.int64), r"got int64 from 0 to 119: convert them with .astype\('uint8'\)"),
        (
            IMAGES.astype(np.float32),
            r"got float32 from 0 to 119: divide by 255, or convert them with .astype\('uint8'\)",
        ),
        (unit(IMAGES) * 2 - 1, r"from -1 to -0.0666667: map them with \(x \+ 1\) / 2"),
        (unit(IMAGES, pixel=300), r"from 0.00392157 to 300$"),
        (unit(IMAGES, pixel=np.nan), "expected finite pixels, got 1 NaN"),
        (unit(IMAGES, pixel=np.inf), "got 1 infinite"),
        (IMAGES % 2, "got only 0 and 1, which are shown as black: multiply by 255"),
        (IMAGES[:0], "expected at least one example"),
        ([["a"]], "expected images"),
    ],
)
def test_wrong_images(images, message):
    with pytest.raises(UserError, match=message):
        from_arrays(images)


@pytest.mark.parametrize(
    "labels, message",
    [
        (LABELS[:3], "expected as many examples in every array, got image 4, label 3"),
        (LABELS.astype(float), "label: expected integers"),
        (LABELS - 1, "expected labels from 0 to C - 1, got -1"),
        (np.eye(4), r"of shape \(4, 4\): turn one-hot rows into numbers with .argmax\(-1\)"),
    ],
)
def test_wrong_labels(labels, message):
    with pytest.raises(UserError, match=message):
        from_arrays(IMAGES, labels)


@pytest.mark.parametrize("value", [np.full((4, 2), np.nan), np.array(["a"] * 4), np.zeros(4, complex), 3.0])
def test_wrong_fields(value):
    with pytest.raises(UserError, match="point: expected finite numbers"):
        from_arrays(IMAGES, point=value)


def test_no_array_is_said():
    with pytest.raises(UserError, match="got no array"):
        from_arrays()


@pytest.fixture
def packed(tmp_path):
    """A function: arrays -> the name of a data set that holds them."""

    def save(compress=True, **arrays):
        (np.savez_compressed if compress else np.savez)(tmp_path / "data.npz", **arrays)
        return f"npz:{tmp_path}/data.npz"

    return save


def many(count):
    """Images that hold their number, and labels 0, 1, 2, 0, ..."""
    return np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 5, 6), np.uint8), np.arange(count) % 3


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("key", ["valid", "val", "validation"])
def test_npz(packed, compress, key):
    x, y = many(12)
    name = packed(compress, x_train=x, y_train=y, **{f"x_{key}": x[:3], f"y_{key}": y[:3]}, x_test=x[:6], y_test=y[:6])
    source = load_dataset(name)
    assert {split: len(examples) for split, examples in source.splits.items()} == {
        "train": 12,
        "validation": 3,
        "test": 6,
    }
    assert source.num_classes == 3 and source.fields["image"].shape == (5, 6, 1) and source.name == name
    np.testing.assert_array_equal(source.splits["train"].arrays["image"][..., 0], x)
    assert len(source.provenance["sha256"]["data.npz"]) == 64


def test_a_fixed_twentieth_is_held_out_for_validation(packed):
    x, _ = many(200)
    splits = load_dataset(packed(x_train=x)).splits
    train, validation = splits["train"], splits["validation"]
    assert (len(train), len(validation), set(splits)) == (190, 10, {"train", "validation"})
    assert np.shares_memory(train.arrays["image"], validation.arrays["image"])
    numbers = [part.gather(np.arange(len(part)))["image"][:, 0, 0, 0] for part in (train, validation)]
    assert sorted(np.concatenate(numbers)) == list(range(200))
    assert list(numbers[1]) == [5, 12, 18, 98, 107, 146, 152, 170, 177, 182]  # for ever the same


def test_floats_in_a_file_are_rounded_and_that_is_noted(packed):
    x, _ = many(256)
    source = load_dataset(packed(x_train=x.astype(np.float64) / 255))
    np.testing.assert_array_equal(source.splits["train"].arrays["image"][..., 0], x)
    assert source.provenance["notes"] == ["x_train: floats in [0, 1] rounded to bytes"]


def test_images_and_labels_as_samples_are_saved(packed):
    x, y = many(12)
    assert load_dataset(packed(images=x, labels=y)).num_classes == 3


def test_class_names(packed):
    x, y = many(12)
    assert load_dataset(packed(x_train=x, y_train=y, class_names=["a", "b", "c"])).class_names == ["a", "b", "c"]
    with pytest.raises(UserError, match="expected 3 class names, one per label, got 2"):
        load_dataset(packed(x_train=x, y_train=y, class_names=["a", "b"]))


def test_fortran_order(packed):
    x, _ = many(12)
    examples = load_dataset(packed(x_train=np.asfortranarray(x))).splits["train"]
    np.testing.assert_array_equal(examples.arrays["image"][..., 0], x)


def test_image_size_resizes_once_for_all_views(packed):
    x, _ = many(40)
    source = load_dataset(packed(x_train=x), image_size=(4, 3))
    assert source.fields["image"].shape == (4, 3, 1)
    train, validation = source.splits["train"], source.splits["validation"]
    assert np.shares_memory(train.arrays["image"], validation.arrays["image"])
    before = load_dataset(packed(x_train=x)).splits["validation"].gather([0, 1])["image"]
    np.testing.assert_array_equal(validation.gather([0, 1])["image"], before[:, :4, :3])


X, Y = many(12)
LABELLED = {"x_train": X, "y_train": Y}


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"x_test": X, "y_train": Y}, "expected an array x_train, got x_test, y_train"),
        ({}, "expected an array x_train, got no array"),
        ({"x_train": np.zeros((12, 4), np.uint8)}, r"x_train: expected images \[N, H, W\]"),
        ({"x_train": X, "y_train": Y[1:]}, "as many labels as images, got 11 in y_train and 12 in x_train"),
        ({"x_train": X, "x_test": X, "y_test": Y}, "got them in test only"),
        ({**LABELLED, "x_test": X}, "got them in train only"),
        ({"x_train": X, "x_test": X[:, 1:]}, r"one shape, got \(4, 6, 1\) in test and \(5, 6, 1\) in train"),
        ({"x_train": X, "y_train": Y + 1}, "expected labels from 0 to C - 1 with none left out, got 1 to 3 without 0"),
        ({"x_train": X, "y_train": Y * 2}, "got 0 to 4 without 1, 3: renumber the classes with"),
        ({"x_train": np.array([{}] * 12)}, "x_train.npy holds Python objects, which are not read"),
        ({"x_train": X[:1], "y_train": Y[:1]}, "at least 2 training images, got 1"),
        ({"x_train": X, "x_test": X[:0]}, "expected images in the test split, got none"),
    ],
)
def test_wrong_files(packed, arrays, message):
    with pytest.raises(UserError, match=message):
        load_dataset(packed(**arrays))


@pytest.mark.parametrize("content", [b"", b"no zip file", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(UserError, match="data.npz: expected a NumPy .npz file, got a damaged or another one"):
        load_dataset(f"npz:{tmp_path}/data.npz")


@pytest.mark.parametrize("compress", [True, False])
def test_a_truncated_file_is_said(packed, tmp_path, compress):
    name = packed(compress, x_train=np.random.default_rng(0).integers(2, 255, (90, 20, 20), np.uint8))
    content = (tmp_path / "data.npz").read_bytes()
    middle = len(content) // 2
    (tmp_path / "data.npz").write_bytes(content[:middle] + content[middle + 500 :])
    with pytest.raises(UserError, match="data.npz"):
        load_dataset(name)


@pytest.mark.parametrize("more, sentence", [("image", "x_train and image_train"), ("label", "y_train and label_train")])
def test_two_arrays_of_one_field_are_refused(tmp_path, more, sentence):
    images, labels = np.zeros((20, 8, 8, 1), np.uint8), np.arange(20) % 2
    other = {"image": images + 1, "label": labels[::-1]}[more]
    np.savez(tmp_path / "two.npz", x_train=images, y_train=labels, **{f"{more}_train": other})
    with pytest.raises(UserError, match=f"{sentence} both give the field '{more}'"):
        load_dataset(f"npz:{tmp_path / 'two.npz'}")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match="npz: expected a file, but .*/none.npz is not there"):
        load_dataset(f"npz:{tmp_path}/none.npz")


@pytest.mark.parametrize("kind", ["npz", "amat"])
def test_binarized_mnist(tmp_path, kind):
    random = np.random.default_rng(1)
    bits = {split: random.integers(0, 2, (count, 784)) for split, count in {"train": 5, "valid": 3, "test": 4}.items()}
    if kind == "npz":
        arrays = {f"x_{split}": np.uint8(rows * 255).reshape(-1, 28, 28) for split, rows in bits.items()}
        np.savez(tmp_path / "binarized_mnist.npz", **arrays)
    else:
        for split, rows in bits.items():
            np.savetxt(tmp_path / f"binarized_mnist_{split}.amat", rows, fmt="%d")
    source = load_dataset("binarized_mnist", data_dir=tmp_path)
    assert source.fields["image"].shape == (28, 28, 1) and source.num_classes is None
    for split, name in [("train", "train"), ("valid", "validation"), ("test", "test")]:
        np.testing.assert_array_equal(source.splits[name].arrays["image"].reshape(-1, 784), bits[split] * 255)


def test_binarized_mnist_must_be_there_and_binary(tmp_path):
    with pytest.raises(UserError, match="give their folder by --data_dir"):
        load_dataset("binarized_mnist", data_dir=tmp_path)
    np.savez(tmp_path / "binarized_mnist.npz", x_train=np.full((3, 28, 28), 9, np.uint8))
    with pytest.raises(UserError, match="expected pixels of 0 and 255, got other ones in train"):
        load_dataset("binarized_mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    "labels,got",
    [
        ([0, 1, 10**12, 0], "got 0 to 1000000000000 without 2, 3, 4, 5, 6 ...: renumber"),
        ([0, 1, 3, 0], "got 0 to 3 without 2: renumber"),
        (np.array([0, 1, 2**63, 0], np.uint64), "labels from 0 to C - 1, got 0 to 9223372036854775808"),
    ],
)
def test_labels_with_gaps_are_said_without_counting_them_all(packed, labels, got):
    with pytest.raises(UserError, match=got):
        load_dataset(packed(x_train=IMAGES, y_train=np.array(labels)))


def test_classes_of_the_test_split_alone_are_said(packed, caplog):
    load_dataset(packed(x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS + 2))
    assert "train has no images of 2 of 5 classes: 3, 4" in caplog.text


def test_arrays_of_a_plugin_are_known_by_their_contents():
    """A run goes on with the data that it began with."""
    seen = []
    for images, labels in ((X, Y), (X, Y), (X + np.uint8(1), Y), (X, Y[::-1])):
        seen.append(from_splits({"x_train": images, "y_train": labels}, "own").provenance["sha256"]["train"])
    assert seen[0] == seen[1] and len(set(seen)) == 3
