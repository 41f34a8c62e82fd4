"""Sampling: what a sample depends on, under which conditions it is made, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, CLASSES, LABELLED, LATENT, SHAPE, ae, fitted, gan, generator, labelled_gan, vae
from keras import layers

from tfgen import samplers
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel


@pytest.fixture(scope="module")
def trained():
    """A GAN after one epoch of five steps; not to be trained further."""
    images = np.random.default_rng(0).integers(0, 256, (5 * BATCH, *SHAPE), dtype=np.uint8)
    return fitted(gan(), images, epochs=(1,))


@pytest.mark.plugins
def test_a_sample_is_a_prefix_of_a_larger_one_and_any_part_can_be_had(trained):
    many = trained.sample(12, seed=3)
    assert many.shape == (12, *SHAPE) and many.dtype == np.uint8
    np.testing.assert_array_equal(trained.sample(5, seed=3), many[:5])
    np.testing.assert_array_equal(trained.sample(4, seed=3, start=6), many[6:10])
    assert not np.array_equal(trained.sample(12, seed=4), many)
    assert len({image.tobytes() for image in many}) == 12
    assert trained.sample(0).shape == (0, *SHAPE)


def test_samples_do_not_depend_on_the_batch(trained):
    many = trained.sample(12, seed=3)
    for size in (1, 5, 12):
        np.testing.assert_array_equal(trained.sample(12, seed=3, batch_size=size), many)


def test_samples_come_from_the_average_of_the_generator(trained):
    latents = trained.latents_from_seeds(tf.constant((7 << 32) + np.arange(4)))
    assert np.abs(latents).max() <= 1.0 and latents.shape == (4, LATENT)
    average, raw = (net(latents).numpy() for net in (trained.averaged_networks["generator"], trained.generator))
    expected = np.floor((average + 1.0) / 2.0 * 255.0 + 0.5)
    assert np.abs(trained.sample(4, seed=7).astype(int) - expected).max() <= 1
    assert not np.array_equal(average, raw)
    np.testing.assert_array_equal(trained.best(trained.sampling_network)(latents), average)


def test_labels_cycle():
    model = labelled_gan()
    cycles = [
        model.conditions_for(6, {"label": label})["label"].tolist()
        for label in (None, 2, [3, 1], np.array([0], np.int32))
    ]
    assert cycles == [[0, 1, 2, 3, 0, 1], [2] * 6, [3, 1, 3, 1, 3, 1], [0] * 6]


def test_a_label_changes_the_image_and_every_one_keeps_its_own_latent():
    model = labelled_gan()
    mixed = model.sample(4, seed=1)
    for label in range(CLASSES):
        alone = model.sample(4, seed=1, label=label)
        np.testing.assert_array_equal(alone[label], mixed[label])
        assert not np.array_equal(alone[(label + 1) % 4], mixed[(label + 1) % 4])
    np.testing.assert_array_equal(model.sample(2, seed=1, start=2), mixed[2:])


@pytest.mark.parametrize(
    "make,arguments,sentence",
    [
        (gan, {"label": 1}, "is not conditional and takes no label"),
        (gan, {"stochastic": True}, "no distribution of pixels"),
        (gan, {"n": -1}, "n must be at least 0"),
        (gan, {"seed": -1}, "seed"),
        (gan, {"seed": 2**31}, "seed"),
        (gan, {"batch_size": 0}, "batch_size"),
        (gan, {"n": 2.5}, "n must be an integer, got 2.5"),
        (gan, {"n": "4"}, "n must be an integer, got '4'"),
        (gan, {"seed": None}, "seed must be an integer, got None"),
        (labelled_gan, {"label": 4}, r"labels are 0..3, got \[4\]"),
        (labelled_gan, {"label": [0, -1]}, "labels are 0..3"),
        (labelled_gan, {"label": 1.5}, "one integer or a list"),
        (labelled_gan, {"label": []}, "one integer or a list"),
        (ae, {}, "a plain autoencoder cannot generate"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_mistakes_in_sampling_are_said(make, arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        make().sample(**{"n": 2, **arguments})


def test_stochastic_samples_are_drawn_pixels_of_the_mean_images():
    model = vae()
    mean, drawn = model.sample(6, seed=2), model.sample(6, seed=2, stochastic=True)
    assert set(np.unique(drawn)) == {0, 255} and len(np.unique(mean)) > 2
    np.testing.assert_array_equal(model.sample(3, seed=2, stochastic=True, batch_size=2), drawn[:3])
    assert abs(drawn.mean() - mean.mean()) < 30
    # the pixels' noise is not that of the latents, nor the same for all images
    assert len({(image < 128).tobytes() for image in drawn}) == 6


def test_an_autoencoders_reconstruction_is_the_decoders_mean_at_the_code(photos):
    for model in (vae(), ae()):
        x = photos(3, SHAPE)
        code = next(iter(model.encode_images(x.astype(np.float32) / 255.0).values()))
        expected = model.decode_latents(code)
        np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-6)
        assert model.reconstruct(x.astype(np.float32) / 255.0).dtype == tf.float32


def test_discriminate_images_takes_unit_images_in_inference_mode(trained, photos):
    x = photos(3, SHAPE) / np.float32(255.0)
    expected = trained.discriminator(2.0 * x - 1.0, training=False)
    np.testing.assert_allclose(trained.discriminate_images(x), expected, atol=1e-5)


def test_a_discriminator_of_patches_answers_with_their_mean(photos):
    """As PatchGAN's does in a model of pairs; its signature takes the conditions that it names, and no others."""
    image = keras.Input(SHAPE, name="image")
    patches = lambda: keras.Model(image, layers.Conv2D(1, 3, name="logit")(image), name="discriminator")  # noqa: E731
    model = gan(nets=(generator, patches))
    x = photos(3, SHAPE) / np.float32(255.0)
    each = model.discriminator(2.0 * x - 1.0, training=False)
    assert each.shape == (3, 4, 3, 1)
    np.testing.assert_allclose(model.discriminate_images(x), np.mean(each, axis=(1, 2)), atol=1e-6)
    assert [spec.name for spec in model.endpoints()["discriminate"].inputs] == ["image"]


# Conditions of several kinds at once.

ATTRIBUTES = np.arange(6, dtype=np.float32).reshape(3, 2) / 6.0


@pytest.fixture(scope="module")
def doubly():
    """A GAN under a label and a vector, and a target `score` that the generator does not take."""
    latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
    attributes, image = keras.Input((2,), name="attributes"), keras.Input(SHAPE, name="image")
    x = layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label), attributes])
    inputs = {"latent": latent, "label": label, "attributes": attributes}
    generator = keras.Model(inputs, layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x)), name="generator")
    discriminator = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)), name="discriminator")
    fields = {**LABELLED, "attributes": Field("vector", (2,)), "score": Field("vector", (1,))}
    model = AdversarialModel(generator, discriminator, latent_dim=LATENT, fields=fields, name="doubly")
    model.compile()
    return model


def examples_of(model, count):
    rows = np.arange(count, dtype=np.float32)
    return model.as_examples(
        {
            "image": np.full((count, *SHAPE), 9, np.uint8),
            "label": np.full(count, 2),
            "attributes": np.stack([rows, -rows], axis=1),
            "score": rows[:, None],
        }
    )


def test_conditions_are_what_the_generator_takes_all_else_are_targets(doubly):
    assert doubly.conditions == ("label", "attributes") and doubly.conditional
    assert doubly.label_field == "label" and doubly.num_classes == CLASSES
    assert gan().conditions == () and gan().label_field is None and not gan().conditional


def test_given_rows_are_taken_in_turn_from_the_number_of_the_first_sample(doubly):
    found = doubly.conditions_for(4, {"attributes": ATTRIBUTES, "label": [3, 1]}, start=2)
    np.testing.assert_array_equal(found["attributes"], ATTRIBUTES[[2, 0, 1, 2]])
    assert found["attributes"].dtype == np.float32
    assert found["label"].tolist() == [3, 1, 3, 1] and found["label"].dtype == np.int64
    one = doubly.conditions_for(3, {"attributes": ATTRIBUTES[0]})
    np.testing.assert_array_equal(one["attributes"], ATTRIBUTES[[0, 0, 0]])
    assert doubly.conditions_for(0, {"attributes": ATTRIBUTES})["attributes"].shape == (0, 2)


def test_what_is_not_given_comes_from_the_same_rows_of_the_examples(doubly):
    examples = examples_of(doubly, 4)
    found = doubly.conditions_for(5, examples=examples, start=2)
    assert found["attributes"][:, 0].tolist() == [2, 3, 0, 1, 2]
    # a label belongs to the other conditions of its example: a combination that no example has is not asked for
    np.testing.assert_array_equal(found["label"], examples.gather([2, 3, 0, 1, 2])["label"])
    mixed = doubly.conditions_for(3, {"attributes": ATTRIBUTES[1]}, examples)
    np.testing.assert_array_equal(mixed["attributes"], ATTRIBUTES[[1, 1, 1]])
    assert mixed["label"].tolist() == [0, 1, 2], "the only one that is left: all classes in turn"
    assert gan().conditions_for(3, examples=examples_of(doubly, 4)) == {}


def test_labels_of_an_unknown_number_of_classes_come_from_the_examples():
    model = labelled_gan()
    model.fields = {**model.fields, "label": Field("label")}
    examples = examples_of(model, 3)
    assert model.num_classes is None
    assert model.conditions_for(4, examples=examples)["label"].tolist() == [2, 2, 2, 2]
    assert model.conditions_for(4, {"label": [90, 7]})["label"].tolist() == [90, 7, 90, 7]
    with pytest.raises(UserError, match="labelled does not know how many classes there are: give label="):
        model.sample(2)


@pytest.mark.parametrize(
    "given,sentence",
    [
        ({}, r"doubly is conditioned on 'attributes': give conditions=\{'attributes': ...\}"),
        (
            {"atributes": ATTRIBUTES},
            "takes no atributes: its conditions are label, attributes; did you mean 'attributes'",
        ),
        ({"score": [1.0]}, "doubly takes no score: its conditions are label, attributes"),
        ({"attributes": [1.0, 2.0, 3.0]}, r"attributes: expected finite numbers \[N, 2\], got float64 of shape \(3,\)"),
        ({"attributes": np.zeros((0, 2))}, r"attributes: expected at least one value of shape \(2,\), got \(0, 2\)"),
        ({"attributes": ATTRIBUTES, "label": [CLASSES]}, r"labels are 0..3, got \[4\]"),
    ],
    ids=["missing", "misspelt", "target", "shape", "no rows", "label"],
)
def test_conditions_that_do_not_fit_are_said(given, sentence, doubly):
    with pytest.raises(UserError, match=sentence) as caught:
        doubly.conditions_for(3, given)
    assert "\n" not in str(caught.value)


def test_label_is_the_shorthand_of_the_condition_that_is_a_label(doubly):
    given = {"attributes": ATTRIBUTES}
    by_label = doubly.sample(6, seed=1, label=[1, 2], conditions=given)
    np.testing.assert_array_equal(doubly.sample(6, seed=1, conditions={**given, "label": [1, 2]}), by_label)
    np.testing.assert_array_equal(doubly.sample(3, seed=1, label=[1, 2], conditions=given, start=3), by_label[3:])
    other = doubly.sample(6, seed=1, label=[1, 2], conditions={"attributes": ATTRIBUTES[::-1]})
    same = [np.array_equal(a, b) for a, b in zip(by_label, other, strict=True)]
    assert same == [False, True, False, False, True, False], "each image depends on its own row"
    with pytest.raises(UserError, match="is conditioned on 'attributes'"):
        doubly.sample(2, label=1)


def test_a_model_under_a_vector_alone_says_that_a_label_is_none_of_its_conditions(doubly):
    taken = {name: field for name, field in doubly.fields.items() if name != "label"}
    latent, attributes = keras.Input((LATENT,), name="latent"), keras.Input((2,), name="attributes")
    made = layers.Reshape(SHAPE)(layers.Dense(30)(layers.Concatenate()([latent, attributes])))
    generator = keras.Model({"latent": latent, "attributes": attributes}, made)
    model = AdversarialModel(generator, doubly.discriminator, latent_dim=LATENT, fields=taken, name="vector_gan")
    sentence = r"vector_gan is not conditioned on a label; give conditions=\{'attributes': ...\}"
    with pytest.raises(UserError, match=sentence):
        model.sample(2, label=1)


def test_a_sampler_is_a_value_that_takes_the_place_of_the_models_own(trained):
    assert trained.sampler == samplers.latent()
    np.testing.assert_array_equal(trained.sample(3, sampler=samplers.latent()), trained.sample(3))
    with pytest.raises(UserError, match="has no velocity for a sampler to follow; leave the sampler out"):
        trained.sample(2, sampler=samplers.euler(2))
