import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tfgen
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import Run, read_history, save_record
from tfgen.runs.layout import Layout

FIELDS = {"image": Field("image", (16, 16, 1))}
OPTIONS = {"network": "dense", "units": [8], "latent_dim": 2}
RECIPE = Recipe(model="vae", options=OPTIONS, image_size=(16, 16), epochs=2)


@pytest.fixture
def folder(tmp_path):
    save_record(tmp_path / "run", RECIPE, FIELDS, class_names=["a", "b"], versions={"keras": "3"})
    return tmp_path / "run"


def test_recipe_and_record_come_back(folder):
    run = tfgen.load_run(str(folder))
    assert run.recipe == RECIPE
    assert run.record["class_names"] == ["a", "b"] and run.record["versions"] == {"keras": "3"}
    assert run.folder == folder and isinstance(run.folder, pathlib.Path)


def test_the_layout_is_that_of_the_design():
    paths = Layout(pathlib.Path("r"))
    names = (
        "recipe",
        "history",
        "tensorboard",
        "checkpoints",
        "samples",
        "models",
        "trainer",
        "savedmodel",
        "evaluation",
    )
    assert [str(getattr(paths, name)) for name in names] == [
        "r/recipe.json",
        "r/history.csv",
        "r/tensorboard",
        "r/checkpoints",
        "r/samples",
        "r/models",
        "r/models/trainer.keras",
        "r/export/1",
        "r/evaluation.json",
    ]


def test_history_is_read_as_numbers_and_anew_each_time(folder):
    run = Run(folder)
    assert run.history == {}
    run.paths.history.write_text("epoch,step,loss,kl\n1,10,0.1,\n2,20,inf,3.5\n")
    history = run.history
    assert history["epoch"] == [1, 2] and history["step"] == [10, 20] and isinstance(history["epoch"][0], int)
    assert history["loss"] == [0.1, math.inf] and math.isnan(history["kl"][0]) and history["kl"][1] == 3.5
    run.paths.history.write_text("epoch,step\n")
    assert run.history == {"epoch": [], "step": []}
    run.paths.history.write_text("")
    assert read_history(run.paths.history) == {}


def test_what_is_no_run_is_said_in_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match=rf"there is no folder {tmp_path}/rum; runs nearby: {folder}$"):
        tfgen.load_run(tmp_path / "rum")
    with pytest.raises(
        UserError, match=rf"{tmp_path} is not the folder of a run.*no recipe.json; runs nearby: {folder}$"
    ):
        tfgen.load_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, expected the folder of a run"):
        tfgen.load_run(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="tfgen.run makes one"):
        tfgen.load_run(tmp_path / "empty")


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"a": 1}), json.dumps({"recipe": {}}), '{"recipe": 7}'])
def test_a_damaged_record_is_said_in_a_sentence(folder, text):
    (folder / "recipe.json").write_text(text)
    with pytest.raises(UserError, match="recipe.json is damaged or not written by tfgen") as caught:
        tfgen.load_run(folder).recipe  # noqa: B018
    assert str(caught.value).count("train anew") == 1


def test_reading_a_run_starts_no_tensorflow(folder):
    program = (
        "import sys, tfgen; run = tfgen.load_run(sys.argv[1]); run.recipe, run.history\n"
        "import tfgen.sample\nsys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(folder)]).returncode == 0


def small_vae():
    return tfgen.build_model("vae", fields=FIELDS, **OPTIONS)


def test_the_trainer_is_loaded_compiled_and_goes_on(folder):
    from tfgen.export import save_keras_files

    images = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 1), np.uint8)
    model = small_vae()
    model.fit(images, batch_size=8, verbose=0)
    save_keras_files(model, folder / "models")
    run = tfgen.load_run(folder)
    assert run.model is run.model
    assert np.array_equal(run.model.sample(4, seed=3), model.sample(4, seed=3))
    for each in (model, run.model):
        each.fit(images, batch_size=8, verbose=0)
    assert int(run.model.step.numpy()) == 6 and run.model.digest() == model.digest()


def test_a_damaged_trainer_is_said_in_a_sentence(folder):
    (folder / "models").mkdir()
    (folder / "models" / "trainer.keras").write_bytes(b"PK")
    with pytest.raises(UserError, match="cannot load .*trainer.keras: .*; delete it to use the newest checkpoint"):
        tfgen.load_run(folder).model  # noqa: B018


def test_a_run_that_has_only_begun_has_no_model(folder):
    with pytest.raises(UserError, match="neither trainer.keras nor a checkpoint yet: train it first"):
        tfgen.load_run(folder).model  # noqa: B018


def test_an_unfinished_run_gives_its_newest_checkpoint(folder):
    from tfgen.export import save_keras_files
    from tfgen.training.checkpoints import Checkpoints

    model = small_vae()
    for step, shift in ((3, 0.1), (5, 0.2)):
        model.step.assign(step)
        model.decoder.weights[0].assign_add(model.decoder.weights[0] * 0 + shift)
        Checkpoints(model, folder / "checkpoints").save()
        if step == 3:
            save_keras_files(model, folder / "models")
    images = model.sample(3)
    for case in ("continued after its end", "never ended"):
        found = tfgen.load_run(folder).model
        assert int(found.step.numpy()) == 5 and np.array_equal(found.sample(3), images), case
        (folder / "models" / "trainer.keras").unlink(missing_ok=True)


def test_the_end_of_a_run_counts_more_than_its_checkpoint(folder):
    from tfgen.export import save_keras_files
    from tfgen.training.checkpoints import Checkpoints

    model = small_vae()
    model.step.assign(5)
    save_keras_files(model, folder / "models")
    images = model.sample(3)
    model.step.assign(4)
    model.decoder.weights[0].assign_add(model.decoder.weights[0] + 1)
    Checkpoints(model, folder / "checkpoints").save()
    assert np.array_equal(tfgen.load_run(folder).model.sample(3), images)
