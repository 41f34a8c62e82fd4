"""Formulas within a model: clipping, selection, losses and penalties of a whole batch, feature matching."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, LATENT, SHAPE, discriminator, gan, generator, step

import tfgen
from tfgen import augment, losses, networks, penalties
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.training.step import Step


def test_after_each_update_the_discriminators_weights_are_clipped(photos):
    model = gan(weight_clip=0.05)
    assert max(np.abs(w).max() for w in model.discriminator.get_weights()) > 0.05
    before = [w.copy() for w in model.generator.get_weights()]
    step(model, photos)
    trained = [v.numpy() for v in model.discriminator.trainable_variables]
    assert max(np.abs(w).max() for w in trained) == np.float32(0.05)
    assert max(np.abs(w).max() for w in before) > 0.05  # the generator's are not


@pytest.mark.parametrize(
    "loss, answer, sign",
    [
        (losses.least_squares, 0.1, -1),  # above 1/2 it says real
        (losses.least_squares, 0.9, 1),
        (losses.wasserstein, 1.9, -1),  # above that of a sample, 2
        (losses.relativistic, 2.1, 1),
    ],
)
def test_augmentation_follows_what_a_loss_takes_for_real(loss, answer, sign):
    model = gan(loss=loss, augment=tfgen.augment.adaptive(0.0, 10))
    step = Step(model.networks, Noise(0, 0), tf.constant(0, tf.int64), training=True)
    model.observe(tf.fill([4, 1], answer), tf.fill([4, 1], 2.0), step)
    assert float(model.states["augment_overfitting"].value) * sign > 0


class Gathers(Step):
    """A step on one of two replicas, the other of which has logits that are 1 higher."""

    def gather(self, rows):
        return tf.concat([rows, rows + 1.0], axis=0)


PAIRS = {"image": Field("image", (8, 8, 1)), "source": Field("image", (8, 8, 1))}
DOMAINS = {"image": Field("image", (8, 8, 1)), "other": Field("image", (8, 8, 1))}
COUPLED = {
    "dcgan": {"image_shape": (8, 8, 1), "width": 2, "latent_dim": 2},
    "bigan": {"image_shape": (8, 8, 1), "width": 2, "latent_dim": 2},
    "pix2pix": {"fields": PAIRS, "width": 2},
    "cyclegan": {"fields": DOMAINS, "width": 2, "blocks": 1, "patch_depth": 1},
}


@pytest.mark.parametrize("name", COUPLED)
def test_a_loss_that_couples_rows_sees_those_of_all_replicas(name):
    seen = []

    def spread(*logits):
        seen.extend(len(rows) for rows in logits if rows is not None)
        return tf.math.reduce_variance(logits[0])

    model = tfgen.build_model(name, loss=losses.Loss(spread, spread, couples=True), **COUPLED[name])
    batch = model.as_batch({n: tf.zeros([3, *field.shape], field.dtype) for n, field in model.fields.items()})
    for phase in (phase for phase in model.phases if phase.name != "penalty"):
        before = len(seen)
        phase.terms(batch, Gathers(model.networks, Noise(0, 0), tf.constant(0, tf.int64)))
        assert len(seen) > before, phase.name
    assert set(seen) == {6}


def test_lecam_keeps_its_averages_with_the_model(photos, tmp_path):
    model = gan(penalty=penalties.lecam(decay=0.5))
    logs = step(model, photos)
    anchors = [float(model.states[f"penalty_anchor_{side}"].value) for side in ("real", "fake")]
    assert "gradient_penalty" in logs and all(anchors)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.digest() == model.digest()
    assert [float(loaded.states[f"penalty_anchor_{side}"].value) for side in ("real", "fake")] == anchors
    for going_on in (loaded, model):
        step(going_on, photos)
    assert loaded.digest() == model.digest()


def with_features():
    return networks.with_features(discriminator())


def test_feature_matching_adds_the_distance_of_mean_features_to_gs_loss(photos):
    model = gan(feature_matching=2.0, nets=(generator, with_features))
    logs = step(model, photos)
    assert logs["generator_total"] == pytest.approx(logs["generator_loss"] + logs["feature_distance"], rel=1e-6)
    real, fake = ({"features": tf.constant(rows)} for rows in ([[1.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]))
    now = model.probing_step(model.noise())
    # means (2, 1) and (0, 1/2)
    assert float(model.feature_distance(real, fake, now)) == pytest.approx(2.0 * (4.0 + 0.25))


def test_the_generator_learns_from_the_chosen_samples_alone(photos):
    model = gan(selection=losses.top_k(0.25, half_life=1))
    logit = tf.constant([[0.0], [3.0], [1.0], [-1.0]])
    now = model.probing_step(model.noise())
    now.index = tf.constant(9, tf.int64)
    assert float(model.generator_loss(logit, None, now)) == pytest.approx(np.log1p(np.exp(-3.0)), rel=1e-5)
    assert np.isfinite(list(step(model, photos).values())).all()


@pytest.mark.parametrize("share, batch, k", [(0.6, 25, 15), (0.3, 50, 15), (0.75, 64, 48), (0.7, 11, 8), (0.01, 8, 1)])
def test_as_many_are_chosen_as_the_share_says(share, batch, k):
    chosen = losses.top_k(share)(tf.range(float(batch))[:, None], tf.constant(100_000, tf.int64))
    assert chosen.numpy()[:, 0].tolist() == list(range(batch - 1, batch - 1 - k, -1))


def deviating():
    image = keras.Input(SHAPE, name="image")
    return keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(networks.with_deviation(image))))


@pytest.mark.parametrize(
    "options,sentence",
    [
        ({"loss": losses.relativistic_average}, "this loss depends on means over the whole batch"),
        ({"penalty": penalties.lecam()}, "this penalty depends on the whole batch"),
        ({"selection": losses.top_k()}, "selection chooses among the samples of the whole batch"),
        ({"augment": augment.adaptive()}, "this augmentation follows means over the whole batch"),
        ({"nets": (generator, deviating)}, "this discriminator sees the deviation of the whole batch"),
        ({"nets": (generator, with_features), "feature_matching": 1.0}, "feature_matching compares means"),
    ],
)
def test_what_couples_a_batch_is_not_accumulated(options, sentence):
    model = gan(**options)
    with pytest.raises(UserError, match=f"{sentence}.*, which accumulate=2 is to avoid"):
        model.compile(accumulate=2)


@pytest.mark.parametrize(
    "options,sentence",
    [
        ({"feature_matching": 1.0}, "needs a discriminator with the outputs logit and features"),
        ({"selection": losses.top_k(), "loss": losses.relativistic}, "this loss compares each one with a real image"),
        ({"weight_clip": 0.0}, "weight_clip must be positive, got 0.0"),
        ({"feature_matching": -1.0}, "feature_matching must be at least 0, got -1.0"),
    ],
)
def test_formulas_that_do_not_fit_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        gan(**options)


def test_a_deviation_over_a_part_of_the_batch_is_refused():
    model = gan(nets=(generator, deviating))
    now = model.probing_step(tfgen.training.model.Noise(0, 0, "test/", 0, 2))
    with pytest.raises(UserError, match="the deviation of a batch, and 2 replicas show it a part each"):
        model.discriminator_terms({"image": tf.zeros([BATCH, *SHAPE])}, now)


def test_options_name_them():
    options = {"penalty": "r1_r2(0.5)", "selection": "top_k(0.5)", "weight_clip": 0.1, "feature_matching": 1.0}
    model = tfgen.build_model("dcgan", (8, 8, 1), width=2, latent_dim=LATENT, **options)
    assert model.penalty == penalties.total(penalties.r1(0.5), penalties.r2(0.5))
    assert (model.selection, model.weight_clip) == (losses.top_k(0.5), 0.1)
    assert set(model.discriminator.output_names) == {"logit", "features"}
