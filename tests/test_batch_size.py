"""`--batch_size=auto`: how large a batch fits into memory."""

import json

import numpy as np
import pytest

import tfgen
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.recipes.recipe import Recipe
from tfgen.runs import batch_size

FIELDS = {"image": Field("image", (16, 16, 1))}
DENSE = {"network": "dense", "units": [8], "latent_dim": 2}
AUTO = Recipe(model="vae", options=DENSE, batch_size="auto")
MB = 10**6


def linear(base, an_image, tried=None):
    """A stand-in for the trial: base + an_image for each image, in MB."""

    def probe(sizes):
        if tried is not None:
            tried.append(sizes)
        return [(base + an_image * size) * MB for size in sizes]

    return probe


@pytest.mark.parametrize(
    "examples, accumulate, sizes",
    [
        (60_000, 1, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
        (700, 1, [1, 2, 4, 8, 16, 32, 64]),
        (700, 4, [4, 8, 16, 32, 64]),
        (3, 1, [1]),
    ],
)
def test_powers_of_two_up_to_a_tenth_of_the_examples(examples, accumulate, sizes):
    assert batch_size.allowed(examples, accumulate) == sizes


def test_no_power_of_two_is_a_multiple_of_three():
    with pytest.raises(UserError, match="up to 70, and accumulate=3 divides none"):
        batch_size.allowed(700, 3)


def test_two_measurements_make_a_line():
    sizes = batch_size.allowed(10**6)
    # 200 + 2.5 b MB: 256 take 840, 512 take 1480
    assert batch_size.fitting(sizes, (16, 240 * MB), (64, 360 * MB), 1000 * MB) == (256, 840 * MB)
    assert batch_size.fitting(sizes, (16, 240 * MB), (64, 360 * MB), 1480 * MB)[0] == 512
    assert batch_size.fitting(sizes, (16, 240 * MB), (64, 360 * MB), 250 * MB) == (16, 240 * MB)
    assert batch_size.fitting(sizes, (16, 240 * MB), (64, 239 * MB), 300 * MB) == (1024, 239 * MB), "no slope below 0"
    with pytest.raises(UserError, match="1 images takes about 0.20 GB, and 0.10 GB may be taken"):
        batch_size.fitting(sizes, (16, 240 * MB), (64, 360 * MB), 100 * MB)


def test_the_choice_is_tried_before_it_is_made():
    tried, said = [], []
    chosen = batch_size.automatic(AUTO, FIELDS, 60_000, free=1000 * MB, probe=linear(200, 2.0, tried), say=said.append)
    # 80 % of 1000 MB are 800: 256 take 712
    assert chosen == 256 and tried == [[16, 64], [256]]
    assert said[0].startswith("batch_size: 256; a step takes 0.71 GB of the 1.00 GB that are free") and len(said) == 1


def test_a_trial_that_is_killed_or_takes_more_than_foretold_halves_the_batch():
    def bent(sizes):
        return None if sizes == [1024] else [900 * MB if size == 512 else size * MB // 2 for size in sizes]

    assert batch_size.automatic(AUTO, FIELDS, 60_000, free=1000 * MB, probe=bent, say=str) == 256
    with pytest.raises(UserError, match="a training step of 64 images does not fit"):
        batch_size.automatic(AUTO, FIELDS, 60_000, free=1000 * MB, probe=lambda sizes: None)


def test_free_memory_is_the_machines_or_the_control_groups(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert batch_size.free_memory(tmp_path / "meminfo", tmp_path) == 5000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert batch_size.free_memory(tmp_path / "meminfo", tmp_path) == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert batch_size.free_memory(tmp_path / "meminfo", tmp_path) == 5000 * 1024
    with pytest.raises(UserError, match="which is not there; give a number"):
        batch_size.free_memory(tmp_path / "none")


def test_random_examples_fit_their_fields():
    fields = {**FIELDS, "label": Field("label", range=(0, 3)), "time": Field("vector", (2,))}
    made = batch_size.random_examples(fields, 50)
    assert made["image"].shape == (50, 16, 16, 1) and made["image"].dtype == np.uint8
    assert np.bincount(made["label"]).tolist() == [17, 17, 16] and made["time"].shape == (50, 2)
    texts = batch_size.random_examples({"caption": Field("text")}, 3)["caption"]
    assert texts.shape == (3,) and all(isinstance(text, str) for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("name, options", [("sgan", {"labelled": 60}), ("caption_gan", {})])
def test_models_that_choose_among_examples_or_read_texts_are_tried(name, options):
    recipe = tfgen.load_recipe(name).replace(batch_size="auto", options=options)
    more = {"label": Field("label", range=(0, 3))} if name == "sgan" else {"caption": Field("text")}
    assert all(count > 0 for count in batch_size.peaks(recipe, {**FIELDS, **more}, [4]))


@pytest.mark.slow
def test_a_run_records_the_number_and_goes_on_with_it(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(batch_size, "peaks", lambda *args: calls.append(args) or linear(100, 0.1)(args[2]))
    monkeypatch.setattr(batch_size, "free_memory", lambda: 10**9)
    images = np.random.default_rng(0).integers(0, 256, (360, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images, x_test=images[:20])
    recipe = AUTO.replace(dataset=f"npz:{tmp_path / 'data.npz'}", steps=2, accumulate=2)
    tfgen.train(recipe, tmp_path / "run")
    saved = json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]
    assert saved["batch_size"] == 32 and saved["accumulate"] == 2 and len(calls) == 1
    assert "batch_size: 32; a step takes 0.10 GB" in capsys.readouterr().out
    run = tfgen.train(recipe.replace(steps=3), tmp_path / "run")
    assert run.recipe.batch_size == 32 and "resumed from step 2" in capsys.readouterr().out and len(calls) == 1
    assert run.model.accumulate == 2


def test_a_model_of_a_script_cannot_be_tried_elsewhere(monkeypatch):
    def builder():
        pass

    builder.__module__ = "__main__"
    monkeypatch.setattr("tfgen.models.MODELS.get", lambda name: builder)
    with pytest.raises(UserError, match="put it into a module of its own, or give a number"):
        batch_size.peaks(AUTO, FIELDS, [1])


@pytest.mark.slow
def test_a_trial_measures_a_growing_step_and_says_what_is_wrong():
    recipe = AUTO.replace(options={"units": [2048]})
    small, large = batch_size.peaks(recipe, FIELDS, [16, 8192])
    assert 0 < small < large and large - small > 8192 * 2048 * 4
    with pytest.raises(UserError, match="a trial of the training step failed: (?!tfgen).*unit"):
        batch_size.peaks(AUTO.replace(options={"unit": 1}), FIELDS, [16])
