"""metadata.csv and metadata.jsonl of folders of pictures: captions and attributes."""

import json

import numpy as np
import pytest
from PIL import Image

from tfgen import data
from tfgen.data import folder
from tfgen.errors import UserError


def save(root, count, size=(8, 8)):
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", size, 10 * number).save(root / f"{number}.png")


def captions_of(source):
    """Brightness of the picture -> caption, over all splits."""
    found = {}
    for part in source.splits.values():
        values = part.to_numpy()
        found |= dict(zip(values["image"][:, 0, 0, 0].tolist(), values["caption"].tolist(), strict=True))
    return found


@pytest.mark.parametrize("column", ["text", "caption"])
def test_a_csv_file_gives_captions_and_attributes(tmp_path, column):
    save(tmp_path, 12)
    rows = [f'{n}.png,"a ""bright"", round bag {n}",{n / 2},{n % 2 == 0},by hand' for n in reversed(range(12))]
    text = f"file_name,{column},width,shiny,made\n" + "\n".join(rows) + "\n"
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8-sig")
    source = data.load_dataset(f"folder:{tmp_path}")
    assert {name: field.kind for name, field in source.fields.items()} == {
        "image": "image",
        "caption": "text",
        "made": "text",
        "attributes": "vector",
    }
    assert captions_of(source) == {10 * n: f'a "bright", round bag {n}' for n in range(12)}
    train = source.to_numpy("train")
    numbers = train["image"][:, 0, 0, 0] / 10
    np.testing.assert_array_equal(train["attributes"], np.stack([numbers / 2, numbers % 2 == 0], axis=1))
    assert train["attributes"].dtype == np.float32 and "attributes: width, shiny" in source.provenance["notes"]


def test_a_jsonl_file_in_the_folder_of_each_split(tmp_path):
    for split, count in {"train": 6, "test": 2}.items():
        save(tmp_path / split, count)
        lines = [json.dumps({"file_name": f"./{n}.png", "text": f"{split} {n}"}) for n in range(count)]
        (tmp_path / split / "metadata.jsonl").write_text("\n".join(lines) + "\n\n")
    source = data.load_dataset(f"folder:{tmp_path}")
    assert source.to_numpy("test")["caption"].tolist() == ["test 0", "test 1"]
    assert all(text.startswith("train") for text in source.to_numpy("train")["caption"])


def test_pictures_that_stay_in_files_have_the_same_fields(tmp_path):
    save(tmp_path, 8)
    (tmp_path / "metadata.csv").write_text("file_name,text\n" + "".join(f"{n}.png,c{n}\n" for n in range(8)))
    expected = captions_of(data.load_dataset(f"folder:{tmp_path}"))
    assert captions_of(folder.load(tmp_path, memory_limit=0)) == expected == {10 * n: f"c{n}" for n in range(8)}


def test_views_keep_them(tmp_path):
    save(tmp_path, 6)
    (tmp_path / "metadata.csv").write_text("file_name,text\n" + "".join(f"{n}.png,c{n}\n" for n in range(6)))
    assert captions_of(data.load_dataset(f"edges(folder:{tmp_path})")) == {10 * n: f"c{n}" for n in range(6)}


def test_pictures_without_a_row_and_rows_without_a_picture(tmp_path, caplog):
    save(tmp_path, 6)
    rows = "".join(f"{n}.png,c{n},{'' if n == 3 else 1}\n" for n in range(5)) + "gone.png,c,1\n../0.png,c,1\n"
    (tmp_path / "metadata.csv").write_text("file_name,text,size\n" + rows)
    source = data.load_dataset(f"folder:{tmp_path}")
    assert sum(map(len, source.splits.values())) == 5 and "5.png (no row in the metadata)" in caplog.text
    assert "size" not in source.fields and "attributes" not in source.fields


@pytest.mark.parametrize(
    "name, content, sentence",
    [
        (
            "metadata.csv",
            b"filename,text\n0.png,a\n",
            "expected a column file_name, got filename, text; rename 'filename'",
        ),
        ("metadata.csv", b"file_name,text,text\n0.png,a,b\n", "the column 'text' is there twice"),
        ("metadata.csv", b"file_name,text\n0.png,a,b\n", "cannot be read"),
        ("metadata.csv", b"file_name,text\n0.png\n", "cannot be read"),
        ("metadata.csv", b'file_name,text\n0.png,"a\n', "cannot be read"),
        ("metadata.csv", b"\xff\xfe\x00", "cannot be read"),
        ("metadata.csv", b"file_name,text\n0.png,a\n0.png,b\n", ":3: expected one row for every picture"),
        ("metadata.csv", b"file_name,text\nx.png,a\n", "expected rows of pictures in .*, got 'x.png'"),
        ("metadata.csv", b"", "expected rows of pictures"),
        ("metadata.jsonl", b'{"file_name": "0.png"', "cannot be read"),
        ("metadata.jsonl", b"[1, 2]\n", r"cannot be read after line 1: expected an object, got \[1, 2\]"),
        ("metadata.jsonl", b"7\n", "cannot be read"),
        ("metadata.jsonl", b'{"file_name": 3}\n', ":1: expected the name of a picture in file_name, got 3"),
        ("metadata.jsonl", b'{"file_name": null}\n', "in file_name, got None"),
        ("metadata.jsonl", b"[" * 100_000 + b"\n", "cannot be read"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, name, content, sentence):
    save(tmp_path, 4)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        data.load_dataset(f"folder:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_values_that_are_no_numbers_or_texts_are_left_out(tmp_path, caplog):
    save(tmp_path, 4)
    rows = [{"file_name": f"{n}.png", "text": "t", "box": [1, 2], "huge": 10**400, "label": "a"} for n in range(4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = data.load_dataset(f"folder:{tmp_path}")
    assert list(source.fields) == ["image", "caption"]
    assert all(f"the column '{name}'" in caplog.text for name in ("box", "huge", "label"))


def test_remarks_name_the_picture_and_the_column(tmp_path, caplog):
    save(tmp_path, 3)
    rows = "".join(f"{n}.png,{'' if n == 1 else 'a'},red\n" for n in range(3))
    (tmp_path / "metadata.csv").write_text("File_Name,caption,text\n" + rows)
    assert set(data.load_dataset(f"folder:{tmp_path}").fields) == {"image", "caption"}  # the texts of `text`
    assert "the column 'caption' is left out" in caplog.text and "that of 1.png is ''" in caplog.text
    (tmp_path / "metadata.csv").write_text("file_name,caption,text\n" + rows.replace(",,", ",b,"))
    assert set(data.load_dataset(f"folder:{tmp_path}").fields) == {"image", "caption"}
    assert "the column 'text' is left out: there is another one of captions" in caplog.text


def test_numbers_with_gaps_are_no_texts(tmp_path, caplog):
    save(tmp_path, 4)
    rows = "".join(f"{n}.png,{n},{'nan' if n == 2 else n},{'inf' if n else 'one'}\n" for n in range(4))
    (tmp_path / "metadata.csv").write_text("file_name,whole,gap,word\n" + rows)
    source = data.load_dataset(f"folder:{tmp_path}")
    assert set(source.fields) == {"image", "attributes", "word"} and source.fields["attributes"].shape == (1,)
    assert (
        "the column 'gap' is left out: its values are neither all texts nor all finite numbers; that of 2.png is 'nan'"
        in caplog.text
    )


def test_a_number_among_texts_is_the_one_that_is_named(tmp_path, caplog):
    save(tmp_path, 4)
    rows = [f'{{"file_name": "{n}.png", "text": {3 if n == 2 else chr(34) + "red" + chr(34)}}}' for n in range(4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))
    assert set(data.load_dataset(f"folder:{tmp_path}").fields) == {"image"}
    assert "neither all texts nor all finite numbers; that of 2.png is 3" in caplog.text


def test_another_separator_than_commas_is_said(tmp_path):
    save(tmp_path, 4)
    (tmp_path / "metadata.csv").write_text("file_name;text\n" + "".join(f"{n}.png;red\n" for n in range(4)))
    with pytest.raises(UserError, match="got file_name;text; columns are separated by commas, not by ';'"):
        data.load_dataset(f"folder:{tmp_path}")
