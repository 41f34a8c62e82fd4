"""Findings of an evaluation: samples that copy training images, leak the compared split, or repeat few images."""

import numpy as np
import pytest

from tfgen.data import load_dataset
from tfgen.data.arrays import finish
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.cheating import findings
from tfgen.evaluation.real import RealData
from tfgen.metrics.copies import exceeds, fingerprints, repeated


@pytest.fixture(scope="module")
def garments():
    """(training, compared, held-out images) of garments, and the `RealData` of the first two."""
    source = load_dataset("fashion_mnist_mini")
    train, test = source.to_numpy("train")["image"], source.to_numpy("test")["image"]
    arrays = {"x_train": train[:4000], "x_valid": train[4000:4100], "x_test": test[:600]}
    real = RealData(finish(arrays, "garments"), None, Cache())
    return train[:4000], test[:600], np.concatenate([train[4100:], test[600:]]), real


def test_equal_images_have_equal_fingerprints_and_repeat_each_other():
    images = np.zeros((4, 3, 3, 1), np.uint8)
    images[2, 1, 1] = 1
    prints = fingerprints(images)
    assert prints[0] == prints[1] == prints[3] != prints[2]
    np.testing.assert_array_equal(repeated(prints), [False, True, False, True])


def test_a_proportion_exceeds_another_beyond_chance_and_by_enough():
    some = lambda count, of: np.arange(of) < count  # noqa: E731
    assert exceeds(some(40, 200), some(0, 200), 0.02)
    assert not exceeds(some(2, 10), some(0, 10), 0.02)  # chance
    assert not exceeds(some(1500, 100_000), some(0, 100_000), 0.02)  # too few to matter
    assert not exceeds(some(200, 400), some(200, 400), 0.02)
    assert not exceeds(some(0, 0), some(2, 20), 0.02)


@pytest.mark.parametrize("count", [200, 1500])
def test_held_out_images_have_no_findings(garments, count):
    *_, held_out, real = garments
    assert findings(held_out[:count], real) == []


def test_copies_are_counted_and_their_rows_are_named(garments):
    train, _, held_out, real = garments
    mixed = np.concatenate([held_out[:450], train[100:150]])
    (sentence,) = findings(mixed, real)
    assert sentence == "50 of 500 samples are copies of training images, pixel by pixel: sample 450, 451, 452, ..."


def test_a_leaked_split_is_named(garments):
    _, test, _, real = garments
    (sentence,) = findings(test, real)
    assert "600 of 600 samples are copies of images of the test split" in sentence


def test_few_images_repeated_are_counted(garments):
    *_, held_out, real = garments
    (sentence,) = findings(np.tile(held_out[:60], (10, 1, 1, 1)), real)
    assert sentence.startswith("the 600 samples are 60 different pictures, repeated: sample 60, 61, 62, ...")


def test_duplicates_that_the_data_hold_themselves_are_no_findings():
    random = np.random.default_rng(0)
    drawings = random.integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)  # of which all pictures of the data are copies
    black = np.zeros((1, 8, 8, 1), np.uint8)
    pictures = np.concatenate([drawings, np.repeat(black, 200, axis=0)])
    draw = lambda count: pictures[random.integers(0, len(pictures), count)]  # noqa: E731
    source = finish({"x_train": draw(1000), "x_valid": draw(50), "x_test": draw(300)}, "drawings")
    assert findings(draw(400), RealData(source, None, Cache())) == []
    assert findings(np.repeat(black, 400, axis=0), RealData(source, None, Cache())) == []
