"""`python -m tfgen.encode`, and training without a class."""

import dataclasses
import types

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.data import load_dataset
from tfgen.data.labels import without_classes
from tfgen.data.source import Field
from tfgen.encode import COMMAND
from tfgen.errors import UserError
from tfgen.export.keras_files import save_keras_files
from tfgen.metrics import auroc
from tfgen.runs import encoding
from tfgen.runs.encoding import encoded
from tfgen.runs.folder import save_record

SHAPE = (8, 8, 1)
NAMES = ["plain", "usual", "odd"]
VAE = {"network": "dense", "units": [8], "latent_dim": 2}


def test_the_area_under_the_curve_by_hand():
    # of 2 x 3 pairs the unusual one is larger in 4, and equal in 1
    assert auroc([3.0, 1.0, 2.0, 1.0, 0.0], np.array([True, True, False, False, False])) == pytest.approx(4.5 / 6)
    assert auroc([1.0, 1.0], np.array([True, False])) == 0.5
    assert auroc([2.0, 1.0], np.array([True, False])) == 1.0 and auroc([1.0, 2.0], np.array([True, False])) == 0.0


@pytest.mark.parametrize(
    "scores,unusual,sentence",
    [
        ([1.0, 2.0], [True, True], "got 2 and 0"),
        ([1.0], [True, False], "takes scores"),
        ([1.0, 2.0], [1, 0], "got .* and int64"),
        ([np.nan, 2.0], [True, False], "without NaN"),
    ],
)
def test_areas_that_are_none(scores, unusual, sentence):
    with pytest.raises(UserError, match=sentence):
        auroc(scores, np.array(unusual))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two classes of dark pictures, and one, called odd, of bright ones."""
    rng, labels = np.random.default_rng(0), np.arange(180) % 3
    images = rng.integers(0, 60, (180, *SHAPE)).astype(np.uint8)
    images[labels == 2] += 190
    path = tmp_path_factory.mktemp("data") / "three.npz"
    arrays = {f"{key}_{split}": value for split in ("train", "test") for key, value in (("x", images), ("y", labels))}
    np.savez(path, class_names=np.array(NAMES), **arrays)
    return f"npz:{path}"


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    options = {**VAE, "likelihood": "discretized_logistic", "learning_rate": 0.02}
    recipe = tfgen.Recipe("vae", data, options=options, batch_size=8, steps=200, leave_out="odd")
    return tfgen.train(recipe, tmp_path_factory.mktemp("run"))


@pytest.mark.slow
def test_a_class_is_left_out_of_training_and_validation_alone(data, run):
    source = run.source()
    for split in ("train", "validation"):
        assert 2 not in source.splits[split].to_numpy()["label"]
    assert len(source.splits["train"]) + len(source.splits["validation"]) == 120
    assert set(source.splits["test"].to_numpy()["label"]) == {0, 1, 2} and source.num_classes == 3
    assert run.record["recipe"]["leave_out"] == "odd" and run.record["data"]["left_out"] == ["odd"]
    whole = tfgen.load_dataset(data)
    assert without_classes(whole, None) is whole
    assert len(without_classes(whole, "odd,0").splits["train"]) < len(without_classes(whole, "2").splits["train"])


@pytest.mark.parametrize(
    "classes,sentence",
    [
        ("od", "did you mean 'odd'"),
        ("7", "expects classes 0 to 2, got 7"),
        ("plain,usual,odd", "leaves no example in the split train"),
    ],
)
def test_classes_that_cannot_be_left_out(data, classes, sentence):
    with pytest.raises(UserError, match=sentence):
        without_classes(tfgen.load_dataset(data), classes)


def test_a_name_where_classes_have_none_is_said_of_the_flag(tmp_path):
    np.savez(tmp_path / "numbers.npz", x_train=np.zeros((40, *SHAPE), np.uint8), y_train=np.arange(40) % 2)
    with pytest.raises(UserError, match="^leave_out expects class numbers such as 3,5, got 'odd'"):
        without_classes(tfgen.load_dataset(f"npz:{tmp_path / 'numbers.npz'}"), "odd")


def test_a_condition_is_the_models_number_of_a_class(tmp_path, photos):
    """Folders number classes by the alphabet: conditions follow the names, written labels are the data's."""
    labels = np.arange(8) % 2
    arrays = {
        f"{key}_{split}": value
        for split in ("train", "test")
        for key, value in (("x", photos(8, (16, 16, 1))), ("y", labels))
    }
    np.savez(tmp_path / "other.npz", **arrays, class_names=["low", "high"])
    model = tfgen.build_model("cvae", (16, 16, 1), 3, width=4, latent_dim=2)
    model.class_names = ["high", "middle", "low"]
    run = types.SimpleNamespace(
        model=model,
        recipe=types.SimpleNamespace(leave_out=None),
        class_names=model.class_names,
        source=lambda name, data_dir: load_dataset(name),
    )
    given, _ = encoding._given(run, None, f"npz:{tmp_path / 'other.npz'}", None, "test", None)
    np.testing.assert_array_equal(given.conditions["label"], np.where(labels == 0, 2, 0))
    np.testing.assert_array_equal(given.more["labels"], labels)
    run.source = lambda name, data_dir: dataclasses.replace(load_dataset(name), class_names=["low", "odd"])
    with pytest.raises(UserError, match="the class 'odd' is none of high, middle, low"):
        encoding._given(run, None, f"npz:{tmp_path / 'other.npz'}", None, "test", None)


def test_data_without_labels_have_no_classes_to_leave_out(tmp_path):
    np.savez(tmp_path / "plain.npz", x_train=np.zeros((40, *SHAPE), np.uint8))
    with pytest.raises(UserError, match="has no labels"):
        without_classes(tfgen.load_dataset(f"npz:{tmp_path / 'plain.npz'}"), "0")


@pytest.mark.plugins
def test_each_image_of_the_test_split_has_codes_scores_and_areas(run, tmp_path, capsys):
    out = tmp_path / "codes.npz"
    assert COMMAND([f"--run={run.folder}", f"--out={out}", "--nll_k=3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["auroc bound", "auroc reconstruction_error", str(out)]
    with np.load(out) as found:
        arrays = dict(found)
    test = run.source().splits["test"].to_numpy()
    np.testing.assert_allclose(arrays["z_mean"], run.model.encode(test["image"])["z_mean"], rtol=1e-5, atol=1e-5)
    bound = tfgen.metrics.importance_weighted_bound(run.model, test["image"], k=3)
    np.testing.assert_array_equal(arrays["bound"], bound)
    np.testing.assert_array_equal(arrays["anomaly_score"], -bound)
    np.testing.assert_array_equal(arrays["labels"], test["label"])
    assert arrays["auroc_bound"] == auroc(-bound, test["label"] == 2) > 0.9


@pytest.mark.parametrize(
    "flags,reason",
    [
        (["--split=validation"], "none of these images are of the classes that the training has left out, odd"),
        (["--num=2"], "none of these images"),
        (["--dataset={other}"], "are not known to be of the classes of which the training has left out odd"),
        (["--images={picture}"], "are not known to be of the classes"),
    ],
)
def test_images_of_one_kind_are_scored_without_an_area(run, data, flags, reason, tmp_path, capsys):
    """What was computed is written all the same."""
    Image.new("L", SHAPE[:2], 100).save(tmp_path / "gray.png")
    images = np.zeros((30, *SHAPE), np.uint8)
    arrays = {"x_train": images, "y_train": np.arange(30) % 3, "x_test": images, "y_test": np.arange(30) % 3}
    np.savez(tmp_path / "other.npz", class_names=np.array(["zero", "one", "two"]), **arrays)
    given = [flag.format(other=f"npz:{tmp_path / 'other.npz'}", picture=tmp_path / "gray.png") for flag in flags]
    assert COMMAND([f"--run={run.folder}", f"--out={tmp_path / 'c.npz'}", *given, "--nll_k=1"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(tmp_path / "c.npz")]
    assert said.err.splitlines()[-1].startswith("no AUROC: ") and reason in said.err
    with np.load(tmp_path / "c.npz") as found:
        assert len(found["anomaly_score"]) and not [name for name in found if name.startswith("auroc")]


def test_a_result_that_cannot_be_written_is_one_line(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    capsys.readouterr()
    call = [f"--run={run.folder}", f"--images={tmp_path / 'x.npz'}", f"--out={tmp_path / 'file' / 'c.npz'}"]
    np.savez(tmp_path / "x.npz", images=np.zeros((2, *run.model.data_shape), np.uint8))
    assert COMMAND(call) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tfgen encode: --out: ") and line.endswith("file is a file, expected a folder")


@pytest.mark.parametrize("model", ["ae", "made", "realnvp"])
def test_every_kind_of_score_of_a_whole_training_has_its_area(model, data, tmp_path, capsys):
    options = {"ae": VAE, "made": {"units": [8]}, "realnvp": {"couplings": 2, "width": 4, "depth": 1}}[model]
    recipe = tfgen.Recipe(model, data, options={**options, "learning_rate": 0.01}, batch_size=8, steps=4)
    for left_out in ("odd", None):
        folder = tmp_path / str(left_out)
        build = tfgen.models.build_from_recipe
        made = build(recipe, tfgen.load_dataset(data).fields)
        save_record(folder, recipe.replace(leave_out=left_out), tfgen.load_dataset(data).fields, class_names=NAMES)
        save_keras_files(made, folder / "models")
        assert COMMAND([f"--run={folder}", "--nll_k=1"]) == 0
        said = capsys.readouterr()
        names = [line.split(":")[0] for line in said.out.splitlines()[:-1]]
        score = "auroc reconstruction_error" if model == "ae" else "auroc log_likelihood"
        assert (score in names) == (left_out is not None)
        if not left_out:
            assert said.err.splitlines()[-1] == "no AUROC: the training has left no class out (--leave_out)"


def test_pictures_of_ones_own_have_names(run, tmp_path, capsys):
    for name, value in (("b", 10), ("a", 250)):
        Image.fromarray(np.full((12, 9), value, np.uint8)).save(tmp_path / f"{name}.png")
    assert COMMAND([f"--run={run.folder}", f"--images={tmp_path}", f"--out={tmp_path / 'c.npz'}"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "c.npz")]
    with np.load(tmp_path / "c.npz") as found:
        assert found["names"].tolist() == ["a.png", "b.png"] and found["z_mean"].shape == (2, 2)
        assert found["anomaly_score"][0] > found["anomaly_score"][1] and "labels" not in found


@pytest.mark.parametrize(
    "flags,sentence",
    [
        (["--out=codes.csv"], "--out must be FILE.npz"),
        (["--images=nowhere"], "--images"),
        (["--images=x.png", "--dataset=mnist"], "one of them"),
        (["--split=train", "--num=0"], "num"),
    ],
)
def test_mistakes_are_one_sentence(run, flags, sentence, capsys):
    assert COMMAND([f"--run={run.folder}", *flags]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("tfgen encode: ") and sentence in said[0]


@pytest.mark.slow
def test_conditions_that_coding_does_not_take_may_be_left_out(photos):
    images, labels = photos(6, (16, 16, 1)), np.arange(6) % 3
    small = {"width": 4, "code_width": 4, "code_channels": 2, "condition": "label"}
    flow = tfgen.build_model("latent_flow", (16, 16, 1), 3, **small)
    with_labels, without = encoded(flow, images, {"label": labels}), encoded(flow, images)
    for name in ("latent", "reconstruction_error", "anomaly_score"):
        np.testing.assert_array_equal(with_labels[name], without[name])
    with pytest.raises(UserError, match="cvae is conditional: give label="):
        encoded(tfgen.build_model("cvae", (16, 16, 1), 3, width=4, latent_dim=2), images)


def test_what_a_model_cannot_say_is_left_out():
    images = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    plain = encoded(tfgen.build_model("ae", SHAPE, **VAE), images)
    assert set(plain) == {"latent", "reconstruction_error", "anomaly_score"}
    np.testing.assert_array_equal(plain["anomaly_score"], plain["reconstruction_error"])
    gray = encoded(tfgen.build_model("vae", SHAPE, **VAE), images, nll_k=2)
    assert set(gray) == {"z_mean", "z_log_var", "reconstruction_error", "negative_elbo", "anomaly_score"}
    with pytest.raises(UserError, match="neither encodes nor has a likelihood"):
        encoded(tfgen.build_model("dcgan", SHAPE, width=2), images)


@pytest.mark.parametrize("flag", ["images", "dataset"])
def test_what_a_model_lacks_is_said_before_what_its_data_lack(flag, tmp_path, monkeypatch):
    """A conditional GAN would take no pictures either, but with a data set it could say no more."""
    model = tfgen.build_model("cgan", (16, 16, 1), 3, width=2, latent_dim=2)
    run = types.SimpleNamespace(model=model, recipe=tfgen.Recipe(model="cgan"))
    monkeypatch.setattr(encoding, "load_run", lambda folder: run)
    with pytest.raises(UserError, match="cgan neither encodes nor has a likelihood: there is nothing to say"):
        encoding.encode_run("run", out=tmp_path / "c.npz", **{flag: "nothing_of_this_name"})


def test_pictures_are_no_data_of_a_model_of_points(tmp_path):
    model = tfgen.build_model("realnvp", fields={"point": Field("point", (2,))}, width=4)
    run = types.SimpleNamespace(model=model)
    with pytest.raises(UserError, match="--images has pictures, and realnvp is a model of points: give --dataset"):
        encoding._given(run, tmp_path, None, None, "test", None)
