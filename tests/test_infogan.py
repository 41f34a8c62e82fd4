"""InfoGAN: the prior of codes, the terms by hand, codes set and read."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import priors
from tfgen.data.source import Field
from tfgen.diagnosis.rules import Past, Row
from tfgen.errors import UserError
from tfgen.families.adversarial.infogan import CodedPrior, ignores_codes
from tfgen.families.adversarial.model import Judged
from tfgen.noise import Noise

SHAPE = (8, 8, 1)
FIELDS = {"image": Field("image", SHAPE)}
SEED = tf.constant([3, 5], tf.int64)


def built(**options):
    return tfgen.build_model("infogan", fields=FIELDS, width=2, latent_dim=3, **options)


@pytest.fixture(scope="module")
def model():
    return built(categories=4, continuous=2, information=0.5)


def test_the_prior_draws_noise_a_category_and_uniform_codes():
    prior = CodedPrior(priors.normal(), 3, 4, 2)
    parts = prior.parts(prior.sample(SEED, (8000, 9)))
    assert {name: value.shape for name, value in parts.items()} == {
        "latent": (8000, 3),
        "category": (8000, 4),
        "continuous": (8000, 2),
    }
    category, continuous = parts["category"].numpy(), parts["continuous"].numpy()
    assert set(np.unique(category)) == {0.0, 1.0} and (category.sum(axis=1) == 1).all()
    np.testing.assert_allclose(category.mean(axis=0), 0.25, atol=0.02)
    assert -1 <= continuous.min() < -0.99 and 0.99 < continuous.max() < 1
    everything = np.concatenate([value.numpy() for value in parts.values()], axis=1)
    correlation = np.corrcoef(everything.T) - np.eye(9)
    correlation[3:7, 3:7] = 0  # categories exclude each other
    assert np.abs(correlation).max() < 0.05


def test_without_continuous_codes_and_in_a_graph_the_size_is_known():
    prior = CodedPrior(priors.uniform(-1, 1), 2, 3, 0)
    drawn = tf.function(lambda rows: prior.sample(SEED, tf.stack([rows, 5])))
    assert drawn.get_concrete_function(tf.constant(4)).structured_outputs.shape[-1] == 5
    assert drawn(tf.constant(4)).shape == (4, 5) and list(prior.sizes) == ["latent", "category"]
    one, other = prior.sample(SEED, [5]), prior.sample(tf.cast(SEED, tf.int32), [5])
    np.testing.assert_array_equal(one, other)


def test_between_follows_the_path_of_the_noise():
    prior = CodedPrior(priors.spherical(), 2, 2, 1)
    a, b = tf.constant([[2.0**0.5, 0.0, 1, 0, -1]]), tf.constant([[0.0, 2.0**0.5, 0, 1, 1]])
    middle = prior.between(a, b, tf.constant([0.5]))
    np.testing.assert_allclose(middle, [[1.0, 1.0, 0.5, 0.5, 0.0]], atol=1e-6)


def test_terms_by_hand(model, monkeypatch):
    codes = tf.constant([[0.0] * 3 + [0, 1, 0, 0] + [0.5, -0.5]])
    monkeypatch.setattr(type(model), "draw_latents", lambda self, batch, step: codes)
    outputs = {"category": tf.math.log([[0.1, 0.2, 0.3, 0.4]]), "continuous": tf.constant([[0.5, 0.5]])}
    step = model.inference_step(Noise(0, 0))
    terms = model.more_terms("generator", {}, None, Judged({}, outputs), step)
    expected = {
        "generator_category": -0.5 * math.log(0.2),
        "generator_continuous": 0.5 * (0.5 * 1.0 + math.log(2 * math.pi)),
    }
    assert {name: float(value) for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)
    assert float(step.logs["generator_category_accuracy"]) == 0.0


def test_the_codes_of_a_phase_are_those_that_its_samples_are_made_from(model):
    batch, step = {"image": tf.zeros([5, *SHAPE])}, model.inference_step(Noise(0, 7))
    made = model.fakes(batch, step)
    again = model.generate({"latent": model.draw_latents(batch, step)}, step)
    np.testing.assert_array_equal(made, again)


def test_the_generator_has_an_input_for_each_code_and_codes_can_be_set(model):
    assert {tensor.name for tensor in model.generator.inputs} == {"latent", "category", "continuous"}
    latents = model.latents_from_seeds(tf.range(3, dtype=tf.int64))
    assert latents.shape == (3, 9) and len(model.latent_names) == 9 and model.latent_names[3] == "category 0"
    changed = model.with_codes(latents, category=2, continuous=[0.25, -1.0]).numpy()
    np.testing.assert_array_equal(changed[:, :3], latents[:, :3])
    np.testing.assert_array_equal(changed[:, 3:], [[0, 0, 1, 0, 0.25, -1.0]] * 3)
    np.testing.assert_array_equal(model.with_codes(latents), latents)
    assert model.decode_latents(changed).shape == (3, *SHAPE)
    assert not np.array_equal(model.decode_latents(changed), model.decode_latents(latents))


@pytest.mark.parametrize(
    "codes, sentence",
    [
        ({"category": 99}, "category expects whole numbers from 0 to 3, got 99"),
        ({"category": [0, -1, 0]}, "whole numbers from 0 to 3"),
        ({"category": 1.5}, "whole numbers from 0 to 3"),
        (
            {"category": [0, 1]},
            r"expected 4 category numbers, for all or for each of 3 latents, got the shape \(2, 4\)",
        ),
        ({"continuous": [1.0, 2.0, 3.0]}, r"expected 2 continuous numbers, .* got the shape \(3,\)"),
    ],
)
def test_codes_that_there_are_not(model, codes, sentence):
    with pytest.raises(UserError, match=sentence):
        model.with_codes(model.latents_from_seeds(tf.range(3, dtype=tf.int64)), **codes)


def test_latents_are_confined_to_those_that_the_prior_gives(model):
    far = tf.constant([[5.0, -3.0, 0.5, 0.7, 0.7, 0.8, 0.1, 3.0, -2.0]])
    np.testing.assert_allclose(model.prior.confined(far), [[1, -1, 0.5, 0, 0, 1, 0, 1, -1]])


def test_what_is_read_off_images(model):
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
    codes = model.read_codes(images)
    assert set(codes) == {"continuous", "category"}
    np.testing.assert_allclose(np.sum(codes["category"], axis=1), 1.0, rtol=1e-5)
    signature = model.endpoints()["discriminate"].function(image=images / np.float32(255))
    np.testing.assert_allclose(tf.nn.softmax(signature["category"]), codes["category"], atol=1e-5)
    assert list(built(continuous=0).read_codes(images)) == ["category"]


def test_a_category_that_moves_leaves_a_mixture_of_categories():
    prior = CodedPrior(priors.normal(), 1, 3, 1)
    z = tf.constant([[9.0, 1, 0, 0, 0.5], [9.0, 0, 1, 0, 0.5]])
    np.testing.assert_allclose(prior.moved(z, 2, 1.0), [[9, 0, 1, 0, 0.5]] * 2)
    np.testing.assert_allclose(prior.moved(z, 2, 0.0), [[9, 1, 0, 0, 0.5], [9, 0, 0, 1, 0.5]])
    np.testing.assert_allclose(prior.moved(z, 2, 0.25)[0], [9, 0.75, 0.25, 0, 0.5])
    np.testing.assert_allclose(prior.moved(z, 4, -1.0)[:, 4], [-1, -1])
    np.testing.assert_allclose(prior.moved(z, 0, -1.0)[:, 0], [-1, -1])
    np.testing.assert_allclose(priors.normal().moved(z, 1, 7.0)[:, 1], [7, 7])


def test_with_a_shared_pass_both_updates_have_the_codes_of_one_draw():
    model, seen = built(shared_pass=True), {}

    class Watched(type(model)):
        def more_terms(self, phase, batch, real, fake, step):
            seen[phase] = (self.latents_of_fakes(batch, step).numpy(), fake.fields["image"].numpy())
            return super().more_terms(phase, batch, real, fake, step)

    model.__class__ = Watched
    model.train_step({"image": tf.zeros([5, *SHAPE], tf.uint8)})
    (codes, made), (later, same) = seen["discriminator"], seen["generator"]
    np.testing.assert_array_equal(codes, later)
    np.testing.assert_array_equal(made, same)


@pytest.mark.parametrize(
    "found,chance,holds", [(0.12, 0.1, True), (0.3, 0.1, False), (0.5, 0.5, True), (1.0, 1.0, False)]
)
def test_codes_that_are_ignored(found, chance, holds):
    assert ignores_codes(Row(category_accuracy=found, category_chance=chance), Past()) is holds
    assert not ignores_codes(Row(), Past())
