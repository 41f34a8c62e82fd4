"""Fields by kind: what is mirrored, resized and put into the networks' value range, and what a batch may not be."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, CLASSES, SHAPE, gan, labelled_gan

import tfgen
from tfgen.data.pipeline import step_indexed
from tfgen.data.source import Field, as_fields, data_field
from tfgen.errors import UserError
from tfgen.training.model import GenerativeModel


def pairs(count):
    """A source and an image, [count, 2, 6, 1], that rise from left to right, and a vector and tokens that do."""
    rise = np.broadcast_to(np.arange(6, dtype=np.uint8)[None, None, :, None], (count, 2, 6, 1))
    return {
        "source": rise.copy(),
        "image": 10 * rise,
        "vector": np.tile(np.arange(4, dtype=np.float32), (count, 1)),
        "tokens": np.tile(np.arange(5), (count, 1)),
        "label": np.arange(count),
    }


def test_mirroring_flips_all_images_of_an_example_together_and_nothing_else():
    settings = {"batch_size": 50, "seed": 3, "position": 0, "batches": 2, "mirror": True}
    batches = list(step_indexed(pairs(100), **settings).as_numpy_iterator())
    found = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    flipped = {name: found[name][:, 0, 0, 0] > 0 for name in ("source", "image")}
    np.testing.assert_array_equal(flipped["source"], flipped["image"])
    assert 0.3 < flipped["image"].mean() < 0.7
    expected = pairs(100)
    for name in ("source", "image"):  # whole pictures, each row of them
        turned = np.where(flipped[name][:, None, None, None], expected[name][:, :, ::-1], expected[name])
        np.testing.assert_array_equal(found[name], turned)
    for name in ("vector", "tokens"):
        np.testing.assert_array_equal(found[name], expected[name])
    assert sorted(found["label"]) == list(range(100))


def test_an_image_size_resizes_all_images(tmp_path):
    arrays = {f"{name}_train": np.repeat(values, 16, axis=1) for name, values in pairs(20).items() if values.ndim == 4}
    arrays["vector_train"] = pairs(20)["vector"]
    np.savez(tmp_path / "pairs.npz", x_train=arrays.pop("image_train"), **arrays)
    source = tfgen.load_dataset(f"npz:{tmp_path / 'pairs.npz'}", image_size=(8, 12))
    assert {name: (field.kind, field.shape) for name, field in source.fields.items()} == {
        "image": ("image", (8, 12, 1)),
        "source": ("image", (8, 12, 1)),
        "vector": ("vector", (4,)),
    }
    for split in source.splits.values():
        batch = split.gather(np.arange(1))
        assert batch["source"].shape == batch["image"].shape == (1, 8, 12, 1) and batch["vector"].shape == (1, 4)


FIELDS = {
    "image": Field("image", (2, 6, 1)),
    "source": Field("image", (2, 6, 1)),
    "vector": Field("vector", (4,)),
    "tokens": Field("tokens", (5,)),
    "label": Field("label", range=(0, 100)),
}


@pytest.fixture(scope="module")
def model():
    """A model of fields of every kind, which sees images in [-1, 1]."""
    image = keras.Input((2, 6, 1), name="image")
    network = keras.Model(image, keras.layers.Flatten()(image))
    return GenerativeModel({"a": network}, fields=FIELDS, value_range=(-1.0, 1.0), name="pairs")


def test_images_alone_have_the_networks_value_range(model):
    given = pairs(3)
    seen = model.as_batch(given)
    for name in ("source", "image"):
        np.testing.assert_allclose(seen[name], given[name] / 127.5 - 1.0, atol=1e-6)
    for name, dtype in (("vector", "float32"), ("tokens", "int64"), ("label", "int64")):
        np.testing.assert_array_equal(seen[name], given[name])
        assert seen[name].dtype == dtype


@pytest.mark.parametrize(
    "name,value,sentence",
    [
        ("source", np.zeros((3, 2, 5, 1), np.uint8), r"takes images of shape \(2, 6, 1\), got \(2, 5, 1\)"),
        (
            "source",
            np.zeros((3, 2, 6, 1), np.int32),
            r"source: expected uint8, or float in \[0, 1\], got int32 from 0 to 0",
        ),
        ("image", np.zeros((3, 4), np.float32), r"takes images of shape \(2, 6, 1\), got an array \(3, 4\)"),
        (
            "vector",
            np.zeros((3, 2, 6, 1), np.float32),
            r"vector: expected finite numbers \[N, 4\], got float32 of shape \(3, 2, 6, 1\)",
        ),
        (
            "vector",
            np.zeros((3,), np.float32),
            r"vector: expected finite numbers \[N, 4\], got float32 of shape \(3,\)",
        ),
        ("tokens", np.zeros((3, 4), np.int64), r"tokens: expected integers \[N, 5\], got int64 of shape \(3, 4\)"),
        ("tokens", np.full((3, 5), 0.5), r"tokens: expected integers \[N, 5\], got float64"),
        ("label", np.full(3, 0.5, np.float32), r"label: expected integers \[N\], got float32"),
        ("label", np.eye(3, dtype=np.int64), r"label: expected integers \[N\], got int64 of shape \(3, 3\).*argmax"),
        ("label", None, "pairs is trained on .*, but 'label' is missing: got image, source, tokens, vector"),
    ],
)
def test_a_batch_of_a_wrong_kind_is_refused_in_a_sentence(name, value, sentence, model):
    with pytest.raises(UserError, match=sentence) as caught:
        model.as_batch({**pairs(3), name: value})
    assert "\n" not in str(caught.value)


def test_labels_may_come_as_a_column(model):
    assert model.as_field("label", np.arange(3)[:, None].astype(np.int32)).numpy().tolist() == [0, 1, 2]


def test_one_hot_labels_of_a_data_set_are_refused_before_they_are_trained_on(photos):
    images, labels = photos(BATCH, SHAPE), np.eye(CLASSES)[np.arange(BATCH) % CLASSES]
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH, drop_remainder=True)
    model = labelled_gan()
    with pytest.raises(UserError, match=r"label: expected integers \[N\], got float64 of shape \(8, 4\): turn one-hot"):
        model.fit(batches, verbose=0)
    assert int(model.step) == 0


def test_what_a_model_makes_is_the_image_else_the_point_else_the_first_field():
    image, vector, point = Field("image", (4, 4, 1)), Field("vector", (3,)), Field("point", (2,))
    assert data_field({"source": image, "image": image, "label": Field("label")}) == "image"
    assert data_field({"label": Field("label"), "picture": image}) == "picture"
    assert data_field({"vector": vector, "point": point}) == "point"
    assert data_field({"codes": vector, "label": Field("label")}) == "codes"
    assert gan().data_field == "image" and gan().data_dtype == "uint8" and gan().data_shape == SHAPE


def test_a_field_says_what_its_kind_implies():
    assert (Field("image", [4, 4, 1]).dtype, Field("image", (4, 4, 1)).range) == ("uint8", (0, 255))
    assert (Field("label").dtype, Field("label").range, Field("label").shape) == ("int64", None, ())
    assert Field("image", (4, 4, 1), "float32").range is None
    assert as_fields({"label": {"kind": "label", "shape": [], "dtype": "int64", "range": [0, 4]}}) == {
        "label": Field("label", range=(0, 4))
    }
    with pytest.raises(
        UserError, match="kind is one of image, label, vector, tokens, point, text, got 'lable'; did you mean"
    ):
        Field("lable")
