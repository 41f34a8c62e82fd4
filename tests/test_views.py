"""Views of data sets: pairs, halves, and two domains without pairs."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from registry import UnknownName
from tfgen import data
from tfgen.data import filters, unpaired, views
from tfgen.data.pipeline import step_indexed
from tfgen.errors import UserError


def arrays(count=12, shape=(8, 8, 3), seed=0):
    random = np.random.RandomState(seed)
    images = random.randint(0, 256, (count, *shape), np.uint8)
    return {"x_train": images, "y_train": np.arange(count) % 3, "class_names": ["a red bag", "hat, wool", "shoe"]}


@pytest.fixture
def pictures(monkeypatch):
    """Registers a small data set in colour as `pictures`."""
    monkeypatch.setattr(data.DATASETS, "_registered", {})
    data.register_dataset("pictures")(lambda: arrays(400))


def save(folder, count, size=(8, 8), colour=(0, 0, 0), kind="jpg"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", size, (number, *colour[1:])).save(folder / f"{number}.{kind}", quality=100)


def test_edges_of_a_step_are_one_line():
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[:, :, 4:] = 255
    edges = filters.edges_of(image)
    assert edges.dtype == np.uint8 and edges.shape == (1, 8, 8, 1)
    assert [(edges[0, :, column, 0] == 255).all() for column in range(8)] == [c == 3 for c in range(8)]
    faint = (image // 255 * 10).astype(np.uint8)  # 4 % of the range, below both thresholds
    assert not filters.edges_of(faint).any()


def test_an_edge_goes_on_through_weak_pixels_alone_where_it_begins_strong():
    image = np.zeros((2, 8, 16, 1), np.uint8)
    image[:, 4:] = 30  # 12 % of the range: weak
    image[1, 4:, :4] = 90
    edges = filters.edges_of(image)[..., 0] > 0
    assert not edges[0].any() and edges[1, 3, 5:].all()


def test_gray_is_that_of_pillow():
    images = np.random.RandomState(0).randint(0, 256, (3, 8, 9, 3), np.uint8)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    assert np.array_equal(filters.gray_of(images)[..., 0], expected)
    assert np.array_equal(filters.gray_of(images[..., :1]), images[..., :1])


def test_the_middle_is_masked_and_the_original_stays():
    images = np.full((2, 8, 12, 1), 7, np.uint8)
    masked = filters.centre_masked(images)
    assert (masked[:, 2:6, 3:9] == filters.HOLE).all() and (masked == filters.HOLE).sum() == 2 * 4 * 6
    assert (images == 7).all()


@pytest.mark.parametrize(
    "name, shape",
    [
        ("edges(pictures)", (8, 8, 1)),
        ("gray(pictures)", (8, 8, 1)),
        ("masked( pictures )", (8, 8, 3)),
        ("small(pictures, 4)", (2, 2, 3)),
        ("small(pictures,2)", (4, 4, 3)),
        ("edges(small(pictures, 2))", (4, 4, 1)),
        ("small(gray(pictures), 2)", (4, 4, 1)),
    ],
)
def test_pairs_have_a_source_and_the_image_as_it_is(pictures, name, shape):
    source, original = data.load_dataset(name), data.load_dataset("pictures")
    assert source.name == name and source.fields["source"].shape == shape
    assert source.class_names == ["a red bag", "hat, wool", "shoe"]
    assert {split: len(part) for split, part in source.splits.items()} == {"train": 380, "validation": 20}
    for split, part in source.splits.items():
        rows, plain = part.to_numpy(), original.splits[split].to_numpy()
        assert np.array_equal(rows["image"], plain["image"]) and np.array_equal(rows["label"], plain["label"])
        assert rows["source"].shape == (len(part), *shape) and rows["source"].dtype == np.uint8
        assert np.array_equal(part.gather([1])["source"][0], rows["source"][1])


def test_views_are_made_from_the_inside_out(pictures):
    inner = data.load_dataset("small(pictures, 2)").to_numpy()
    outer = data.load_dataset("edges(small(pictures, 2))").to_numpy()
    assert np.array_equal(outer["source"], filters.edges_of(inner["source"]))


def test_a_view_of_pictures_that_stay_in_files_is_the_same(pictures, monkeypatch):
    whole = data.load_dataset("edges(pictures)").splits["train"]
    monkeypatch.setattr(views, "MEMORY_LIMIT", 0)
    batches = data.load_dataset("edges(pictures)").splits["train"]
    assert type(batches) is views.View
    for name, values in whole.gather([3, 1, 2]).items():
        assert np.array_equal(values, batches.gather([3, 1, 2])[name])


def test_image_size_is_that_of_the_image_before_its_view():
    source = data.load_dataset("small(fashion_mnist_mini, 4)", image_size=16)
    assert source.fields["image"].shape == (16, 16, 1) and source.fields["source"].shape == (4, 4, 1)


@pytest.mark.parametrize(
    "name, error, sentence",
    [
        ("edge(pictures)", UnknownName, "unknown view 'edge' of a data set; did you mean 'edges'?"),
        ("edges(pictrues)", UnknownName, "unknown dataset 'pictrues'; did you mean 'pictures'"),
        ("edges(pictures", UserError, "expected edges.NAME., all arguments between one pair of brackets"),
        ("edges()", UserError, "expected edges.NAME."),
        ("small(pictures)", UserError, "expected small.NAME, 4."),
        ("small(pictures, 3)", UserError, "expected sides that 3 divides, at least 6 pixels, got 8x8"),
        ("small(pictures, many)", UserError, "expected a factor of 2 to 16, got 'many'"),
        ("small(pictures, __import__)", UserError, "expected a factor"),
        ("edges(ring)", UserError, "expected a data set of pictures, got ring"),
        ("domains(pictures, shoe)", UserError, "expected domains.NAME, CLASS_A, CLASS_B."),
        ("domains(pictures, shoe, Shoe)", UserError, "expected two classes, got 'shoe' twice"),
        ("domains(pictures, sheo, a red bag)", UserError, "did you mean 'shoe'"),
        ("domains(edges(pictures), shoe, a red bag)", UserError, "expected pictures of classes"),
        ("edges(domains(pictures, shoe, a red bag))", UserError, "two domains without pairs"),
        ("side_by_side(pictures)", UserError, "expected side_by_side.folder:PATH."),
        ("side_by_side(folder:pictures, BtA)", UserError, "unknown direction 'BtA'; did you mean 'BtoA'"),
        ("edges(" * 9 + "pictures" + ")" * 9, UserError, "at most 8 views"),
    ],
)
def test_mistakes_are_one_sentence(pictures, name, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        data.load_dataset(name)
    assert "\n" not in str(caught.value)


def test_domains_take_classes_by_name_with_blanks_and_commas(pictures):
    source = data.load_dataset('domains(pictures, a red bag, "hat, wool")')
    original = data.load_dataset("pictures")
    assert list(source.fields) == ["image", "other"] and source.num_classes is None
    assert source.provenance["domains"] == {"image": "a red bag", "other": "hat, wool"}
    for split in ("train", "validation"):
        rows = original.splits[split].to_numpy()
        part = source.splits[split]
        expected = [rows["image"][rows["label"] == label] for label in (0, 1)]
        assert len(part) == len(expected[0]) and np.array_equal(part.to_numpy()["image"], expected[0])
        assert np.array_equal(part.parts()[1].to_numpy()["other"], expected[1])


def test_domains_know_their_classes_and_need_two_pictures_of_each(pictures):
    source = data.load_dataset("domains(pictures, shoe, a red bag)")
    assert source.provenance["classes"] == [2, 0] and source.class_names is None
    few = {"x_train": arrays(41)["x_train"], "y_train": np.where(np.arange(41) == 7, 1, 0), "class_names": ["a", "b"]}
    few |= {"x_valid": few["x_train"][:4], "y_valid": few["y_train"][:4]}
    data.register_dataset("few")(lambda: few)
    with pytest.raises(UserError, match="at least 2 training pictures of 'b', got 1"):
        data.load_dataset("domains(few, a, b)")


def test_a_domain_that_is_smaller_is_taken_in_turn_and_a_split_needs_both():
    rows = {
        split: unpaired.Arrays({"image": np.arange(9, dtype=np.uint8)[:, None, None, None]}) for split in ("a", "b")
    }
    examples = {"train": rows["a"], "validation": rows["a"], "test": rows["b"]}
    parts = {"train": ([0, 1, 2, 3, 4], [6, 7, 8]), "validation": ([5], [5]), "test": ([0, 1], [])}
    made = unpaired.splits(examples, parts)
    assert list(made) == ["train", "validation"] and len(made["train"]) == 5
    batch = made["train"].gather(np.arange(5))
    assert batch["image"].ravel().tolist() == [0, 1, 2, 3, 4] and batch["other"].ravel().tolist() == [6, 7, 8, 6, 7]


def test_two_folders_are_two_domains(tmp_path, caplog):
    """horse2zebra's layout; a damaged picture, a text file and a picture elsewhere are left out."""
    for name, count in {"trainA": 40, "trainB": 25, "testA": 3, "testB": 5, "extra": 1}.items():
        save(tmp_path / name, count, colour=(0, 200 if name.endswith("B") else 0, 0))
    (tmp_path / "trainA" / "0.jpg").write_bytes(b"no picture")
    (tmp_path / "trainB" / "readme.txt").write_text("text")
    source = data.load_dataset(f"folder:{tmp_path}")
    assert {split: len(part) for split, part in source.splits.items()} == {"train": 37, "validation": 2, "test": 3}
    assert "skipped 2 of 74 files" in caplog.text and "beside the folders of domains" in caplog.text
    train = source.splits["train"]
    batch = train.gather(np.arange(len(train)))
    assert batch["image"][..., 1].max() < 100 < batch["other"][..., 1].min()
    held = {name: len(part) for name, part in zip("AB", source.splits["validation"].parts(), strict=True)}
    assert held == {"A": 2, "B": 1} and len(train.parts()[1]) == 24


def test_the_order_of_each_domain_is_its_own(tmp_path):
    save(tmp_path / "trainA", 13, kind="png"), save(tmp_path / "trainB", 9, kind="png")
    train = data.load_dataset(f"folder:{tmp_path}").splits["train"]

    def batches(start, count):
        found = step_indexed(train, batch_size=4, seed=1, position=start, batches=count)
        return [{name: value.numpy()[:, 0, 0, 0].tolist() for name, value in batch.items()} for batch in found]

    whole = batches(0, 12)
    for name, size in (("image", 12), ("other", 8)):
        steps = size // 4
        for first in range(0, 12, steps):  # every epoch of a domain has each of its pictures once
            seen = sum((batch[name] for batch in whole[first : first + steps]), [])
            assert len(set(seen)) == size
    assert whole[5:9] == batches(5, 4)  # a function of (seed, step)
    assert whole[0]["image"] != whole[3]["image"]


def test_domains_without_training_pictures_are_an_error(tmp_path):
    save(tmp_path / "trainA", 5), save(tmp_path / "trainB", 1)
    with pytest.raises(UserError, match="expected at least 2 readable pictures in trainB/ of .*, got 1"):
        data.load_dataset(f"folder:{tmp_path}")


def halves(folder, sizes):
    folder.mkdir(parents=True, exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        picture = Image.new("RGB", (width, height), (255, 0, 0))
        picture.paste((0, 0, 255), (width // 2, 0, width, height))
        picture.save(folder / f"{number}.png")


def test_a_picture_of_one_column_has_no_halves(tmp_path, caplog):
    for number in range(3):
        Image.new("L", (1, 16)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match="got 0 of 3 files"):
        data.load_dataset(f"side_by_side(folder:{tmp_path})", image_size=8)
    assert "0.png (one pixel wide, of which there are no halves)" in caplog.text


def test_halves_side_by_side(tmp_path):
    """The layout of facades: train/, val/ and test/ with pictures of 2 : 1."""
    for split, count in {"train": 6, "val": 2, "test": 2}.items():
        halves(tmp_path / split, [(32, 16)] * count)
    for name, red in (
        (f"side_by_side(folder:{tmp_path})", "source"),
        (f"side_by_side(folder:{tmp_path}, BtoA)", "image"),
        (f"side_by_side(folder:{tmp_path}, btoa)", "image"),
    ):
        source = data.load_dataset(name)
        assert {split: len(part) for split, part in source.splits.items()} == {"train": 6, "validation": 2, "test": 2}
        batch = source.to_numpy("test")
        assert batch["image"].shape == batch["source"].shape == (2, 16, 16, 3)
        blue = {"source": "image", "image": "source"}[red]
        assert (batch[red] == [255, 0, 0]).all() and (batch[blue] == [0, 0, 255]).all()


def test_halves_of_other_shapes_are_cropped_about_their_own_centres(tmp_path):
    halves(tmp_path, [(60, 16), (40, 20), (33, 16)])
    source = data.load_dataset(f"side_by_side(folder:{tmp_path})", image_size=(8, 8))
    batch = source.splits["train"].to_numpy()
    assert batch["image"].shape[1:] == (8, 8, 3)
    assert (batch["source"] == [255, 0, 0]).all() and (batch["image"] == [0, 0, 255]).all()


def test_pictures_of_an_odd_width_have_no_halves(tmp_path):
    halves(tmp_path, [(33, 16)] * 3)
    with pytest.raises(UserError, match="two halves in .*, got an odd width of 33"):
        data.load_dataset(f"side_by_side(folder:{tmp_path})")


def test_a_path_with_commas_and_brackets(tmp_path):
    save(tmp_path / "a, b (c)", 4)
    assert data.load_dataset(f"small(folder:{tmp_path}/a, b (c), 2)").fields["source"].shape == (4, 4, 3)


def test_mirrored_pairs_stay_pairs(pictures):
    examples = data.load_dataset("masked(pictures)").splits["train"]
    batch = next(iter(step_indexed(examples, batch_size=8, seed=0, position=0, mirror=True)))
    assert np.array_equal(filters.centre_masked(batch["image"].numpy()), batch["source"].numpy())
    assert isinstance(batch["source"], tf.Tensor)
