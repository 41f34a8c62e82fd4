"""The embedded emoji: pictures, categories, captions, splits and their licence; and fields of texts."""

import collections
import pathlib
import re

import numpy as np
import pytest

import tfgen
from tfgen import data
from tfgen.data import emoji
from tfgen.data.checks import check_field
from tfgen.data.pipeline import step_indexed
from tfgen.errors import UserError


@pytest.fixture(scope="module")
def source():
    return data.load_dataset("emoji")


def test_it_is_small_and_says_where_it_comes_from(source):
    folder = pathlib.Path(emoji.__file__).parent
    assert sum(path.stat().st_size for path in folder.glob("emoji.*")) < 4 << 20
    said = (folder / "emoji.md").read_text()
    for part in ("CC-BY 4.0", "Twitter", "emoji-datasource-twitter", "Changes"):
        assert part in said
    assert "CC-BY" in source.provenance["licence"] and len(source.provenance["sha256"]["images"]) == 64


def test_pictures_have_a_category_and_a_caption(source):
    sizes = {split: len(part) for split, part in source.splits.items()}
    assert sum(sizes.values()) == 3521 and sizes["train"] > 0.8 * 3521 and min(sizes.values()) > 150
    assert source.num_classes == 9 and source.class_names[-1] == "Flags"
    for part in source.splits.values():
        values = part.to_numpy()
        assert values["image"].shape == (len(part), 32, 32, 3) and values["image"].dtype == np.uint8
        assert np.unique(values["label"]).tolist() == list(range(9))
        assert all(isinstance(caption, str) and caption for caption in values["caption"])
    train = source.to_numpy("train")
    heart = train["image"][train["caption"].tolist().index("red heart")]
    red, green, blue = heart[16, 16].astype(int)
    assert red > 150 > max(green, blue) and (heart[0, 0] > 240).all()


def test_a_thing_in_several_tones_of_skin_is_in_one_split(source):
    found = collections.defaultdict(set)
    for split, part in source.splits.items():
        for caption in part.column("caption"):
            found[re.sub(", [a-z-]+ skin tone$", "", caption)].add(split)
    several = [name for name, splits in found.items() if len(splits) > 1]
    assert len(found) > 1800 and several == []


def test_equal_pictures_are_in_one_split(source):
    found = collections.defaultdict(set)
    for split, part in source.splits.items():
        for picture in part.column("image"):
            found[picture.tobytes()].add(split)
    assert len(found) < 3521 and all(len(splits) == 1 for splits in found.values())  # some flags are equal


def test_texts_go_through_the_pipeline_and_past_models_without_them(source):
    train = source.splits["train"]
    batch = next(iter(step_indexed(train, batch_size=4, seed=0, position=0)))
    captions = [text.decode() for text in batch["caption"].numpy()]
    rows = [train.column("caption").tolist().index(caption) for caption in captions]
    np.testing.assert_array_equal(train.gather(rows)["image"], batch["image"])
    model = tfgen.build_model("gan", fields=source.fields, units=[4], maxout_units=[2])
    assert list(model.fields) == ["image"]
    model.fit(train, batch_size=64, steps_per_epoch=1, epochs=1, verbose=0)


@pytest.mark.parametrize("values", [["a", "ü"], np.array(["a", "ü"]), np.array([b"a", "ü".encode()], object)])
def test_texts_of_any_form_become_strings(values):
    found = check_field("caption", values, "text")
    assert found.dtype == object and found.tolist() == ["a", "ü"]


@pytest.mark.parametrize(
    "values, sentence",
    [
        ([1, 2], "expected texts .N., got int64"),
        ([["a"], ["b"]], r"expected texts .N., got str of shape \(2, 1\)"),
        (np.array(["a", None], object), "expected texts, got a value of type NoneType"),
        (np.array([b"\xff"], object), "expected texts in UTF-8"),
        (np.array(["caf\udce9"], object), "expected texts in UTF-8"),
    ],
)
def test_other_values_are_no_texts(values, sentence):
    with pytest.raises(UserError, match=sentence):
        check_field("caption", values, "text")
