"""Stacked MNIST, made of a small stand-in for MNIST."""

import numpy as np
import pytest

import tfgen
from tfgen.data import idx, stacked
from tfgen.data.arrays import from_splits
from tfgen.data.pipeline import step_indexed


@pytest.fixture
def digits(monkeypatch):
    """An MNIST of 40 + 20 images; image i is of class i mod 10 and 4 i + 1 gray, test images 4 i + 3."""

    def load(data_dir=None):
        images = {
            "train": np.arange(1, 161, 4, dtype=np.uint8),
            "test": np.arange(3, 83, 4, dtype=np.uint8),
        }
        made = {f"x_{split}": np.tile(gray[:, None, None], (1, 16, 18)) for split, gray in images.items()}
        made |= {f"y_{split}": np.arange(len(gray)) % 10 for split, gray in images.items()}
        return from_splits(made, "mnist", {"source": str(data_dir), "sha256": {"train-images": "abc"}})

    monkeypatch.setattr(idx, "mnist", load)
    return load


def grays(batch):
    """The gray of every channel, [B, 3], of pictures that are flat."""
    assert (batch["image"] == batch["image"][:, :1, :1]).all()
    return batch["image"][:, 0, 0].astype(int)


def test_three_digits_are_a_picture_and_their_number(digits):
    source = tfgen.load_dataset("stacked_mnist", data_dir="here")
    assert source.fields["image"].shape == (16, 18, 3) and source.num_classes == 1000
    sizes = {split: len(part) for split, part in source.splits.items()}
    assert sizes == {"train": 128_000, "validation": 10_000, "test": 26_000}
    assert source.provenance["source"] == "here" and source.provenance["sha256"] == {"train-images": "abc"}
    batch = source.splits["test"].gather([5, 0, 25_999])
    assert batch["image"].dtype == np.uint8 and batch["image"].shape == (3, 16, 18, 3)
    rows = (grays(batch) - 3) // 4
    np.testing.assert_array_equal(batch["label"], rows % 10 @ [100, 10, 1])  # red, green, blue
    assert batch["label"].dtype == np.int64 and len(set(batch["label"])) == 3


def test_each_split_has_digits_of_its_own(digits):
    source = tfgen.load_dataset("stacked_mnist")
    used = {split: set(grays(part.gather(np.arange(3000))).ravel()) for split, part in source.splits.items()}
    assert len(used["train"]) == 38 and len(used["validation"]) == 2 and len(used["test"]) == 20
    assert not (used["train"] & used["validation"] or used["train"] & used["test"])


def test_the_same_pictures_each_time(digits):
    first, second = (tfgen.load_dataset("stacked_mnist").splits["train"].gather(np.arange(50)) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert len(set(first["label"])) > 40


def test_the_channels_are_drawn_independently_and_evenly(digits):
    part = tfgen.load_dataset("stacked_mnist").splits["test"]
    labels = np.concatenate([part.gather(rows)["label"] for rows in np.array_split(np.arange(len(part)), 26)])
    counts = np.bincount(labels, minlength=1000)
    statistic = np.sum((counts - 26) ** 2 / 26)  # chi-squared with 999 degrees of freedom
    assert abs(statistic - 999) < 4 * np.sqrt(2 * 999)


def test_digits_are_resized_before_they_are_stacked(digits):
    source = tfgen.load_dataset("stacked_mnist", image_size=32)
    assert source.fields["image"].shape == (32, 32, 3)
    assert source.splits["train"].gather([0])["image"].shape == (1, 32, 32, 3)


def test_the_pipeline_takes_them(digits):
    part = tfgen.load_dataset("stacked_mnist").splits["train"]
    batches = list(step_indexed(part, batch_size=4, seed=0, position=7, batches=2))
    assert [batch["image"].shape for batch in batches] == [(4, 16, 18, 3)] * 2
    images = batches[0]["image"].numpy()
    known = part.gather(np.arange(len(part)))
    same = (known["image"][:, 0, 0] == images[0, 0, 0]).all(-1) & (known["label"] == batches[0]["label"][0].numpy())
    assert same.any()


def test_a_model_of_them_knows_its_shape(digits):
    fields = tfgen.load_dataset("stacked_mnist").fields
    model = tfgen.build_model("dcgan", fields=fields, width=2, latent_dim=2)
    assert model.sample(2).shape == (2, 16, 18, 3) and model.conditions == ()


def test_the_sizes_are_those_of_the_protocol():
    assert stacked.SIZES["train"] == 128_000 and stacked.SIZES["test"] == 26_000


def test_its_samples_are_scored_by_counting_modes(digits, monkeypatch):
    from tfgen.evaluation import Settings, evaluate_samples

    class Reader:
        """Reads the digit off the gray."""

        def probabilities(self, images):
            return np.eye(10)[(images[:, 0, 0, 0].astype(int) - 3) // 4 % 10]

        def describe(self):
            return {"name": "reader"}

    monkeypatch.setattr(
        "tfgen.evaluation.evaluation.load_extractor", lambda name: Reader() if name == "mnist" else None
    )
    source = tfgen.load_dataset("stacked_mnist")
    images = source.splits["test"].gather(np.arange(1000))
    found = evaluate_samples(images["image"], source, Settings(), say=lambda line: None)
    assert found.scores["modes"].value == len(set(images["label"]))
    assert tuple(found.scores) == source.scoring.gives
    assert found.scores["modes"].protocol["parameters"]["extractor"] == {"name": "reader"}
