"""What the diagnosis says of conditions, and of the codes of autoencoders."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import distance

import tfgen
from tfgen.data.source import Arrays, Field
from tfgen.diagnosis.conditions import ConditionProbe, condition_probes, differing, effect, is_ignored, unmatched
from tfgen.diagnosis.distances import energy_distance
from tfgen.diagnosis.judge import judge
from tfgen.diagnosis.probes import Probe
from tfgen.diagnosis.reading import reader_of, ridge
from tfgen.diagnosis.rules import Past, Row
from tfgen.families.variational.rules import LATENT_RULES

SIDE = 8


def bars(labels, seed=0, channels=1):
    """Noisy images with a bar in the row that the label says: uint8 [n, 8, 8, channels]."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 120, (len(labels), SIDE, SIDE, channels))
    images[np.arange(len(labels)), 2 * np.asarray(labels)] = random.integers(150, 256, (len(labels), SIDE, channels))
    return images.astype(np.uint8)


LABELS = np.random.default_rng(1).integers(0, 4, 600)
SHUFFLED = np.random.default_rng(2).permutation(LABELS)


def examples_of(images, name, values, field):
    return Arrays({"image": images, name: values}, {"image": Field("image", images.shape[1:]), name: field})


@pytest.mark.parametrize("channels", [1, 3])
def test_labels_that_say_nothing_of_the_images_are_known(channels):
    label, images = Field("label", range=(0, 4)), bars(LABELS, channels=channels)
    real = reader_of(examples_of(images, "label", LABELS, label), "image", "label", label)
    assert real.real > 0.6 and real.right > 0.8
    silent = reader_of(examples_of(images, "label", SHUFFLED, label), "image", "label", label)
    assert abs(silent.real) < 0.1 and silent.right < 0.4
    samples = tf.constant(bars(LABELS[:64], seed=5, channels=channels) / 255, tf.float32)
    assert float(real.match(samples, tf.constant(LABELS[:64]))) > 0.6
    assert abs(float(real.match(samples, tf.constant(SHUFFLED[:64])))) < 0.3


def test_vectors_are_read_too():
    vectors, field = np.float32(np.c_[LABELS / 4, np.sin(LABELS), np.ones(600)]), Field("vector", (3,))
    images = bars(LABELS)
    assert reader_of(examples_of(images, "text", vectors, field), "image", "text", field).real > 0.6
    silent = reader_of(examples_of(images, "text", vectors[::-1], field), "image", "text", field)
    assert silent.real < silent.chance == pytest.approx(2 / np.sqrt(200))


def test_of_few_images_or_of_one_class_nothing_is_read():
    label = Field("label", range=(0, 4))
    few = examples_of(bars(LABELS[:60]), "label", LABELS[:60], label)
    assert reader_of(few, "image", "label", label) is None
    one = Field("label", range=(0, 1))
    assert reader_of(examples_of(bars(LABELS), "label", 0 * LABELS, one), "image", "label", one) is None


def test_the_effect_is_relative_to_that_of_the_latents():
    made = tf.constant([[0.0, 0.0], [3.0, 4.0]])  # 5 apart
    other = tf.constant([[0.0, 1.0], [3.0, 9.0]])  # 1 and 5 away
    assert float(effect(made, other, tf.constant([True, True]))) == pytest.approx(3 / 5, rel=1e-3)
    assert float(effect(made, other, tf.constant([True, False]))) == pytest.approx(1 / 5, rel=1e-2)
    assert float(effect(0 * made, 0 * made, tf.constant([True, True]))) == 1.0, "collapsed, which is said elsewhere"
    a, b = (
        {"label": tf.constant([1, 2]), "text": tf.zeros([2, 3])},
        {"label": tf.constant([1, 3]), "text": tf.zeros([2, 3])},
    )
    assert differing(a, b).numpy().tolist() == [False, True]


def conditional_gan(uses):
    """A GAN whose generator draws bars, by its label or, without `uses`, by none."""
    keras.utils.set_random_seed(0)
    latent, label = keras.Input((4,), name="latent"), keras.Input((), name="label", dtype="int64")
    table = keras.layers.Embedding(4, SIDE * SIDE, embeddings_initializer="zeros")
    row = keras.layers.Reshape((SIDE * SIDE,))(table(label))
    noise = keras.layers.Dense(SIDE * SIDE, use_bias=False)(latent)
    fake = keras.layers.Reshape((SIDE, SIDE, 1))(keras.layers.Activation("tanh")(keras.layers.Add()([row, noise])))
    image, given = keras.Input((SIDE, SIDE, 1), name="image"), keras.Input((), name="label", dtype="int64")
    seen = keras.layers.Flatten()(keras.layers.Embedding(4, 2)(given))
    logit = keras.layers.Dense(1)(keras.layers.Concatenate()([keras.layers.Flatten()(image), seen]))
    fields = {"image": Field("image", (SIDE, SIDE, 1)), "label": Field("label", range=(0, 4))}
    generator = keras.Model([latent, label], fake)
    model = tfgen.AdversarialModel(generator, keras.Model([image, given], logit), latent_dim=4, fields=fields, ema=None)
    model.compile(steps_per_execution=1)
    if uses:
        table.set_weights([2.0 * np.stack([np.eye(SIDE)[2 * i].repeat(SIDE) for i in range(4)])])
    return model


@pytest.mark.parametrize("uses", [True, False])
def test_a_generator_that_does_not_use_its_label_is_named(uses):
    model = conditional_gan(uses)
    probe = Probe(model, model.as_examples(bars(LABELS), LABELS))
    row = Row({"step": 100, **probe()})
    assert is_ignored(row, Past()) is not uses
    assert (row["label_match"] > 0.5) is uses and row["label_match_real"] > 0.6 and probe.conditions[0].remarks() == []


def test_samples_of_other_classes_and_labels_without_meaning_are_named():
    rule = unmatched("label")
    rows = [{"step": i, "condition_effect": 0.2, "label_match": 0.02, "label_match_real": 0.77} for i in (1, 2, 3)]
    (finding,) = judge(rows, [rule])
    assert finding.name == "condition_ignored" and "by 0.02 on samples and by 0.77 on real images" in finding.message
    assert judge([{**row, "label_match": 0.5} for row in rows], [rule]) == []
    rising = [{**row, "label_match": match} for row, match in zip(rows, (0.01, 0.06, 0.14), strict=True)]
    assert judge(rising, [rule]) == [], "a condition that is being learned"
    assert judge([{**row, "label_match": 0.14} for row in rows + [{**rows[-1], "step": 4}]], [rule]) != []
    assert judge([{**row, "label_match_real": 0.05} for row in rows], [rule]) == [], "said of the data instead"
    model = conditional_gan(True)
    probe = ConditionProbe(model, model.as_examples(bars(LABELS), SHUFFLED))
    ((name, sentence),) = probe.remarks()
    assert name == "uninformative_condition" and sentence.startswith("the labels say nothing of the images")


def test_a_model_without_conditions_has_no_probe_of_them():
    class Plain:
        conditions, sampler = (), tfgen.samplers.latent()

    assert condition_probes(Plain(), None) == []


# The codes of autoencoders.


def test_the_energy_distance_is_that_of_its_formula():
    random = np.random.default_rng(0)
    a, b = np.float32(random.normal(size=(20, 3))), np.float32(random.normal(2, 1, (20, 3)))
    within = distance.pdist(a).mean() + distance.pdist(b).mean()
    expected = 1 - within / (2 * distance.cdist(a, b).mean())
    assert float(energy_distance(tf.constant(a), tf.constant(b))) == pytest.approx(expected, rel=1e-3)


HEALTHY = {"active_units": 16.0, "latents": 16.0, "kl": 13.0, "kl_latent_median": 0.6, "kl_latent_max": 2.0}
HEALTHY |= {"explained": 0.7, "posterior_sd": 0.5, "aggregate_distance": 0.02}

FULL = {"kl_latent_median": 3.2}


@pytest.mark.parametrize(
    "row, found, words",
    [
        ({}, None, ""),
        ({"aggregate_distance": 0.11}, None, ""),
        ({"aggregate_distance": 0.4, "kl": 20.0}, None, ""),  # few latents begin so
        ({"aggregate_distance": 0.4, "kl": 144.0}, "far_from_prior", "KL(q(z|x) || p(z)) = 144 nats"),
        ({"aggregate_distance": 0.4, "kl": float("nan")}, "far_from_prior", "energy distance 0.40 of at most 1)"),
        ({"posterior_sd": 1e-4}, "no_noise", "the standard deviation of q(z|x) is 0.0001"),
        (
            {"latents": 512.0, "active_units": 507.0, "kl": 22.0, "kl_latent_max": 0.15},
            "latents_too_many",
            "22 nats are spread over 512 of them, none with more than 0.15",
        ),
        (
            {**FULL, "latents": 1.0, "active_units": 1.0, "explained": 0.29, "one_more": 0.17},
            "latents_too_few",
            "the only one carries 3.2 nats, and the reconstructions explain 29% of the pixels' variance, where one "
            "more could explain another 17%",
        ),
        ({**FULL, "explained": 0.54, "one_more": 0.066}, "latents_too_few", "each of 16 carries 3.2 nats"),
        ({**FULL, "explained": 0.54, "one_more": 0.03}, None, ""),  # what is left is of no one direction
        ({**FULL, "kl_latent_median": 1.5, "one_more": 0.06}, None, ""),
        ({**FULL, "active_units": 15.0, "one_more": 0.06}, None, ""),
    ],
)
def test_codes_are_judged(row, found, words):
    findings = judge([{"step": i, **HEALTHY, **row} for i in (1, 2, 3)], LATENT_RULES)
    assert [finding.name for finding in findings] == ([found] if found else [])
    assert all(words in finding.message and "what usually helps" in finding.message for finding in findings)


def test_samples_of_many_passes_are_fewer():
    passes = [sampler.passes for sampler in (tfgen.samplers.latent(), tfgen.samplers.euler(20), tfgen.samplers.heun(8))]
    assert passes == [1, 20, 16]


@pytest.mark.parametrize("number, length", [(4, 2), (2, 4)])  # each of the two systems of equations
def test_ridge_regression_of_axes_by_hand(number, length):
    features = np.zeros((number, length), np.float32)
    features[0, 0], features[1, 1] = 1.0, 2.0
    targets = np.zeros((number, 1), np.float32)
    targets[:2, 0] = 3.0, 5.0
    weights = ridge(features, targets)  # of axis i: x y / (x^2 + 0.1 N)
    expected = [3.0 / (1.0 + 0.1 * number), 10.0 / (4.0 + 0.1 * number)]
    np.testing.assert_allclose(weights[:, 0], [*expected, 0.0, 0.0][:length], rtol=1e-6)
