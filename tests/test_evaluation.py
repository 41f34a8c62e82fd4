"""Evaluation: scores and their protocols, the cache, controls, and the command, with a stand-in for the extractor."""

import dataclasses
import json

import numpy as np
import pytest

from tfgen.data import load_dataset
from tfgen.data.arrays import finish
from tfgen.data.source import Arrays, Examples, Field, Source
from tfgen.errors import UserError
from tfgen.evaluation import Score, Settings, check_comparable, classification, evaluate_samples
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.corruptions import blurred, noisy, without_a_class
from tfgen.evaluation.files import Samples, digest_asked, read_samples
from tfgen.evaluation.likelihoods import held_out
from tfgen.evaluation.real import RealData, Side, chosen
from tfgen.metrics.score import SHARE, around, mean_of, share, table

SHAPE = (16, 16, 1)


class Means:
    """An extractor without a network: features are the means of 4x4 blocks, classes the brightest quarter."""

    name, version, sha256, resize, classes, image_size, channels = "means", "1", "0" * 64, "none", 4, (16, 16), 1

    def __init__(self):
        self.calls = 0

    def features(self, images):
        return self.features_and_probabilities(images)[0]

    def probabilities(self, images):
        return self.features_and_probabilities(images)[1]

    def features_and_probabilities(self, images):
        self.calls += 1
        blocks = images.astype(np.float64).reshape(len(images), 4, 4, 4, 4).mean(axis=(2, 4)) / 255
        quarters = blocks.reshape(len(images), 2, 2, 2, 2).mean(axis=(2, 4)).reshape(len(images), 4)
        powers = np.exp(20 * quarters)
        return blocks.reshape(len(images), 16).astype(np.float32), powers / powers.sum(axis=1, keepdims=True)

    def describe(self):
        return {name: getattr(self, name) for name in ("name", "version", "sha256", "resize")}


def quarters(count, seed):
    """Images with one bright quarter, and which it is."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = random.integers(0, 120, (count, *SHAPE))
    for image, label in zip(images, labels):
        image[8 * (label // 2) :, 8 * (label % 2) :][:8, :8] += 120
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def source():
    arrays = {}
    for index, (split, count) in enumerate({"train": 600, "valid": 80, "test": 200}.items()):
        arrays[f"x_{split}"], arrays[f"y_{split}"] = quarters(count, index)
    return finish(arrays, "quarters")


@pytest.fixture
def extractor(monkeypatch):
    means = Means()
    monkeypatch.setattr("tfgen.evaluation.evaluation.load_extractor", lambda name: means)
    return means


# Scores.


def test_a_share_has_wilsons_interval():
    score = share(0.5, 100)
    assert (score.value, score.low, score.high) == pytest.approx((0.5, 0.4038, 0.5962), abs=1e-4)
    assert share(0.0, 10).low == 0.0 and share(0.0, 10).high == pytest.approx(0.2775, abs=1e-4)


def test_a_mean_has_196_standard_errors_to_either_side():
    score = mean_of([1.0, 2.0, 3.0])  # standard deviation 1
    assert (score.value, score.low, score.high) == pytest.approx((2.0, 2 - 1.96 / 3**0.5, 2 + 1.96 / 3**0.5))
    assert around(1.0, 0.5).high == pytest.approx(1.98)


def test_an_interval_stays_where_its_score_can_be():
    one = around(0.9, 0.2, SHARE)
    assert (one.low, one.high) == (pytest.approx(0.508), 1.0)
    both = mean_of([0.0, 1.0, 0.0, 1.0], SHARE)  # 0.5 -+ 1.96 * 0.289 = -0.066 .. 1.066
    assert (both.value, both.low, both.high) == (0.5, 0.0, 1.0)
    assert mean_of([-1.0, 1.0]).low == pytest.approx(-1.96), "others are not cut"
    for value, count in ((1e-12, 10), (1 - 1e-12, 10), (0.5, 1)):
        assert 0.0 <= share(value, count).low <= value <= share(value, count).high <= 1.0


def test_a_score_has_five_keys_and_null_for_what_is_not_there():
    found = json.loads(json.dumps(Score(1.5, floor=float("nan"), protocol={"k": 3}).to_json(), allow_nan=False))
    assert found == {"value": 1.5, "low": None, "high": None, "floor": None, "protocol": {"k": 3}}


def test_figures_of_different_protocols_are_not_compared():
    one = Score(1.0, protocol={"real": {"split": "test", "count": 10}, "k": 3})
    check_comparable([one, Score(2.0, protocol={"real": {"split": "test", "count": 10}, "k": 3})])
    other = Score(1.0, protocol={"real": {"split": "validation", "count": 10}, "k": 3}).to_json()
    with pytest.raises(UserError, match="a.json and b.json .* real.split is test and validation; evaluate both alike"):
        check_comparable([one, other], ["a.json", "b.json"])


def test_the_table_shows_value_interval_and_floor():
    text = table({"fd": Score(1.25, 1.0, 1.5, 0.125), "modes": Score(8)})
    assert text.splitlines()[1].split() == ["fd", "1.25", "1", "..", "1.5", "0.125"]
    assert text.splitlines()[2].split() == ["modes", "8"]


# The cache.


def test_what_was_computed_is_not_computed_again(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"features": np.arange(3.0)}

    for _ in range(2):
        assert Cache(tmp_path).get({"a": 1}, make)["features"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    Cache(tmp_path).get({"a": 2}, make)
    Cache(None).get({"a": 1}, make)
    assert len(calls) == 3


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-40], lambda data: b"no zip" * 100])
def test_a_damaged_cache_is_remade_and_said(tmp_path, damage):
    said = []
    cache = Cache(tmp_path, said.append)
    cache.get({"a": 1}, lambda: {"features": np.zeros(3)})
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get({"a": 1}, lambda: {"features": np.ones(3)})["features"].tolist() == [1, 1, 1]
    assert len(said) == 1 and "damaged" in said[0]
    assert cache.get({"a": 1}, lambda: None)["features"].tolist() == [1, 1, 1]


def test_a_cache_of_other_data_is_not_believed(tmp_path):
    said = []
    cache = Cache(tmp_path, said.append)
    cache.get({"a": 1}, lambda: {"features": np.zeros(3)})
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        np.savez(file, key=np.array("{}"), features=stored["features"])
    cache.get({"a": 1}, lambda: {"features": np.ones(3)})
    assert "other data" in said[0]


def test_an_evaluation_goes_on_where_nothing_can_be_kept(tmp_path):
    said = []
    (tmp_path / "file").write_text("")
    found = Cache(tmp_path / "file" / "cache", said.append).get({}, lambda: {"features": np.ones(1)})
    assert found["features"] == 1 and "not kept" in said[-1]


# The real side.


def test_features_depend_on_the_pixels(source, tmp_path):
    extractor = Means()
    for _ in range(2):
        assert len(RealData(source, extractor, Cache(tmp_path)).reference) == 200
    assert extractor.calls == 1
    images, labels = quarters(600, 0)
    images[5, 3, 3] ^= 1
    changed = finish({"x_train": images, "y_train": labels}, "quarters")
    RealData(changed, extractor, Cache(tmp_path), "train").whole("train")
    RealData(source, extractor, Cache(tmp_path), "train").whole("train")
    assert extractor.calls == 3


class Elsewhere(Examples):
    """Images that are made when they are read."""

    def __init__(self, value, count=300):
        self.value, self.count = value, count

    def __len__(self):
        return self.count

    def fields(self):
        return {"image": Field("image", SHAPE)}

    def gather(self, indices):
        return {"image": np.full((len(indices), *SHAPE), self.value, np.uint8)}


@pytest.mark.parametrize("known", [{}, {"sha256": {"listing": "of the same folder"}}])
def test_features_of_images_in_files_are_not_those_of_others(tmp_path, known):
    """Another data set, or another view of the same folder, of as many images of the same size."""
    extractor, means, prints = Means(), [], set()
    for value in (10, 200, 10):
        split = Elsewhere(value)
        other = Source("elsewhere", split.fields(), {"train": split, "test": split}, provenance=known)
        real = RealData(other, extractor, Cache(tmp_path))
        means.append(255 * real.reference.features.mean())
        prints.add(real.fingerprint())
    np.testing.assert_allclose(means, [10, 200, 10], rtol=1e-5)
    assert extractor.calls == 2 and len(prints) == 2


def test_labels_stay_with_their_features(source):
    side = RealData(source, Means(), Cache(), limit=50).reference
    assert len(side) == 50 and (side.probabilities.argmax(axis=1) == side.labels).all()
    assert (chosen(10, 3, 0) == chosen(10, 3, 0)).all() and chosen(3, 10, 0).tolist() == [0, 1, 2]


def test_real_images_chosen_by_another_seed_are_another_protocol(source):
    whole, some, others = (
        RealData(source, Means(), Cache(), limit=limit, seed=seed).protocol()["real"]
        for limit, seed in ((200, 1), (50, 0), (50, 1))
    )
    assert "seed" not in whole and (some["seed"], others["seed"]) == (0, 1)
    with pytest.raises(UserError, match="real.seed is 0 and 1"):
        check_comparable([Score(1.0, protocol={"real": real}) for real in (some, others)])


def test_a_split_that_is_not_there_is_said(source):
    with pytest.raises(UserError, match="has no split 'tset'"):
        RealData(source, Means(), Cache(), "tset")


# Faults.


def test_faults_are_what_they_are_called():
    image = np.zeros((1, 5, 5, 1), np.uint8)
    image[0, 2, 2] = 90
    assert blurred(image)[0, 1:4, 1:4, 0].tolist() == [[10] * 3] * 3 and blurred(image).sum() == 90
    gray = np.full((4, 32, 32, 1), 128, np.uint8)
    assert (noisy(gray).astype(float) - 128).std() == pytest.approx(16, rel=0.05)
    side = Side(np.arange(6.0)[:, None], labels=np.array([0, 1, 1, 1, 2, 2]))
    assert without_a_class(side).features.ravel().tolist() == [0, 4, 5]
    assert without_a_class(Side(np.zeros((2, 1)))) is None


# The whole.


def evaluate(source, images, labels=None, **settings):
    return evaluate_samples(images, source, Settings(**settings), labels, say=lambda line: None)


def test_real_images_score_as_their_floor_and_faults_worse(source, extractor):
    images, labels = quarters(200, 7)
    evaluation = evaluate(source, images, labels)
    scores = evaluation.scores
    assert set(scores) == {
        *("fd", "fd_infinity", "kid", "clipped_precision", "clipped_recall"),
        *("precision", "recall", "density", "coverage", "inception_score"),
        *("smallest_class", "authenticity", "fd_train", "label_agreement", "fd_per_class"),
    }
    for name, score in scores.items():
        assert score.value == pytest.approx(score.floor, rel=0.5, abs=0.1), name
        assert score.protocol["real"] == {**score.protocol["real"], "split": "test", "count": 200}
        assert score.protocol["fake"] == {"count": 200} and score.protocol["extractor"]["name"] == "means"
    assert scores["label_agreement"].value == 1 and scores["smallest_class"].value == 0.25
    assert evaluation.controls["noise of 16/255"]["fd"] > 0
    assert evaluation.controls["a class dropped"]["fd"] > 3 * evaluation.controls["real"]["fd"]
    assert evaluation.controls["copies of training images"]["authenticity"] == 0
    json.dumps(evaluation.to_json(), allow_nan=False)


def other_data(classes, name="others"):
    """Quarters with fewer labels, with labels that mean something else, or without labels."""
    arrays = {}
    for index, (split, count) in enumerate({"train": 600, "valid": 80, "test": 200}.items()):
        arrays[f"x_{split}"], labels = quarters(count, index)
        if classes:
            arrays[f"y_{split}"] = labels % classes if classes < 4 else (labels + 1) % 4
    return finish(arrays, name)


CLASS_SCORES = {"smallest_class", "label_agreement", "inception_score"}


@pytest.mark.parametrize(
    "classes, origin, reason",
    [
        pytest.param(3, None, "means knows 4 classes, and others has 3 others", marks=pytest.mark.slow),
        pytest.param(2, "quarters", "means knows 4 classes, and others has 2 others", marks=pytest.mark.slow),
        (4, None, "means finds the label of 0% of the real images of others alone"),
        pytest.param(
            0, "quarters", "means knows the classes of quarters, and others has no labels", marks=pytest.mark.slow
        ),
    ],
)
def test_without_a_classifier_of_these_classes_nothing_is_said_of_them(extractor, monkeypatch, classes, origin, reason):
    monkeypatch.setattr(extractor, "describe", lambda: {**Means.describe(extractor), "dataset": origin})
    data, (images, labels) = other_data(classes), quarters(200, 7)
    labels = labels % classes if classes else None
    evaluation = evaluate(data, images, labels)
    assert not CLASS_SCORES & set(evaluation.scores) and "fd" in evaluation.scores
    assert ("fd_per_class" in evaluation.scores) == bool(classes)
    assert "class_histogram" not in evaluation.details
    assert f"scores of classes are left out: {reason}" in evaluation.details["notes"]
    assert ("a class dropped" in evaluation.controls) == bool(classes)
    with pytest.raises(UserError, match="smallest_class needs a classifier of these classes: means"):
        evaluate(data, images, labels, metrics=("smallest_class",))
    extractor.general = True  # of pictures of any kind: the inception score is that of the literature
    assert CLASS_SCORES & set(evaluate(data, images, labels, controls=False).scores) == {"inception_score"}


def test_a_classifier_of_unknown_origin_is_believed_where_nothing_contradicts(extractor):
    assert "smallest_class" in evaluate(other_data(0), quarters(200, 7)[0], controls=False).scores


@pytest.mark.slow
def test_a_data_set_that_names_its_extractor_needs_no_labels(extractor, monkeypatch):
    monkeypatch.setattr(extractor, "describe", lambda: {**Means.describe(extractor), "dataset": "quarters"})
    data = dataclasses.replace(other_data(0), extractor="means")
    assert "smallest_class" in evaluate(data, quarters(200, 7)[0], controls=False).scores
    assert "smallest_class" in evaluate(other_data(0, "quarters"), quarters(200, 7)[0], controls=False).scores


def test_splits_too_small_to_judge_by_are_said(source, extractor, monkeypatch):
    evaluation = evaluate(source, quarters(60, 7)[0], controls=False)
    (warning,) = evaluation.details["warnings"]
    assert "notes" not in evaluation.details and warning.startswith(
        "60 samples are compared with 200 images of the test split: with fewer than 1,000"
    )
    monkeypatch.setattr("tfgen.evaluation.classes.SMALL", 60)
    assert "warnings" not in evaluate(source, quarters(60, 7)[0], controls=False).details


@pytest.mark.parametrize("count", [2, 4, 9])
def test_scores_that_need_more_images_than_there_are_are_left_out(extractor, count):
    arrays = {}
    for index, (split, number) in enumerate({"train": 24, "valid": 4, "test": count}.items()):
        arrays[f"x_{split}"], arrays[f"y_{split}"] = quarters(number, index)
    lines, data = [], finish(arrays, "few")
    images, labels = quarters(count, 7)
    found = evaluate_samples(images, data, Settings(), labels, say=lines.append)
    assert "fd" in found.scores and "inception_score" not in found.scores
    assert ("kid" in found.scores, bool(found.controls)) == (count >= 4, count > 4)
    assert f"  inception_score: left out: 10 splits need at least 10 images, got {count}" in lines
    with pytest.raises(UserError, match="10 splits need at least 10 images"):
        evaluate(data, images, metrics=("inception_score", "fd"))


def test_a_mistake_is_found_before_the_other_scores(source, extractor):
    with pytest.raises(UserError, match="classification_accuracy_score needs labels"):
        evaluate(source, quarters(60, 7)[0], cas=True)
    assert not extractor.calls


def test_copies_are_no_authentic_samples_and_lost_classes_show(source, extractor):
    copies = source.splits["train"].gather(np.arange(200))["image"]
    scores = evaluate(source, copies, metrics=("authenticity", "fd")).scores
    assert scores["authenticity"].value == 0 and set(scores) == {"authenticity", "fd"}
    one_class = quarters(400, 9)[0][::4]
    scores = evaluate(source, one_class, controls=False).scores
    assert scores["smallest_class"].value == 0 and scores["recall"].value < 0.5 and "label_agreement" not in scores
    assert scores["fd"].value > 10 * scores["fd"].floor


def test_the_picture_shows_samples_above_what_they_were_copied_from(source, extractor, tmp_path):
    from PIL import Image

    from tfgen.storage.images import grid

    copies = source.splits["train"].gather(np.arange(30))["image"]
    evaluation = evaluate_samples(copies, source, Settings(), picture=tmp_path / "nearest.png", say=lambda line: None)
    assert all(sample == original and distance == 0 for sample, original, distance in evaluation.details["nearest"])
    (sentence,) = evaluation.to_json()["findings"]
    assert (
        sentence.startswith("30 of 30 samples are copies of training images") and f"! {sentence}" in evaluation.text()
    )
    with Image.open(tmp_path / "nearest.png") as picture:
        assert picture.size == grid(np.repeat(copies, 2, axis=0), 10).shape[1::-1]


@pytest.mark.parametrize(
    "images, settings, sentence",
    [
        (quarters(40, 0)[0][:, :8], {}, "the samples are 8x16x1, the images of quarters 16x16x1"),
        (quarters(1, 0)[0], {}, "at least 2 sample"),
        (quarters(40, 0)[0], {"metrics": ("fdi",)}, "unknown metric 'fdi'; did you mean 'fd'"),
        (
            quarters(40, 0)[0],
            {"metrics": ("classification_accuracy_score",)},
            "setting of its own, beside any metrics: tfgen.evaluate --cas",
        ),
        (
            quarters(40, 0)[0],
            {"metrics": ("bdmc_gap",)},
            "setting of its own, beside any metrics: tfgen.evaluate --ais",
        ),
        (quarters(40, 0)[0], {"metrics": ("label_agreement",)}, "label_agreement needs labels"),
        (quarters(40, 0)[0], {"split": "tset"}, "no split 'tset'"),
    ],
)
def test_mistakes_are_sentences(source, extractor, images, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        evaluate(source, images, **settings)


# Files of samples.


def test_samples_are_read_from_an_npz_and_from_a_folder(tmp_path):
    from tfgen.storage.images import save_png

    images, labels = quarters(4, 0)
    np.savez(tmp_path / "s.npz", images=images, labels=labels)
    np.savez(tmp_path / "f.npz", images=images / np.float32(255))
    (tmp_path / "folder").mkdir()
    for i, image in enumerate(images):
        save_png(tmp_path / "folder" / f"{i:06d}.png", image)
    rows = "".join(f"{i:06d}.png,{label}\n" for i, label in enumerate(labels))
    for name in ("s.npz", "folder"):
        (tmp_path / "folder" / "labels.csv").write_text("file,label\n" + rows)
        read = read_samples(tmp_path / name)
        assert (read[0] == images).all() and (read[1] == labels).all()
    assert (read_samples(tmp_path / "f.npz")[0] == images).all() and read_samples(tmp_path / "f.npz")[1] is None


def test_the_picture_of_an_evaluation_is_no_sample(tmp_path):
    from tfgen.storage.images import save_png

    for number, image in enumerate(quarters(4, 0)[0]):
        save_png(tmp_path / f"{number}.png", image)
    save_png(tmp_path / "nearest.png", np.zeros((50, 90, 1), np.uint8))
    with pytest.raises(UserError, match="one size"):
        read_samples(tmp_path)  # it may be a sample of this name
    (tmp_path / "evaluation.json").write_text("{}")
    assert len(read_samples(tmp_path).data) == 4


def test_what_samples_were_made_for_is_a_part_of_them():
    images, labels = quarters(4, 0)
    captions = np.array(list("abcd"), object)
    asked = [(None, None), (labels, None), (labels[::-1], None), (None, captions), (labels, captions)]
    found = [digest_asked(Samples(images, *values)) for values in asked]
    assert found[0] is None and len(set(found)) == 5
    assert found[1] == digest_asked(Samples(images[::-1], labels.copy()))


@pytest.mark.parametrize(
    "arrays, sentence",
    [
        ({"image": np.zeros((2, 4, 4, 1), np.uint8)}, "expected an array 'images', got image"),
        ({"images": np.full((2, 4, 4, 1), np.nan, np.float32)}, "NaN"),
        ({"images": np.full((2, 4, 4, 1), 7, np.float32)}, r"float in \[0, 1\], got float32 from 7 to 7"),
        ({"images": np.zeros((0, 4, 4, 1), np.uint8)}, "at least one image"),
        ({"images": np.zeros((2, 4, 4, 1), np.uint8), "labels": np.zeros(3, np.int64)}, "as many labels as images"),
        ({"points": np.full((2, 2), np.inf)}, "finite points"),
    ],
)
def test_a_file_that_holds_no_samples_is_refused(tmp_path, arrays, sentence):
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        read_samples(tmp_path / "s.npz")


def test_a_file_that_is_not_there_or_no_archive_is_refused(tmp_path):
    (tmp_path / "s.npz").write_text("hello")
    for name in ("s.npz", "t.npz"):
        with pytest.raises(UserError, match=name):
            read_samples(tmp_path / name)


# Models.


def quick(model, source, **settings):
    from tfgen.evaluation import evaluate_model

    settings = Settings(**{"num": 200, "controls": False, "metrics": ("fd",), "nll_k": 5, "nll_images": 20, **settings})
    return evaluate_model(model, source, settings, say=lambda line: None)


@pytest.mark.slow
def test_a_vae_is_scored_by_its_samples_and_its_likelihood(source, extractor):
    import tfgen

    model = tfgen.build_model("vae", image_shape=SHAPE, network="dense", units=(8,), latent_dim=2, binarize="static")
    own = ("fd", "reconstruction_error", *model.score_names)
    scores = quick(model, source, metrics=own).scores
    expected = {
        "fd",
        "reconstruction_error",
        "elbo",
        "reconstruction",
        "kl",
        "nll",
        "bits_per_dimension",
        "active_units",
    }
    assert set(scores) == expected
    assert -scores["elbo"].value == pytest.approx(scores["reconstruction"].value + scores["kl"].value)
    assert scores["nll"].value <= -scores["elbo"].value + 1 and scores["nll"].protocol["parameters"]["k"] == 5
    assert scores["bits_per_dimension"].value == pytest.approx(scores["nll"].value / (256 * np.log(2)))
    gray = tfgen.build_model("vae", image_shape=SHAPE, network="dense", units=(8,), latent_dim=2)
    assert {"cross_entropy", "kl"} < set(quick(gray, source, metrics=own).scores).difference({"nll", "elbo"})
    plain = tfgen.build_model("ae", image_shape=SHAPE, network="dense", units=(8,), latent_dim=2)
    assert set(quick(plain, source, metrics=("reconstruction_error",)).scores) == {"reconstruction_error"}


def test_what_is_not_asked_for_is_not_computed(source, extractor, monkeypatch):
    """Of the model's own scores as of those of samples; a plugin's scores without names are left out too."""
    import tfgen
    from tfgen.evaluation import evaluation as module
    from tfgen.evaluation import sample_scores

    def never(*_, **__):
        raise AssertionError("computed, and not asked for")

    options = {"image_shape": SHAPE, "network": "dense", "units": (8,), "latent_dim": 2, "binarize": "static"}
    model = tfgen.build_model("vae", **options)
    for name in ("reconstruct", "log_weights", "encode"):
        monkeypatch.setattr(model, name, never)
    for other in ("precision_recall", "inception_score"):
        monkeypatch.setattr(sample_scores.metrics, other, never)
    evaluation = quick(model, source, metrics=("fd",))
    assert set(evaluation.scores) == {"fd"} and "notes" not in evaluation.details
    monkeypatch.setattr(module, "draw", never)
    again = tfgen.build_model("vae", **options)
    monkeypatch.setattr(again, "reconstruct", never)
    assert set(quick(again, source, metrics=("active_units",)).scores) == {"active_units"}
    with pytest.raises(UserError, match="unknown metric 'active_unit'; did you mean 'active_units'"):
        quick(again, source, metrics=("active_unit",))


def test_every_score_of_a_model_has_its_name(source, extractor):
    import tfgen

    for name, sizes in {"vae": {"network": "dense", "units": (8,)}, "acgan": {"width": 2}}.items():
        model = tfgen.build_model(name, image_shape=SHAPE, num_classes=4, latent_dim=2, **sizes)
        found = quick(model, source, metrics=model.score_names).scores
        assert set(found) <= set(model.score_names) and found


def test_black_and_white_data_get_black_and_white_samples(source):
    import tfgen
    from tfgen.evaluation.evaluation import draw

    options = {"image_shape": SHAPE, "network": "dense", "units": (8,), "latent_dim": 2}

    def drawn(binarize):
        model = tfgen.build_model("vae", binarize=binarize, **options)
        return draw(model, source, 3, Settings(), say=lambda line: None)

    samples, _ = drawn("static")
    assert set(np.unique(samples)) == {0, 255}
    samples, _ = drawn("none")
    assert len(np.unique(samples)) > 2


def test_a_conditional_model_is_asked_for_all_classes(source, extractor):
    import tfgen

    model = tfgen.build_model("cgan", image_shape=SHAPE, num_classes=4, network="dense", latent_dim=2)
    evaluation = quick(model, source, metrics=("fd", "label_agreement"))
    assert set(evaluation.scores) == {"fd", "label_agreement"} and evaluation.subject["model"] == "cgan"


@pytest.mark.parametrize(
    "names, told",
    [
        (list("abcd"), None),
        (None, None),
        (list("acbd"), None),
        (list("abcde"), None),  # the data have more classes than the model
        (list("abce"), "the class 'd' is none of a, b, c, e"),
    ],
)
def test_labels_of_other_classes_are_left_out(source, extractor, names, told):
    """A class is its name: in another order, as those of folders, the classes are the same."""
    import tfgen

    model = tfgen.build_model("acgan", image_shape=SHAPE, num_classes=4, width=4, depth=2, latent_dim=2)
    model.class_names = list("abcd")
    labels = dataclasses.replace(source.fields["label"], range=(0, len(names or "abcd")))
    known = dataclasses.replace(source, class_names=names, fields={**source.fields, "label": labels})
    evaluation = quick(model, known, metrics=None)
    assert ("label_agreement" in evaluation.scores) == (told is None and len(names or "abcd") == extractor.classes)
    foreign = set(names or ()) - set("abcd")
    assert ("test_accuracy" in evaluation.scores) == (not foreign)
    expected = [f"labels of samples are left out: {told}"] if told else []
    if foreign:
        expected += ["the model's own scores could not be measured: the class 'e' is none of a, b, c, d"]
    notes = [note for note in evaluation.details.get("notes", []) if "is none of" in note]
    assert notes == expected


@pytest.mark.parametrize("asked", [{"metrics": ("fd", "label_agreement")}, {"metrics": ("fd",), "cas": True}])
def test_a_score_that_needs_unknown_classes_and_is_asked_for_says_so(source, extractor, asked):
    import tfgen

    model = tfgen.build_model("cgan", image_shape=SHAPE, num_classes=4, network="dense", latent_dim=2)
    model.class_names = list("abcd")
    with pytest.raises(UserError, match="needs labels of samples: the class 'd' is none of a, b, c, x"):
        quick(model, dataclasses.replace(source, class_names=list("abcx")), **asked)


def test_scores_that_are_asked_for_and_all_missing_are_an_error(source, extractor):
    """The command then leaves an earlier evaluation.json as it is."""
    import tfgen

    model = tfgen.build_model("acgan", image_shape=SHAPE, num_classes=4, width=4, depth=2, latent_dim=2)
    model.class_names = list("abcd")
    other = dataclasses.replace(source, class_names=list("abcx"))
    with pytest.raises(UserError, match="scores could not be measured: the class 'x' is none of a, b, c, d"):
        quick(model, other, metrics=("test_accuracy",))
    evaluation = quick(model, other, metrics=("fd", "test_accuracy"))
    assert set(evaluation.scores) == {"fd"} and len(evaluation.details["notes"]) == 2


def test_names_of_classes_differ_in_more_than_case():
    from tfgen.data.numbering import numbered

    np.testing.assert_array_equal(numbered(np.array([1, 0, 1]), ["Cat", "dog "], ["dog", "cat"]), [0, 1, 0])
    np.testing.assert_array_equal(numbered(np.array([0, 1]), ["cat", "Cat"], ["x", "Cat", "cat"]), [2, 1])
    with pytest.raises(UserError, match="the class 'CAT' is none of cat, Cat"):
        numbered(np.array([0]), ["CAT"], ["cat", "Cat"])
    np.testing.assert_array_equal(numbered(np.array([1]), ["unknown", "cat"], ["cat"]), [0])  # no such label is there


def test_classes_are_known_by_name_in_any_order(source, monkeypatch):
    """The same pictures whose classes have other numbers give the same scores, of samples and of the model itself."""
    import tfgen

    order = np.array([2, 0, 3, 1])  # number of a class -> its new number
    splits = {}
    for name, part in source.splits.items():
        values = part.to_numpy()
        splits[name] = Arrays({"image": values["image"], "label": order[values["label"]]}, source.fields)
    names = [list("abcd")[number] for number in np.argsort(order)]
    other = dataclasses.replace(source, splits=splits, class_names=names)

    class Decided(Means):
        def features_and_probabilities(self, images):
            features, probabilities = super().features_and_probabilities(images)
            return features, probabilities + 1e-9 * np.arange(4)  # of two that are alike the same one is the first

    class Reordered(Decided):
        sha256 = "1" * 64

        def features_and_probabilities(self, images):
            features, probabilities = super().features_and_probabilities(images)
            return features, probabilities[:, np.argsort(order)]

    model = tfgen.build_model("acgan", image_shape=SHAPE, num_classes=4, width=4, depth=2, latent_dim=2, seed=3)
    model.class_names = list("abcd")
    found = {}
    for key, data, extractor in (("one", source, Decided()), ("other", other, Reordered())):
        monkeypatch.setattr("tfgen.evaluation.evaluation.load_extractor", lambda name, own=extractor: own)
        data = dataclasses.replace(data, class_names=data.class_names or list("abcd"))
        found[key] = quick(model, data, metrics=None).scores
    for name in ("label_agreement", "fd_per_class", "test_accuracy"):
        assert found["one"][name].value == pytest.approx(found["other"][name].value, rel=1e-12), name


def test_a_likelihood_takes_the_models_number_of_a_class(source, extractor):
    import tfgen

    model = tfgen.build_model("cvae", image_shape=SHAPE, num_classes=4, latent_dim=2, network="dense", units=(8,))
    model.class_names = list("abcd")
    order = np.array([2, 0, 3, 1])
    held = {}
    for key, numbers, names in (("one", np.arange(4), "abcd"), ("other", order, "bdac")):
        part = source.splits["test"].to_numpy()
        arrays = Arrays({"image": part["image"], "label": numbers[part["label"]]}, source.fields)
        data = dataclasses.replace(source, splits={"test": arrays}, class_names=list(names))
        held[key] = held_out(model, data, Settings(), 0).fields["label"]
    np.testing.assert_array_equal(held["one"], held["other"])
    with pytest.raises(UserError, match="the class 'x' is none of a, b, c, d"):
        held_out(model, dataclasses.replace(data, class_names=list("abcx")), Settings(), 0)


def test_a_callback_evaluates_every_nth_epoch_on_the_validation_split(source, monkeypatch, capsys):
    import tfgen
    from tfgen.evaluation import callback

    monkeypatch.setattr(callback, "load_extractor", lambda name: Means())
    unread = dict(source.splits, test=None)
    seen = callback.EvaluateSamples(type(source)("quarters", source.fields, unread), every=2, num=60)
    model = tfgen.build_model("gan", image_shape=SHAPE, units=(8,), maxout_units=(4, 4), latent_dim=2)
    images = source.splits["train"].gather(np.arange(64))["image"]
    history = model.fit(images, batch_size=32, epochs=4, verbose=0, callbacks=[seen]).history
    assert [row["epoch"] for row in seen.scores] == [2, 4] and [row["step"] for row in seen.scores] == [4, 8]
    assert seen.last is seen.scores[-1] and seen.best["kid"] == min(row["kid"] for row in seen.scores)
    assert history["kid"] == [row["kid"] for row in seen.scores]
    said = capsys.readouterr().out
    assert "best kid" in said and "last kid" in said


@pytest.mark.parametrize("samples, seen", [(30, 20), (20, 20)])
def test_both_classifiers_of_an_accuracy_score_see_as_many_images(monkeypatch, samples, seen):
    sizes = []
    monkeypatch.setattr(classification, "_accuracy", lambda x, y, *more: sizes.append((len(x), np.bincount(y))) or 0.5)
    images, labels = np.zeros((30, 8, 8, 1), np.uint8), np.arange(30) // 20  # in the order of the classes
    fields = {"image": Field("image", (8, 8, 1)), "label": Field("label", range=(0, 2))}
    train = Arrays({"image": images[:20], "label": np.arange(20) % 2}, fields)
    source = Source("twenty", fields, {"train": train, "test": train})
    given = images[-samples:], labels[-samples:]
    found = classification.classification_accuracy_score(*given, source, say=lambda line: None)
    assert [size for size, _ in sizes] == [seen] * 2 and all(len(counts) == 2 for _, counts in sizes)
    assert found["classification_accuracy_score"].protocol["fake"]["count"] == seen


@pytest.mark.parametrize("images", [256, 300])  # whole batches, and one that is not full
def test_the_rate_of_the_classifier_of_an_accuracy_score_ends_at_zero(images):
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (images, 8, 8, 1)).astype(np.uint8), np.arange(images) % 2
    model = classification._trained(pictures, labels, 2, 0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)
    batches = -(-images // classification.BATCH)
    assert int(model.optimizer.iterations) == classification.EPOCHS * batches
    assert float(model.optimizer._learning_rate(0)) == pytest.approx(1e-3)


@pytest.mark.parametrize("metrics, found", [(None, {"modes", "high_quality", "mode_kl"}), (("modes",), {"modes"})])
def test_data_with_a_measure_of_their_own_give_the_scores_that_are_asked_for(metrics, found):
    source = load_dataset("ring")
    points = source.to_numpy("test")["point"][:500]
    made = evaluate_samples(points, source, Settings(metrics=metrics), say=lambda line: None)
    assert set(made.scores) == found
    assert metrics or set(source.scoring.gives) == found


def test_scores_of_features_are_none_of_data_with_a_measure_of_their_own():
    source = load_dataset("ring")
    points = source.to_numpy("test")["point"][:500]
    with pytest.raises(UserError, match=r"unknown metric 'fd'; expected some of modes, high_quality, mode_kl"):
        evaluate_samples(points, source, Settings(metrics=("fd",)), say=lambda line: None)
    images = load_dataset("fashion_mnist_mini").to_numpy("test")["image"][:200]
    with pytest.raises(UserError, match="unknown metric 'modes'"):
        evaluate_samples(images, load_dataset("fashion_mnist_mini"), Settings(metrics=("modes",)))
