"""folder:PATH: labels, splits, sizes, damaged files, streaming."""

import hashlib
import io
import logging
import zlib

import numpy as np
import pytest
from PIL import Image

from tfgen.data import folder, load_dataset, step_indexed
from tfgen.data.arrangement import arranged
from tfgen.data.listing import listed
from tfgen.errors import UserError


def write(path, value=100, size=(6, 8), mode="L", **options):
    """A picture of one value; `size` is (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "P") else (value,) * len(mode)
    Image.new(mode, (size[1], size[0]), colour).save(path, **options)


def make(root, count=8, classes=("ant", "bee"), **options):
    """`count` PNG pictures of each class, of values 10, 11, ... 10 + count, 100, ..."""
    for number, name in enumerate(classes):
        for place in range(count):
            write(root / name / f"{place:02}.png", 10 + 90 * number + place, **options)
    return root


def everything(source):
    """split -> the gathered batch of all its examples."""
    return {split: examples.gather(np.arange(len(examples))) for split, examples in source.splits.items()}


def test_subfolders_are_the_classes(tmp_path):
    source = load_dataset(f"folder:{make(tmp_path)}")
    assert source.class_names == ["ant", "bee"] and source.num_classes == 2
    assert source.fields["image"].shape == (6, 8, 1)
    total = 0
    for batch in everything(source).values():
        np.testing.assert_array_equal(batch["label"], batch["image"][:, 0, 0, 0] >= 100)
        assert batch["label"].dtype == np.int64 and batch["image"].dtype == np.uint8
        total += len(batch["label"])
    assert total == 16 and {"train", "validation"} <= set(source.splits)
    assert source.provenance["source"] == str(tmp_path) and len(source.provenance["sha256"]["listing"]) == 64


@pytest.mark.parametrize("classes", [("",), ("only",)])
def test_no_choice_of_classes_means_no_labels(tmp_path, classes):
    source = load_dataset(f"folder:{make(tmp_path, classes=classes)}")
    assert source.class_names is None and source.num_classes is None and list(source.fields) == ["image"]


def test_pictures_beside_the_subfolders_leave_out_the_labels(tmp_path):
    write(make(tmp_path) / "stray.png")
    assert load_dataset(f"folder:{tmp_path}").num_classes is None


def test_train_and_test_folders_are_the_splits(tmp_path):
    make(tmp_path / "train", count=10)
    make(tmp_path / "test", count=3)
    source = load_dataset(f"folder:{tmp_path}")
    sizes = {split: len(examples) for split, examples in source.splits.items()}
    assert sizes["test"] == 6 and sizes["train"] + sizes["validation"] == 20 and sizes["validation"] >= 1
    assert source.class_names == ["ant", "bee"]
    make(tmp_path / "valid", count=2)
    sizes = {split: len(examples) for split, examples in load_dataset(f"folder:{tmp_path}").splits.items()}
    assert sizes == {"train": 20, "validation": 4, "test": 6}


def held_out(root):
    """path -> split of every picture, from the values that `make` drew."""
    paths = listed(root).pictures
    splits = arranged(paths).splits
    return {paths[row]: split for split, rows in splits.items() for row in rows}


def test_the_hash_of_a_folder_follows_all_that_is_read(tmp_path):
    """A run goes on with the data that it began with: pictures, and what the metadata say, count by their content."""

    def digests(**options):
        return folder.load(tmp_path, **options).provenance["sha256"]

    for number in range(6):
        write(tmp_path / f"{number}.bmp", number)
    plain = digests()
    assert set(plain) == {"listing", "contents"} and plain == digests()
    assert digests(memory_limit=0) == {"listing": plain["listing"]}  # too many are not read for it
    write(tmp_path / "3.bmp", 200)  # of the same size
    changed = digests()
    assert changed["listing"] == plain["listing"] and changed["contents"] != plain["contents"]
    seen = [changed]
    for word, number in (("red", 1), ("blue", 1), ("blue", 2)):
        rows = "".join(f"{place}.bmp,{word},{number}\n" for place in range(6))
        (tmp_path / "metadata.csv").write_text(f"file_name,caption,size\n{rows}")
        seen.append(digests())
        assert {name: seen[-1][name] for name in changed} == changed
    assert len({found.get("metadata") for found in seen}) == 4


def test_a_new_file_moves_no_other(tmp_path):
    before = held_out(make(tmp_path, count=100, size=(1, 1)))
    counts = {split: list(before.values()).count(split) for split in ("train", "validation", "test")}
    assert 3 <= counts["test"] <= 20 and 3 <= counts["validation"] <= 20
    share = int(hashlib.sha256(b"ant/00.png").hexdigest()[:16], 16) / 2**64
    assert before["ant/00.png"] == ("test" if share < 0.05 else "validation" if share < 0.1 else "train")
    make(tmp_path, count=3, classes=("aardvark", "cat"), size=(1, 1))
    after = held_out(tmp_path)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("count", [2, 3])
def test_few_pictures_still_give_train_and_validation(tmp_path, count):
    source = load_dataset(f"folder:{make(tmp_path, count=count, classes=('',))}")
    assert len(source.splits["train"]) >= 1 and len(source.splits["validation"]) >= 1


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "webp", "bmp", "gif"])
def test_formats(tmp_path, suffix):
    for name in "abc":
        write(tmp_path / f"{name}.{suffix}", 200, (8, 8), "RGB")
    batch = everything(load_dataset(f"folder:{tmp_path}"))["train"]
    assert abs(batch["image"].astype(int) - 200).max() <= 3


def test_gray_only_if_all_are_gray(tmp_path):
    make(tmp_path)
    assert load_dataset(f"folder:{tmp_path}").fields["image"].shape == (6, 8, 1)
    write(tmp_path / "ant" / "colour.png", 50, mode="RGB")
    source = load_dataset(f"folder:{tmp_path}")
    assert source.fields["image"].shape == (6, 8, 3)
    assert "16 gray, made RGB" in source.provenance["notes"]


def test_one_log_line_says_what_was_done(tmp_path, caplog):
    for number in range(3):
        write(tmp_path / f"{number}.png", 7, mode="RGBA")
        write(tmp_path / f"{number}.gif", 7, mode="RGB")
    Image.fromarray(np.full((6, 8), 9000, np.uint16)).save(tmp_path / "deep.png")
    with caplog.at_level(logging.INFO, "tfgen"):
        source = load_dataset(f"folder:{tmp_path}", image_size=(4, 4))
    (line,) = [record.getMessage() for record in caplog.records]
    for phrase in "7 pictures as RGB", "1 16-bit, scaled to 8", "3 transparent, laid over white", "resized to 4x4":
        assert phrase in line and phrase in "; ".join(source.provenance["notes"])


def test_mixed_sizes_need_image_size(tmp_path):
    make(tmp_path)
    write(tmp_path / "ant" / "big.png", 70, (30, 20))
    with pytest.raises(UserError, match=r"got 2 sizes \(8x6, 20x30; width x height\): give --image_size"):
        load_dataset(f"folder:{tmp_path}")
    assert load_dataset(f"folder:{tmp_path}", image_size=4).fields["image"].shape == (4, 4, 1)


def test_a_picture_turned_by_exif_counts_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    write(tmp_path / "a.jpg", 70, (16, 8))
    write(tmp_path / "b.jpg", 70, (8, 16), exif=exif)
    source = load_dataset(f"folder:{tmp_path}")
    assert source.fields["image"].shape == (16, 8, 1)
    assert "1 turned as EXIF says" in source.provenance["notes"]


def with_size(png, width, height):
    """The file with another size in its header, whose checksum fits."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]


def spoil(root):
    """Adds seven files that are no pictures."""
    noise = np.random.default_rng(0).integers(0, 255, (6, 8), np.uint8)
    files = {kind: io.BytesIO() for kind in ("PNG", "JPEG")}
    for kind, file in files.items():
        Image.fromarray(noise).save(file, kind)
    png, jpeg = (file.getvalue() for file in files.values())
    damaged = {
        "empty.png": b"",
        "text.jpg": b"not a picture",
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpeg[:-20],
        "zero.png": with_size(png, 0, 8),
        "bomb.png": with_size(png, 60_000, 60_000),
        "postscript.bmp": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 8\n",
    }
    for name, content in damaged.items():
        (root / "ant" / name).write_bytes(content)


@pytest.mark.parametrize("image_size", [None, (3, 3)])
def test_damaged_files_are_named_in_one_warning(tmp_path, caplog, image_size):
    spoil(make(tmp_path))
    source = load_dataset(f"folder:{tmp_path}", image_size=image_size)
    assert sum(map(len, source.splits.values())) == 16
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "skipped 7 of 23 files: " in line and line.endswith(" and 2 more")
    assert "ant/empty.png (empty)" in line and "ant/bomb.png (more pixels than Pillow's limit)" in line
    assert "ant/cut.jpg (truncated)" in line
    values = []
    for batch in everything(source).values():
        np.testing.assert_array_equal(batch["label"], batch["image"][:, 0, 0, 0] >= 100)
        values += list(batch["image"][:, 0, 0, 0])
    assert sorted(values) == [*range(10, 18), *range(100, 108)]


def test_a_bomb_between_pillows_limits_is_skipped(tmp_path, caplog, monkeypatch):
    write(make(tmp_path) / "ant" / "large.png", 7, (10, 10))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 80)  # Pillow alone warns up to 160
    assert sum(map(len, load_dataset(f"folder:{tmp_path}").splits.values())) == 16
    assert "large.png (more pixels" in caplog.text


def test_a_class_without_a_readable_picture_is_no_class(tmp_path, caplog):
    make(tmp_path, classes=("ant", "cat"))
    (tmp_path / "bee").mkdir()
    (tmp_path / "bee" / "empty.png").write_bytes(b"")
    source = load_dataset(f"folder:{tmp_path}")
    assert source.class_names == ["ant", "cat"]
    assert set(np.concatenate([batch["label"] for batch in everything(source).values()])) == {0, 1}


@pytest.mark.parametrize(
    "files, message",
    [
        ({}, r"expected pictures \(.png, .jpg, .jpeg, .*\) in .*, got none"),
        ({"notes.txt": b"x", ".hidden.png": b"x"}, r"got 1 other file \(1 .txt\)"),
        ({".hidden.png": b"x", "Thumbs.db": b"x"}, "got none"),
        ({"a.png": b"", "b.png": b"x"}, "expected at least 2 readable pictures in .*, got 0 of 2 files"),
    ],
)
def test_too_little_is_an_error(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_dataset(f"folder:{tmp_path}")


def test_one_picture_is_too_little(tmp_path):
    write(tmp_path / "a.png")
    with pytest.raises(UserError, match="got 1 of 1 files"):
        load_dataset(f"folder:{tmp_path}")


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="but .*/nowhere is not there"):
        load_dataset(f"folder:{tmp_path}/nowhere")


def test_streaming_gives_what_memory_gives(tmp_path):
    make(tmp_path, count=10)
    in_memory = folder.load(tmp_path, image_size=(4, 4))
    streamed = folder.load(tmp_path, image_size=(4, 4), memory_limit=100)
    assert (
        streamed.fields == in_memory.fields and "read from their files batch by batch" in streamed.provenance["notes"]
    )
    assert not hasattr(streamed.splits["train"], "arrays")
    options = {"batch_size": 4, "seed": 1, "position": 1, "batches": 5}
    batches = zip(*(step_indexed(source.splits["train"], **options) for source in (in_memory, streamed)), strict=True)
    for one, other in batches:
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["label"], other["label"])


def test_a_streamed_picture_that_breaks_is_replaced_and_named_once(tmp_path, caplog):
    make(tmp_path, count=10)
    source = folder.load(tmp_path, memory_limit=100)
    train = source.splits["train"]
    broken = train.examples.paths[train.index[3]]
    (tmp_path / broken).write_bytes(b"")
    following = train.gather([4])
    for _ in range(2):
        np.testing.assert_array_equal(train.gather([3])["image"], following["image"])
    assert caplog.text.count(f"skipped {broken}") == 1


def layout(root, **folders):
    """Pictures at folder -> {class: count}; the value of a picture says its folder and class."""
    value = 0
    for split, classes in folders.items():
        for name, count in classes.items():
            value += 10
            for place in range(count):
                write(root / split / name / f"{place}.png", value)
    return root


def sizes(source):
    return {split: len(examples) for split, examples in source.splits.items()}


@pytest.mark.parametrize("train", ["train", "Train", "training"])
@pytest.mark.parametrize("val", ["val", "valid", "validation", "VAL"])
def test_train_and_val_are_two_splits_and_no_classes(tmp_path, train, val):
    root = layout(tmp_path, **{train: {"ant": 20, "bee": 20}, val: {"ant": 3, "bee": 3}})
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee"] and sizes(source) == {"train": 40, "validation": 6}
    batches = everything(source)
    values = {split: set(batch["image"][:, 0, 0, 0]) for split, batch in batches.items()}
    expected = {"train": {10, 20}, "validation": {30, 40}} if train < val else None
    if expected:
        assert values == expected
    assert not values["train"] & values["validation"]


def test_splits_without_class_folders(tmp_path):
    root = layout(tmp_path, train={"": 9}, val={"": 4}, test={"": 2})
    source = load_dataset(f"folder:{root}")
    assert source.class_names is None and sizes(source) == {"train": 9, "validation": 4, "test": 2}


def test_train_alone_is_read_as_if_given_itself(tmp_path, caplog):
    root = layout(tmp_path, train={"ant": 40, "bee": 40})
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee"] and sum(sizes(source).values()) == 80
    assert not caplog.text


def test_a_domain_without_the_other_is_a_class_and_said(tmp_path, caplog):
    root = layout(tmp_path, trainA={"": 8}, testA={"": 3}, testB={"": 3})
    assert load_dataset(f"folder:{root}").class_names == ["testA", "testB", "trainA"]
    assert "testA/ counts as a class: two domains are pictures in both trainA/ and trainB/" in caplog.text


def test_train_beside_classes_is_a_class_and_said(tmp_path, caplog):
    root = layout(tmp_path, train={"": 5}, bus={"": 5}, car={"": 5})
    assert load_dataset(f"folder:{root}").class_names == ["bus", "car", "train"]
    assert "the folder train/ counts as a class" in caplog.text


@pytest.mark.parametrize("splits", [["val"], ["test"], ["test", "valid"]])
def test_without_train_there_is_nothing_to_train_on(tmp_path, splits):
    root = layout(tmp_path, **{split: {"ant": 3, "bee": 3} for split in splits})
    with pytest.raises(UserError, match=f"expected train/ beside {splits[0]}/.* give folder:.*/{splits[0]}"):
        load_dataset(f"folder:{root}")
    assert load_dataset(f"folder:{root}/{splits[0]}").class_names == ["ant", "bee"]


def test_what_lies_beside_the_splits_is_skipped_and_counted(tmp_path, caplog):
    root = layout(tmp_path, train={"ant": 9, "bee": 9}, test={"ant": 2, "bee": 2}, masks={"x": 3})
    write(root / "cover.png", 7, (50, 50))
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee"] and sum(sizes(source).values()) == 22
    assert "skipped 4 of 26 files: cover.png (beside the folders of splits)" in caplog.text


def test_classes_that_differ_between_splits_are_said(tmp_path, caplog):
    root = layout(tmp_path, train={"ant": 9, "bee": 9}, val={"ant": 2, "cow": 3}, test={"ant": 1, "bee": 1})
    source = load_dataset(f"folder:{root}")
    assert source.class_names == ["ant", "bee"] and sizes(source) == {"train": 18, "validation": 2, "test": 2}
    assert "skipped 3 pictures of val/, whose class train/ does not have: cow" in caplog.text
    assert "val/ has no pictures of 1 of 2 classes: bee" in caplog.text
    assert any("cow" in note for note in source.provenance["notes"])
    streamed = folder.load(root, memory_limit=10)  # 100 gives no picture of the class that was left out
    assert set(everything(streamed)["validation"]["label"]) == {0}


def test_splits_below_the_classes_are_said(tmp_path, caplog):
    for name in ("ant", "bee"):
        layout(tmp_path / name, train={"": 4}, test={"": 2})
    assert load_dataset(f"folder:{tmp_path}").class_names == ["ant", "bee"]
    assert "put train/CLASS, test/CLASS above" in caplog.text


def test_some_pictures_outside_of_the_class_folders_are_said(tmp_path, caplog):
    root = layout(tmp_path, train={"ant": 9, "bee": 9, "": 1}, val={"ant": 2, "bee": 2})
    assert load_dataset(f"folder:{root}").class_names is None
    assert "no classes: 1 pictures lie in no folder of a class, train/0.png for one" in caplog.text


def test_class_numbers_follow_the_sorted_names(tmp_path):
    source = load_dataset(f"folder:{layout(tmp_path, **{str(number): {'': 4} for number in (1, 2, 10)})}")
    assert source.class_names == ["1", "10", "2"]


def test_a_broken_picture_is_replaced_within_its_split(tmp_path):
    root = layout(tmp_path, train={"ant": 3, "bee": 3}, val={"ant": 3, "bee": 3})
    source = folder.load(root, memory_limit=10)
    train = source.splits["train"]
    (root / "train" / "ant" / "2.png").write_bytes(b"")  # by one of its class, where there is one
    assert train.gather(range(6))["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert train.gather([2])["image"][0, 0, 0, 0] == train.gather([0])["image"][0, 0, 0, 0]
    for place in range(3):
        (root / "train" / "bee" / f"{place}.png").write_bytes(b"")
    assert set(train.gather(range(6))["image"][:, 0, 0, 0]) == {10}  # of train/ant, not of val/ant, which follows
