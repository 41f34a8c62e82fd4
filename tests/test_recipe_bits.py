"""Every recipe of configs/, twice with one seed: the same bits, in whatever process; and one epoch and one more."""

import json
import os
import pathlib
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import tfgen
from tfgen import models
from tfgen.data.source import Field
from tfgen.models import settle
from tfgen.optimizers.schedules import spans_all_steps
from tfgen.recipes.recipe import Recipe, load_recipe, recipe_names
from tfgen.runs import resume

PROGRAM = pathlib.Path(__file__).with_name("recipe_bits.py")
NAMES = list(recipe_names())


def start(*arguments, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(PROGRAM.parents[1])}
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def lines(process):
    """name -> what the program printed of it."""
    out, error = process.communicate()
    assert process.returncode == 0, error
    return {line["name"]: line for line in map(json.loads, out.splitlines())}


# networks of papers are large, and steps that are not compiled take seconds each
PAPERS = [name for name in NAMES if name.endswith("_paper")]
BUILT = [pytest.param([n for n in NAMES if n not in PAPERS], id="for a CPU"), pytest.param(PAPERS, id="of papers")]


@pytest.mark.slow
@pytest.mark.parametrize("names", BUILT)
def test_every_recipe_builds_and_steps_alike_in_two_processes(names):
    """In another order, with another hash seed, and with other states of Python's and NumPy's generators."""
    started = start("build", *names, hash_seed=1), start("build", *names[::-1], hash_seed=2)
    first, second = map(lines, started)
    assert list(first) == names
    assert {name: line["digest"] for name, line in first.items()} == {n: second[n]["digest"] for n in names}


# All recipes take more than an hour: with the tests of plugins run those of an autoencoder and of points.
FIRST = ["vae", "gan_ring"]
PARTS = [pytest.param(FIRST, marks=pytest.mark.plugins, id="first")]
PARTS += [pytest.param([n for n in NAMES if n not in FIRST][part::6], id=f"later-{part}") for part in range(6)]


@pytest.mark.slow
@pytest.mark.parametrize("names", PARTS)
def test_every_recipe_trains_twice_to_the_same_bits_and_continues_to_them_or_says_that_it_does_not(names, tmp_path):
    """Two epochs at once in two processes, one of them in reverse order; and one epoch and one more."""
    once = lines(start("train", tmp_path / "a", *names, hash_seed=3))
    again = lines(start("train", tmp_path / "b", *names[::-1], hash_seed=4))
    more = lines(start("continue", tmp_path / "c", *names, hash_seed=5))
    for name in names:
        assert once[name]["digest"] == again[name]["digest"], name
        spans, steps = spans_all_steps(load_recipe(name).schedule), once[name]["steps"]
        said = f"spans all steps, {steps // 2} when this run began and {steps} now"
        assert (said in more[name]["said"]) is spans, name
        assert (more[name]["digest"] == once[name]["digest"]) is not spans, name
        assert f"resumed from step {steps // 2}\n" in more[name]["said"] and "spans all steps" not in once[name]["said"]


# Members of the kind: whatever draws or counts while a model is built.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dcgan", {"width": 2, "dropout": 0.4, "augment": "translate"}),
        pytest.param("gan", {"initial_scale": 0.05, "dropout": 0.5}, marks=pytest.mark.slow),
        pytest.param("cgan", {"network": "dense", "initial_scale": 0.05, "dropout": 0.3}, marks=pytest.mark.slow),
        pytest.param(
            "vae", {"network": "dense", "units": [4], "stddev": 0.02, "prior": "normal"}, marks=pytest.mark.slow
        ),
    ],
)
def test_nothing_that_went_before_moves_a_model_of_a_seed(name, options):
    shape, digests, random = (16, 16, 1), [], np.random.default_rng(0)
    images, labels = random.integers(0, 256, (8, *shape), dtype=np.uint8), np.arange(8) % 3
    for before in (0, 2):
        keras.utils.set_random_seed(before)
        for _ in range(5 * before):  # names of layers are counted in the process: dense_9 sorts after dense_10
            keras.layers.Dense(1)
        model = tfgen.build_model(name, shape, 3, latent_dim=3, **options)
        model.fit({"image": images, "label": labels}, batch_size=4, epochs=2, verbose=0)
        digests.append((model.digest(), model.sample(3, seed=1).tobytes()))
    assert digests[0] == digests[1]


def test_a_seed_is_all_that_differs_between_two_models():
    recipe = load_recipe("gan_paper").replace(options={"units": [4], "maxout_units": [3]})
    fields = {"image": Field("image", (16, 16, 1))}
    digests = [settle(recipe.replace(seed=seed), fields).model.digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_a_recipes_seed_holds_for_builders_that_take_none(monkeypatch):
    def own(fields):
        """For this test."""
        latent, image = keras.Input((2,)), keras.Input((16, 16, 1))
        made = keras.layers.Reshape((16, 16, 1))(keras.layers.Dense(256, activation="tanh")(latent))
        judged = keras.layers.Dense(1)(keras.layers.Dropout(0.5)(keras.layers.Flatten()(image)))
        model = tfgen.AdversarialModel(keras.Model(latent, made), keras.Model(image, judged), latent_dim=2)
        model.compile()
        return model

    monkeypatch.setattr(models.MODELS, "_registered", {"own": (own, "for tests")})
    digests = []
    for before, seed in ((1, 5), (2, 5), (3, 6)):
        keras.utils.set_random_seed(before)
        model = settle(Recipe("own", seed=seed), {"image": Field("image", (16, 16, 1))}).model
        model.fit(np.zeros((8, 16, 16, 1), np.uint8), batch_size=4, verbose=0)
        digests.append(model.digest())
    assert digests[0] == digests[1] != digests[2]


# The sentence.


@pytest.mark.parametrize(
    ("schedule", "begun", "before", "total", "said"),
    [
        ("cosine", 12, 12, 24, True),
        ({"name": "linear", "warmup": 0.1}, 5, 12, 24, True),
        ("cosine", 5, 24, 12, True),  # a shorter one, too
        ("cosine", 12, 24, 24, False),  # interrupted, and continued to the same end
        ("cosine", None, None, 24, False),
        ("cosine", 24, 12, 24, False),  # there is nothing to do
        ("constant", 12, 12, 24, False),
        ({"name": "exponential", "rate": 1.1}, 12, 12, 24, False),
        ({"name": "stages", "epochs": [1, 1], "factors": [1, 0.5]}, 12, 12, 24, False),
    ],
)
def test_a_run_that_goes_on_under_a_longer_schedule_says_so(monkeypatch, schedule, begun, before, total, said):
    monkeypatch.setattr(resume, "recorded", lambda paths: (types.SimpleNamespace(record={"total_steps": before}), ""))
    recipe = load_recipe("vae").replace(schedule=schedule)
    sentence = resume.remark_on_schedule(None, recipe, begun, total)
    assert (sentence is not None) is said
    if said:
        assert f"{before} when this run began and {total} now" in sentence and "\n" not in sentence


def test_without_a_record_nothing_is_said(monkeypatch):
    monkeypatch.setattr(resume, "recorded", lambda paths: (None, "is missing"))
    assert resume.remark_on_schedule(None, load_recipe("vae"), 3, 9) is None
