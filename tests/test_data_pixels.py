"""Decoding, cropping and resizing of single pictures, on pixels that are known."""

import io

import numpy as np
import pytest
from PIL import Image

from tfgen.data import pixels
from tfgen.errors import UserError


def reopened(image, kind="PNG", **options):
    """The picture as a file of this kind gives it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(io.BytesIO(file.getvalue()))


def plain(mode, colour, size=(4, 4)):
    return Image.new(mode, size, colour)


@pytest.mark.parametrize(
    "given, expected",
    [(None, None), (64, (64, 64)), ("64", (64, 64)), ("48x64", (48, 64)), ("48,64", (48, 64)), ([48, 64], (48, 64))],
)
def test_image_size(given, expected):
    assert pixels.parse_size(given) == expected


@pytest.mark.parametrize("wrong", [0, -3, "big", (1, 2, 3), 2.5, (), "3x"])
def test_a_wrong_image_size_is_said(wrong):
    with pytest.raises(UserError, match=r"image_size: expected 64 or \(height, width\), got"):
        pixels.parse_size(wrong)


def test_a_checkerboard_shrinks_to_uniform_gray():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    small = np.asarray(pixels.resize(Image.fromarray(board.astype(np.uint8)), (8, 8)))
    assert small.min() >= 126 and small.max() <= 129  # without antialiasing: 0 or 255


def test_resize_keeps_a_picture_of_the_right_size():
    image = plain("L", 9)
    assert pixels.resize(image, (4, 4)) is image


def test_centre_crop_cuts_the_long_side_evenly():
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 200
    assert (np.asarray(pixels.resize(Image.fromarray(wide), (4, 4))) == 200).all()
    assert (np.asarray(pixels.resize(Image.fromarray(wide.T.copy()), (4, 4))) == 200).all()
    assert pixels.centre_box(178, 218, (64, 64)) == (0, 20, 178, 198)
    assert pixels.centre_box(100, 50, (10, 30)) == (0, 25 - 50 / 3, 100, 25 + 50 / 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_resize_all_keeps_channels(channels):
    images = np.full((3, 9, 6, channels), 77, np.uint8)
    small = pixels.resize_all(images, (4, 5))
    assert small.shape == (3, 4, 5, channels) and (small == 77).all()


@pytest.mark.parametrize(
    "image, expected, gray, trait",
    [
        (plain("L", 100), 100, True, None),
        (plain("1", 1), 255, True, "1-bit"),
        (plain("LA", (100, 0)), 255, True, "transparent"),
        (plain("RGB", (10, 20, 30)), (10, 20, 30), False, None),
        (plain("RGBA", (10, 20, 30, 0)), (255, 255, 255), False, "transparent"),
        (plain("RGBA", (0, 0, 0, 51)), (204, 204, 204), False, "transparent"),
        (plain("RGB", (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE), (10, 200, 30), False, "palette"),
        (plain("L", 90).convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE), 90, True, "palette"),
        (plain("I;16", 0), 0, True, "16-bit"),
        (Image.fromarray(np.full((4, 4), 65535, np.uint16)), 255, True, "16-bit"),
        (Image.fromarray(np.full((4, 4), 257 * 77, np.uint16)), 77, True, "16-bit"),
    ],
)
def test_modes(image, expected, gray, trait):
    image = reopened(image)
    assert pixels.is_gray(image) is gray
    found = pixels.traits(image)
    assert (found == []) if trait is None else any(trait in item for item in found)
    array = pixels.to_array(image, 1 if gray else 3)
    assert array.shape == (4, 4, 1 if gray else 3) and array.dtype == np.uint8
    np.testing.assert_array_equal(array, np.broadcast_to(expected, array.shape))


def test_cmyk_becomes_rgb():
    image = reopened(plain("CMYK", (0, 255, 255, 0), (16, 16)), "JPEG", quality=95)
    assert image.mode == "CMYK" and "CMYK, to RGB" in pixels.traits(image)
    np.testing.assert_allclose(pixels.to_array(image, 3)[8, 8], (255, 0, 0), atol=6)


def test_a_gif_gives_its_first_frame():
    frames = [plain("P", number) for number in (3, 5)]
    for frame in frames:
        frame.putpalette([channel for value in range(256) for channel in (value, 0, 2 * value % 256)])
    image = reopened(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert "with several frames, the first taken" in pixels.traits(image)
    np.testing.assert_array_equal(pixels.to_array(image, 3)[0, 0], (3, 0, 6))


def test_palette_transparency_is_laid_over_white():
    image = plain("P", 0)
    image.putpalette([10, 20, 30] * 256)
    image = reopened(image, transparency=0)
    assert "transparent, laid over white" in pixels.traits(image)
    assert (pixels.to_array(image, 3) == 255).all()


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    wide = np.zeros((16, 32), np.uint8)
    wide[:, :16] = 250
    image = reopened(Image.fromarray(wide), "JPEG", exif=exif, quality=95)
    assert pixels.orientation(image) == 6
    upright = pixels.to_array(image, 1)
    assert upright.shape == (32, 16, 1)
    assert upright[:8].min() > 200 and upright[24:].max() < 50
