"""ring and grid: where the points lie, and what the data sets declare."""

import json

import numpy as np
import pytest

import tfgen
from tfgen.data import mixtures
from tfgen.errors import UserError

HALF = np.sqrt(0.5)
RING = [(1, 0), (HALF, HALF), (0, 1), (-HALF, HALF), (-1, 0), (-HALF, -HALF), (0, -1), (HALF, -HALF)]
GRID = [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
CASES = {"ring": (RING, 0.01), "grid": (GRID, 0.05)}


@pytest.fixture(scope="module")
def sources():
    return {name: tfgen.load_dataset(name) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_points_lie_about_the_modes_that_their_labels_name(sources, name):
    means, sigma = CASES[name]
    arrays = sources[name].splits["train"].arrays
    points, labels = arrays["point"].astype(np.float64), arrays["label"]
    assert arrays["point"].dtype == np.float32 and points.shape == (100_000, 2) and labels.dtype == np.int64
    counts = np.bincount(labels, minlength=len(means))
    expected = 100_000 / len(means)
    assert len(counts) == len(means) and np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    for mode, mean in enumerate(means):
        offsets = (points[labels == mode] - mean) / sigma
        error = 5 / np.sqrt(len(offsets))
        np.testing.assert_allclose(offsets.mean(axis=0), 0, atol=error)
        np.testing.assert_allclose(np.cov(offsets.T), np.eye(2), atol=1.5 * error)


@pytest.mark.parametrize("name", CASES)
def test_the_source_declares_points_and_says_which_mixture(sources, name):
    source, (means, sigma) = sources[name], CASES[name]
    assert {split: len(part) for split, part in source.splits.items()} == {
        "train": 100_000,
        "validation": 10_000,
        "test": 10_000,
    }
    assert source.fields["point"].shape == (2,) and source.fields["point"].dtype == "float32"
    assert source.num_classes == len(means) and source.name == name
    mixture = json.loads(json.dumps(source.provenance))["mixture"]
    np.testing.assert_allclose(mixture["means"], means, atol=1e-15)
    assert mixture["sigma"] == sigma


def test_the_same_points_each_time_and_other_ones_in_each_split(sources):
    again = tfgen.load_dataset("ring").splits
    for split, part in sources["ring"].splits.items():
        np.testing.assert_array_equal(part.arrays["point"], again[split].arrays["point"])
    first = {tuple(part.arrays["point"][0]) for part in again.values()}
    assert len(first) == 3


def test_a_mixture_of_ones_own():
    mixture = mixtures.Mixture(((5.0, 0.0), (0.0, 7.0)), 0.5)
    points, modes = mixture.draw(1000, np.random.RandomState(3))
    assert set(modes) == {0, 1}
    assert np.abs(points[modes == 1].mean(axis=0) - [0, 7]).max() < 0.1
    source = mixtures.from_mixture(mixture, "two")
    assert source.num_classes == 2 and source.provenance["mixture"]["sigma"] == 0.5


def test_points_have_no_size_in_pixels():
    with pytest.raises(UserError, match="'ring': --image_size needs images as bytes"):
        tfgen.load_dataset("ring", image_size=32)
