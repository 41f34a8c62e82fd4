"""Captions of garments and drawings: what they say is true of the pictures."""

import numpy as np
import pytest

from tfgen import data
from tfgen.data import captions
from tfgen.data.pipeline import step_indexed
from tfgen.data.source import Arrays, Field
from tfgen.errors import UserError


def test_brightness_is_the_mean_of_what_is_not_black():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    images[0, :2], images[0, 2], images[1] = 100, 40, 255
    np.testing.assert_allclose(captions.brightness_of(images), [(16 * 100 + 8 * 40) / 24, 255, 0])


def test_garments_are_dark_or_light_beside_others_of_their_class():
    source = data.load_dataset("captions(fashion_mnist_mini)")
    assert list(source.fields) == ["image", "label", "caption", "attributes"]
    limits = np.array(source.provenance["captions"]["limits"]["light"])
    for split, part in source.splits.items():
        values = part.to_numpy()
        light = captions.brightness_of(values["image"]) > limits[values["label"]]
        np.testing.assert_array_equal(values["attributes"][:, 0], light)
        words = [caption.split(" ", 2) for caption in values["caption"]]
        assert all(first == "a" and (shade == "light") == bool(truth) for (first, shade, _), truth in zip(words, light))
        nouns = [source.class_names[label].lower().partition("/")[0] for label in values["label"]]
        assert [noun for _, _, noun in words] == nouns
        if split == "train":  # the median divides every class into halves
            for label in range(10):
                assert abs(light[values["label"] == label].mean() - 0.5) < 0.01
    assert "a dark ankle boot" in values["caption"] and "a light t-shirt" in values["caption"]


def test_columns_belong_to_the_rows_of_a_view_in_any_order():
    images = np.arange(4, dtype=np.uint8).repeat(64).reshape(4, 8, 8, 1)
    view = Arrays({"image": images}).select(np.array([3, 0, 2]))
    columns = {"caption": np.array(["three", "zero", "two"], object)}
    joined = captions._joined(view, columns, {"caption": Field("text")})
    rows = joined.gather(np.array([1, 2, 0]))
    assert rows["caption"].tolist() == ["zero", "two", "three"] and rows["image"][:, 0, 0, 0].tolist() == [0, 2, 3]


def test_drawings_are_described_by_their_factors():
    part = data.load_dataset("captions(shapes)").splits["test"]
    values = part.gather(np.arange(0, len(part), 50))
    for factors, caption in zip(values["factors"], values["caption"], strict=True):
        shape, scale, _, x, y = factors
        size, side, level = "large" if scale > 0.75 else "small", "right" if x > 0.5 else "left", y > 0.5
        name = ["square", "ellipse", "heart"][int(shape)]
        assert caption == f"a {size} {name} at the {'bottom' if level else 'top'} {side}"


def test_they_reach_a_batch_and_stay_with_rows_in_files(monkeypatch):
    source = data.load_dataset("captions(fashion_mnist_mini)").splits["train"]
    batch = next(iter(step_indexed(source, batch_size=3, seed=0, position=0)))
    assert batch["caption"].numpy()[0].decode().startswith("a ")
    columns = {name: source.column(name) for name in ("caption", "attributes")}
    plain = data.load_dataset("fashion_mnist_mini").splits["train"]
    files = captions.Captioned(plain, columns, {name: source.fields()[name] for name in columns})
    for name, values in source.gather([5, 2]).items():
        np.testing.assert_array_equal(values, files.gather([5, 2])[name])
    np.testing.assert_array_equal(files.column("caption"), columns["caption"])


@pytest.mark.parametrize("name", ["emoji", "ring", "captions(shapes)", "domains(fashion_mnist_mini, bag, coat)"])
def test_other_data_have_no_captions(name):
    with pytest.raises(UserError, match="expected pictures of named classes without captions"):
        data.load_dataset(f"captions({name})")
