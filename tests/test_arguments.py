"""Arguments of a wrong kind, in Python: one sentence each, before anything is trained or drawn."""

import functools

import keras
import numpy as np
import pytest
from factories import BATCH, LATENT, SHAPE, discriminator, gan, generator, vae
from keras import layers

import tfgen
from tfgen import domains
from tfgen.errors import UserError


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2 * BATCH, *SHAPE), dtype=np.uint8)


@functools.cache
def networks():
    return {"generator": generator(), "discriminator": discriminator(), "latent_dim": LATENT}


@functools.cache
def untouched():
    return gan()


def adversarial(**options):
    return tfgen.AdversarialModel(**{**networks(), "ema": None, **options})


@pytest.mark.parametrize(
    "options,said",
    [
        ({"loss": "hinge"}, r"loss expects .* tfgen.losses, got 'hinge'; did you mean tfgen.losses.hinge\?"),
        ({"loss": keras.losses.MeanSquaredError()}, "loss expects an object such as those in tfgen.losses"),
        ({"loss": lambda real, fake: 0.0}, "loss expects an object such as those in tfgen.losses"),
        ({"loss": tfgen.Loss}, "loss expects an object such as those in tfgen.losses"),
        ({"prior": "nrmal"}, r"did you mean tfgen.priors.normal\?"),
        ({"prior": 3}, "prior expects an object such as those in tfgen.priors, got 3"),
        ({"penalty": "r1"}, r"did you mean tfgen.penalties.r1\?"),
        ({"augment": 0.5}, "augment expects an object such as those in tfgen.augment, got 0.5"),
        ({"discriminator": None}, "discriminator expects a keras.Model, got None"),
        ({"generator": lambda z: z}, "generator expects a keras.Model"),
        ({"latent_dim": 8.0}, "latent_dim must be an integer, got 8.0"),
        ({"latent_dim": "8"}, "latent_dim must be an integer, got '8'"),
        ({"discriminator_steps": True}, "discriminator_steps must be an integer, got True"),
        ({"seed": 1.5}, "seed must be an integer, got 1.5"),
        ({"ema": "often"}, "ema expects a number, or an object such as those in tfgen.averaging, got 'often'"),
        ({"value_range": (1, -1)}, r"value_range expects \(low, high\), .* got \(1, -1\)"),
        ({"value_range": "ab"}, "value_range expects .* got 'ab'"),
        ({"value_range": (0,)}, r"value_range expects .* got \(0,\)"),
    ],
)
def test_an_argument_of_another_kind_is_said_when_the_model_is_made(options, said):
    with pytest.raises(UserError, match=said):
        adversarial(**options)


def test_functions_stand_for_penalties_and_augmentations():
    def penalty(discriminate, real, fake, noise):
        return 0.0

    assert adversarial(penalty=penalty, augment=lambda images, noise: images).penalty is penalty


def test_an_object_with_the_methods_of_a_loss_is_one():
    class Own:
        def discriminator_loss(self, real, fake):
            return keras.ops.mean(fake - real)

        def generator_loss(self, fake, real=None):
            return -keras.ops.mean(fake)

        def smoothed(self, amount):
            return self

    own = Own()
    assert adversarial(loss=own).loss_functions is own


@pytest.mark.parametrize(
    "arguments,said",
    [
        ({"n": 1.5}, "n must be an integer, got 1.5"),
        ({"n": "4"}, "n must be an integer, got '4'"),
        ({"n": 10**12}, "n must be at least 0, got 1000000000000; the largest is 2147483647"),
        ({"n": 1, "seed": None}, "seed must be an integer, got None"),
        ({"n": 1, "seed": -1}, "seed must be at least 0, got -1"),
        ({"n": 1, "start": -1}, "start must be at least 0, got -1"),
        ({"n": 1, "batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_samples_are_counted_in_integers(arguments, said):
    with pytest.raises(UserError, match=said):
        untouched().sample(**arguments)


@pytest.mark.parametrize(
    "arguments,said",
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": -1}, "batch_size must be at least 1, got -1"),
        ({"batch_size": "16"}, "batch_size must be an integer, got '16'"),
        ({"epochs": 1.5}, "epochs must be an integer, got 1.5"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
    ],
)
def test_fit_takes_no_batch_of_nothing(images, arguments, said):
    model = untouched()
    with pytest.raises(UserError, match=said):
        model.fit(images, verbose=0, **arguments)
    assert int(model.step) == 0


def test_numbers_of_numpy_are_numbers():
    domains.check("n", np.int64(3), domains.Count)
    assert untouched().sample(np.int64(2), seed=np.int32(1)).shape == (2, *SHAPE)


def encoder(*sizes):
    image = keras.Input(SHAPE, name="image")
    outputs = [layers.Dense(size)(layers.Flatten()(image)) for size in sizes]
    return keras.Model(image, outputs if len(outputs) > 1 else outputs[0])


@pytest.mark.parametrize("sizes", [(LATENT,), (LATENT + 1, LATENT + 1)])
def test_an_encoder_that_gives_no_posterior_is_said(images, sizes):
    latent = keras.Input((LATENT,), name="latent")
    decoder = keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(int(np.prod(SHAPE)))(latent)))
    model = tfgen.VariationalModel(encoder(*sizes), decoder)
    model.compile(run_eagerly=True)
    with pytest.raises(UserError, match=rf"return z_mean and z_log_var, each of shape \(None, {LATENT}\)"):
        model.fit(images, batch_size=BATCH, verbose=0)
    assert vae().encode(images)["z_mean"].shape[0] == len(images)


def test_a_loss_that_returns_nothing_is_said(images):
    loss = tfgen.Loss(discriminator=lambda real, fake: None, generator=lambda fake, real: None)
    model = adversarial(loss=loss)
    model.compile(run_eagerly=True)
    with pytest.raises(UserError, match="must be a scalar, got None: its function has to return it"):
        model.fit(images, batch_size=BATCH, verbose=0)
