"""Actions on latents: each on a model whose answer is known, its numbers by hand, and its mistakes in sentences."""

import dataclasses
import json
import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import gan
from keras import layers
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import tfgen
from tfgen import latent, priors
from tfgen.data.arrays import finish
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.extractors.base import Extractor, compiled
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.latent import directing, exploring, expressions, projection, vectors
from tfgen.latent.__main__ import COMMAND
from tfgen.latent.discriminant import Discriminant
from tfgen.latent.expressions import Concept
from tfgen.storage import films

SHAPE, NAMES = (8, 8, 1), ["left", "right"]


def halves(z):
    """float32 [B, H, W, C] of latents [B, 3]: z_0 chooses the lit half, z_1 its brightness; z_2 does nothing."""
    side = tf.concat([tf.nn.relu(-z[:, :1]), tf.nn.relu(z[:, :1])], 1)
    side = tf.cast(side > 0, tf.float32) * (0.5 + 0.2 * z[:, 1:2])
    return tf.reshape(tf.repeat(tf.repeat(side, 4, axis=1)[:, None], 8, axis=1), [-1, *SHAPE])


class Halves(layers.Layer):
    def call(self, z):
        return halves(z)


def model_of_halves(prior=None):
    z, image = keras.Input((3,), name="latent"), keras.Input(SHAPE, name="image")
    critic = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
    options = {"value_range": (0.0, 1.0), "ema": None, "name": "halves"}
    made = tfgen.AdversarialModel(
        keras.Model(z, Halves()(z)), critic, latent_dim=3, prior=prior or priors.uniform(), **options
    )
    made.compile()
    return made


def source_of_halves(count=400, labelled=True):
    rng = np.random.default_rng(5)
    images = np.round(255 * halves(tf.constant(rng.uniform(-1, 1, (count, 3)), tf.float32)).numpy()).astype(np.uint8)
    labels = (images[:, 0, -1, 0] > 0).astype(np.int64)
    arrays = {"image": images, **({"label": labels} if labelled else {})}
    fields = {"image": Field("image", SHAPE), **({"label": Field("label", range=(0, 2))} if labelled else {})}
    whole = Arrays(arrays, fields)
    splits = {"train": whole.select(np.arange(count // 2)), "test": whole.select(np.arange(count // 2, count))}
    return Source("halves", fields, splits, NAMES if labelled else None, extractor="halves")


@pytest.fixture(autouse=True)
def extractor(monkeypatch):
    """Features of a picture: the brightness of its halves, and a constant."""

    def network(images):
        flat = tf.reduce_mean(tf.reshape(images, [-1, 8, 2, 4]), axis=(1, 3))
        return tf.concat([flat, tf.ones_like(flat[:, :1])], 1), None

    known = {"name": "halves", "version": "1", "sha256": "0" * 64, "image_size": SHAPE[:2], "channels": 1}
    made = Extractor(compiled(network, SHAPE[:2], 1), **known)
    monkeypatch.setattr("tfgen.latent.judging.load_extractor", lambda name: made)


@pytest.fixture(scope="module")
def space():
    return latent.Space(model_of_halves(), source_of_halves())


# The space.


def test_draws_are_the_latents_of_the_samples(space):
    np.testing.assert_array_equal(space.decode(space.draw(5, seed=3)), space.model.sample(5, seed=3))
    np.testing.assert_array_equal(space.draw(7, seed=3)[2:], space.draw(5, seed=3, start=2))


def test_latents_of_a_plain_autoencoder_are_codes_of_held_out_images():
    image, z = keras.Input(SHAPE, name="image"), keras.Input((2,), name="latent")
    decoder = keras.Model(z, layers.Reshape(SHAPE)(layers.Dense(64)(z)))
    model = Autoencoder(keras.Model(image, layers.Dense(2)(layers.Flatten()(image))), decoder)
    model.compile()
    source = source_of_halves()
    found = latent.Space(model, source)
    first = source.splits["test"].to_numpy()["image"][np.random.default_rng(4).permutation(200)[:2]]
    np.testing.assert_allclose(found.draw(2, seed=4), model.encode(first)["latent"], rtol=1e-5)
    a, b = found.draw(2, seed=4)[:, None]
    np.testing.assert_allclose(found.between(a, b, [0.25])[:, 0], 0.75 * a + 0.25 * b, rtol=1e-5)
    assert latent.interpolate(found, rows=2, steps=3).picture.dtype == np.uint8
    with pytest.raises(UserError, match="a plain autoencoder cannot generate"):
        latent.truncation(found)
    ends = latent.project(found, num=3)
    assert ends.settings["steps"] == 0 and ends.settings["encoder"]
    batch = source.splits["test"].gather(np.random.default_rng(0).permutation(200)[:3])["image"]
    again = np.round(255 * model.reconstruct(batch).numpy()) - batch
    np.testing.assert_allclose(ends.values["errors"], np.square(again / 255).mean(axis=(1, 2, 3)), rtol=1e-4)


def points(**options):
    return tfgen.build_model("gan", fields={"point": Field("point", (2,))}, **options)


@pytest.mark.parametrize(
    "make,sentence",
    [
        (points, "latents are shown by the images that they decode to, and gan makes points"),
        (lambda: flat_model(), "flat has no latents to explore: it turns no vector z into an image"),
    ],
)
def test_a_model_without_latents_of_images_says_so(make, sentence):
    with pytest.raises(UserError, match=sentence):
        latent.Space(make())


def flat_model():
    image = keras.Input(SHAPE, name="image")
    network = keras.Model(image, layers.Dense(1)(image))
    return tfgen.GenerativeModel({"network": network}, fields={"image": Field("image", SHAPE)}, name="flat")


# Priors.


@pytest.mark.parametrize(
    "prior,z,expected",
    [
        (priors.uniform(-1, 2), [-3.0, 0.5, 4.0], [-1.0, 0.5, 2.0]),
        (priors.normal(), [-3.0, 0.5, 4.0], [-3.0, 0.5, 4.0]),
        (priors.spherical(), [0.0, 3.0, 4.0], [0.0, 3.0 * 3**0.5 / 5, 4.0 * 3**0.5 / 5]),
    ],
)
def test_a_latent_is_confined_to_where_the_prior_lies(prior, z, expected):
    np.testing.assert_allclose(prior.confined(tf.constant([z])), [expected], rtol=1e-5)


# Paths.


@pytest.mark.parametrize("prior,length", [(priors.uniform(), 0.5**0.5), (priors.spherical(), 1.0)])
def test_paths_follow_the_prior(prior, length):
    """Halfway between two latents at a right angle: straight lines cut the corner, great circles do not."""
    found = latent.Space(model_of_halves(prior))
    middle = found.between(np.float32([[1, 0, 0]]), np.float32([[0, 1, 0]]), [0.5])
    np.testing.assert_allclose(np.linalg.norm(middle), length, rtol=1e-5)


def test_an_interpolation_ends_on_samples_and_says_how_real_its_middles_are(space):
    found = latent.interpolate(space, rows=2, steps=3, seed=1)
    samples = space.model.sample(4, seed=1)
    cell = 3 * (8 + 2)  # enlarged
    picture = found.picture[::3, ::3]
    assert found.picture.shape[:2] == (3 * (2 * 10 + 2), 3 * (3 * 10 + 2)) and cell == 30
    np.testing.assert_array_equal(picture[2:10, 2:10], samples[0])
    np.testing.assert_array_equal(picture[12:20, 22:30], samples[3])
    assert found.values["precision"]["samples"] > 0.9 > found.values["precision"]["blends"]
    with pytest.raises(UserError, match="steps must be at least 2, both ends of a dimension, got 1"):
        latent.traverse(space, steps=1)
    with pytest.raises(UserError, match="steps must be at least 3"):
        latent.interpolate(space, steps=2)


@pytest.mark.parametrize("held_out, measured", [(4, True), (3, False)])
def test_few_held_out_images_leave_out_the_precision_alone(held_out, measured):
    few = dataclasses.replace(source := source_of_halves(), splits={"train": source.splits["train"]})
    few.splits["test"] = source.splits["test"].select(np.arange(held_out))
    found = latent.interpolate(latent.Space(model_of_halves(), few), rows=1, steps=3)
    assert ("precision" in found.values) == measured
    assert measured or "no precision, which needs 4 held-out images: halves has 3" in found.lines


@pytest.mark.parametrize("shape, got", [((8, 9, 1), "images of 8x9x1"), ((8, 8, 3), "images of 8x8x3"), (None, "no")])
@pytest.mark.parametrize("later", [False, True])
def test_data_of_another_shape_are_refused(shape, got, later):
    fields = {"image": Field("image", shape)} if shape else {"point": Field("point", (2,))}
    values = {name: np.zeros((9, *field.shape), np.uint8) for name, field in fields.items()}
    other = Source("others", fields, {"train": Arrays(values, fields), "test": Arrays(values, fields)})
    with pytest.raises(UserError, match=f"halves makes images of 8x8x1, and others has {got}"):
        latent.Space(model_of_halves(), (lambda: other) if later else other).source  # noqa: B018


def test_a_walk_is_a_closed_loop(space, tmp_path):
    found = latent.walk(space, points=3, frames=12, rows=1, seed=2)
    samples = space.model.sample(3, seed=2)
    for place in range(3):  # it passes through the samples
        np.testing.assert_array_equal(found.frames[4 * place][::3, ::3][2:10, 2:10], samples[place])
    assert len(found.frames) == 12 and found.values["closing_step"] <= found.values["largest_step"]
    paths = found.write(tmp_path / "walk.gif")
    assert paths[0].read_bytes()[:3] == b"GIF" and json.loads(paths[1].read_text())["action"] == "walk"


def test_an_mp4_is_written_where_an_encoder_is_at_hand(space, tmp_path, monkeypatch):
    frames = np.zeros((4, 9, 7, 1), np.uint8)
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\ncat > "$0.in"; for last; do :; done; echo "$@" > "$last"\n')
    program.chmod(0o755)
    monkeypatch.setattr(films, "encoder", lambda: str(program))
    films.save_mp4(tmp_path / "film.mp4", frames, seconds=2.0)
    assert "-pix_fmt gray -s 8x10 -r 2.0" in (tmp_path / "film.mp4").read_text()
    assert len((tmp_path / "ffmpeg.in").read_bytes()) == 4 * 10 * 8
    program.write_text("#!/bin/sh\necho no such codec >&2; exit 3\n")
    with pytest.raises(UserError, match="cannot write .*film.mp4: no such codec"):
        films.save_mp4(tmp_path / "film.mp4", frames)
    monkeypatch.setattr(films, "encoder", lambda: None)
    with pytest.raises(UserError, match="needs the program ffmpeg"):
        films.save_mp4(tmp_path / "film.mp4", frames)


# Traversal.


def test_a_traversal_shows_the_dimensions_that_do_something(space):
    found = latent.traverse(space, dimensions=3, steps=2)
    order, effects = found.values["dimensions"], found.values["effect_of_all"]
    # z_0 lights the other half: all pixels change by 0.5 on average; z_1 changes half of them by up to 0.4 * 0.96
    assert list(order) == [0, 1, 2] and effects[2] == 0.0
    assert 0.45 < effects[0] < 0.55 and 0.17 < effects[1] < 0.21


def test_the_active_dimensions_of_a_vae_are_counted():
    model = tfgen.build_model("vae", SHAPE, latent_dim=3, width=4)
    found = latent.traverse(latent.Space(model, source_of_halves()), dimensions=2, steps=2)
    assert len(found.values["activity"]) == 3 and 0 <= found.values["active"] <= 3 == len(found.values["effect_of_all"])


# Arithmetic.


@pytest.mark.parametrize(
    "text,expected,target",
    [
        ("left - right + right", [(1, 0, None), (-1, 1, None), (1, 1, None)], (0, None)),
        ("0 - 1 + 1", [(1, 0, None), (-1, 1, None), (1, 1, None)], (0, None)),
        ("0-1+1", [(1, 0, None), (-1, 1, None), (1, 1, None)], (0, None)),
        ("- light left + dark left + right", [(-1, 0, 1), (1, 0, 0), (1, 1, None)], (1, None)),
        ("dark left - light left + Light RIGHT", [(1, 0, 0), (-1, 0, 1), (1, 1, 1)], (1, 0)),
        ("dark - light + light right", [(1, None, 0), (-1, None, 1), (1, 1, 1)], (1, 0)),
        ("left + right", [(1, 0, None), (1, 1, None)], (None, None)),
    ],
)
def test_an_expression_is_read_and_reduced(text, expected, target):
    found = expressions.terms(text, NAMES, 2)
    assert [(sign, c.label, c.shade) for sign, c in found] == expected
    goal = expressions.reduced(found)
    assert (goal.label, goal.shade) == target


@pytest.mark.parametrize("name", ["T-shirt/top", "dark matter", "half - life"])
def test_names_of_classes_may_hold_signs_and_shades(name):
    found = expressions.terms(f"{name} - light left + left", [name, "left"], 2) if " - " not in name else None
    assert found is None or [c.label for _, c in found] == [0, 1, 1] and found[0][1].shade is None


@pytest.mark.parametrize(
    "text,sentence",
    [
        ("left", "two terms or more, such as sneaker - sandal"),
        ("left - rihgt", "got 'rihgt'; did you mean 'right'"),
        ("left - 7", "a number from 0 to 1, got '7'"),
        ("left -  + right", "got .. right'"),
        ("", "an expression is a sum of classes.*got an empty term"),
    ],
)
def test_a_wrong_expression_is_said(text, sentence):
    with pytest.raises(UserError, match=sentence):
        expressions.terms(text, NAMES, 2)


def test_sums_of_pictures_by_hand():
    pictures = np.uint8([[[[10]]], [[[20]]], [[[200]]], [[[100]]]])
    picked, signs = np.array([[[0, 1], [3, 3], [2, 2]], [[2, 2], [0, 0], [2, 2]]]), np.float32([[1, -1, 1]] * 2)
    np.testing.assert_array_equal(vectors.summed(pictures, picked, signs).ravel(), [115, 255])


def test_arithmetic_on_a_space_that_is_linear_succeeds(space):
    """Half and brightness are coordinates of these latents: the vectors add up."""
    found = latent.arithmetic(space, num=600, trials=20)
    values = found.values
    assert values["latents"]["success"].value > 0.85 < values["ceiling"]["success"].value
    assert values["without"]["success"].value == 0.0 and 0.1 < values["chance"]["success"] < 0.4
    assert values["pixels"]["success"].value < values["latents"]["success"].value
    assert found.settings["pairs"] == 4 and values["latents"]["success"].low < values["latents"]["success"].value
    again = latent.arithmetic(space, num=600, trials=20)
    np.testing.assert_array_equal(found.picture, again.picture)


def test_one_expression_its_target_and_what_it_comes_to_without_one(space):
    found = latent.arithmetic(space, expression="dark left - light left + light right", num=600, trials=30)
    assert found.settings["target"] == "dark right" and found.values["latents"]["success"].value > 0.85
    open_ended = latent.arithmetic(space, expression="left + right", num=600, trials=30)
    assert "success" not in open_ended.values["latents"] and "do not cancel" in open_ended.lines[0]
    given = latent.arithmetic(space, expression="left + left", target="left", num=600, trials=30)
    assert given.values["latents"]["success"].value == 1.0
    with pytest.raises(UserError, match="2 of 6|1 of 6|0 of 6"):
        latent.arithmetic(space, expression="dark left - light left + light right", num=6, trials=1)


def test_what_should_come_out_has_examples_too(space, monkeypatch):
    rows, goal = vectors.Pool.rows, expressions.concept("dark right", NAMES, 2)
    monkeypatch.setattr(
        vectors.Pool, "rows", lambda self, term, real=False: rows(self, term, real=real)[: None if term != goal else 0]
    )
    with pytest.raises(
        UserError, match=r"^left \+ left: 0 of 600 pictures of \w+ clearly show 'dark right', and 3 are"
    ):
        latent.arithmetic(space, expression="left + left", target="dark right", num=600, trials=1)


def test_arithmetic_needs_labels():
    with pytest.raises(UserError, match="halves has no labels"):
        latent.arithmetic(latent.Space(model_of_halves(), source_of_halves(labelled=False)))
    with pytest.raises(UserError, match="real images are needed"):
        latent.arithmetic(latent.Space(model_of_halves()))


def test_conditions_from_the_data_have_the_models_numbers_of_classes():
    """The same pictures, whose classes have other numbers, under the same names."""
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1)).astype(np.uint8)
    labels, order = np.arange(40) % 3, np.array([2, 0, 1])
    model = tfgen.build_model("cvae", (16, 16, 1), 3, width=4, latent_dim=2)
    model.class_names = ["a", "b", "c"]
    found = []
    for numbers, names in ((np.arange(3), "abc"), (order, "bca")):
        arrays = {
            f"{key}_{split}": value
            for split in ("train", "valid", "test")
            for key, value in (("x", images), ("y", numbers[labels]))
        }
        space = latent.Space(model, finish({**arrays, "class_names": list(names)}, "three"))
        codes, given = space.known(20)
        _, projected = projection._pictures(space, None, 10)
        found.append([codes, given["label"], projected["label"]])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert space.as_own_classes(np.array([0, 1, 2])).tolist() == [1, 2, 0]


# Projection.


def linear_gan():
    """64 pixels linear in 4 latents, within [0, 1], so that the least squares are the latents themselves."""
    z, image = keras.Input((4,), name="latent"), keras.Input(SHAPE, name="image")
    start = keras.initializers.RandomNormal(stddev=0.04, seed=1)
    pixels = layers.Dense(64, kernel_initializer=start, bias_initializer=keras.initializers.Constant(0.5))(z)
    critic = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
    generator = keras.Model(z, layers.Reshape(SHAPE)(pixels))
    options = {"prior": priors.normal(), "value_range": (0.0, 1.0), "ema": None}
    made = tfgen.AdversarialModel(generator, critic, latent_dim=4, **options)
    made.compile()
    return made


def test_a_projection_reaches_the_least_squares():
    found = latent.Space(linear_gan(), source_of_halves())
    z = found.draw(6, seed=9)
    ends = latent.project(found, images=found.decode(z), num=6, starts=2, steps=150)
    np.testing.assert_allclose(ends.values["latents"], z, atol=0.05)
    assert ends.values["ratio"] < 0.01 and ends.values["error"].value < 1e-4
    # of noise, what is left is what 4 of 64 dimensions cannot reach
    assert ends.values["ratio_of_noise"] > 0.5
    assert ends.picture.ndim == 3


def test_a_projection_stays_where_the_prior_lies(space):
    latents = np.float32([[0.9, 0.9, 0.0]])
    bright = np.full((1, *SHAPE), 255, np.uint8)
    ends = latent.projection.descended(space, latents, bright, {}, 50)
    assert np.abs(ends).max() <= 1.0 and ends[0, 1] == pytest.approx(1.0)


# Directions and truncation.


def test_a_discriminant_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 5)) + 1.5 * np.eye(3, 5)[labels]
    ours = Discriminant(x, labels, 4)
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x, labels)
    np.testing.assert_allclose(ours.probabilities(x)[:, :3], theirs.predict_proba(x), atol=0.01)
    assert (ours.probabilities(x)[:, 3] == 0).all() and ours.accuracy(x, labels) > 0.7


def test_directions_are_those_of_the_coordinates(space):
    found = latent.directions(space, num=1000)
    right, light = found.values["right"], found.values["light"]
    assert abs(right["direction"][0]) > 0.98 and abs(light["direction"][1]) > 0.98
    assert right["accuracy"] > 0.95 > right["chance"] and right["with"]["against"] < 0.1 < 0.9 < right["with"]["along"]
    one = latent.directions(space, num=1000, attribute="right", steps=3)
    assert set(one.values) == {"right"}
    margin = one.picture[:, : -3 * (3 * 10 + 2)]
    assert margin.shape[1] > 12 and margin.min() == 0, "the name of the row stands beside it"
    with pytest.raises(UserError, match="that of light, or of one class"):
        latent.directions(space, attribute="dark right")


def test_truncation_gives_up_diversity(space):
    found = latent.truncation(space, scales=(0.1, 1.0), num=200)
    assert found.values["0.1"]["recall"] < found.values["1"]["recall"]
    assert found.values["1"]["fd"] < found.values["0.1"]["fd"] and "real" in found.values
    with pytest.raises(UserError, match="scales must be numbers of at least 0"):
        latent.truncation(space, scales=(-1.0,))


# The command.


class FakeRun:
    def __init__(self, model, folder):
        from tfgen.runs.layout import Layout

        self.model, self.folder, self.paths, self.class_names = model, folder, Layout(folder), NAMES
        self.recipe, self.place, self.record = tfgen.Recipe("dcgan"), str(folder), {}

    def source(self, dataset=None, data_dir=None):
        return source_of_halves()


@pytest.fixture
def run(monkeypatch, tmp_path):
    made = FakeRun(model_of_halves(), tmp_path)
    monkeypatch.setattr(exploring, "load_run", lambda folder: made)
    return made


@pytest.mark.parametrize(
    "arguments",
    [
        ["interpolate", "--rows=2", "--steps=3"],
        ["walk", "--frames=12", "--rows=1"],
        ["traverse", "--steps=2"],
        ["arithmetic", "--num=300", "--expression=dark left - light left + light right", "--trials=4"],
        ["project", "--num=2", "--steps=3", "--starts=1"],
        ["truncation", "--num=60", "--scales=0.5,1"],
        ["directions", "--num=200", "--attribute=light"],
    ],
)
def test_every_action_writes_a_picture_and_its_numbers(run, arguments, capsys):
    assert COMMAND([*arguments, f"--run={run.folder}", "--seed=1"]) == 0
    name = arguments[0]
    written = capsys.readouterr().out.splitlines()[-2:]
    picture, numbers = (run.paths.latent / f"{name}.{end}" for end in ("gif" if name == "walk" else "png", "json"))
    assert written == [str(picture), str(numbers)] and picture.stat().st_size > 100
    record = json.loads(numbers.read_text())
    assert record["action"] == name and record["settings"]["seed"] == 1 and record["values"]


def test_the_numbers_name_the_data_that_were_used(run):
    """Of a model of the package, the part of its data set that comes along."""

    def named(**flags):
        _, written = exploring.explore_run("run", "walk", {"frames": 12, "rows": 1}, **flags)
        return json.loads(written[-1].read_text())["dataset"]

    assert named() == tfgen.Recipe("dcgan").dataset
    run.record = {"part": "halves_mini"}
    assert named() == "halves_mini" and named(dataset="other") == "other"


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        ([], "give one action, interpolate, walk, traverse"),
        (["interpolate", "walk"], "give one action"),
        (["interpolat"], "unknown action 'interpolat'; did you mean 'interpolate'"),
        (["walk", "--expression=a + b"], "--expression is for arithmetic, not for walk: leave it out"),
        (["traverse", "--out=x.gif"], "--out must be FILE.png, got x.gif"),
        (["walk", "--out=x.png"], "--out must be FILE.gif or FILE.mp4, got x.png"),
        (["truncation", "--scales=1,x"], "numbers with commas"),
        (["project", "--images=nothing.png"], "there is no file or folder nothing.png"),
        (["interpolate", "--label=up"], "label expects one of the classes' names, got 'up'"),
        (["interpolate", "--label=left"], "halves is not conditional and takes no label"),
    ],
)
def test_a_mistake_is_one_sentence(run, arguments, sentence, capsys):
    assert COMMAND([*arguments, f"--run={run.folder}"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("tfgen latent: ") and sentence in said[0]
    assert not run.paths.latent.exists()


def test_without_the_runs_data_rows_come_without_their_precision(run, monkeypatch, capsys):
    def gone(dataset=None, data_dir=None):
        raise UserError("x.npz is not there")

    monkeypatch.setattr(run, "source", gone)
    assert COMMAND(["interpolate", "--rows=2", "--steps=3", f"--run={run.folder}"]) == 0
    assert "no precision, which needs real images: x.npz is not there" in capsys.readouterr().out
    assert COMMAND(["interpolate", "--dataset=npz:x.npz", f"--run={run.folder}"]) == 2  # these were asked for
    assert COMMAND(["truncation", f"--run={run.folder}"]) == 2


@pytest.mark.plugins
@pytest.mark.parametrize("flag", ["--points=3", "--dataset=npz:nothing.npz"])
def test_a_mistake_is_one_line_of_the_process(tmp_path, flag):
    command = [sys.executable, "-m", "tfgen.latent", "interpolate", "--run=pretrained:dcgan", flag]
    quiet = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    found = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert found.returncode == 2 and found.stderr.count("\n") == 1, found.stderr


def test_an_mp4_without_an_encoder_is_said_before_the_work(run, monkeypatch, capsys):
    monkeypatch.setattr(films, "encoder", lambda: None)
    assert COMMAND(["walk", "--out=walk.mp4", f"--run={run.folder}"]) == 2
    assert "an MP4 file needs the program ffmpeg" in capsys.readouterr().err


def test_pictures_to_project_are_read_as_those_of_other_commands(run, space, tmp_path, capsys):
    broken, folder = tmp_path / "broken.png", tmp_path / "one"
    broken.write_bytes(b"not a picture")
    assert COMMAND(["project", f"--images={broken}", f"--run={run.folder}"]) == 2
    assert "no picture of" in capsys.readouterr().err
    folder.mkdir()
    wide = np.tile(np.uint8([9, 200, 9]), (8, 1)).repeat(8, axis=1)[..., None]
    keras.utils.save_img(folder / "wide.png", wide, scale=False)
    for path in (folder, folder / "wide.png"):  # one picture is enough; it is cut, not squeezed
        found, _ = latent.projection._pictures(space, path, 5)
        assert found.shape == (1, *SHAPE) and (found == 200).mean() > 0.7


def test_labels_of_a_conditional_model_stay(tmp_path):
    model = tfgen.build_model("cgan", image_shape=SHAPE, num_classes=2, width=4, latent_dim=3)
    own = source_of_halves().splits["test"].to_numpy()["image"][:3]
    with pytest.raises(UserError, match="cgan makes pictures under their label, which images of your own do not say"):
        latent.project(latent.Space(model, source_of_halves()), images=own, steps=1, starts=1)
    told = latent.project(latent.Space(model, source_of_halves(), label=1), images=own, steps=1, starts=1)
    assert told.settings["images"] == "an array" and told.values["latents"].shape == (3, 3)
    found = latent.Space(model, source_of_halves(), label=1)
    assert list(found.conditions(3)["label"]) == [1, 1, 1]
    assert latent.walk(found, frames=12, rows=1).frames.shape[0] == 12
    with pytest.raises(UserError, match="conditioned on the class, which no direction changes"):
        latent.directions(found, attribute="right")


def test_a_label_that_latents_are_not_decoded_under_is_none():
    """A flow of codes is conditioned on it, and neither their encoder nor their decoder."""
    small = {"width": 4, "blocks": 1, "code_channels": 1, "code_width": 4, "condition": "label"}
    model = tfgen.build_model("latent_flow", SHAPE, 2, **small)
    with pytest.raises(UserError, match="latent_flow decodes its latents without label, which has no effect"):
        latent.Space(model, source_of_halves(), label=1)
    found = latent.Space(model, source_of_halves(labelled=False))
    assert found.label_field is None and found.conditions(3) == {} and found.known(2)[1] == {}
    judge = types.SimpleNamespace(names=NAMES, classes=2)
    assert directing._wanted(found, judge, "right") == {"right": 1}
    assert set(directing._wanted(found, judge, None)) == {"light", *NAMES}
    pool = types.SimpleNamespace(space=found, conditions={})
    assert vectors.Pool._conditions(pool, [], [Concept(1)], np.zeros((1, 2, 1), int)) == {}


def test_concepts_are_shown_in_words():
    assert Concept(1, 0).text(NAMES) == "dark right" and Concept(0).text(NAMES) == "left"
    assert gan().latent_dim == 3
