"""`python -m tfgen.sample`, called in this process."""

import functools

import keras
import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.data.source import Field
from tfgen.export import save_keras_files
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import load_run, save_record
from tfgen.sample import COMMAND

IMAGE = {"image": Field("image", (16, 16, 1))}
LABELLED = {**IMAGE, "label": Field("label", range=(0, 3))}
SMALL = {"network": "dense", "latent_dim": 2}
NAMES = ["T-shirt", "Dress", "Bag"]
RUNS = {
    "vae": (IMAGE, {**SMALL, "units": [8]}),
    "ae": (IMAGE, {**SMALL, "units": [8]}),
    "cgan": (LABELLED, SMALL),
}


load_once = functools.cache(load_run)  # a second to load, a dozen times


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    monkeypatch.setattr("tfgen.runs.sampling.load_run", load_once)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """name -> a run's folder as training leaves it."""
    root = tmp_path_factory.mktemp("runs")
    for name, (fields, options) in RUNS.items():
        keras.utils.set_random_seed(0)
        model = tfgen.build_model(name, fields=fields, **options)
        recipe = Recipe(model=name, options=options)
        save_record(root / name, recipe, fields, class_names=NAMES)
        save_keras_files(model, root / name / "models")
    return root


def sample(runs, name, *flags):
    return COMMAND([f"--run={runs / name}", *map(str, flags)])


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_npz_has_the_contract_and_fewer_images_are_a_prefix(runs, tmp_path, capsys):
    for num in (260, 3):
        assert sample(runs, "vae", f"--num={num}", "--seed=5", f"--out={tmp_path / str(num)}.npz") == 0
    many, few = arrays(tmp_path / "260.npz"), arrays(tmp_path / "3.npz")
    assert list(many) == ["images"]
    assert many["images"].shape == (260, 16, 16, 1) and many["images"].dtype == np.uint8
    assert np.array_equal(many["images"][:3], few["images"])
    assert not np.array_equal(many["images"][:3], many["images"][250:253]), "the second chunk is another"
    assert np.array_equal(many["images"], tfgen.load_run(runs / "vae").model.sample(260, seed=5))
    shown = capsys.readouterr()
    assert shown.err == "sampled 260/260\nsampled 3/3\n" and shown.out.splitlines()[-1].endswith("3.npz")


def test_seeds_name_sequences_and_stochastic_draws_pixels(runs, tmp_path):
    made = {}
    for name, flags in {"a": ["--seed=1"], "b": ["--seed=2"], "c": ["--seed=1", "--stochastic"]}.items():
        assert sample(runs, "vae", "--num=4", f"--out={tmp_path / name}.npz", *flags) == 0
        made[name] = arrays(tmp_path / f"{name}.npz")["images"]
    assert not np.array_equal(made["a"], made["b"])
    assert set(np.unique(made["c"])) == {0, 255} and len(np.unique(made["a"])) > 2


def test_labels_are_cycled_and_saved(runs, tmp_path):
    wanted = {"all": (None, [0, 1, 2, 0, 1]), "two": ("2,0", [2, 0, 2, 0, 2]), "named": ("bag", [2] * 5)}
    model = load_once(str(runs / "cgan")).model
    for name, (flag, labels) in wanted.items():
        flags = [f"--label={flag}"] if flag else []
        assert sample(runs, "cgan", "--num=5", f"--out={tmp_path / name}.npz", *flags) == 0
        made = arrays(tmp_path / f"{name}.npz")
        assert made["labels"].tolist() == labels and made["labels"].dtype == np.int64
        assert np.array_equal(made["images"], model.sample(5, label=labels))


def test_classes_that_the_training_has_left_out_are_named(runs, tmp_path, capsys):
    save_record(tmp_path / "run", Recipe(model="cgan", options=SMALL, leave_out="bag,0"), LABELLED, class_names=NAMES)
    save_keras_files(load_once(str(runs / "cgan")).model, tmp_path / "run" / "models")
    said = {None: "Bag, T-shirt", "dress,bag": "Bag", "dress": None}
    for label, names in said.items():
        flags = [f"--label={label}"] if label else []
        assert COMMAND([f"--run={tmp_path / 'run'}", "--num=3", f"--out={tmp_path / 'a.npz'}", *flags]) == 0
        remarks = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
        expected = f"the training has left out {names}: what is sampled for it was never learnt"
        assert remarks == ([expected] if names else [])


def test_a_grid_has_one_class_a_column(runs, tmp_path):
    assert sample(runs, "cgan", "--num=10", f"--out={tmp_path / 'g.png'}") == 0
    picture = pixels(tmp_path / "g.png")
    assert picture.shape == (3 * (2 * 18 + 2), 3 * (9 * 18 + 2)), "nine columns of three classes, three times as large"
    picture, made = picture[1::3, 1::3], load_once(str(runs / "cgan")).model.sample(10)
    assert np.array_equal(picture[2:18, 2:18], made[0, ..., 0])
    assert np.array_equal(picture[2:18, 20:36], made[1, ..., 0])
    assert np.array_equal(picture[20:36, 2:18], made[9, ..., 0])


def test_a_grid_of_one_class_is_no_ribbon(runs, tmp_path):
    assert sample(runs, "cgan", "--num=30", "--label=bag", f"--out={tmp_path / 'g.png'}") == 0
    assert pixels(tmp_path / "g.png").shape == (3 * (5 * 18 + 2), 3 * (6 * 18 + 2))


def test_a_folder_gets_a_png_an_image_and_is_not_mixed(runs, tmp_path, capsys):
    out = tmp_path / "many"
    assert sample(runs, "cgan", "--num=3", f"--out={out}") == 0
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "000001.png", "000002.png", "labels.csv"]
    made = load_once(str(runs / "cgan")).model.sample(3)
    assert np.array_equal(pixels(out / "000002.png"), made[2, ..., 0])
    assert (out / "labels.csv").read_text().splitlines() == [
        "file,label",
        "000000.png,0",
        "000001.png,1",
        "000002.png,2",
    ]
    assert sample(runs, "cgan", "--num=4", f"--out={out}") == 0, "more of the same sequence"
    capsys.readouterr()
    assert sample(runs, "cgan", "--num=2", f"--out={out}") == 2
    assert "holds '000002.png', which these 2 images would not replace" in capsys.readouterr().err
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.png").write_text("mine")
    assert sample(runs, "cgan", "--num=2", f"--out={tmp_path / 'holiday'}") == 2
    assert "beach.png" in capsys.readouterr().err


def test_without_out_the_runs_samples_get_a_name_that_says_what_it_is(runs, capsys):
    flags = ["--num=2", "--seed=4", "--label=Dress"]
    assert sample(runs, "cgan", *flags) == 0
    written = runs / "cgan" / "samples" / "seed4_2_labelDress.png"
    assert written.is_file() and capsys.readouterr().out.strip() == str(written)
    assert sample(runs, "vae", "--num=401", "--stochastic") == 0
    assert len(arrays(runs / "vae" / "samples" / "seed0_401_stochastic.npz")["images"]) == 401


@pytest.mark.parametrize(
    "name, flags, sentence",
    [
        ("vae", ["--label=1"], "vae is not conditional and takes no label"),
        ("cgan", ["--label=3"], "labels are 0..2, got [3]"),
        ("cgan", ["--label=dres"], "got 'dres'; did you mean 'Dress'?"),
        ("cgan", ["--label=caf\udce9"], "; the classes are T-shirt, Dress, Bag"),
        ("cgan", ["--label=hat"], "got 'hat'; the classes are T-shirt, Dress, Bag"),
        ("cgan", ["--stochastic"], "has no distribution of pixels"),
        ("ae", [], "a plain autoencoder cannot generate"),
        ("vae", ["--num=401", "--out=a.png"], "a grid holds 400 images, got --num=401; give --out=FILE.npz"),
        ("vae", ["--out=a.jpg"], "--out must end in .npz or .png, or be a folder without a dot in its name, got a.jpg"),
        ("vae", ["--num=0"], "at least 1"),
        ("vae", [f"--seed={2**31}"], "seed must be at least 0, got 2147483648; the largest is 2147483647"),
        ("none", [], "there is no folder"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(runs, tmp_path, monkeypatch, capsys, name, flags, sentence):
    monkeypatch.chdir(tmp_path)
    assert sample(runs, name, *flags) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and error.startswith("tfgen sample: ")
    assert not list(tmp_path.iterdir()) and not (runs / "ae" / "samples").exists(), "nothing was written"


def test_run_is_required(capsys):
    assert COMMAND([]) == 2
    assert "--run is required" in capsys.readouterr().err
