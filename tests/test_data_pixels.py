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


@pytest.mark.parametrize("wrong", [0, -3, "big", (1, 2, 3), 2.5, (), "3x", "٣٢", "3_2", "9" * 5000, float("inf")])
def test_a_wrong_image_size_is_said(wrong):
    with pytest.raises(UserError, match=r"image_size: expected 64 or \(height, width\), got"):
        pixels.parse_size(wrong)
    with pytest.raises(UserError, match="image_size: expected at most 512 pixels per side, got 1000000"):
        pixels.parse_size(1_000_000)


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


@pytest.mark.parametrize("size", [(28, 28), (56, 56), (100, 100), (112, 112), (37, 91), (1, 300), (512, 8)])
def test_no_box_leaves_its_picture(size):
    for width in range(1, 301):
        for height in range(1, 301):
            # Pillow takes a box as float32
            left, top, right, bottom = np.float32(pixels.centre_box(width, height, size))
            assert 0 <= left <= right <= width and 0 <= top <= bottom <= height, (width, height)


@pytest.mark.parametrize("size", [28, 56, 100, 112, (56, 28)])
def test_pictures_of_odd_sizes_are_all_resized(size):
    size = pixels.parse_size(size)
    for width, height in [(171, 58), (58, 171), (303, 197), (1, 300), (300, 1), (29, 27), (181, 61), (7, 299)]:
        image = pixels.resize(plain("L", 90, (width, height)), size)
        assert (image.height, image.width) == size and image.getextrema() == (90, 90)


QUARTERS = np.array([[10, 80], [150, 220]], np.uint8).repeat(8, 0).repeat(8, 1)[:, :12]  # 16 high, 12 wide


@pytest.mark.parametrize("kind", [kind for kind in pixels.FORMATS if kind not in ("BMP", "GIF")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_format(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind in ("JPEG", "AVIF") else {}
    image = reopened(Image.fromarray(QUARTERS), kind, exif=exif, **options)
    size = image.size if pixels.orientation(image) < 5 else image.size[::-1]  # what the header says of the upright one
    upright = pixels.to_array(image, 1)[..., 0]
    flipped = QUARTERS if orientation in (1, 3, 6, 8) else QUARTERS[:, ::-1]
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}[orientation]
    assert upright.shape == size[::-1]
    np.testing.assert_allclose(upright, np.rot90(flipped, turns), atol=12)


def test_a_picture_with_a_damaged_exif_is_readable(monkeypatch):
    image = reopened(plain("L", 90), "PNG", exif=Image.Exif())
    image.info["exif"] = b"Exif\0\0II*\0\xff\xff\xff\xff"
    assert pixels.orientation(image) == 1 and (pixels.to_array(image, 1) == 90).all()
    image = reopened(plain("L", 90))
    image.info["exif"] = b"Exif\0\0nonsense"
    assert pixels.orientation(image) == 1 and (pixels.to_array(image, 1) == 90).all()


def test_an_orientation_that_does_not_exist_turns_nothing():
    exif = Image.Exif()
    exif[0x0112] = 77
    assert pixels.orientation(reopened(plain("L", 90), "PNG", exif=exif)) == 1


@pytest.mark.parametrize(
    "array, reason",
    [
        (np.full((4, 4), 0.5, np.float32), "floating-point"),
        (np.full((4, 4), 70_000, np.int32), "from 70000 to 70000"),
        (np.full((4, 4), -1, np.int32), "from -1 to -1"),
    ],
)
def test_pixels_of_unknown_range_are_not_guessed(array, reason):
    with pytest.raises(ValueError, match=reason):
        pixels.to_array(reopened(Image.fromarray(array), "TIFF"), 1)


def test_sixteen_bit_tiff_is_scaled():
    image = reopened(Image.fromarray(np.full((4, 4), 257 * 77, np.uint16)), "TIFF")
    assert pixels.is_gray(image) and (pixels.to_array(image, 1) == 77).all()
