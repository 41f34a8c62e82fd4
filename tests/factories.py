"""Small models of every family that several test files train, and what is measured of them."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgen import likelihoods
from tfgen.data.source import Field
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.model import VariationalModel
from tfgen.networks.seeding import seeded
from tfgen.priors import Prior
from tfgen.training.model import GenerativeModel
from tfgen.training.phases import Phase
from tfgen.values import serializable

SHAPE, LATENT, CLASSES, BATCH = (6, 5, 1), 3, 4, 8
LABELLED = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}


def generator(norm=True):
    latent = keras.Input((LATENT,), name="latent")
    x = layers.Dense(12)(latent)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.5)(x) if norm else x)
    return keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x)), name="generator")


def discriminator():
    image = keras.Input(SHAPE, name="image")
    x = layers.LeakyReLU()(layers.BatchNormalization(momentum=0.5)(layers.Dense(8)(layers.Flatten()(image))))
    return keras.Model(image, layers.Dense(1)(layers.Dropout(0.3)(x)), name="discriminator")


def gan(optimizers=(), seed=0, nets=(generator, discriminator), **options):
    with seeded(seed):
        model = AdversarialModel(*(make() for make in nets), latent_dim=LATENT, seed=seed, **options)
        model.compile(*optimizers)
    return model


def labelled_gan():
    with seeded(0):
        latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
        x = layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label)])
        picture = layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x))
        image = keras.Input(SHAPE, name="image")
        seen = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(CLASSES, 2)(label)])
        model = AdversarialModel(
            keras.Model({"latent": latent, "label": label}, picture, name="generator"),
            keras.Model({"image": image, "label": label}, layers.Dense(1)(seen), name="discriminator"),
            latent_dim=LATENT,
            fields=LABELLED,
            name="labelled",
        )
        model.compile()
    return model


def encoder(*heads):
    image = keras.Input(SHAPE, name="image")
    x = layers.Flatten()(image)
    return keras.Model(image, {name: layers.Dense(LATENT, name=name)(x) for name in heads}, name="encoder")


def decoder(likelihood):
    latent = keras.Input((LATENT,), name="latent")
    heads = likelihood.heads(lambda name: layers.Reshape(SHAPE)(layers.Dense(30, name=f"raw_{name}")(latent)))
    return keras.Model(latent, heads, name="decoder")


@serializable
@dataclasses.dataclass(frozen=True)
class Laplace(Prior):
    """A prior from which the divergence of a normal distribution has no closed form."""

    scale: float = 1.0

    def sample(self, seed, shape):
        u = tf.random.stateless_uniform(shape, seed, -0.5, 0.5, alg="philox")
        return -self.scale * tf.sign(u) * tf.math.log1p(-2.0 * tf.abs(u))

    def log_prob(self, z):
        return tf.reduce_sum(-tf.abs(z) / self.scale - tf.math.log(2.0 * self.scale), axis=-1)


def vae(optimizer=None, seed=0, likelihood=likelihoods.bernoulli(), **options):
    with seeded(seed):
        nets = encoder("z_mean", "z_log_var"), decoder(likelihood)
        model = VariationalModel(*nets, likelihood=likelihood, seed=seed, **options)
        model.compile(optimizer)
    return model


def ae():
    with seeded(0):
        model = Autoencoder(encoder("latent"), decoder(likelihoods.bernoulli()))
        model.compile()
    return model


def weights(network):
    return {variable.path: variable.numpy().copy() for variable in network.variables}


def changed(before, network):
    """Paths of the variables that differ from `before`."""
    return {path for path, value in weights(network).items() if not np.array_equal(value, before[path])}


def step(model, photos, parts=1, **fields):
    """One training step, not compiled; its logs as numbers."""
    batch = {"image": tf.constant(photos(BATCH * parts, SHAPE)), **fields}
    return {name: float(value) for name, value in model.train_step(batch).items()}


def fitted(model, x, epochs=(2,), y=None, **options):
    for count in epochs:
        model.fit(x, y, batch_size=BATCH, epochs=count, verbose=0, **options)
    return model


def state(model):
    return {name: variable.numpy() for name, variable in model.state().items()}


def rewind(model, values):
    for name, variable in model.state().items():
        variable.assign(values[name])


# Models of phases that a test gives.

WIDTH = 4
VECTORS = {"x": Field("vector", (WIDTH,))}


def network(name, units=1, norm=True, width=WIDTH):
    """x float32 [B, width] -> [B, units], with batch statistics and a dropout mask unless it is linear."""
    x = keras.Input((width,), name="x")
    y = layers.Dropout(0.3)(layers.BatchNormalization(momentum=0.5)(layers.Dense(6)(x))) if norm else x
    return keras.Model(x, layers.Dense(units)(y), name=name)


class Phased(GenerativeModel):
    """A model of vectors whose phases are `phases_of(model)`.

    Args:
        networks: name -> network.
        phases_of: a function, or None for a phase of its own for each network (see `own_phase`).
    """

    default_optimizers = {"a": {"learning_rate": 0.01}, "b": {"learning_rate": 0.02}}

    def __init__(self, networks, phases_of=None, *, fields=VECTORS, **options):
        super().__init__(networks, fields=fields, **options)
        self.phases_of = phases_of

    @property
    def phases(self):
        return [own_phase(self, name) for name in self.networks] if self.phases_of is None else self.phases_of(self)


def own_phase(model, name, **settings):
    """A phase that trains the network `name` alone and logs the number of the step as `at_NAME`.

    It runs all networks of the model, so that what is to stay as it is has been used.
    """

    def terms(batch, step):
        made = {key: step.run(key, batch) for key in model.networks}
        step.log(f"at_{name}", tf.cast(step.index, tf.float32))
        others = tf.add_n([tf.reduce_mean(made[key]) for key in made])
        return {f"{name}_loss": tf.reduce_mean(tf.square(made[name] - 1.0)) + 0.1 * others}

    return Phase(name, (name,), name, terms, **settings)


def phased(phases_of=None, seed=0, optimizers=(), compiled=None, **options):
    """A `Phased` model of two networks `a` and `b`, compiled with the settings `compiled`."""
    with seeded(seed):
        model = Phased({name: network(name) for name in "ab"}, phases_of, seed=seed, **options)
        model.compile(*optimizers, **(compiled or {}))
    return model


def vectors(count, first=0.0):
    """x float32 [count, WIDTH]: row i holds first + i, then noise."""
    x = np.random.default_rng(0).normal(size=(count, WIDTH)).astype(np.float32)
    x[:, 0] = first + np.arange(count)
    return x


def group(values, prefix):
    """Those of a `state` whose names begin so."""
    found = {name: value for name, value in values.items() if name.startswith(prefix)}
    assert found, f"no variable of {prefix}"
    return found


def same(one, other):
    """Whether two states hold the same bits."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
