"""`shared_pass`: one pass of the generator under both updates, against the same computation by two plain tapes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfgen import losses, priors
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.networks.seeding import seeded
from tfgen.noise import Noise
from tfgen.training.step import Step

SHAPE, LATENT, BATCH = (6, 5, 1), 3, 8
RATES = {"generator": 0.5, "discriminator": 0.25}


def networks():
    latent, image = keras.Input((LATENT,), name="latent"), keras.Input(SHAPE, name="image")
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.5)(layers.Dense(12)(latent)))
    generator = keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x)), name="generator")
    y = layers.LeakyReLU()(layers.Dense(8)(layers.Flatten()(image)))
    return generator, keras.Model(image, layers.Dense(1)(y), name="discriminator")


def gan(**options):
    with seeded(3):
        model = AdversarialModel(*networks(), latent_dim=LATENT, prior=priors.normal(), ema=None, **options)
    model.compile(*(keras.optimizers.SGD(rate) for rate in RATES.values()))
    return model


def by_hand(real):
    """The step with one persistent pass of G and plain updates; returns both networks and both losses."""
    model = gan()
    generator, discriminator = model.generator, model.discriminator
    latents = Noise(0, 0, "train/discriminator/0/").normal("latent", (BATCH, LATENT))
    with tf.GradientTape(persistent=True) as of_generator:
        fake = generator(latents, training=True)
        with tf.GradientTape() as of_discriminator:
            on_real, on_fake = discriminator(real, training=True), discriminator(tf.stop_gradient(fake), training=True)
            first = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))
        weights = discriminator.trainable_weights
        for weight, slope in zip(weights, of_discriminator.gradient(first, [w.value for w in weights]), strict=True):
            weight.assign_sub(RATES["discriminator"] * slope)
        second = tf.reduce_mean(tf.nn.softplus(-discriminator(fake, training=True)))
    weights = generator.trainable_weights
    for weight, slope in zip(weights, of_generator.gradient(second, [w.value for w in weights]), strict=True):
        weight.assign_sub(RATES["generator"] * slope)
    return generator, discriminator, float(first), float(second)


def test_one_step_is_that_of_two_plain_tapes(photos):
    images = photos(BATCH, SHAPE)
    model = gan(shared_pass=True)
    logs = model.train_step({"image": tf.constant(images)})
    generator, discriminator, first, second = by_hand(tf.constant(images / 127.5 - 1.0, tf.float32))
    assert float(logs["discriminator_loss"]) == pytest.approx(first, rel=1e-5)
    assert float(logs["generator_loss"]) == pytest.approx(second, rel=1e-5)
    for mine, other in ((model.generator, generator), (model.discriminator, discriminator)):
        for found, expected in zip(mine.weights, other.weights, strict=True):  # batch norm's statistics among them
            np.testing.assert_allclose(found, expected, atol=2e-6, err_msg=found.path)


def passes(model, images, monkeypatch):
    """How often each network runs in the graph of one step."""
    batch = {"image": tf.constant(images)}
    model.train_step(batch)  # the first makes the metrics
    counts = dict.fromkeys(model.networks, 0)
    run = Step.run

    def counted(self, name, fields):
        counts[name] += 1
        return run(self, name, fields)

    with monkeypatch.context() as patched:
        patched.setattr(Step, "run", counted)
        tf.function(model.train_step).get_concrete_function(batch)
    return counts


@pytest.mark.slow
def test_the_generator_runs_once(photos, monkeypatch):
    images = photos(BATCH, SHAPE)
    assert passes(gan(shared_pass=True), images, monkeypatch) == {"generator": 1, "discriminator": 3}
    assert passes(gan(), images, monkeypatch) == {"generator": 2, "discriminator": 3}


def test_ds_first_update_is_that_of_the_default_and_gs_is_not(photos):
    models = [gan(shared_pass=shared) for shared in (True, False)]
    for model in models:
        model.train_step({"image": tf.constant(photos(BATCH, SHAPE))})
    discriminators, generators = ([getattr(m, n).get_weights() for m in models] for n in ("discriminator", "generator"))
    for one, other in zip(*discriminators, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(generators[0][0] - generators[1][0]).max() > 1e-4


def test_compiled_it_trains_evaluates_and_is_saved(photos, tmp_path):
    model = gan(shared_pass=True, loss=losses.relativistic)
    images = photos(4 * BATCH, SHAPE)
    model.fit(images, batch_size=BATCH, epochs=2, verbose=0)
    before = model.digest()
    assert np.isfinite(list(model.evaluate({"image": images}, verbose=0, return_dict=True).values())).all()
    assert model.digest() == before
    model.save(tmp_path / "trainer.keras")
    loaded = keras.saving.load_model(tmp_path / "trainer.keras")
    assert loaded.shared_pass and loaded.digest() == before


def test_more_than_one_discriminator_step_has_no_shared_pass():
    with pytest.raises(UserError) as caught:
        gan(shared_pass=True, discriminator_steps=5)
    assert str(caught.value) == (
        "shared_pass gives D's update and G's the same images, so discriminator_steps must be 1, got 5; leave one of "
        "the two out"
    )
