"""Findings of an evaluation: samples that copy training images, leak the compared split, or repeat few images."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfgen.data import load_dataset
from tfgen.data.arrays import finish
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.cheating import findings, near_copies
from tfgen.evaluation.corruptions import blurred, noisy
from tfgen.evaluation.likeness import Gaps
from tfgen.evaluation.real import RealData
from tfgen.metrics.copies import by_chance, exceeds, fingerprints, repeated
from tfgen.metrics.gaps import Search
from tfgen.metrics.lenses import lenses


@pytest.fixture(scope="module")
def garments(tmp_path_factory):
    """(training, compared, held-out images) of garments, and the `RealData` of the first two."""
    source = load_dataset("fashion_mnist_mini")
    train, test = source.to_numpy("train")["image"], source.to_numpy("test")["image"]
    arrays = {"x_train": train[:1000], "x_valid": train[1000:1100], "x_test": test[:400]}
    real = RealData(finish(arrays, "garments"), None, Cache(tmp_path_factory.mktemp("cache")))
    return train[:1000], test[:400], np.concatenate([train[1100:], test[400:]]), real


def test_chance_is_that_of_fishers_exact_test():
    # 3 of 4 against 1 of 4, the lady tasting tea: (16 + 1) / 70
    assert by_chance(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert by_chance(0, 10, 0, 10) == pytest.approx(1.0)


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


@pytest.mark.parametrize("count", [150, 600])
def test_held_out_images_have_no_findings(garments, count):
    *_, held_out, real = garments
    assert findings(held_out[:count], real) == []


def test_copies_are_counted_and_their_rows_are_named(garments):
    train, _, held_out, real = garments
    mixed = np.concatenate([held_out[:180], train[100:120]])
    (sentence,) = findings(mixed, real)
    assert sentence == "20 of 200 samples are copies of training images, pixel by pixel: sample 180, 181, 182, ..."


def test_a_leaked_split_is_named(garments):
    _, test, _, real = garments
    (sentence,) = findings(test, real)
    assert "400 of 400 samples are copies of images of the test split" in sentence


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


# Near copies: half of the samples are honest.


def mixed(made, held_out):
    return np.concatenate([held_out[: len(made)], made])


def blend(images, count, weights, seed=0):
    """Weighted means of images of one class; classes take turns in the embedded images."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, len(images) // 10, (len(weights), count)) * 10 + random.integers(0, 10, count)
    return np.rint(sum(w * images[r].astype(float) for w, r in zip(weights, rows))).astype(np.uint8)


CHANGES = {
    "noise": (lambda x: noisy(x), "near copies of training images"),
    "mirrored": (lambda x: x[:, :, ::-1], "near copies of training images"),
    "moved": (lambda x: np.roll(x, (1, -2), axis=(1, 2)), "near copies of training images"),
    "contrast": (lambda x: (0.7 * x + 20).astype(np.uint8), "near copies of training images"),
    "blurred": (lambda x: blurred(blurred(blurred(x))), "copies of training images without their details"),
    "a patch": (
        lambda x: np.where(np.arange(28)[:, None, None] < 12, 0, x).astype(np.uint8),
        "copies of training images in one half of the picture",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_near_copies_are_found(garments, change):
    train, _, held_out, real = garments
    make, said = CHANGES[change]
    (sentence,) = findings(mixed(make(train[:60]), held_out), real)
    assert said in sentence


def test_blends_are_found_and_their_images_named(garments):
    train, _, held_out, real = garments
    (sentence,) = findings(mixed(blend(train, 100, (0.6, 0.4)), held_out), real)
    assert "blends of two training images: sample " in sentence and " and " in sentence
    (sentence,) = findings(blend(train, 100, (0.35, 0.4, 0.25)), real)
    assert "blends of three training images" in sentence


def test_a_split_that_leaks_with_changes_is_found(garments):
    _, test, held_out, real = garments
    (sentence,) = findings(mixed(noisy(test[:100, :, ::-1]), held_out), real)
    assert "near copies of images of the test split" in sentence


def test_few_pictures_with_noise_are_repetitions(garments):
    *_, held_out, real = garments
    (sentence,) = findings(noisy(np.tile(held_out[:30], (10, 1, 1, 1))), real)
    assert "repeated with small changes" in sentence


def test_means_of_many_images_copy_none(garments):
    """As a model makes them whose codes say nothing: no image stands out among those that explain them."""
    train, _, _, real = garments
    random = np.random.default_rng(0)
    means = [train[random.integers(0, 100, 12) * 10 + i % 10].mean(axis=0) for i in range(150)]
    assert findings(np.rint(means).astype(np.uint8), real) == []


def test_data_of_few_images_or_pixels_have_no_near_copies():
    random = np.random.default_rng(0)
    draw = lambda count, side: random.integers(0, 256, (count, side, side, 3), dtype=np.uint8)  # noqa: E731
    for side, count in ((2, 300), (9, 30)):
        data = {"x_train": draw(count, side), "x_valid": draw(9, side), "x_test": draw(count, side)}
        assert findings(draw(100, side), RealData(finish(data, "small"), None, Cache())) == []


# The statistic.


def test_a_gap_is_the_ratio_of_residuals():
    codes = np.eye(8, dtype=np.float32)
    query = np.zeros(8, np.float32)
    query[:6] = 10, 2, 2, 2, 2, 2
    gap, index = Search(codes).gap(query[None, None])
    assert index == [0]
    # |q|^2 = 120: the first leaves 20 of it, the fifth 116
    assert gap == pytest.approx([0.5 * np.log(20 / 116)], abs=1e-5)


def test_a_blend_stands_out_from_blends_of_other_images():
    codes = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32)
    blends = 0.3 * codes[[5, 7]] + 0.7 * codes[[90, 11]]
    (gap, images), (_, three) = Search(codes).blend_gaps(blends)
    assert [set(rows) for rows in images.tolist()] == [{5, 90}, {7, 11}] and three.shape == (2, 3)
    assert (gap < -4).all()


def test_lenses_see_a_moved_image_as_its_original():
    images = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), dtype=np.uint8)
    (lens,) = lenses(images)["moved"]
    moved = np.roll(images, (2, -1), axis=(1, 2))
    codes, seen = lens.codes(images), lens.sample_codes(moved)
    change = np.abs(seen - codes[:, None]).max(axis=(0, 2)).argmin()
    np.testing.assert_allclose(seen[:, change], codes, atol=1e-2)
    brighter = (images // 2 + 50).astype(np.uint8)
    np.testing.assert_allclose(lens.codes(brighter), codes / 2, atol=0.05 * np.abs(codes).max())


class Stated:
    """A stand-in for `Likeness`: all samples have one gap, to the images that are given; those of real images are 0."""

    def __init__(self, gap, originals):
        self.real = SimpleNamespace(seed=0)
        self.found = Gaps(np.full(len(originals), gap), np.array(originals)[:, None])

    def searches(self, split):
        return {}

    def usual(self, split, searches):
        return {"moved": np.zeros(256)}

    def gaps(self, images, searches):
        return {"moved": self.found}


@pytest.mark.parametrize(
    "gap, originals, accused",
    [
        (-0.6, range(100), True),
        (-0.3, range(100), False),  # more than real images have, which need not mean much, but not by enough
        (-0.6, [7] * 100, False),  # a generator of one picture, which is near an image
    ],
)
def test_copies_have_wide_gaps_and_different_originals(gap, originals, accused):
    images = np.zeros((100, 8, 8, 1), np.uint8)
    said = near_copies(images, np.arange(100), Stated(gap, list(originals)), "train")
    assert bool(said) == accused
