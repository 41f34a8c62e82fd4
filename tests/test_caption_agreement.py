"""Whether pictures show what their captions ask for, and captions beside samples in all files."""

import csv
import dataclasses
import functools
import json

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.data.agreement import Agreement, Attribute
from tfgen.data.captions import nouns_of
from tfgen.data.measures import across_of, brightness_of, down_of, limit_between, size_of
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.evaluation.evaluation import evaluate_samples
from tfgen.evaluation.files import read_samples
from tfgen.evaluation.settings import Settings
from tfgen.export.keras_files import save_keras_files
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import load_run, save_record
from tfgen.sample import COMMAND
from tfgen.sampling.lettering import caption_rows, distinct, rows_fit
from tfgen.storage import images
from tfgen.training.callbacks.samples import SampleGrid

NOUNS = ("bag", "coat", "rain coat")
LIGHT = Attribute(("dark", "light"), brightness_of, np.array([100.0, 50.0, 50.0]))
CHECK = Agreement("caption", NOUNS, {"light": LIGHT})


def pictures(*values):
    """Gray pictures 8 x 8 of one value each."""
    return np.repeat(np.array(values, np.uint8), 64).reshape(-1, 8, 8, 1)


def test_size_and_place_are_those_of_the_gray_values():
    images = np.zeros((3, 4, 8, 1), np.uint8)
    images[0, 3, 6], images[1, 0, 0], images[1, 0, 1] = 255, 51, 51
    np.testing.assert_allclose(size_of(images), [1.0, 0.4, 0.0])
    np.testing.assert_allclose(across_of(images), [6.5 / 8, 1 / 8, 0.5])
    np.testing.assert_allclose(down_of(images), [3.5 / 4, 0.5 / 4, 0.5])
    colour = np.repeat(images, 3, axis=-1)
    np.testing.assert_allclose(across_of(colour), across_of(images))


@pytest.mark.parametrize(
    "values,truths,limit",
    [([1, 2, 3, 4], [0, 0, 1, 1], 2.5), ([4, 1, 3, 2], [1, 0, 0, 0], 3.5), ([1, 1, 1, 4], [0, 1, 0, 1], 2.5)],
)
def test_a_limit_parts_values_best(values, truths, limit):
    assert limit_between(np.array(values, float), np.array(truths)) == limit
    assert limit_between(np.array([1.0, 2.0]), np.array([1, 1])) == -np.inf


def test_a_picture_agrees_where_it_shows_what_is_asked_for():
    texts = ["a light bag", "A DARK bag.", "a light coat", "a light rain coat"]
    found = CHECK(pictures(101, 101, 51, 50), texts, np.array([0, 0, 2, 2]))
    assert {name: cases.tolist() for name, cases in found.items()} == {
        "class": [True, True, False, True],
        "light": [True, False, True, False],
    }
    assert list(CHECK(pictures(1), ["a dark bag"])) == ["light"]
    labels, said = CHECK.asked(texts)
    assert labels.tolist() == [0, 0, 1, 2] and said["light"].tolist() == [True, False, True, True]


@pytest.mark.parametrize("text", ["a red heart", "", "a bag", "a dark light bag", "a light bagel"])
def test_a_caption_that_says_nothing_is_not_checked(text):
    with pytest.raises(UserError, match="names no class|says neither of dark and light, or both"):
        CHECK([], [text])


def test_captions_of_any_names_are_read_again():
    titles = ["zwei,drei", "St. Bernard", "light bulb", "Dark", "a/b", "a/c", "rock 'n' roll"]
    nouns = nouns_of("npz:x.npz", titles)
    limits = np.zeros(len(nouns))
    check = Agreement("caption", tuple(nouns), {"light": Attribute(("dark", "light"), brightness_of, limits)})
    texts = [f"a {shade} {noun}" for noun in nouns for shade in ("dark", "light")]
    labels, said = check.asked(texts)
    assert labels.tolist() == [number for number in range(len(titles)) for _ in "ab"]
    assert said["light"].tolist() == [False, True] * len(titles)
    with pytest.raises(UserError, match="differ by their words, got 'St. Gall', 'st gall!'; rename these"):
        nouns_of("npz:x.npz", ["St. Gall", "bag", "st gall!"])


@pytest.mark.parametrize("name,least", [("fashion_mnist_mini", 1.0), ("shapes", 0.97)])
def test_real_pictures_show_what_their_captions_say(name, least):
    source = tfgen.load_dataset(f"captions({name})")
    test = source.splits["test"].gather(np.arange(0, len(source.splits["test"]), 3))
    found = source.agreement(test["image"], test["caption"], test["label"])
    assert np.logical_and.reduce(list(found.values())).mean() >= least
    others = np.random.default_rng(0).permutation(test["caption"])
    wrong = source.agreement(test["image"], others, test["label"])
    assert all(0.2 < wrong[key].mean() < 0.8 for key in wrong if key != "class")


# Scores.


class Means:
    """An extractor without a network: means of rows, and a class by the first pixel."""

    name, version, sha256, resize, classes, image_size, channels = "means", "1", "0" * 64, "none", 2, (8, 8), 1

    def features(self, images):
        return images.mean(axis=(2, 3)).astype(np.float32)

    def features_and_probabilities(self, images):
        coats = (images[:, 0, 0, 0] == 255).astype(np.float32)
        return self.features(images), np.stack([1 - coats, coats], axis=1)

    def describe(self):
        return {name: getattr(self, name) for name in ("name", "version", "sha256", "resize")}


@pytest.fixture(autouse=True)
def extractor(monkeypatch):
    monkeypatch.setattr("tfgen.evaluation.evaluation.load_extractor", lambda name: Means())


def source_of(count=120):
    """Bags and coats, dark and light; coats have a white pixel."""
    labels = np.arange(count) % 2
    light = np.arange(count) // 2 % 2 == 1
    noise = np.random.default_rng(0).integers(0, 9, (count, 8, 8, 1))
    images = noise + np.where(light, 120, 20)[:, None, None, None] + 40 * (1 - labels)[:, None, None, None]
    images[labels == 1, 0, 0] = 255
    texts = [f"a {'light' if bright else 'dark'} {NOUNS[label]}" for label, bright in zip(labels, light, strict=True)]
    data = Arrays({"image": images.astype(np.uint8), "label": labels, "caption": np.array(texts, object)})
    parts = {"train": data.select(np.arange(60)), "test": data.select(np.arange(60, count))}
    fields = {"image": Field("image", (8, 8, 1)), "label": Field("label", range=(0, 2)), "caption": Field("text")}
    return Source("garments", fields, parts, list(NOUNS[:2]), {}, "means", agreement=CHECK)


def scores_of(samples, captions, source=None, **settings):
    settings = Settings(extractor="means", controls=False, cache=None, **settings)
    return evaluate_samples(samples, source or source_of(), settings, None, captions, say=lambda line: None)


def test_agreement_is_a_score_with_the_real_pictures_floor(monkeypatch):
    monkeypatch.setattr("tfgen.evaluation.agreement.CHUNK", 7)  # in parts that do not divide the number
    test = source_of().splits["test"].to_numpy()
    same = scores_of(test["image"], test["caption"], metrics=("caption_agreement",)).scores
    names = ["caption_agreement", "caption_agreement_class", "caption_agreement_light"]
    assert {name: (score.value, score.floor) for name, score in same.items()} == dict.fromkeys(names, (1.0, 1.0))
    score = same["caption_agreement"]
    assert score.low < 1.0 == score.high and score.protocol["parameters"] == {"attributes": ["class", "light"]}
    captions = test["caption"].copy()
    captions[:15] = [
        text.replace("dark", "lux").replace("light", "dark").replace("lux", "light") for text in captions[:15]
    ]
    captions[10:20] = [
        text.replace("bag", "hat").replace("coat", "bag").replace("hat", "coat") for text in captions[10:20]
    ]
    wrong = scores_of(test["image"], captions, metrics=("caption_agreement",)).scores
    # a bag's limit is higher: dark and light were chosen so that it makes no difference
    assert [wrong[name].value for name in names] == [pytest.approx(1 - 20 / 60), pytest.approx(1 - 10 / 60), 0.75]
    assert wrong["caption_agreement"].floor == 1.0


def test_pictures_of_a_folder_are_resized_where_a_size_is_asked_for(tmp_path):
    for name, side in (("a", 8), ("b", 12), ("c", 12)):
        images.save_png(tmp_path / f"{name}.png", np.full((side, side, 1), 9, np.uint8))
    assert read_samples(tmp_path, size=(6, 6)).data.shape == (3, 6, 6, 1)


def test_texts_of_a_users_own_and_data_without_a_check_leave_the_other_scores():
    test = source_of().splits["test"].to_numpy()
    found = scores_of(test["image"], np.array(["a red heart"] * 60, object))
    assert "fd" in found.scores and "caption_agreement" not in found.scores
    notes = [note for note in found.details["notes"] if "caption" in note]
    assert notes == ["caption agreement could not be measured: 'a red heart' names no class of the data, such as 'bag'"]
    plain = dataclasses.replace(source_of(), agreement=None)
    with pytest.raises(UserError, match="caption_agreement needs samples of captions, and data whose captions"):
        scores_of(test["image"], test["caption"], plain, metrics=("caption_agreement",))


# Samples.


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of a model of captions, and of one of labels."""
    root = tmp_path_factory.mktemp("runs")
    fields = {"image": Field("image", (8, 8, 1)), "label": Field("label", range=(0, 2)), "caption": Field("text")}
    options = {"width": 4, "latent_dim": 3}
    for name in ("caption_gan", "cgan"):
        model = tfgen.build_model(name, fields=fields, **options)
        save_record(root / name, Recipe(model=name, options=options), fields)
        save_keras_files(model, root / name / "models")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("sampling", "sharding"):
            patch.setattr(f"tfgen.runs.{module}.load_run", load_once)
        yield root


load_once = functools.cache(load_run)


CAPTIONS = ["a dark bag", "a light coat, with a belt"]
FLAGS = [f"--caption={text}" for text in CAPTIONS]


def sample(runs, *flags, model="caption_gan"):
    return COMMAND([f"--run={runs / model}", *flags])


@pytest.mark.slow
def test_captions_are_taken_in_turn_and_kept_beside_samples(runs, tmp_path):
    out = tmp_path / "s.npz"
    assert sample(runs, *FLAGS, "--num=5", "--seed=4", f"--out={out}") == 0
    found = read_samples(out)
    made = load_once(str(runs / "caption_gan")).model.sample(5, seed=4, conditions={"caption": CAPTIONS})
    np.testing.assert_array_equal(found.data, made)
    assert found.captions.tolist() == [CAPTIONS[i % 2] for i in range(5)] and found.labels is None
    assert sample(runs, *FLAGS, "--num=4") == 0
    names = [path.name for path in (runs / "caption_gan" / "samples").iterdir()]
    assert len(names) == 1 and names[0].startswith("seed0_4_captiona-dark-bag-a-light-coat-with-a-belt-")


def test_a_sheet_has_a_row_for_each_caption(runs, tmp_path):
    assert sample(runs, *FLAGS, "--num=9", f"--out={tmp_path / 's.png'}") == 0
    with Image.open(tmp_path / "s.png") as picture:
        sheet = np.asarray(picture)
    assert sheet.shape[0] == 3 * (2 * 10 + 2)  # two rows of tiles enlarged three times
    right = sheet[:, -3 * (5 * 10 + 2) :]
    made = load_once(str(runs / "caption_gan")).model.sample(9, conditions={"caption": CAPTIONS})
    np.testing.assert_array_equal(right[6:30:3, 6:30:3], made[0, ..., 0])
    np.testing.assert_array_equal(right[36:60:3, 6:30:3], made[1, ..., 0])
    assert (right[36:60, -24:-6] == 255).all()  # the second caption has four samples
    left = sheet[:, : -3 * (5 * 10 + 2)]
    assert (left[:33] < 128).any() and (left[33:] < 128).any() and left.shape[1] > 60


def test_captions_that_do_not_repeat_have_no_rows():
    assert rows_fit(["a", "b", "a"]) and not rows_fit(["a", "b"]) and not rows_fit(None)
    assert not rows_fit([str(number % 21) for number in range(42)]) and distinct(["b", "a", "b"]) == ["b", "a"]
    long = caption_rows(pictures(1, 2), ["a text of many words " * 9, "a text of many words " * 9])
    assert long.shape[1] < 300 and long.dtype == np.uint8
    assert caption_rows(np.zeros((2, 32, 32, 3), np.uint8), ["é", "漢"]).shape[-1] == 3


def test_a_folder_of_samples_is_a_data_set_of_captions(runs, tmp_path):
    assert sample(runs, *FLAGS, "--num=6", f"--out={tmp_path / 'f'}") == 0
    with open(tmp_path / "f" / "metadata.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file)) == {"file_name": "000000.png", "caption": CAPTIONS[0]}
    assert read_samples(tmp_path / "f").captions.tolist() == [CAPTIONS[i % 2] for i in range(6)]
    source = tfgen.load_dataset(f"folder:{tmp_path / 'f'}")
    assert source.fields["caption"].kind == "text"


@pytest.mark.parametrize("kind", ["npz", "png", "array_record"])
def test_shards_keep_captions(runs, tmp_path, kind):
    if kind == "array_record":
        pytest.importorskip("array_record")
    out = tmp_path / "s"
    command = [*FLAGS, "--num=5", "--shards=2", f"--format={kind}", f"--out={out}"]
    assert sample(runs, *command) == 0
    found = read_samples(out, 4)
    assert found.captions.tolist() == [CAPTIONS[i % 2] for i in range(4)]
    before = json.loads((out / "samples.json").read_text())
    assert sample(runs, *command) == 0 and json.loads((out / "samples.json").read_text()) == before
    assert sample(runs, *command[1:]) == 2  # other captions


@pytest.mark.parametrize(
    "model,flags,sentence",
    [
        ("cgan", FLAGS, "cgan takes no captions: its conditions are label, a label; leave out --caption"),
        ("caption_gan", ["--caption= "], "--caption expects a text such as 'a red heart', got [' ']"),
        (
            "caption_gan",
            ["--label=1"],
            "not conditioned on a label; give conditions={'caption': ...} (--caption on the command",
        ),
    ],
)
def test_mistakes_are_one_sentence(runs, capsys, model, flags, sentence):
    assert sample(runs, *flags, "--num=2", model=model) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("tfgen sample: ") and sentence in said and "\n" not in said


def test_captions_are_given_once(runs, tmp_path, capsys):
    np.savez(tmp_path / "c.npz", caption=np.array(CAPTIONS))
    given = f"--conditions={tmp_path / 'c.npz'}"
    assert sample(runs, given, "--num=2", f"--out={tmp_path / 's.npz'}") == 0
    assert read_samples(tmp_path / "s.npz").captions.tolist() == CAPTIONS
    assert sample(runs, given, FLAGS[0], "--num=2") == 2
    assert "give --caption or 'caption' in --conditions, not both" in capsys.readouterr().err


def test_training_pictures_have_a_row_for_each_caption(runs, tmp_path):
    grid = SampleGrid(tmp_path, n=12, columns=3, examples=source_of().splits["test"])
    grid.set_model(load_once(str(runs / "caption_gan")).model)
    grid.on_epoch_end(0)
    assert grid.latest.shape[0] == 3 * (4 * 10 + 2) and (tmp_path / "epoch_0001.png").is_file()
