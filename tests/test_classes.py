"""Classes by name: on the command line and in Python, with names that are numbers or hold commas and quotes."""

import keras
import numpy as np
import pytest

import tfgen
from tfgen.data.arrays import finish
from tfgen.data.classes import class_numbers
from tfgen.data.source import Field
from tfgen.runs.sampling import _in_a_name

NAMES = ["sandal", "Bag", "a, b", 'say "hi"', " padded ", "Été"]


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("sandal", [0]),
        ("SANDAL,bag", [0, 1]),
        ("sandal, Bag", [0, 1]),
        ("3,5", [3, 5]),
        ("1, sandal", [1, 0]),
        ("a, b", [2]),
        ('"a, b",sandal', [2, 0]),
        ('sandal, "a, b"', [0, 2]),
        ('"A, B"', [2]),
        ('say "hi"', [3]),
        ('sandal,"say ""hi"""', [0, 3]),
        ("padded", [4]),
        ("ÉTÉ", [5]),
        ("E\u0301te\u0301", [5]),  # the same letters in two characters each, as macOS names folders
    ],
)
def test_texts(text, numbers):
    assert class_numbers(text, NAMES) == numbers


@pytest.mark.parametrize(
    "names, text, expected",
    [
        (["1", "10", "2"], "2", [2]),
        (["1", "10", "2"], "10,1", [1, 0]),
        ([str(digit) for digit in range(10)], "3", [3]),
        (["1", "10", "2"], "0", "got '0'; the classes are 1, 10, 2|got '0'; did you mean '10'"),
        (["0", "1", "ant"], "2", "got '2'"),  # the class number 2 is called ant
        (["cat", "Cat"], "Cat", [1]),
        (["cat", "Cat"], "CAT", "'CAT' fits 2 classes: 'cat' \\(class 0\\), 'Cat' \\(class 1\\)"),
        (["x", "x"], "x", "fits 2 classes"),
        (["x", "x"], "1", [1]),
        (["a", "b", "a,b"], "a,b", "is one class, and its parts are others"),
        (["a", "b", "a,b"], '"a,b"', [2]),
        (["a", "c", "a,b"], "a,b", [2]),
        (NAMES, "sandel", "got 'sandel'; did you mean 'sandal'\\?; a name with a comma stands in double quotes"),
        (NAMES, '"a, b', "got '\"a, b'"),
        (NAMES, '"a"b', "expects class numbers or names"),
        (NAMES, "", "got ''"),
        (NAMES, "sandal,,bag", "got ''"),
        (NAMES, "-1", "got '-1'"),
        (NAMES, "9" * 5000, "one of 5000 digits"),
        (None, "3,5", [3, 5]),
        (None, "sandal", "no names of classes are known"),
    ],
)
def test_nothing_is_guessed(names, text, expected):
    if isinstance(expected, list):
        assert class_numbers(text, names) == expected
    else:
        with pytest.raises(tfgen.UserError, match=expected):
            class_numbers(text, names)


@pytest.mark.parametrize(
    "label, numbers",
    [
        (["sandal", "a, b"], [0, 2]),
        (("Bag", 0), [1, 0]),
        (np.array(["Bag", "sandal"]), [1, 0]),
        (np.array(["Bag", "sandal"], object), [1, 0]),
        (np.str_("Bag"), [1]),
        (np.int64(3), 3),
        (4, 4),
    ],
)
def test_values_of_python(label, numbers):
    assert class_numbers(label, NAMES) == numbers


@pytest.fixture(scope="module")
def cgan():
    fields = {"image": Field("image", (16, 16, 1)), "label": Field("label", range=(0, 3), names=("cat", "2", "a, b"))}
    return tfgen.build_model("cgan", fields=fields, network="dense", latent_dim=2)


def test_a_model_knows_the_classes_of_its_data(cgan, tmp_path):
    assert cgan.class_names == ["cat", "2", "a, b"]
    wanted = cgan.sample(3, label=[1, 2, 0])
    for label in (["2", "a, b", "cat"], np.array([1, 2, 0]), [np.int32(1), "a, b", 0]):
        np.testing.assert_array_equal(cgan.sample(3, label=label), wanted)
    np.testing.assert_array_equal(cgan.sample(3, conditions={"label": ["2", "a, b", "cat"]}), wanted)
    np.testing.assert_array_equal(cgan.sample(2, label="2"), cgan.sample(2, label=1))
    images = cgan.sample(2, label=0)
    np.testing.assert_array_equal(
        cgan.discriminate_images(images, label=["cat", "cat"]), cgan.discriminate_images(images, label=[0, 0])
    )
    cgan.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.class_names == cgan.class_names
    np.testing.assert_array_equal(loaded.sample(3, label=["2", "a, b", "cat"]), wanted)


def test_a_model_without_names_says_so():
    model = tfgen.build_model("cgan", image_shape=(16, 16, 1), num_classes=3, network="dense", latent_dim=2)
    with pytest.raises(tfgen.UserError, match=r"got 'cat'; no names of classes are known: .*model.class_names = \["):
        model.sample(2, label="cat")
    with pytest.raises(tfgen.UserError, match="expected 3 class names"):
        model.class_names = ["cat", "dog"]
    model.class_names = ["cat", "dog", "cow"]
    np.testing.assert_array_equal(model.sample(2, label="Dog"), model.sample(2, label=1))
    unconditional = tfgen.build_model("vae", image_shape=(16, 16, 1), network="dense", latent_dim=2)
    assert unconditional.class_names is None
    with pytest.raises(tfgen.UserError, match="has no classes to name"):
        unconditional.class_names = ["cat"]


def test_a_model_that_learns_labels_keeps_their_names(tmp_path):
    labels = np.arange(60) % 3
    arrays = {"x_train": np.zeros((60, 16, 16, 1), np.uint8), "y_train": labels, "class_names": ["low", "mid", "high"]}
    source = finish(arrays, "three_kinds")
    model = tfgen.build_model("sgan", image_shape=(16, 16, 1), num_classes=3, labelled=6, latent_dim=2)
    assert model.label_field is None and model.class_names is None
    model.fit(source.splits["train"], batch_size=8, steps_per_epoch=1, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").class_names == ["low", "mid", "high"]


def test_names_come_from_the_data_that_a_model_is_fitted_to():
    labels = np.arange(60) % 3
    images = np.repeat(labels * 100, 256).reshape(60, 16, 16, 1).astype(np.uint8)
    arrays = {"x_train": images, "y_train": labels, "class_names": ["low", "middle", "high"]}
    source = finish(arrays, "three_kinds")  # as `load_dataset` does
    assert source.fields["label"].names == ("low", "middle", "high")
    assert (
        tfgen.build_model("cgan", fields=source.fields, network="dense", latent_dim=2).class_names == source.class_names
    )
    model = tfgen.build_model("cgan", image_shape=(16, 16, 1), num_classes=3, network="dense", latent_dim=2)
    model.fit(source.splits["train"], batch_size=8, verbose=0)
    assert model.class_names == ["low", "middle", "high"]
    assert model.sample(2, label="middle").shape == (2, 16, 16, 1)


def test_a_model_refuses_data_whose_classes_have_other_names():
    labels = np.arange(60) % 3
    arrays = {"x_train": np.zeros((60, 16, 16, 1), np.uint8), "y_train": labels}
    model = tfgen.build_model("cgan", image_shape=(16, 16, 1), num_classes=3, network="dense", latent_dim=2)
    data = {names: finish({**arrays, "class_names": list(names)}, "kinds").splits for names in ("abc", "ABC", "acb")}
    once = {"batch_size": 8, "steps_per_epoch": 1, "verbose": 0}
    model.fit(data["abc"]["train"], **once)
    model.fit(data["ABC"]["train"], **once)
    model.fit(finish(arrays, "kinds").splits["train"], **once)  # without names
    for door in (model.fit, model.evaluate):
        with pytest.raises(tfgen.UserError, match="class 1 of the data is 'c', and 'b' of cgan: .*model.class_names ="):
            door(data["acb"]["train"])
    with pytest.raises(tfgen.UserError, match="class 1 of the data is 'c'"):
        model.fit(data["abc"]["train"], validation_data=data["acb"]["validation"], **once)
    model.class_names = list("acb")
    model.fit(data["acb"]["train"], **once)
    assert model.class_names == list("acb")


def test_a_split_gives_exactly_its_own_examples():
    source = tfgen.load_dataset("fashion_mnist_mini")
    whole = source.splits["train"].arrays["image"]
    for split, examples in source.splits.items():
        arrays = source.to_numpy(split)
        assert set(arrays) == {"image", "label"} and len(arrays["image"]) == len(arrays["label"]) == len(examples)
        batch = examples.gather([0, len(examples) - 1])
        np.testing.assert_array_equal(arrays["image"][[0, -1]], batch["image"])
        np.testing.assert_array_equal(arrays["label"][[0, -1]], batch["label"])
    assert len(source.to_numpy()["image"]) < len(whole), "train and validation are views of one array"
    with pytest.raises(tfgen.UserError, match="has no split 'valid'; it has"):
        source.to_numpy("valid")
    held = "image uint8 28x28x1, label int64"
    assert repr(source) == f"<Source fashion_mnist_mini: train 9500, validation 500, test 2000; {held}; 10 classes>"
    assert repr(source.splits["validation"]) == f"<Arrays of 500 examples: {held}>"


def test_the_files_of_two_classes_have_two_names():
    texts = ["3,5", "sandal,bag", "a b", "a-b", "a, b", '"a,b"', "Å", "Ö", "x" * 300, "x" * 301]
    names = [_in_a_name(text) for text in texts]
    assert names[:2] == ["3-5", "sandal-bag"] and len(set(names)) == len(texts)
    assert all(len(name) < 80 and name.isascii() and "/" not in name for name in names)
