"""GANs whose discriminator classifies: terms by hand, `classify`, its signature, and the score of a classifier."""

import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen.data.source import Arrays, Field, Source
from tfgen.errors import UserError
from tfgen.families.adversarial.classifying import AuxiliaryClassifierModel, accuracy, cross_entropy
from tfgen.families.adversarial.model import Judged
from tfgen.metrics.score import HeldOut
from tfgen.training.savedmodel import export_savedmodel

SHAPE, CLASSES = (8, 9, 1), 4
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}
SMALL = {"width": 2, "latent_dim": 3}


def built(name, **options):
    return tfgen.build_model(name, fields=FIELDS, **{**SMALL, **options})


@pytest.fixture(scope="module")
def acgan():
    return built("acgan", class_weight=2.0, generated_class_weight=3.0)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)


def test_cross_entropy_and_accuracy_by_hand():
    logits = tf.math.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    labels = tf.constant([0, 1], tf.int64)
    assert float(cross_entropy(labels, logits)) == pytest.approx(-(math.log(0.5) + math.log(0.1)) / 2)
    assert float(accuracy(labels, logits)) == 0.5


class Said:
    """A step that keeps what is logged."""

    def __init__(self):
        self.logs = {}

    def log(self, name, value):
        self.logs[name] = float(value)


def judged(labels, probabilities):
    outputs = {"class_logits": tf.math.log(tf.constant(probabilities, tf.float32))}
    return Judged({"label": tf.constant(labels, tf.int64)}, outputs)


def test_terms_of_both_phases(acgan):
    real, fake = judged([1], [[0.25, 0.75]]), judged([0], [[0.5, 0.5]])
    said = Said()
    terms = acgan.more_terms("discriminator", {}, real, fake, said)
    expected = {
        "discriminator_real_class": -2 * math.log(0.75),
        "discriminator_fake_class": -3 * math.log(0.5),
    }
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, rel=1e-6)
    assert said.logs["discriminator_real_class_accuracy"] == 1.0
    # D's answers to real images do not depend on G: with a relativistic loss G's phase has them all the same
    terms = acgan.more_terms("generator", {}, real, fake, said)
    assert {name: float(value) for name, value in terms.items()} == {
        "generator_fake_class": pytest.approx(-2 * math.log(0.5))
    }


def test_classify_is_the_softmax_of_the_discriminators_logits(acgan, images):
    found = acgan.classify(images)
    outputs = acgan.discriminator(images.astype("float32") / 127.5 - 1.0)
    np.testing.assert_allclose(found["logit"], outputs["class_logits"], atol=1e-5)
    np.testing.assert_allclose(found["probability"], tf.nn.softmax(outputs["class_logits"]), atol=1e-5)
    np.testing.assert_allclose(acgan.classify(images / 255.0)["logit"], found["logit"], atol=1e-5)


def test_its_signature_takes_an_image_alone_and_that_of_the_discriminator_too(acgan, images, tmp_path):
    export_savedmodel(acgan, tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures
    x = tf.constant(images.astype("float32") / 255.0)
    answered = loaded["classify"](image=x)
    assert set(answered) == {"logit", "probability"}
    np.testing.assert_allclose(answered["logit"], acgan.classify(images)["logit"], atol=1e-5)
    np.testing.assert_allclose(loaded["discriminate"](image=x)["logit"], acgan.discriminate_images(images), atol=1e-5)
    assert "label" in loaded["generate"].structured_input_signature[1]


def test_a_discriminator_of_labels_still_takes_them(images):
    model = built("projection_gan", projection=4)
    assert {spec.name for spec in model.endpoints()["discriminate"].inputs} == {"image", "label"}
    with pytest.raises(UserError, match="give label="):
        model.discriminate_images(images)
    one, other = (model.discriminate_images(images, label=[label] * 6).numpy() for label in (0, 1))
    assert not np.array_equal(one, other)


def test_a_model_without_a_classifier_says_so(images):
    model = built("projection_gan")
    assert "classify" not in model.endpoints()
    with pytest.raises(UserError, match="projection_gan cannot classify: it has no classifier"):
        model.classify(images)


def test_labels_are_needed():
    with pytest.raises(UserError, match="acgan needs the field 'label' of every image"):
        tfgen.build_model("acgan", SHAPE)


# Conditional batch normalisation.


def test_the_label_sets_gain_and_shift_and_nothing_else():
    model = built("projection_gan")
    assert not any(isinstance(layer, layers.Concatenate) for layer in model.generator.layers)
    norms = [layer for layer in model.generator.layers if isinstance(layer, layers.BatchNormalization)]
    assert norms and not any(layer.scale or layer.center for layer in norms)
    z = tf.random.stateless_normal([2, 3], [0, 1])
    made = [model.generator({"latent": z, "label": tf.constant([c, c])}) for c in (0, 1)]
    np.testing.assert_array_equal(*made)  # gain 1 and shift 0 for every class, at first
    shift = next(w for w in model.generator.trainable_weights if w.shape == (CLASSES, norms[0].axis and w.shape[-1]))
    shift.assign(shift + tf.one_hot(1, CLASSES)[:, None])
    made = [model.generator({"latent": z, "label": tf.constant([c, c])}).numpy() for c in (0, 1, 2)]
    np.testing.assert_array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])


# The score of a classifier.


def bright(classes=CLASSES):
    """A discriminator that names the class by the brightness of the first pixel: 0, 1, 2 or 3 in [-1, 1]."""
    image = keras.Input(SHAPE, name="image")
    first = layers.Cropping2D(((0, SHAPE[0] - 1), (0, SHAPE[1] - 1)))(image)
    x = layers.Flatten()(first)
    nearest = layers.Dense(classes, name="class_logits")
    logits = nearest(x)
    levels = np.linspace(-1, 1, classes, dtype=np.float32)
    nearest.set_weights([2 * levels[None], -(levels**2)])  # -(x - level)^2, without what classes share
    return keras.Model(image, {"logit": layers.Dense(1, name="logit")(x), "class_logits": logits}, name="d")


def test_test_accuracy_is_of_the_whole_split_and_ends_with_a_part_of_a_batch():
    latent, label = keras.Input((3,), name="latent"), keras.Input((), dtype="int64", name="label")
    x = layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label)])
    picture = layers.Reshape(SHAPE)(layers.Dense(math.prod(SHAPE), activation="tanh")(x))
    generator = keras.Model({"latent": latent, "label": label}, picture, name="g")
    model = AuxiliaryClassifierModel(generator, bright(), latent_dim=3, fields=FIELDS)
    labels = np.arange(1200) % CLASSES
    pictures = np.zeros((1200, *SHAPE), np.uint8)
    pictures[:, 0, 0, 0] = 85 * labels
    labels[:300] = (labels[:300] + 1) % CLASSES  # a quarter of the labels are wrong
    source = Source("four", FIELDS, {"test": Arrays({"image": pictures, "label": labels}, FIELDS)})
    held = HeldOut(pictures[:5], {"image": pictures[:5]}, {"version": 1, "real": {"count": 5}}, source, "test")
    scores, _ = model.scores(held, types.SimpleNamespace(seed=0))
    score = scores["test_accuracy"]
    assert score.value == 0.75 and score.protocol["real"]["count"] == 1200
    assert score.low < 0.75 < score.high
    unlabelled = Source("four", {"image": FIELDS["image"]}, source.splits)
    held = HeldOut(pictures[:5], {}, {"version": 1, "real": {}}, unlabelled, "test")
    assert model.scores(held, types.SimpleNamespace(seed=0)) == ({}, {})
