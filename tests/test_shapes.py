"""The drawings against geometry, Pillow's polygons, and the factors that they claim."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

import tfgen
from tfgen.data import shapes

SIZES = (3, 5, 8, 12, 12)


@pytest.fixture(scope="module")
def source():
    return tfgen.load_dataset("shapes")


@pytest.fixture(scope="module")
def everything(source):
    """All examples in the order in which they are drawn."""
    return source.splits["train"].arrays


def test_splits_share_one_array_and_every_combination_occurs_once(source, everything):
    counts = {split: len(examples) for split, examples in source.splits.items()}
    assert counts == {"train": 13_133, "validation": 691, "test": 3456} and sum(counts.values()) == np.prod(SIZES)
    assert all(examples.arrays is everything for examples in source.splits.values())
    assert len(np.unique(np.concatenate([examples.index for examples in source.splits.values()]))) == 17_280
    assert len(np.unique(everything["factors"], axis=0)) == 17_280
    assert [len(np.unique(column)) for column in everything["factors"].T] == list(SIZES)


def test_what_it_says_of_itself(source):
    assert source.fields["image"].shape == (32, 32, 1) and source.fields["factors"].shape == (5,)
    assert source.class_names == ["square", "ellipse", "heart"] and source.num_classes == 3
    assert source.provenance["factors"] == ["shape", "scale", "orientation", "x", "y"]
    assert source.provenance["factor_sizes"] == list(SIZES)
    batch = source.splits["test"].gather([0, 7])
    assert batch["image"].dtype == np.uint8 and batch["factors"].dtype == np.float32
    np.testing.assert_array_equal(batch["label"], batch["factors"][:, 0])


def test_drawn_alike_every_time(source):
    again = tfgen.load_dataset("shapes")
    assert again.provenance == source.provenance and len(source.provenance["sha256"]["images"]) == 64


def test_no_two_drawings_are_the_same(everything):
    assert len({image.tobytes() for image in everything["image"]}) == 17_280


def test_the_centre_and_the_area_are_those_of_the_factors(everything):
    factors, pixels = everything["factors"].astype(np.float64), everything["image"][..., 0] / 255.0
    areas = pixels.sum(axis=(1, 2))
    scale = factors[:, 1]
    for shape, area in enumerate([14.0**2, np.pi * 10.0 * 5.0]):
        chosen = factors[:, 0] == shape
        np.testing.assert_allclose(areas[chosen], area * scale[chosen] ** 2, rtol=0.02)
    places = (np.arange(32) + 0.5) / 32
    symmetric = factors[:, 0] < 2  # a heart's centre of mass lies off its centre
    x, y = (pixels * places).sum(axis=(1, 2)) / areas, (pixels * places[:, None]).sum(axis=(1, 2)) / areas
    np.testing.assert_allclose(x[symmetric], factors[symmetric, 3], atol=1e-3)
    np.testing.assert_allclose(y[symmetric], factors[symmetric, 4], atol=1e-3)


def polygon(points, scale=1.0, angle=0.0, zoom=16):
    """The share of each pixel that a polygon about the centre covers, by Pillow; y up, counter-clockwise."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = (np.asarray(points) * scale) @ turn * [1, -1] + shapes.PATCH / 2
    sheet = Image.new("L", (shapes.PATCH * zoom,) * 2)
    ImageDraw.Draw(sheet).polygon([tuple(point * zoom - 0.5) for point in points], fill=255)
    return np.asarray(sheet, np.float64).reshape(shapes.PATCH, zoom, shapes.PATCH, zoom).mean(axis=(1, 3)) / 255.0


def outline(shape):
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    if shape == "square":
        return [(-7, -7), (7, -7), (7, 7), (-7, 7)]
    if shape == "ellipse":
        return np.stack([10 * np.cos(t), 5 * np.sin(t)], axis=1)
    # of the heart, the root of (r^2 - 1)^3 = r^5 cos^2 sin^3 in every direction, by bisection
    low, high = np.full_like(t, 0.3), np.full_like(t, 2.0)
    for _ in range(50):
        r = (low + high) / 2
        inside = (r**2 - 1) ** 3 < r**5 * np.cos(t) ** 2 * np.sin(t) ** 3
        low, high = np.where(inside, r, low), np.where(inside, high, r)
    return np.stack([7 * low * np.cos(t), 7 * low * np.sin(t)], axis=1)


@pytest.mark.parametrize("shape", shapes.NAMES)
@pytest.mark.parametrize("scale, angle", [(1.0, 0.0), (0.5, 0.6), (0.875, 1.3)])
def test_drawings_against_polygons(shape, scale, angle):
    drawn = shapes.draw(shape, scale, angle)
    expected = polygon(outline(shape), scale, angle)
    assert drawn.max() == 255 and drawn.min() == 0
    assert np.abs(drawn / 255.0 - expected).max() < 0.2
    assert np.abs(drawn / 255.0 - expected).mean() < 0.005


def test_models_that_take_only_images_train_on_it(source):
    model = tfgen.build_model("vae", fields=source.fields, network="dense", units=(4,), latent_dim=2)
    model.fit_examples(source.splits["validation"], 256, 1, verbose=0)
    assert int(model.step) == 691 // 256


def test_a_model_may_be_conditioned_on_the_factors(source):
    options = {"network": "dense", "latent_dim": 2}
    model = tfgen.build_model("cgan", fields=source.fields, condition="factors", **options)
    factors = source.splits["test"].gather([0])["factors"]
    assert model.sample(2, conditions={"factors": factors}).shape == (2, 32, 32, 1)
