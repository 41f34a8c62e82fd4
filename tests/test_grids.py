"""Sheets of samples: about ten columns, and small tiles enlarged."""

import numpy as np
import pytest
from PIL import Image

from tfgen.sampling.asked import Asked
from tfgen.sampling.grids import class_columns, enlarged
from tfgen.sampling.writers import write_grid


@pytest.mark.parametrize(
    "classes, columns", [(1, 10), (2, 10), (3, 9), (4, 8), (5, 10), (6, 6), (7, 7), (10, 10), (17, 17)]
)
def test_about_ten_columns_of_one_class_each(classes, columns):
    assert class_columns(classes) == columns and columns % classes == 0


@pytest.mark.parametrize(
    "shape, times", [((16, 16, 1), 3), ((28, 28, 1), 2), ((32, 32, 3), 2), ((64, 64, 3), 1), ((20, 64, 3), 1)]
)
def test_small_tiles_are_enlarged(shape, times):
    sheet = np.random.default_rng(0).integers(0, 256, (40, 30, shape[-1]), np.uint8)
    large = enlarged(sheet, shape)
    assert large.shape == (40 * times, 30 * times, shape[-1])
    for row in range(times):
        np.testing.assert_array_equal(large[row::times, times - 1 :: times], sheet)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_hundred_samples_of_few_classes_are_no_ribbon(tmp_path, classes):
    labels = np.arange(100) % classes
    images = np.repeat(labels.astype(np.uint8) * 40, 28 * 28).reshape(100, 28, 28, 1)
    write_grid(tmp_path / "g.png", [images], images.shape, Asked(labels))
    with Image.open(tmp_path / "g.png") as picture:
        width, height = picture.size
        pixels = np.asarray(picture)
    assert 0.6 < width / height < 1.6 and width > 500  # 62 x 1502 before
    columns = class_columns(classes)
    for column in range(columns):  # the centre of each tile of the first row
        assert pixels[32, 60 * column + 32] == 40 * (column % classes)
