"""Tables that are filled over several sittings: rows that are there are not run again, empty ones are named."""

import json
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tfgen  # noqa: E402
from benchmarks import anomaly, augmentation, pythae_table, rows  # noqa: E402
from tfgen import models  # noqa: E402


def run(module, monkeypatch, *flags):
    monkeypatch.setattr(sys, "argv", [module.__name__, *flags])
    module.main()


def test_a_stopped_table_goes_on_where_it_was(tmp_path, monkeypatch):
    done = []

    def measure(row):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(row.name)
        return {"log_likelihood": 0.5 + len(done) / 100} if row.model == "made" else {"reconstruction_error": 0.25}

    monkeypatch.setattr(anomaly, "measured", measure)
    flags = (f"--out={tmp_path / 'page'}", "--models=ae,made", "--classes=Bag,Sandal", "--epochs=2")
    with pytest.raises(KeyboardInterrupt):
        run(anomaly, monkeypatch, *flags)
    assert done == [f"{model}, {name}, seed 0, 2 epochs" for name in ("Bag", "Sandal") for model in ("ae", "made")][:3]
    monkeypatch.setattr(anomaly, "measured", lambda row: done.append(row.name) or {"log_likelihood": 0.8125})
    run(anomaly, monkeypatch, *flags)
    assert len(done) == 4 and done[-1] == "made, Sandal, seed 0, 2 epochs"
    page = (tmp_path / "page.md").read_text()
    assert "| left out | `ae`: error | `aae` | `vae` | `made`: log p | `realnvp` |" in page
    assert "| Bag | 0.250 |  |  | 0.520 |  |" in page and "| Sandal | 0.250 |  |  | 0.812 |  |" in page
    assert "| mean of all |  |  |  |  |  |" in page  # of all ten classes or not at all
    left = page.split("left to the command: ")[1]
    assert left.startswith(
        "`ae`, seed 0: T-shirt/top, Trouser, Pullover, Dress, Coat, Shirt, Sneaker, Ankle boot; `aae`"
    )
    assert "`vae`, seed 0: all; `made`, seed 0: T-shirt/top" in left and "`realnvp`, seed 0: all." in left


def test_means_and_errors_over_seeds_by_hand():
    found = {f"ae, Bag, seed {seed}, 4 epochs": {"reconstruction_error": area} for seed, area in ((0, 0.5), (1, 0.7))}
    # standard deviation 0.1414, of two: 0.1
    assert anomaly.cell("ae", "reconstruction_error", ["Bag"], 2, 4, found) == "0.600 ± 0.100"
    assert anomaly.cell("ae", "reconstruction_error", ["Bag"], 3, 4, found) == ""
    assert anomaly.cell("ae", "reconstruction_error", ["Bag"], 1, 4, found) == "0.500"


def test_a_row_trains_without_its_class_and_scores_the_whole_test_split(tmp_path, monkeypatch):
    images, labels = np.zeros((180, 8, 8, 1), np.uint8), np.arange(180) % 3
    images[labels == 2] = 255
    arrays = {f"{key}_{split}": value for split in ("train", "test") for key, value in (("x", images), ("y", labels))}
    np.savez(tmp_path / "three.npz", class_names=np.array(["a", "b", "odd"]), **arrays)
    source, seen, fit = tfgen.load_dataset(f"npz:{tmp_path / 'three.npz'}"), [], tfgen.GenerativeModel.fit

    def watched(model, examples, **options):
        seen.append(set(examples.to_numpy()["label"]))
        return fit(model, examples, **options)

    monkeypatch.setattr(tfgen.GenerativeModel, "fit", watched)
    monkeypatch.setattr(tfgen, "load_dataset", lambda name: source)
    monkeypatch.setattr(anomaly, "MODELS", {"ae": {"network": "dense", "units": [8], "latent_dim": 2}})
    # black pictures are learned, and white ones are not
    assert anomaly.measured(anomaly.Row("ae", "odd", 0, 5)) == {"reconstruction_error": 1.0}
    assert seen == [{0, 1}]


@pytest.mark.parametrize("model", anomaly.MODELS)
def test_options_of_a_row_are_those_of_its_model(model):
    recipe = tfgen.load_recipe(model).replace(options=anomaly.MODELS[model])
    models.check_options(model, recipe.options)


@pytest.mark.parametrize("row", pythae_table.ROWS, ids=lambda row: row.name)
def test_a_row_of_pythaes_is_a_recipe(row):
    recipe = pythae_table.recipe_of(row, 5.0, data_dir="static", mnist_dir="dynamic")
    models.check_options(recipe.model, recipe.options)
    assert recipe.max_minutes == 5.0 and recipe.data_dir == row.pixels and recipe.options["binarize"] == row.pixels


def test_pythaes_rows_that_are_there_stay(tmp_path, monkeypatch):
    result = {"nats": 89.12345, "error": 0.238, "steps": 12000, "minutes": 25.0}
    (tmp_path / "t.json").write_text(json.dumps({"vae": result}))
    monkeypatch.setattr(pythae_table, "measured", lambda row, recipe, work: {**result, "nats": 87.0})
    run(pythae_table, monkeypatch, f"--out={tmp_path / 't'}", "--only=vae,iwae")
    page = (tmp_path / "t.md").read_text()
    expected = (
        "| VAE | static | 200 | 89.12 ± 0.24 | 89.78 | 89.9 | Rezende and Mohamed 2015 | 12,000 steps, 25 minutes"
    )
    assert expected in page and "| 5000 | 87.00 ± 0.24 | 86.82 |" in page
    assert "Not yet run, and left to the command: vamp_vae; miwae." in page


def test_ratios_of_augmentation_are_of_the_same_seeds_by_hand(tmp_path, monkeypatch):
    distances = {"none": [[8, 6, 7, 12], [10, 8, 9, 10]], "moved": [[9, 7, 3, 6], [9, 8, 4, 4]]}
    rest = {"recall": 0.25, "authenticity": 0.75}
    measure = lambda row: [{"fd": float(fd), **rest} for fd in distances[row.policy][row.seed]]  # noqa: E731
    monkeypatch.setattr(augmentation, "measured", measure)
    run(augmentation, monkeypatch, f"--out={tmp_path / 'a'}", "--only=none,moved", "--seeds=2")
    run(augmentation, monkeypatch, f"--out={tmp_path / 'a'}", "--page_alone")
    page = (tmp_path / "a.md").read_text()
    assert (
        "| `none` | 2 of 3 | 9.00 ± 1.00 | 7.00 ± 1.00 | 8.00 ± 1.00 | 11.00 ± 1.00 | 7.00 ± 1.00 | 0.25 | 0.75 |"
        in page
    )
    # (6/12 + 4/10) / 2 after the last step, (3/6 + 4/8) / 2 of the best of each
    assert (
        "`diff_augment('translation')` to none, mean over 2 seeds: 0.45 after 8,000 steps, 0.50 at the best of each."
        in page
    )
    assert "left to the command: none, seed 2; moved, seed 2; cut, seed 0; cut, seed 1; cut, seed 2; mirrored" in page
    policy = augmentation.POLICIES["adaptive"]
    assert f"| `{policy}` | 0 of 3 |  |  |  |  |  |  |  |" in page and f"`{policy}` to none" not in page


@pytest.mark.slow
def test_few_pictures_are_as_many_of_each_class_and_measured_while_training(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
    data = {"image": images, "label": np.arange(60) % 10}
    splits = {"train": tfgen.data.source.Arrays(data), "test": tfgen.data.source.Arrays(data)}
    seen = []

    class Extractor:
        features = staticmethod(lambda images: images.reshape(len(images), -1)[:, :3].astype(float))

    def scores(model, extractor, train, test, real):
        seen.append((int(model.step), model.augment, train))
        return {"step": model.step, "fd": 1.0}

    monkeypatch.setattr(tfgen, "load_dataset", lambda name, **more: type("Few", (), {"splits": splits})())
    monkeypatch.setattr("tfgen.extractors.load_extractor", lambda name: Extractor)
    monkeypatch.setattr(augmentation.few_pictures, "measured", scores)
    monkeypatch.setattr(augmentation, "PICTURES", 40)
    monkeypatch.setattr(augmentation, "HELD_OUT", 10)
    monkeypatch.setattr(augmentation, "STEPS", (1, 2))
    monkeypatch.setitem(augmentation.POLICIES, "moved", "diff_augment('translation')")
    with pytest.raises(KeyError):  # a policy that is none of them
        augmentation.measured(augmentation.Row("other", 0))
    assert augmentation.measured(augmentation.Row("moved", 0)) == [
        {"step": 1, "fd": 1.0},
        {"step": 2, "fd": 1.0},
    ]
    assert [step for step, *_ in seen] == [1, 2] and seen[0][1] is not None
    rows = [next(i for i, image in enumerate(images) if np.array_equal(image, one)) for one in seen[0][2]]
    assert np.bincount(data["label"][rows], minlength=10).tolist() == [4] * 10


def test_other_names_end_the_command():
    assert rows.chosen("models", "ae, vae", ["ae", "vae", "made"]) == ["ae", "vae"]
    assert rows.chosen("models", None, ["ae"]) == ["ae"]
    with pytest.raises(SystemExit, match="--models takes ae, vae, got vea"):
        rows.chosen("models", "ae,vea", ["ae", "vae"])
