"""Points of the plane through everything that images go through: training, sampling, pictures, files, signatures."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgen
from tfgen import evaluate, sample
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.recipes import recipe
from tfgen.recipes.recipe import Recipe
from tfgen.storage import images
from tfgen.training.callbacks import SampleGrid

POINT = {"point": Field("point", (2,))}
OPTIONS = {"latent_dim": 3, "units": [8], "maxout_units": [4], "normalize": True, "prior": "normal"}
RECIPE = Recipe("gan", "ring", options=OPTIONS, batch_size=10, steps=20, steps_per_execution=5)


def gan(**options):
    return tfgen.build_model("gan", fields=POINT, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the whole command's work, 20 steps."""
    return tfgen.train(RECIPE, tmp_path_factory.mktemp("points") / "run")


def command(run, *flags):
    return sample.COMMAND([f"--run={run.folder}", *flags])


@pytest.mark.slow
def test_it_trains_and_its_file_brings_it_back(run):
    model = tfgen.load_run(run.folder).model
    assert int(model.step) == 20 and model.data_field == "point" and model.conditions == ()
    assert model.value_range is None and model.fields == POINT
    assert model.digest() != gan().digest() and np.isfinite(run.history["discriminator_loss"]).all()
    points = model.sample(300, seed=4)
    assert points.dtype == np.float32 and points.shape == (300, 2) and len(np.unique(points, axis=0)) == 300
    np.testing.assert_array_equal(model.sample(7, seed=4), points[:7])


@pytest.mark.slow
def test_a_resumed_training_ends_on_the_same_bits(run, tmp_path):
    tfgen.train(RECIPE.replace(steps=10), tmp_path / "run")
    resumed = tfgen.train(RECIPE, tmp_path / "run", resume="must")
    assert resumed.model.digest() == run.model.digest()


def test_points_are_neither_scaled_nor_cut(run):
    model = gan()
    far = np.float32([[50, -70], [0.25, 3]])
    np.testing.assert_array_equal(model.as_batch(far)["point"], far)
    logits = model.discriminator(far)
    np.testing.assert_array_equal(model.discriminate_images(far), logits)
    bias = model.averaged_networks["generator"].layers[-3].bias
    bias.assign([1000.0, -1000.0])
    points = model.sample(5)
    assert (points[:, 0] > 900).all() and (points[:, 1] < -900).all()
    np.testing.assert_allclose(
        points, model.decode_latents(model.latents_from_seeds(np.arange(5, dtype=np.int64))), rtol=1e-6
    )


def test_the_networks_are_plain_keras_models_of_points(run):
    generator, discriminator = (
        keras.saving.load_model(run.paths.models / f"{name}.keras", custom_objects={})
        for name in ("generator", "discriminator")
    )
    latents = run.model.latents_from_seeds(np.arange(4, dtype=np.int64))
    np.testing.assert_allclose(generator(latents), run.model.sample(4), rtol=1e-6)
    assert generator.output_shape == (None, 2) and generator.layers[-1].name == "point"
    assert discriminator.inputs[0].name == "point" and discriminator(np.zeros((4, 2))).shape == (4, 1)
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in generator.layers)


def test_signatures(run):
    loaded = tf.saved_model.load(str(run.paths.savedmodel)).signatures
    assert set(loaded) == {"serving_default", "generate", "sample", "interpolate", "discriminate"}
    seeds = tf.constant((9 << 32) + np.arange(3), tf.int64)
    made = loaded["sample"](seed=seeds)
    assert list(made) == ["point"] and made["point"].dtype == tf.float32
    np.testing.assert_allclose(made["point"], run.model.sample(3, seed=9), rtol=1e-5, atol=1e-6)
    made = loaded["serving_default"](latent=run.model.latents_from_seeds(seeds))["point"]
    np.testing.assert_allclose(made, run.model.sample(3, seed=9), rtol=1e-5, atol=1e-6)
    judged = loaded["discriminate"](point=made)
    assert judged["logit"].shape == (3, 1)
    np.testing.assert_allclose(judged["logit"], run.model.discriminate_images(made), rtol=1e-5, atol=1e-6)


def test_each_epoch_has_a_scatter_plot_over_held_out_points(run):
    names = {path.name for path in run.paths.samples.iterdir()}
    assert names == {"epoch_0001.png", "progress.gif"}
    with Image.open(run.paths.samples / "epoch_0001.png") as picture:
        drawn = np.asarray(picture)
    held_out = tfgen.load_dataset("ring").splits["validation"].arrays["point"][:2500]
    np.testing.assert_array_equal(drawn, images.scatter(run.model.sample(2500), held_out))


def test_samples_as_a_file_of_points_and_as_a_picture(run, tmp_path, capsys):
    assert command(run, "--num=600", "--seed=2", f"--out={tmp_path / 'a.npz'}") == 0
    with np.load(tmp_path / "a.npz") as file:
        assert file.files == ["points"]
        points = file["points"]
    assert points.dtype == np.float32 and points.shape == (600, 2)
    np.testing.assert_array_equal(points, run.model.sample(600, seed=2))
    assert command(run, "--num=600", "--seed=2", f"--out={tmp_path / 'a.png'}") == 0
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), images.scatter(points))
    assert command(run, "--num=3", f"--out={tmp_path / 'folder'}") == 2
    assert "points are written as --out=FILE.npz or FILE.png" in capsys.readouterr().err
    assert not (tmp_path / "folder").exists()


def test_they_are_scored_as_their_data_set_says(run, tmp_path):
    assert evaluate.COMMAND([f"--run={run.folder}", f"--out={tmp_path / 'e.json'}"]) == 0
    found = json.loads((tmp_path / "e.json").read_text())
    assert {"modes", "high_quality"} <= set(found["metrics"]) and found["metrics"]["modes"]["floor"] == 8
    assert found["metrics"]["modes"]["protocol"]["fake"] == {"count": 2500} and "notes" not in found["details"]
    assert [path.name for path in tmp_path.iterdir()] == ["e.json"], "no picture of nearest neighbours"


def test_arrays_and_data_sets_of_points_are_trained_on():
    points = np.random.default_rng(0).normal(size=(10, 2))
    model = gan()
    model.run_eagerly = True
    for given in (points, {"point": points}, tf.data.Dataset.from_tensor_slices(points).batch(10)):
        model.fit(given, batch_size=10, epochs=1, verbose=0)
    assert int(model.step) == 3 and model.non_finite_weights() == []


def test_penalties_and_noise_work_on_points():
    points = tf.random.stateless_normal([10, 2], [0, 1])
    model = gan(penalty="gradient_penalty", instance_noise=0.1)
    logs = model.train_step(points)
    assert np.isfinite(list(logs.values())).all() and float(logs["gradient_penalty"]) > 0
    assert model.non_finite_weights() == []


def test_a_gan_of_ones_own_networks():
    generator = keras.Sequential([keras.Input((2,), name="latent"), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model = tfgen.AdversarialModel(generator, discriminator, latent_dim=2)
    model.compile(run_eagerly=True)
    model.fit(np.full((10, 2), 30.0), batch_size=10, epochs=1, verbose=0)
    assert model.fields == POINT and model.sample(3).shape == (3, 2)


def test_a_picture_of_points():
    # the frame is the reference's square, a fifth larger: -1.2 to 1.2 on 121 pixels, dots of 3 x 3
    drawn = images.scatter([(0, 0), (0.5, 1), (9, -9)], [(-1, -1), (1, 1)], side=121)
    assert drawn.shape == (121, 121, 3) and drawn.dtype == np.uint8

    def middles(colour):
        painted = np.argwhere((drawn == colour).all(-1)).reshape(-1, 9, 2)  # (row, column), a dot after the other
        return painted.mean(axis=1).tolist()

    assert middles((20, 80, 200)) == [[10, 85], [60, 60], [119, 119]]  # y grows upwards; far ones lie on the edge
    assert middles((190, 190, 190)) == [[10, 110], [110, 10]]
    assert (images.scatter([(np.nan, 0), (3, 3)]) != 255).any()  # what is no number is left out


def test_a_model_and_its_data_name_the_config():
    made = recipe.default_recipe("gan", "ring")
    assert made.dataset == "ring" and made == tfgen.load_recipe("gan_ring") != recipe.default_recipe("gan", "grid")


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: tfgen.build_model("dcgan", fields=POINT), "dcgan makes images, but the data set holds point"),
        (
            lambda: tfgen.build_model("gan", fields={"point": Field("point", (3,))}),
            r"in the plane, got float32 \[3\]",
        ),
        (
            lambda: gan().fit(np.zeros((20, 3), np.float32), batch_size=10),
            r"point: expected finite numbers \[N, 2\], got float32 of shape \(20, 3\)",
        ),
        (lambda: gan().fit({"image": np.zeros((9, 4, 4, 1))}), "'point' is missing: got image"),
        (lambda: gan().fit(np.full((20, 2), np.nan), batch_size=10), "point: expected finite numbers, got 40 NaN"),
        (lambda: gan(augment="translate"), r"augment: Translate.* expects images .* are of shape \[2\]; leave it out"),
        (lambda: gan(augment="diff_augment('cutout')"), "augment: Chain.*Cutout.* expects images"),
        (lambda: gan(augment="adaptive"), "augment: Adaptive.* expects images"),
        (lambda: gan(penalty="consistency"), "penalty: Consistency.* expects images"),
        (lambda: gan().sample(3, stochastic=True), "has no distribution of pixels"),
        (lambda: tfgen.train(RECIPE.replace(mirror=True), dry_run=True), "mirror flips images, and ring has none"),
    ],
)
def test_mistakes_are_said(call, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_grid_callback_needs_no_reference(tmp_path):
    callback = SampleGrid(tmp_path)
    callback.set_model(gan())
    callback.on_epoch_end(0)
    assert callback.latest.shape == (480, 480, 3) and (tmp_path / "epoch_0001.png").is_file()
