"""IDX files, and the published sets that come in them."""

import gzip
import hashlib

import numpy as np
import pytest

from tfgen.data import idx, load_dataset
from tfgen.errors import UserError

IMAGES = np.arange(24 * 4 * 5, dtype=np.int64).reshape(24, 4, 5).astype(np.uint8)
LABELS = np.arange(24, dtype=np.uint8) % 3


def gzipped(content):
    """gzip without the time of day, which would be part of a test's name."""
    return gzip.compress(content, mtime=0)


def encode(array, code=0x08):
    """The bytes of an IDX file."""
    sides = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + sides + array.tobytes()


def write(folder, packed=True, **files):
    """Writes train_images=array as train-images-idx3-ubyte(.gz)."""
    for name, array in files.items():
        content = encode(array)
        path = folder / f"{name.replace('_', '-')}-idx{array.ndim}-ubyte{'.gz' * packed}"
        path.write_bytes(gzipped(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder(tmp_path, packed):
    write(tmp_path, packed, train_images=IMAGES, train_labels=LABELS, t10k_images=IMAGES[:6], t10k_labels=LABELS[:6])
    source = load_dataset(f"idx:{tmp_path}")
    assert {split: len(part) for split, part in source.splits.items()} == {"train": 23, "validation": 1, "test": 6}
    train = source.splits["train"].arrays
    np.testing.assert_array_equal(train["image"][..., 0], IMAGES)
    np.testing.assert_array_equal(train["label"], LABELS)
    assert train["image"].ctypes.data % 64 == 0  # TensorFlow uses it in place
    assert source.num_classes == 3 and source.provenance["source"] == str(tmp_path)
    assert source.provenance["sha256"]["train-images"] == hashlib.sha256(encode(IMAGES)).hexdigest()


def test_other_spellings_and_no_labels(tmp_path):
    (tmp_path / "emnist-letters-train-images-idx3-ubyte").write_bytes(encode(IMAGES))
    (tmp_path / "emnist-letters-val-images.idx3-ubyte").write_bytes(encode(IMAGES[:4]))
    source = load_dataset(f"idx:{tmp_path}")
    assert list(source.fields) == ["image"] and len(source.splits["validation"]) == 4


@pytest.mark.parametrize("code, dtype", [(0x09, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_other_types(tmp_path, code, dtype):
    array = np.array([[1, -2, 3]], dtype)
    (tmp_path / "data").write_bytes(encode(array, code))
    found, _ = idx.read(tmp_path / "data")
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "got one that begins with nothing"),
        (b"\x89PNG rest", "expected an IDX file, got one that begins with 89504e47"),
        (encode(IMAGES)[:9], "ends within its header"),
        (encode(IMAGES)[:-1], r"truncated: expected 480 bytes of shape \(24, 4, 5\), got 479"),
        (gzipped(encode(IMAGES)[:-1]), "truncated: expected 480 bytes .* got 479"),
        (encode(IMAGES) + b"x", "got more"),
        (gzipped(encode(IMAGES))[:-20], "expected a whole gzip file, got a damaged one"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"abc", "more than it can hold"),
        (gzipped(bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"abc"), "more than it can hold"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UserError, match=f"train-images-idx3-ubyte: .*{message}"):
        load_dataset(f"idx:{tmp_path}")


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match="expected a file like train-images-idx3-ubyte.gz in .*, got an empty folder"):
        load_dataset(f"idx:{tmp_path}")
    with pytest.raises(UserError, match="nowhere is not there"):
        load_dataset(f"idx:{tmp_path}/nowhere")


def test_a_published_set_is_found_and_checked(tmp_path, monkeypatch):
    write(tmp_path, train_images=IMAGES, train_labels=LABELS)
    with pytest.raises(
        UserError, match=f"expected its published images in .*, got other ones: say --dataset=idx:{tmp_path}"
    ):
        load_dataset("mnist", data_dir=tmp_path)
    digest = hashlib.sha256(encode(IMAGES)).hexdigest()
    monkeypatch.setitem(idx.PUBLISHED, "fashion_mnist", digest)
    with pytest.raises(UserError, match="got those of fashion_mnist: say --dataset=fashion_mnist"):
        load_dataset("mnist", data_dir=tmp_path)
    source = load_dataset("fashion_mnist", data_dir=tmp_path)
    assert source.class_names[9] == "Ankle boot" and len(source.class_names) == 10
    monkeypatch.setattr(idx, "DEBIAN", tmp_path)
    assert load_dataset("fashion_mnist").provenance["source"] == str(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    assert load_dataset("fashion_mnist", data_dir=tmp_path / "elsewhere").provenance["source"] == str(tmp_path)


@pytest.mark.skipif(not idx.DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_folder_is_found_by_itself():
    source = load_dataset("fashion_mnist")
    assert {split: len(part) for split, part in source.splits.items()} == {
        "train": 57_000,
        "validation": 3000,
        "test": 10_000,
    }
