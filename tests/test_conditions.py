"""Vectors and pictures as conditions: sampling, shards, evaluation, pictures and reports of runs that need them."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import tfgen
from tfgen import evaluate, sample
from tfgen.data.source import Arrays, Source
from tfgen.evaluation import Settings, evaluate_model
from tfgen.export import save_keras_files
from tfgen.metrics.score import Score
from tfgen.models import MODELS
from tfgen.recipes.recipe import Recipe
from tfgen.report import write_report
from tfgen.runs.folder import load_run, save_record
from tfgen.sampling.chunks import chunks, conditions_digest, stated_conditions
from tfgen.sampling.grids import fitted, paired
from tfgen.sampling.shards.reading import StoredSamples

SHAPE, COUNT = (28, 28, 1), 300


def networks(condition):
    """A generator that shows its condition, and a discriminator."""
    latent, given = keras.Input((2,), name="latent"), keras.Input(condition, name="given")
    x = layers.Concatenate()([latent, layers.Flatten()(given)])
    x = layers.Reshape(SHAPE)(layers.Dense(784, activation="tanh", kernel_initializer="random_normal")(x))
    image = keras.Input(SHAPE, name="image")
    judge = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
    return keras.Model({"latent": latent, "given": given}, x), judge


@tfgen.register_model("of_conditions")
def of_conditions(fields, **options):
    """A GAN conditioned on the field `given`."""
    model = tfgen.AdversarialModel(*networks(fields["given"].shape), latent_dim=2, fields=fields, name="of_conditions")
    model.compile()
    return model


@tfgen.register_model("of_both")
def of_both(fields, **options):
    """A GAN conditioned on a vector and on one of three classes."""
    latent, given = keras.Input((2,), name="latent"), keras.Input((3,), name="given")
    label = keras.Input((), name="label", dtype="int64")
    x = layers.Concatenate()([latent, given, layers.Embedding(3, 2)(label)])
    x = layers.Reshape(SHAPE)(layers.Dense(784, activation="tanh", kernel_initializer="random_normal")(x))
    generator = keras.Model({"latent": latent, "given": given, "label": label}, x)
    model = tfgen.AdversarialModel(generator, networks((3,))[1], latent_dim=2, fields=fields, name="of_both")
    model.compile()
    return model


def data(folder, kind):
    """npz:FILE with images and the field `given`: vectors, or pictures of half the size."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", COUNT), ("valid", 260), ("test", 200)):
        arrays[f"x_{split}"] = random.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
        vectors = random.standard_normal((count, 3)).astype(np.float32)
        pictures = random.integers(0, 256, (count, 14, 14, 1), dtype=np.uint8)
        arrays[f"given_{split}"] = vectors if kind == "vector" else pictures
    np.savez(folder / f"{kind}.npz", **arrays)
    return f"npz:{folder / f'{kind}.npz'}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of runs conditioned on vectors and on pictures."""
    root = tmp_path_factory.mktemp("runs")
    for kind in ("vector", "image"):
        keras.utils.set_random_seed(0)
        dataset = data(root, kind)
        fields = tfgen.load_dataset(dataset).fields
        assert fields["given"].kind == kind
        model = of_conditions(fields)
        recipe = Recipe("of_conditions", dataset, epochs=1)
        save_record(root / kind, recipe, fields, class_names=None, plugins=["my_plugin"], makes="image")
        save_keras_files(model, root / kind / "models")
    return root


def command(main, run, *flags):
    return main.COMMAND([f"--run={run}", *map(str, flags)])


def images_of(path):
    with np.load(path) as file:
        return file["images"]


@pytest.mark.parametrize("kind", ["vector", "image"])
def test_conditions_are_rows_of_the_validation_split_in_turn(runs, tmp_path, kind):
    assert command(sample, runs / kind, "--num=270", f"--out={tmp_path / 's.npz'}") == 0
    run = load_run(runs / kind)
    rows = run.source().splits["validation"].gather(np.arange(270) % 260)["given"]
    made = images_of(tmp_path / "s.npz")
    assert np.array_equal(made, run.model.sample(270, conditions={"given": rows}))
    assert command(sample, runs / kind, "--num=20", f"--out={tmp_path / 'few.npz'}") == 0
    assert np.array_equal(images_of(tmp_path / "few.npz"), made[:20])


def test_conditions_of_a_file_are_taken_in_turn(runs, tmp_path):
    given = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)
    np.savez(tmp_path / "c.npz", given=given)
    flags = [f"--conditions={tmp_path / 'c.npz'}", "--num=7", f"--out={tmp_path / 's.npz'}"]
    assert command(sample, runs / "vector", *flags) == 0
    model = load_run(runs / "vector").model
    assert np.array_equal(images_of(tmp_path / "s.npz"), model.sample(7, conditions={"given": given}))


def test_any_part_of_a_sequence_has_its_own_conditions(runs):
    run = load_run(runs / "vector")
    examples = run.source().splits["validation"]
    whole = np.concatenate([made for made, _ in chunks(run.model, 0, 520, examples=examples, seed=1)])
    (made, rows), *more = chunks(run.model, 255, 505, examples=examples, seed=1)
    part, given = np.concatenate([made, more[0][0]]), np.concatenate([rows["given"], more[0][1]["given"]])
    assert len(more) == 1 and np.array_equal(part, whole[255:505])
    assert np.array_equal(given, examples.gather(np.arange(255, 505) % 260)["given"])


def test_shards_of_other_conditions_are_not_mixed(runs, tmp_path, capsys):
    for name, seed in (("a", 1), ("b", 2)):
        np.savez(tmp_path / f"{name}.npz", given=np.random.default_rng(seed).random((2, 3), np.float32))
    flags = ["--num=6", "--format=npz", "--shards=2", f"--out={tmp_path / 's'}"]
    assert command(sample, runs / "vector", *flags, f"--conditions={tmp_path / 'a.npz'}") == 0
    manifest = json.loads((tmp_path / "s" / "samples.json").read_text())
    model = load_run(runs / "vector").model
    with np.load(tmp_path / "a.npz") as file:
        assert manifest["conditions"] == conditions_digest(model, 6, {"given": file["given"]})
    assert manifest["label"] is None and len(manifest["conditions"]) == 64
    assert command(sample, runs / "vector", *flags, f"--conditions={tmp_path / 'b.npz'}") == 2
    assert "conditions was" in capsys.readouterr().err
    assert command(sample, runs / "vector", *flags) == 2


def test_labels_beside_conditions_of_examples_are_theirs(tmp_path):
    """In the samples, in the manifest of shards, and in what an evaluation says."""
    dataset, random = data(tmp_path, "vector"), np.random.default_rng(2)
    with np.load(tmp_path / "vector.npz") as file:
        more = {name.replace("x_", "y_"): random.integers(0, 3, len(file[name])) for name in file if name[0] == "x"}
        np.savez(tmp_path / "vector.npz", **file, **more)
    run, examples = tmp_path / "run", tfgen.load_dataset(dataset).splits["validation"]
    recipe = Recipe("of_both", dataset, epochs=1)
    fields = examples.fields()
    model = of_both(fields)
    save_record(run, recipe, fields, class_names=None, plugins=[], makes="image")
    save_keras_files(model, run / "models")
    assert not model.cycles_classes({}, examples) and model.cycles_classes({"given": 0}, examples)
    assert command(sample, run, "--num=20", "--format=npz", "--shards=2", f"--out={tmp_path / 's'}") == 0
    stored, batch = StoredSamples(tmp_path / "s"), examples.gather(np.arange(20))
    assert stored.labels.tolist() == batch["label"].tolist() != (np.arange(20) % 3).tolist()
    given = {name: batch[name] for name in ("given", "label")}
    np.testing.assert_array_equal(np.asarray(stored), model.sample(20, conditions=given))
    assert (
        stated_conditions(model, split="validation", examples=examples)["label"]
        == "rows of the validation split in turn"
    )
    assert stated_conditions(model, {"given": [0]}, examples=examples)["label"] == "all 3 classes in turn"


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--conditions=none.npz"], "--conditions: expected a file of arrays, but none.npz is not there"),
        (["--conditions=wide.npz"], "given: expected finite numbers [N, 3], got float64 of shape (2, 4)"),
        (["--conditions=typo.npz"], "takes no givn: its conditions are given; did you mean 'given'?"),
        (["--label=1"], "of_conditions is not conditioned on a label; give conditions={'given': ...}"),
        (
            ["--sampler=hun"],
            "--sampler is one of latent, euler, heun, ddim, ancestral, jump, sequential, got 'hun'; did you mean",
        ),
        (["--sampler=heun"], "has no velocity for a sampler to follow"),
        (["--sampling_steps=3"], "--sampling_steps is not for the sampler Latent()"),
        (["--sampler=latent", "--guidance=2"], "--guidance is not for the sampler latent"),
        (["--temperature=1.1"], "--temperature is not for the sampler Latent()"),
        (["--plugin=no_such_module"], "there is no module 'no_such_module' to import"),
    ],
)
def test_mistakes_are_one_sentence(runs, tmp_path, monkeypatch, capsys, flags, sentence):
    np.savez(tmp_path / "wide.npz", given=np.zeros((2, 4)))
    np.savez(tmp_path / "typo.npz", givn=np.zeros((2, 3)))
    monkeypatch.chdir(tmp_path)
    assert command(sample, runs / "vector", "--num=2", "--out=s.npz", *flags) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and not (tmp_path / "s.npz").exists()


@pytest.mark.parametrize("kind, said", [("vector", True), ("image", False)])
def test_what_speaks_of_a_side_is_not_mirrored_and_that_is_said(tmp_path, capsys, kind, said):
    recipe = Recipe("of_conditions", data(tmp_path, kind), steps=1, batch_size=2, mirror=True)
    tfgen.train(recipe, tmp_path / "run", dry_run=True)
    sentence = "mirror flips images alone: leave it out where given tell left from right"
    assert (sentence in capsys.readouterr().out) == said


def test_a_run_of_a_plugin_asks_for_it_and_never_imports_it(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(MODELS._registered, "of_conditions")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_plugin.py").write_text("raise SystemExit('imported because a file says so')")
    assert command(sample, runs / "vector", "--num=2", "--out=s.npz") == 2
    folder = runs / "vector"
    said = f"the model 'of_conditions' of {folder} comes from a plugin: give --plugin=my_plugin (in Python: import"
    assert said in capsys.readouterr().err
    assert command(evaluate, folder, "--num=20") == 2 and said in capsys.readouterr().err
    page = write_report([folder], tmp_path / "r.html", say=lambda line: None).read_text()
    assert "give --plugin=my_plugin" in page and "tfgen.evaluate --run=" in page and " --plugin=my_plugin" in page


# Evaluation.


def quick(*flags):
    return ["--num=60", "--nocontrols", "--metrics=fd", "--extractor=fashion_mnist", *flags]


@pytest.mark.slow
def test_an_evaluation_states_its_conditions(runs, tmp_path):
    assert command(evaluate, runs / "image", *quick(f"--out={tmp_path / 'e.json'}", f"--cache={tmp_path}")) == 0
    found = json.loads((tmp_path / "e.json").read_text())
    assert found["subject"]["conditions"] == {"given": "rows of the test split in turn"} and "fd" in found["metrics"]
    assert "notes" not in found["details"] and (tmp_path / "nearest.png").is_file()
    np.savez(tmp_path / "c.npz", given=np.zeros((5, 14, 14, 1), np.uint8))
    flags = quick(f"--out={tmp_path / 'f.json'}", f"--cache={tmp_path}", f"--conditions={tmp_path / 'c.npz'}")
    assert command(evaluate, runs / "image", *flags) == 0
    other = json.loads((tmp_path / "f.json").read_text())
    assert other["subject"]["conditions"] == {"given": "5 given, in turn"}
    assert len(other["subject"]["conditions_file"]["sha256"]) == 64
    assert other["metrics"]["fd"]["value"] != found["metrics"]["fd"]["value"]


def test_data_without_the_conditions_ask_for_a_file(runs, tmp_path, capsys):
    np.savez(tmp_path / "plain.npz", x_train=np.zeros((40, *SHAPE), np.uint8), x_test=np.zeros((40, *SHAPE), np.uint8))
    flags = quick(f"--dataset=npz:{tmp_path / 'plain.npz'}", f"--out={tmp_path / 'e.json'}")
    assert command(evaluate, runs / "vector", *flags) == 2
    error = capsys.readouterr().err
    assert "is conditioned on 'given', which npz:" in error and "give --conditions=FILE.npz" in error


def test_conditions_are_for_runs(capsys):
    assert evaluate.COMMAND(["--samples=a.npz", "--dataset=mnist", "--conditions=c.npz"]) == 2
    assert "--conditions is for samples that a run makes" in capsys.readouterr().err


def test_scores_that_fail_are_a_note_and_the_others_stay(runs, monkeypatch):
    run, said = load_run(runs / "vector"), []
    monkeypatch.setattr(type(run.model), "scores", lambda self, held_out, settings: 1 / 0)
    monkeypatch.setattr(type(run.model), "score_names", ("own",))
    settings = Settings(num=60, controls=False, metrics=("fd", "own"), extractor="fashion_mnist")
    evaluation = evaluate_model(run.model, run.source(), settings, say=said.append)
    note = "the model's own scores could not be measured: division by zero"
    assert list(evaluation.scores) == ["fd"] and evaluation.to_json()["details"]["notes"] == [note]
    assert f"  {note}" in said


def test_a_model_of_vectors_has_its_own_scores_alone(monkeypatch):
    random = np.random.default_rng(0)
    splits = {split: Arrays({"code": random.random((40, 5), np.float32)}) for split in ("train", "validation", "test")}
    source = Source("codes", splits["train"].fields(), splits)
    generator = keras.Sequential([keras.Input((2,), name="latent"), layers.Dense(5)])
    judge = keras.Sequential([keras.Input((5,), name="code"), layers.Dense(1)])
    model = tfgen.AdversarialModel(generator, judge, latent_dim=2, fields=source.fields)
    own = lambda self, held_out, settings: ({"own": Score(float(held_out.data.mean()))}, {})  # noqa: E731
    monkeypatch.setattr(tfgen.AdversarialModel, "scores", own)
    evaluation = evaluate_model(model, source, Settings(), say=lambda line: None)
    assert list(evaluation.scores) == ["own"]
    assert "compared by features of images" in evaluation.details["notes"][0]


# Pictures.


def test_reports_show_conditions_above_samples(runs, tmp_path):
    said = []
    page = write_report([runs / "image"], tmp_path / "r.html", say=said.append).read_text()
    assert said == [] and "30 conditions of of_conditions, samples below" in page
    page = write_report([runs / "vector"], tmp_path / "v.html", say=said.append).read_text()
    assert said == [] and "Conditions are rows of the validation split." in page


def test_pictures_of_two_kinds_share_a_sheet():
    gray, colour = np.full((3, 2, 2, 1), 9, np.uint8), np.full((3, 4, 4, 3), 7, np.uint8)
    sheet = paired(gray, colour, 2)
    assert sheet.shape == (4 * 6 + 2, 2 * 6 + 2, 3)
    assert (sheet[2:6, 2:6] == 9).all() and (sheet[8:12, 2:6] == 7).all() and (sheet[14:18, 8:12] == 255).all()
    assert (
        fitted(np.stack([np.full((2, 2), v, np.uint8) for v in (3, 6, 9)], -1), (2, 2, 1)).tolist() == [[[6]] * 2] * 2
    )
