"""--init_from: the weights of a run or a file as the start of another run; what fits is said."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import zipfile

import factories
import keras
import numpy as np
import pytest
from factories import gan, labelled_gan, same, state, vae
from keras import layers

import tfgen
from tfgen.errors import UserError
from tfgen.export.keras_files import read_keras_file, save_keras_files
from tfgen.run import COMMAND
from tfgen.runs import job
from tfgen.training.transfer import transfer

OPTIONS = {"network": "dense", "units": [4], "latent_dim": 2}


@pytest.fixture(autouse=True)
def no_savedmodel(monkeypatch):
    """Its export takes longer than these trainings."""
    monkeypatch.setattr(job, "export", lambda *args: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), dtype=np.uint8)
    np.savez(folder / "images.npz", x_train=images, x_test=images[:9])
    return f"npz:{folder / 'images.npz'}"


@pytest.fixture
def recipe(data):
    return tfgen.Recipe("vae", data, OPTIONS, batch_size=8, steps=2, steps_per_execution=1)


@pytest.fixture(scope="module")
def origin(data, tmp_path_factory):
    """The folder of a trained vae."""
    recipe = tfgen.Recipe("vae", data, OPTIONS, batch_size=8, steps=2, steps_per_execution=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "export", lambda *args: None)
        return tfgen.train(recipe, tmp_path_factory.mktemp("origin") / "vae").folder


def weights_of(model):
    return {name: network.get_weights() for name, network in model.networks.items()}


def equal(one, other):
    return all(np.array_equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True))


class Start(keras.callbacks.Callback):
    """Keeps the weights before the first step."""

    def on_train_begin(self, logs=None):
        self.weights = weights_of(self.model)
        self.counts = [int(o.iterations.numpy()) for o in self.model.optimizers.values()]
        self.step = int(self.model.step)


@pytest.mark.slow
def test_a_run_starts_from_the_weights_of_another_and_says_so(recipe, origin, tmp_path, capsys):
    start = Start()
    run = tfgen.train(recipe, tmp_path / "run", init_from=origin, callbacks=[start])
    assert f"starts from the weights of {origin}: encoder: 6 of 6 arrays, decoder: 4 of 4" in capsys.readouterr().out
    assert equal(start.weights, weights_of(tfgen.load_run(origin).model))
    assert start.counts == [0] and start.step == 0, "weights, not state"
    trainer = pathlib.Path(origin) / "models" / "trainer.keras"
    assert run.record["init_from"] == {
        "file": str(trainer),
        "sha256": hashlib.sha256(trainer.read_bytes()).hexdigest(),
        "arrays": {"encoder": [6, 6], "decoder": [4, 4]},
        "step": 2,
    }
    assert run.record["recipe"]["init_from"] == str(origin)


@pytest.mark.slow
def test_a_resumed_run_does_not_start_again_and_needs_no_origin(recipe, origin, tmp_path, capsys):
    copied = shutil.copytree(origin, tmp_path / "copied")
    recipe = recipe.replace(init_from=str(copied))
    whole = tfgen.train(recipe.replace(steps=4), tmp_path / "whole")
    first = tfgen.train(recipe, tmp_path / "parts")
    shutil.rmtree(copied)
    capsys.readouterr()
    parts = tfgen.train(recipe.replace(steps=4), tmp_path / "parts")
    assert "starts from" not in capsys.readouterr().out
    assert parts.model.digest() == whole.model.digest()
    assert parts.record["init_from"] == first.record["init_from"] == whole.record["init_from"]
    with pytest.raises(UserError, match="init_from was .*copied, now None"):
        tfgen.train(recipe.replace(init_from=None), tmp_path / "parts")


def test_the_start_is_part_of_what_a_recipe_is(recipe):
    changed = recipe.replace(init_from="runs/a/")
    assert changed.init_from == "runs/a" and recipe.differences(changed) == ["init_from was None, now runs/a"]
    assert changed.replace(init_from="none") == recipe
    assert changed.replace(init_from=pathlib.Path("x.keras")).init_from == "x.keras"


@pytest.mark.slow
def test_an_autoencoder_starts_from_the_networks_of_a_vae(recipe, origin, tmp_path, capsys):
    start = Start()
    tfgen.train(recipe.replace(model="ae", init_from=origin), tmp_path / "run", callbacks=[start])
    out = capsys.readouterr().out
    assert "encoder: 2 of 4 arrays, decoder: 4 of 4 arrays" in out
    assert "does not fit, and starts anew: encoder latent/kernel (there is none); encoder latent/bias (there" in out
    theirs = weights_of(tfgen.load_run(origin).model)
    assert equal({"decoder": start.weights["decoder"]}, theirs)
    assert np.array_equal(start.weights["encoder"][0], theirs["encoder"][0])


def test_an_exported_network_alone_is_a_start(recipe, origin, tmp_path, capsys):
    decoder = pathlib.Path(origin) / "models" / "decoder.keras"
    assert tfgen.train(recipe, tmp_path / "run", init_from=decoder, dry_run=True) is None
    assert "encoder: 0 of 6 arrays, decoder: 4 of 4 arrays" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut off":
        return bytes(data[:700])
    if how == "no zip":
        return b"\x89HDF\r\n" * 50
    if how == "flipped":
        data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    return bytes(data)


def rewritten(path, target, change):
    """A copy of a .keras file whose config.json is `change(config)`."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(text))) if name == "config.json" else text)


@pytest.mark.parametrize("how", ["cut off", "no zip", "flipped", "empty config", "unknown class", "no layer"])
def test_a_damaged_file_is_one_sentence(origin, tmp_path, how):
    whole, bad = pathlib.Path(origin) / "models" / "encoder.keras", tmp_path / "bad.keras"
    changes = {
        "empty config": lambda config: {},
        "unknown class": lambda config: {**config, "class_name": "Nothing", "module": "no_such_module"},
        "no layer": lambda config: {**config, "config": {"name": "x", "layers": [7]}},
    }
    if how in changes:
        rewritten(whole, bad, changes[how])
    else:
        bad.write_bytes(damaged(whole, how))
    with pytest.raises(UserError, match=f"^cannot load {re.escape(str(bad))}: [^\n]+$"):
        read_keras_file(bad)


def test_a_damaged_start_is_found_before_anything_is_made(recipe, tmp_path, capsys):
    bad = tmp_path / "bad.keras"
    bad.write_bytes(b"PK")
    place = ["--model=vae", f"--dataset={recipe.dataset}", f"--workdir={tmp_path / 'run'}"]
    assert COMMAND([*place, f"--init_from={bad}", "--batch_size=8"]) == 2
    error = capsys.readouterr().err
    assert error == f"tfgen run: cannot load {bad}: it is damaged, or not a .keras file\n"
    assert not (tmp_path / "run").exists()


def test_no_code_of_a_file_runs(recipe, tmp_path):
    ran, image = str(tmp_path / "ran"), keras.Input((16, 16, 1), name="image")
    network = keras.Model(image, layers.Lambda(lambda x: os.makedirs(ran, exist_ok=True) or x, name="z")(image))
    (tmp_path / "ran").rmdir()
    network.save(tmp_path / "evil.keras")
    with pytest.raises(UserError, match="cannot load .*evil.keras: .*[Ll]ambda"):
        tfgen.train(recipe, tmp_path / "run", init_from=tmp_path / "evil.keras")
    assert not (tmp_path / "ran").exists()


def test_what_is_no_start_is_one_sentence(recipe, origin, tmp_path):
    (tmp_path / "notes.txt").touch()
    for place, sentence in {
        "nothing": "there is no folder .*nothing",
        "nothing.keras": "there is no file .*nothing.keras; expected a .keras file",
        "notes.txt": "expects the folder of a run or a .keras file, got .*notes.txt",
        ".": "is not the folder of a run",
    }.items():
        with pytest.raises(UserError, match=sentence):
            tfgen.train(recipe, tmp_path / "run", init_from=tmp_path / place)
    with pytest.raises(UserError, match="it has encoder and decoder, and dcgan is made of generator and discriminator"):
        tfgen.train(tfgen.Recipe("dcgan", recipe.dataset, batch_size=8, steps=1), tmp_path / "run", init_from=origin)


# --- what fits


def test_other_classes_fit_all_but_what_depends_on_them(monkeypatch):
    there = labelled_gan()
    monkeypatch.setattr(factories, "CLASSES", 6)
    here = labelled_gan()
    made = transfer(here, there.networks, {}, "there")
    assert str(made) == "generator: 2 of 3 arrays, discriminator: 2 of 3 arrays"
    assert made.misfits == [
        "generator embedding/embeddings (4x2 there, 6x2 here)",
        "discriminator embedding/embeddings (4x2 there, 6x2 here)",
    ]
    assert made.report(shown=1).endswith("(4x2 there, 6x2 here); and 1 more")
    assert np.array_equal(here.networks["generator"].weights[1], there.networks["generator"].weights[1])


def test_averages_start_from_the_averages_and_from_the_weights_without_any(tmp_path):
    there, here = gan(seed=1, ema=0.9), gan(seed=2, ema=0.9)
    for weight in there.averaged_networks["generator"].weights:
        weight.assign(weight + 1.0)
    transfer(here, there.networks, there.averaged_networks, "there")
    assert equal(weights_of(here), weights_of(there))
    average = here.averaged_networks["generator"].get_weights()
    assert all(map(np.array_equal, average, there.averaged_networks["generator"].get_weights()))
    transfer(here, there.networks, {}, "a model without averages")
    assert all(map(np.array_equal, here.averaged_networks["generator"].get_weights(), weights_of(there)["generator"]))


def test_names_that_keras_counts_on_do_not_matter():
    made = [vae(seed=seed) for seed in (1, 2, 3)]  # dense, dense_1, ...: counted through the process
    kept = transfer(made[2], made[0].networks, {}, "there")
    assert not kept.misfits and equal(weights_of(made[2]), weights_of(made[0]))


def test_weights_that_are_not_finite_change_nothing():
    there, here = gan(seed=1), gan(seed=2)
    before = state(here)
    there.networks["generator"].weights[0].assign(there.networks["generator"].weights[0] * np.nan)
    with pytest.raises(UserError, match="there holds weights that are not finite"):
        transfer(here, there.networks, {}, "there")
    assert same(state(here), before)


def test_a_saved_trainer_fits_with_its_averages(tmp_path):
    there, here = gan(seed=1, ema=0.9), gan(seed=2, ema=0.9)
    save_keras_files(there, tmp_path)
    loaded = keras.saving.load_model(tmp_path / "trainer.keras")
    transfer(here, loaded.networks, loaded.averaged_networks, "there")
    assert equal(weights_of(here), weights_of(there))
    averages = (model.averaged_networks["generator"].get_weights() for model in (here, there))
    assert all(map(np.array_equal, *averages))


# --- what belongs to weights, and what the data would set


def started(there, **options):
    """(a model that has taken over all of `there`, and is about to be trained; what of it)."""
    here = tfgen.build_model(there.name, there.data_shape, seed=5, **options)
    here.check_start(there)
    transfer(here, there.networks, there.averaged_networks, "there", there.states)
    return here


def pictures_like(model, seed=1):
    return np.random.default_rng(seed).integers(0, 100, (16, *model.data_shape), dtype=np.uint8)


@pytest.mark.parametrize(
    "name,options",
    [
        ("vamp_vae", {"components": 4, "width": 2, "latent_dim": 2}),
        ("vae", {"network": "dense", "units": [4], "latent_dim": 2, "data_bias": True}),
        pytest.param("realnvp", {"width": 4}, marks=pytest.mark.slow),
    ],
)
def test_the_first_fit_leaves_what_was_taken_over(name, options):
    """Which sets learned images, an output's bias, or the scale of the data in a model that begins anew."""
    there = tfgen.build_model(name, (8, 8, 1), **options)
    there.fit(pictures_like(there, 0), batch_size=8, verbose=0)
    here = started(there, **options)
    before = state(here)
    here.prepare(here.as_examples(pictures_like(here)), None)
    assert same(state(here), before)
    fresh = tfgen.build_model(name, (8, 8, 1), **options)
    kept = state(fresh)
    fresh.prepare(fresh.as_examples(pictures_like(fresh)), None)
    assert not same(state(fresh), kept)


@pytest.mark.slow
def test_a_codebook_goes_on_from_the_use_of_its_codes():
    small = {"width": 2, "prior_width": 2, "prior_blocks": 0}
    there = tfgen.build_model("vq_vae", (8, 8, 1), codes=8, **small)
    there.fit(pictures_like(there, 0), batch_size=8, epochs=4, verbose=0)
    here = started(there, codes=8, **small)
    assert float(np.sum(here.states["code_counts"])) > 1.0
    assert np.array_equal(here.states["code_sums"], there.states["code_sums"])
    here.fit(pictures_like(here, 0)[:4], batch_size=4, verbose=0)
    table, moved = (m.networks["codebook"].get_layer("vectors").embeddings.numpy() for m in (there, here))
    assert np.linalg.norm(moved - table) < 0.2 * np.linalg.norm(table)
    other = tfgen.build_model("vq_vae", (8, 8, 1), codes=4, **small)  # another codebook: its use begins anew
    transfer(other, there.networks, {}, "there", there.states)
    assert not np.any(other.states["code_counts"])


def test_an_average_by_its_updates_goes_on_from_their_number():
    options = {"ema": "power(0.1)", "network": "dense", "units": [4], "latent_dim": 2}
    there = tfgen.build_model("vae", (8, 8, 1), **options)
    there.fit(pictures_like(there, 0), batch_size=4, verbose=0)
    here = started(there, **options)
    assert int(here.states["decoder_averaged"]) == 4


@pytest.mark.parametrize("options", [{"order": "random"}, {"order": "random", "masks": 2}, {"masks": 2}])
def test_weights_of_another_order_or_of_other_masks_are_refused(options):
    there = tfgen.build_model("made", (8, 8, 1), units=[8], seed=3, **options)
    with pytest.raises(UserError, match="give --seed=3"):
        started(there, units=[8], **options)
    here = tfgen.build_model("made", (8, 8, 1), units=[8], seed=3, **options)
    here.check_start(there)
