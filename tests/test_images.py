import numpy as np
import pytest
from PIL import Image

from tfgen.errors import UserError
from tfgen.storage import atomic as files
from tfgen.storage import images


def numbered(number, height=3, width=4, channels=1):
    """Image i is filled with the byte i."""
    values = np.arange(number, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(values, (number, height, width, channels)).copy()


def test_grid_places_images_row_by_row_between_white_lines():
    sheet = images.grid(numbered(5), columns=3, padding=2)
    assert sheet.shape == (2 * 5 + 2, 3 * 6 + 2, 1) and sheet.dtype == np.uint8
    assert np.all(sheet[2:5, 2:6] == 0) and np.all(sheet[2:5, 14:18] == 2)
    assert np.all(sheet[7:10, 8:12] == 4)
    assert np.all(sheet[:2] == 255) and np.all(sheet[:, :2] == 255) and np.all(sheet[:, -2:] == 255)
    assert np.all(sheet[7:10, 14:18] == 255), "an empty place is background"


@pytest.mark.parametrize("number, columns", [(1, None), (2, 10), (7, None)])
def test_grid_holds_every_image_whatever_the_number_of_columns(number, columns):
    sheet = images.grid(numbered(number, 1, 1, 3), columns, padding=0)
    assert sheet.shape[:2] == {1: (1, 1), 2: (1, 2), 7: (3, 3)}[number]
    assert [v for v in sheet[..., 0].ravel() if v != 255] == list(range(number))


def test_grid_without_padding_and_without_channels():
    assert images.grid(np.zeros((4, 2, 2), np.uint8), padding=0).tolist() == np.zeros((4, 4, 1)).tolist()


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 3, 1), np.float32), np.zeros((2, 3, 3, 2), np.uint8), np.zeros((0, 3, 3, 1), np.uint8)]
)
def test_grid_says_what_it_expects(wrong):
    with pytest.raises(UserError, match=r"expected images as uint8 \[N, H, W, C\].*got (float32|uint8) \["):
        images.grid(wrong)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_keeps_every_bit(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    images.save_png(tmp_path / "new" / "a.png", image)
    with Image.open(tmp_path / "new" / "a.png") as read:
        assert np.array_equal(np.asarray(read).reshape(image.shape), image)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


def test_gif_plays_the_frames_and_holds_the_last(tmp_path):
    frames = [np.full((8, 6, 1), 10 * i, np.uint8) for i in range(4)]
    images.save_gif(tmp_path / "p.gif", frames, seconds=2, hold=3)
    with Image.open(tmp_path / "p.gif") as gif:
        seen = []
        for i in range(gif.n_frames):
            gif.seek(i)
            seen.append((gif.convert("L").getpixel((0, 0)), gif.info["duration"]))
        assert gif.info["loop"] == 0
    # it opens on the last frame, which stands for it wherever it does not move
    assert seen == [(30, 3000), (0, 500), (10, 500), (20, 500)]


def test_gif_takes_files_and_keeps_the_first_and_the_last_of_many(tmp_path):
    for i in range(101):
        images.save_png(tmp_path / f"{i:03d}.png", np.full((4, 4, 3), 2 * i, np.uint8))
    images.save_gif(tmp_path / "p.gif", sorted(tmp_path.glob("*.png")), max_frames=5)
    with Image.open(tmp_path / "p.gif") as gif:
        seen = []
        for i in range(gif.n_frames):
            gif.seek(i)
            seen.append(gif.convert("RGB").getpixel((0, 0))[0])
    assert seen == [200, 0, 50, 100, 150]


def test_gif_shrinks_large_pictures_and_needs_a_frame(tmp_path):
    images.save_gif(tmp_path / "p.gif", [np.zeros((100, 50, 1), np.uint8)], max_side=20)
    with Image.open(tmp_path / "p.gif") as gif:
        assert gif.size == (10, 20)
    with pytest.raises(UserError, match="at least one frame"):
        images.save_gif(tmp_path / "q.gif", [])


def test_to_uint8_rounds_half_up_and_clips():
    values = np.array([-1, 0, 0.499 / 255, 0.5 / 255, 1.5 / 255, 254.4 / 255, 1, 7, np.nan], np.float32)
    assert images.to_uint8(values).tolist() == [0, 0, 0, 1, 2, 254, 255, 255, 0]
    every = np.arange(256, dtype=np.float32) / 255
    assert images.to_uint8(every).tolist() == list(range(256))


def test_to_uint8_of_a_tensor_is_the_same():
    tf = pytest.importorskip("tensorflow")
    values = np.append(np.random.default_rng(0).uniform(-0.2, 1.2, 1000), np.nan).astype(np.float32)
    tensor = images.to_uint8(tf.constant(values))
    assert tensor.dtype == tf.uint8
    assert np.array_equal(tensor.numpy(), images.to_uint8(values))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    files.write_text(tmp_path / "a.txt", "old", sync=True)
    with pytest.raises(RuntimeError), files.replacing(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    for text in ("first", "second"):
        with files.replacing_folder(tmp_path / "1") as partial:
            partial.mkdir()
            (partial / "f").write_text(text)
    with pytest.raises(RuntimeError), files.replacing_folder(tmp_path / "1") as partial:
        partial.mkdir()
        raise RuntimeError
    assert (tmp_path / "1" / "f").read_text() == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_a_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "f").write_text("old")
    with pytest.raises(FileNotFoundError), files.replacing_folder(tmp_path / "1"):
        pass
    assert (tmp_path / "1" / "f").read_text() == "old"


def test_a_disk_that_refuses_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write .*a.png: File exists .*file.; what was there before is kept"):
        images.save_png(tmp_path / "file" / "a.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(UserError, match="No space left on device"), files.replacing(tmp_path / "b"):
        raise OSError(28, "No space left on device")
