"""Saving and loading: a model comes back from its file as what it was constructed and compiled with."""

import importlib
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, SHAPE, ae, gan, labelled_gan, step, vae

import tfgen
from tfgen import augment, likelihoods, losses, objectives, penalties, priors
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.model import VariationalModel
from tfgen.training.checkpoints import Checkpoints


def saved_and_loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


RICH = {
    "gan": lambda: gan(
        [keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.RMSprop(1e-3)],
        seed=2,
        prior=priors.spherical(),
        loss=losses.hinge,
        penalty=penalties.r1(2.0),
        discriminator_steps=2,
        augment=augment.chain(augment.translate(), augment.instance_noise()),
        ema=0.5,
    ),
    "vae": lambda: vae(
        keras.optimizers.AdamW(1e-3),
        seed=3,
        likelihood=likelihoods.gaussian(None),
        objective=objectives.elbo(0.5, 7),
        samples=2,
        value_range=(-1.0, 1.0),
        ema=0.9,
    ),
    "labelled": labelled_gan,
    "ae": ae,
}


@pytest.mark.parametrize("name", RICH)
def test_a_model_comes_back_whole_from_its_file(name, photos, tmp_path):
    model = RICH[name]()
    fields = {"label": tf.zeros([2 * BATCH], tf.int64)} if name == "labelled" else {}
    step(model, photos, 2, **fields)
    loaded = saved_and_loaded(model, tmp_path)
    assert type(loaded) is type(model) and loaded.digest() == model.digest() and int(loaded.step) == 1
    configs = [{name: c for name, c in m.get_config().items() if name not in m.networks} for m in (loaded, model)]
    assert configs[0] == configs[1]
    assert loaded.data_shape == SHAPE and loaded.fields == model.fields and loaded.seed == model.seed
    step(model, photos, 2, **fields)
    step(loaded, photos, 2, **fields)
    assert loaded.digest() == model.digest()
    if model.sampler is not None:
        np.testing.assert_array_equal(loaded.sample(3), model.sample(3))


def undecorated(*arguments):
    return tf.constant(0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": losses.Loss(undecorated, losses.wasserstein_generator)},
        {"loss": losses.Loss(losses.hinge_discriminator, lambda fake, real: tf.reduce_mean(fake))},
        {"penalty": undecorated},
        {"augment": lambda images, noise: images},
    ],
    ids=["discriminator", "lambda", "penalty", "augment"],
)
def test_an_undecorated_function_of_ones_own_is_refused_when_the_model_is_saved(options, tmp_path):
    sentence = "cannot be saved by name; decorate it with @keras.saving.register_keras_serializable"
    with pytest.raises(UserError, match=sentence) as caught:
        gan(**options).save(tmp_path / "model.keras")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@keras.saving.register_keras_serializable(package="test_training")
def decorated_penalty(discriminate, real, fake, noise):
    return tf.reduce_mean(tf.square(discriminate(real)))


def test_a_decorated_penalty_of_ones_own_is_saved_and_trains(photos, tmp_path):
    model = gan(penalty=decorated_penalty)
    assert step(model, photos)["gradient_penalty"] > 0.0
    assert saved_and_loaded(model, tmp_path).penalty is decorated_penalty


def test_public_names_are_these_classes():
    assert tfgen.AdversarialModel is AdversarialModel and tfgen.VariationalModel is VariationalModel


# Classes of one's own, without a word about saving.

OWN = '''
import keras
import tensorflow as tf

import tfgen
from tfgen import priors


class Own(tfgen.AdversarialModel):
    """A GAN with a further network, a value object, a dict and a number of its own."""

    def __init__(self, generator, discriminator, critic, *, other_prior, weights_of, scale, **kwargs):
        super().__init__(generator, discriminator, networks={"critic": critic}, latent_dim=2, **kwargs)
        self.other_prior, self.weights_of, self.scale = other_prior, weights_of, scale
        self.add_state("strength", scale)
        self.add_state("table", [[1, 2], [3, 4]], "int64")


class Nameless(tfgen.GenerativeModel):
    """A model whose constructor takes no name, and a network by position."""

    default_optimizers = {"a": {"learning_rate": 0.1}}

    def __init__(self, network, scale=2.0):
        super().__init__({"a": network}, fields={"x": tfgen.Field("vector", (3,))}, seed=4)
        self.scale = scale

    @property
    def phases(self):
        return [tfgen.Phase("a", ("a",), "a", self.a_terms)]

    def a_terms(self, batch, step):
        return {"loss": self.scale * tf.reduce_mean(tf.square(step.run("a", batch) - 1.0))}


def network(name, size, units):
    x = keras.Input(size, name=name)
    return keras.Model(x, keras.layers.Dense(units)(keras.layers.Flatten()(x)))


def own():
    latent = keras.Input((2,), name="latent")
    generator = keras.Model(latent, keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16, "tanh")(latent)))
    nets = generator, network("image", (4, 4, 1), 1), network("image", (4, 4, 1), 3)
    model = Own(*nets, other_prior=priors.spherical(), weights_of={"a": 1, "b": [2.5, None]}, scale=3, seed=5)
    model.compile()
    return model


def nameless():
    model = Nameless(network("x", (3,), 1), scale=0.5)
    model.compile(keras.optimizers.SGD(0.1))
    return model
'''
LOAD = """
import keras, own_models
model = keras.saving.load_model("own.keras")
assert type(model) is own_models.Own and model.other_prior == own_models.priors.spherical(), model.other_prior
assert model.weights_of == {"a": 1, "b": [2.5, None]} and model.scale == 3 and model.seed == 5
assert set(model.networks) == {"generator", "discriminator", "critic"} and model.name == "own"
assert float(model.states["strength"]) == 7.0 and model.states["table"].numpy().tolist() == [[1, 2], [3, 5]]
other = keras.saving.load_model("nameless.keras")
assert type(other) is own_models.Nameless and other.scale == 0.5 and int(other.step) == 1 and other.name == "nameless"
print(model.digest(), other.digest())
"""


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    """A module of classes that say nothing of saving."""
    (tmp_path / "own_models.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("own_models")
    sys.modules.pop("own_models")


@pytest.mark.slow
def test_a_class_of_ones_own_comes_back_in_a_process_that_imports_its_module(own_models, photos, tmp_path):
    model, other = own_models.own(), own_models.nameless()
    model.states["strength"].assign(7.0)
    model.states["table"].assign([[1, 2], [3, 5]])
    model.train_step({"image": tf.constant(photos(4, (4, 4, 1)))})
    other.train_step({"x": tf.ones([4, 3])})
    model.save(tmp_path / "own.keras")
    other.save(tmp_path / "nameless.keras")
    environment = {**os.environ, "PYTHONPATH": f"{pathlib.Path(tfgen.__file__).parents[1]}"}
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [model.digest(), other.digest()]


def test_states_survive_checkpoints(own_models, photos, tmp_path):
    model, fresh = own_models.own(), own_models.own()
    model.states["strength"].assign(7.0)
    model.train_step({"image": tf.constant(photos(4, (4, 4, 1)))})
    Checkpoints(model, tmp_path / "checkpoints").save()
    assert Checkpoints(fresh, tmp_path / "checkpoints").restore() == 1
    assert float(fresh.states["strength"]) == 7.0 and fresh.digest() == model.digest()


class Thing:
    pass


@pytest.mark.parametrize(
    "value", [Thing(), [1, Thing()], {"a": {"b": Thing()}}, 1j], ids=["thing", "list", "dict", "1j"]
)
def test_an_argument_that_cannot_be_saved_is_refused_before_the_file_is_opened(value, own_models, tmp_path):
    nets = own_models.own().networks.values()
    model = own_models.Own(*nets, other_prior=value, weights_of={}, scale=1)
    model.compile()
    file = tmp_path / "model.keras"
    file.write_text("what was there before")
    with pytest.raises(UserError, match="cannot be saved") as caught:
        model.save(file)
    assert "\n" not in str(caught.value)
    assert file.read_text() == "what was there before"


def test_arguments_that_do_not_fit_are_an_ordinary_type_error(own_models):
    with pytest.raises(TypeError, match="Nameless: missing a required argument: 'network'"):
        own_models.Nameless()


# Compiling.


@pytest.mark.parametrize(
    "arguments,settings,sentence",
    [
        (3, {}, "gan is compiled with generator_optimizer, discriminator_optimizer, got 3 of them"),
        (
            0,
            {"discriminater_optimizer": "sgd"},
            "got discriminater_optimizer; did you mean 'discriminator_optimizer'",
        ),
        (0, {"optimizer": "sgd"}, "gan is compiled with generator_optimizer, discriminator_optimizer, got optimizer"),
        (0, {"accumulate": 0}, "accumulate must be an integer of at least 1, got 0"),
        (0, {"stages": "generater:3,discriminator"}, "gan has no phase 'generater'; did you mean 'generator'"),
    ],
)
def test_mistakes_in_compiling_are_said(arguments, settings, sentence):
    model = gan(name="gan")
    before = dict(model.optimizers)
    with pytest.raises(UserError) as caught:
        model.compile(*[keras.optimizers.SGD(0.1)] * arguments, **settings)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert model.optimizers == before and model.stages == () and model.accumulate == 1


def test_optimizers_are_given_in_their_order_or_by_name():
    sgd, adam = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.2)
    model = gan([None, sgd])
    assert model.optimizers["discriminator"] is sgd
    assert float(model.optimizers["generator"].learning_rate) == pytest.approx(2e-4)
    model = gan()
    model.compile(generator_optimizer=adam)
    assert model.optimizers["generator"] is adam and model.optimizers["discriminator"].built
    model = vae()
    model.compile(optimizer="rmsprop")
    assert isinstance(model.optimizers["elbo"], keras.optimizers.RMSprop)
