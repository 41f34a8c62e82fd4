"""Gradient accumulation: the update of the whole batch from micro-batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen import penalties
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.networks.seeding import seeded
from tfgen.noise import Noise
from tfgen.recipes.recipe import Recipe
from tfgen.runs import job
from tfgen.runs.layout import Layout
from tfgen.training import accumulation

SHAPE, LATENT, BATCH, CLASSES = (4, 4, 1), 3, 12, 3
IMAGES = np.random.default_rng(0).integers(0, 256, (36, *SHAPE), dtype=np.uint8)
LABELS = np.arange(36) % CLASSES
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}


def generator(norm):
    latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
    x = layers.Dense(8, activation="tanh")(layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label)]))
    x = layers.BatchNormalization(momentum=0.5)(x) if norm else x
    image = layers.Reshape(SHAPE)(layers.Dense(16, activation="tanh")(x))
    return keras.Model({"latent": latent, "label": label}, image, name="generator")


def discriminator():
    image, label = keras.Input(SHAPE, name="image"), keras.Input((), dtype="int64", name="label")
    x = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(CLASSES, 2)(label)])
    logit = layers.Dense(1)(layers.Dense(8, activation="tanh")(x))
    return keras.Model({"image": image, "label": label}, logit, name="discriminator")


def gan(accumulate=1, norm=False, eager=False, full=False):
    """A conditional GAN, plain or with all that draws noise and takes several passes."""
    options = {}
    if full:
        options = {"penalty": penalties.gradient_penalty(1.0), "augment": tfgen.augment.instance_noise(0.1)}
        options["discriminator_steps"] = 2
    with seeded(0):
        model = tfgen.AdversarialModel(
            generator(norm),
            discriminator(),
            latent_dim=LATENT,
            fields=FIELDS,
            **options,
        )
        sgd = [keras.optimizers.SGD(0.1) for _ in range(2)]
        model.compile(*sgd, accumulate=accumulate, run_eagerly=eager)
    return model


def vae(accumulate=1):
    with seeded(0):
        model = tfgen.build_model(
            "vae",
            fields={"image": Field("image", (16, 16, 1))},
            network="dense",
            units=[8],
            latent_dim=2,
            samples=3,
        )
        model.compile(keras.optimizers.SGD(1e-3), accumulate=accumulate)
    return model


def weights(model):
    return np.concatenate([w.numpy().ravel() for n in model.networks.values() for w in n.weights])


def distance(a, b, initial):
    """|a - b| / |a - initial| of all weights."""
    a, b, initial = map(weights, (a, b, initial))
    return np.linalg.norm(a - b) / np.linalg.norm(a - initial)


def test_a_micro_batch_takes_its_rows_of_the_whole_noise():
    whole = Noise(7, 3, "train/").normal("latent", (12, 2)).numpy()
    parts = [Noise(7, 3, "train/").share(m, 3).normal("latent", (4, 2)) for m in range(3)]
    assert np.array_equal(np.concatenate(parts), whole)
    # replica 1 of 2 has the rows 6..11, micro-batch 2 of 3 of it the last two
    assert np.array_equal(Noise(7, 3, "train/", 1, 2).share(2, 3).normal("latent", (2, 2)), whole[10:])


@pytest.mark.parametrize("count, full", [(3, False), pytest.param(4, True, marks=pytest.mark.slow)])
def test_micro_batches_make_the_update_of_the_whole_batch(count, full):
    models = [gan(full=full), gan(count, full=full), gan(full=full)]
    logs = [m.fit(IMAGES, LABELS, batch_size=BATCH, epochs=10, steps_per_epoch=1, verbose=0) for m in models[:2]]
    assert int(models[1].step) == 10
    assert distance(*models) < 1e-5
    for name, values in logs[0].history.items():
        assert values == pytest.approx(logs[1].history[name], rel=1e-4), name


@pytest.mark.slow
def test_a_vae_with_several_draws_an_image_too():
    images = np.random.default_rng(1).integers(0, 256, (24, 16, 16, 1), dtype=np.uint8)
    models = [vae(), vae(4), vae()]
    for model in models[:2]:
        model.fit(images, batch_size=8, epochs=3, verbose=0)
    assert distance(*models) < 1e-5


@pytest.mark.slow
def test_batch_normalisation_is_the_exception_and_sees_every_micro_batch():
    models = [gan(norm=True), gan(3, norm=True), gan(norm=True)]
    for model in models[:2]:
        model.fit(IMAGES[:24], LABELS[:24], batch_size=BATCH, steps_per_epoch=1, verbose=0)
    assert distance(*models) > 1e-4
    # one update of G, in three micro-batches: 1 - momentum^3 of the way from the initial variance of 1
    moved = [m.generator.layers[-3].moving_variance.numpy() - 1 for m in models[:2]]
    assert np.mean(moved[1]) == pytest.approx(np.mean(moved[0]) * (1 - 0.5**3) / (1 - 0.5), rel=0.2)


@pytest.mark.slow
def test_eager_steps_are_the_same():
    models = [gan(3, eager=True), gan(3), gan()]
    for model in models[:2]:
        model.fit(IMAGES, LABELS, batch_size=BATCH, steps_per_epoch=1, verbose=0)
    assert distance(*models) < 1e-5


def test_one_micro_batch_begins_when_the_one_before_has_ended():
    model = gan(3)
    batch = {"image": tf.TensorSpec((BATCH, *SHAPE), tf.uint8), "label": tf.TensorSpec((BATCH,), tf.int64)}
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(batch).graph
    calls = [op for op in graph.get_operations() if op.type.endswith("PartitionedCall")]
    assert len(calls) == 6, "two updates of three micro-batches, each traced once"
    behind = [{found.name for found in reached(op)} for op in calls]
    for index, call in enumerate(calls):
        assert index % 3 == 0 or calls[index - 1].name in behind[index], call.name


def reached(op):
    """The operations that `op` waits for."""
    found, new = set(), {*op.control_inputs, *(tensor.op for tensor in op.inputs)}
    while new:
        found |= new
        new = {other for o in new for other in (*o.control_inputs, *(i.op for i in o.inputs))} - found
    return found


def test_the_number_is_saved_with_the_model(tmp_path):
    gan(3).save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").accumulate == 3


@pytest.mark.parametrize(
    "accumulate, batch_size, sentence",
    [(5, 12, "accumulate=5 does not divide a batch of 12"), (0, 12, "at least 1, got 0"), (True, 12, "got True")],
)
def test_numbers_that_do_not_fit_are_refused(accumulate, batch_size, sentence):
    with pytest.raises(UserError, match=sentence):
        gan(accumulate).fit(IMAGES, LABELS, batch_size=batch_size, verbose=0)


@pytest.mark.slow
def test_batches_of_another_size_later():
    models = [gan(3), gan(), gan()]
    for model in models[:2]:
        for size in (6, 12):  # Keras then traces the step for any size
            model.fit(
                IMAGES, LABELS, batch_size=size, epochs=size, steps_per_epoch=1, initial_epoch=size - 1, verbose=0
            )
    assert int(models[0].step) == 2 and distance(*models) < 1e-5
    with pytest.raises(tf.errors.InvalidArgumentError, match="evenly divide"):
        models[0].fit(IMAGES, LABELS, batch_size=8, verbose=0)


def test_each_replica_has_a_share_that_is_divided(tmp_path):
    accumulation.check(3, None, 12, 2)
    with pytest.raises(UserError, match="does not divide a batch of 12, of which each of 2 replicas has 6, equally"):
        accumulation.check(4, None, 12, 2)
    recipe = Recipe("gan", "fashion_mnist_mini", batch_size=12, accumulate=4, distribute="mirrored", replicas=2)
    with pytest.raises(UserError, match="of which each of 2 replicas has 6"):
        job.set_up(recipe, Layout(tmp_path), "auto", None)


def test_a_shared_pass_is_refused():
    model = tfgen.AdversarialModel(generator(False), discriminator(), latent_dim=LATENT, shared_pass=True)
    with pytest.raises(UserError, match="shared_pass keeps"):
        model.compile(accumulate=2)


def test_a_recipe_states_it():
    recipe = Recipe(model="vae", batch_size=12, accumulate=3)
    assert Recipe.from_json(recipe.to_json()).accumulate == 3
    assert recipe.differences(recipe.replace(accumulate=1)) == ["accumulate was 3, now 1"]
    with pytest.raises(UserError, match="accumulate=5 does not divide a batch of 12"):
        recipe.replace(accumulate=5)
