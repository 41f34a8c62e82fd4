"""Networks of a user's own: subclasses, Lambdas, layers of unknown classes; and endings that do not fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import SHAPE, state
from keras import layers

import tfgen
from tfgen.errors import UserError
from tfgen.networks.building import build, input_shape, output_shape
from tfgen.networks.copying import copy_network
from tfgen.networks.endings import output_range

LATENT = 3
FACTOR = 2.0
known = keras.saving.register_keras_serializable(package="own_networks")


class Unknown(layers.Layer):
    """Not registered with Keras."""

    def call(self, x):
        return x / (1.0 + keras.ops.abs(x))


@known
class Scale(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], initializer="ones")

    def call(self, x):
        return x * self.scale


class Generator(keras.Model):
    """A subclass whose `call` takes no `training`."""

    def __init__(self):
        super().__init__()
        self.dense, self.shape_it = layers.Dense(30, activation="tanh"), layers.Reshape(SHAPE)

    def call(self, latent):
        return self.shape_it(self.dense(latent))


@known
class Discriminator(keras.Model):
    """A subclass that can be saved: it takes what `get_config` gives."""

    def __init__(self, **options):
        super().__init__(**options)
        self.flat, self.norm, self.dense = layers.Flatten(), layers.BatchNormalization(), layers.Dense(1)

    def call(self, image, training=False):
        return self.dense(self.norm(self.flat(image), training=training))


@known
class Fussy(layers.Layer):
    """Registered, but its constructor does not take what its get_config gives."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@known
class NoConfig(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.flat, self.dense = layers.Flatten(), layers.Dense(units)

    def call(self, image):
        return self.dense(self.flat(image))


@known
def double(x):
    return 2.0 * x


def dense(*more, start=(LATENT,)):
    first = [] if start is None else [keras.Input(start)]
    return keras.Sequential([*first, *more, layers.Dense(30, activation="tanh"), layers.Reshape(SHAPE)])


def judge(*last):
    return keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1), *last])


def called(network):
    network(np.zeros((1, LATENT), "float32"))
    return network


def trained(generator, discriminator, photos, **options):
    """A GAN of these networks after one step."""
    model = tfgen.AdversarialModel(generator, discriminator, latent_dim=LATENT, **options)
    model.compile(run_eagerly=True)
    model.fit(photos(8, SHAPE), batch_size=8, verbose=0)
    return model


GENERATORS = {
    "lambda": lambda: dense(layers.Lambda(lambda x: FACTOR * x)),
    "unknown layer": lambda: dense(Unknown()),
    "subclass": Generator,
    "subclass, called": lambda: called(Generator()),
    "without Input": lambda: dense(Scale(), start=None),
    "subclass within": lambda: keras.Sequential([keras.Input((LATENT,)), Generator()]),
    "named function": lambda: dense(layers.Lambda(double)),
}
SAVABLE = {"without Input", "named function"}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_network_of_any_class_is_trained_averaged_and_saved_or_it_is_said_how(name, photos, tmp_path, capsys):
    model = trained(GENERATORS[name](), Discriminator(), photos)
    average, network = model.best("generator"), model.generator
    assert average is not network and not {id(w) for w in average.weights} & {id(w) for w in network.weights}
    # after one step the average has moved 1 - 2/11 of the way: avg <- d avg + (1 - d) w, d = min(ema, 2 / 11)
    assert model.sample(2).shape == (2, *SHAPE)
    said, path = capsys.readouterr().out, tmp_path / "model.keras"
    if name in SAVABLE:
        model.save(path)
        loaded = keras.saving.load_model(path)
        np.testing.assert_array_equal(loaded.sample(3), model.sample(3))
        assert loaded.digest() == model.digest() and "not saved" not in said
        return
    assert said.count("this model can be trained, but not saved") == 1
    with pytest.raises(UserError, match="register_keras_serializable") as caught:
        model.save(path)
    assert "\n" not in str(caught.value) and not path.exists()


def test_what_is_registered_before_it_is_saved_can_be_saved(photos, tmp_path, monkeypatch):
    model = trained(dense(Unknown()), judge(), photos)
    with pytest.raises(UserError, match=r"the class 'Unknown' cannot be saved by name.*serializable\(\)\(Unknown\)"):
        model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"Unknown": Unknown}):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.digest() == model.digest()


def test_a_subclass_that_cannot_be_made_again_is_said_for_the_average_and_for_the_file(photos, tmp_path):
    with pytest.raises(UserError, match="cannot be copied for an average.*ema=None") as caught:
        tfgen.AdversarialModel(NoConfig(30), judge(), latent_dim=LATENT)
    assert "\n" not in str(caught.value)
    model = trained(dense(), NoConfig(1), photos)  # no average is kept of the discriminator
    with pytest.raises(UserError, match="NoConfig.* cannot be saved with the model: give its class get_config"):
        model.save(tmp_path / "model.keras")
    assert model.exported_networks()["discriminator"] is model.discriminator


def test_a_layer_that_does_not_take_its_own_configuration_is_said(tmp_path):
    model = tfgen.AdversarialModel(dense(Fussy(2.0)), judge(), latent_dim=LATENT)
    with pytest.raises(UserError, match="the class 'Fussy' cannot be made again from its get_config: let its constr"):
        model.save(tmp_path / "model.keras")


def test_a_lambda_as_an_activation_is_said_before_the_first_step(photos, tmp_path, capsys):
    with pytest.warns(UserWarning, match="lambda"):  # Keras' own
        discriminator = judge(layers.Dense(1, activation=lambda x: FACTOR * x))
        model = trained(dense(), discriminator, photos)
        with pytest.raises(UserError, match="a Python lambda in the layers cannot be saved by name"):
            model.save(tmp_path / "model.keras")
    assert "not saved: a Python lambda" in capsys.readouterr().out


def test_inputs_in_another_order_take_their_fields_by_name(photos, tmp_path):
    label, latent = keras.Input((), dtype="int64", name="label"), keras.Input((LATENT,), name="latent")
    x = layers.Concatenate()([layers.Embedding(4, 2)(label), layers.Dense(5)(latent)])
    generator = keras.Model([label, latent], layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x)))
    fields = {"image": tfgen.Field("image", SHAPE), "label": tfgen.Field("label", range=(0, 4))}
    model = tfgen.AdversarialModel(generator, judge(), latent_dim=LATENT, fields=fields)
    model.compile(run_eagerly=True)
    model.fit(photos(8, SHAPE), np.arange(8) % 4, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(4, label=2), model.sample(4, label=2))


def test_a_vae_of_subclasses_takes_its_shape_from_a_call_or_from_fields(photos):
    class Encoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.mean, self.log_var = layers.Flatten(), layers.Dense(LATENT), layers.Dense(LATENT)

        def call(self, image):
            x = self.flat(image)
            return {"z_mean": self.mean(x), "z_log_var": self.log_var(x)}

    class Decoder(Generator):
        def call(self, latent):
            return self.shape_it(layers.Activation("linear")(self.dense(latent)) * 3.0)

    fields = {"image": tfgen.Field("image", SHAPE)}
    with pytest.raises(UserError, match="does not know its input's shape yet: call it on one batch first, or give"):
        tfgen.VariationalModel(Encoder(), Decoder())
    encoder = Encoder()
    encoder(np.zeros((1, *SHAPE), "float32"))
    for model in (
        tfgen.VariationalModel(encoder, Decoder()),
        tfgen.VariationalModel(Encoder(), Decoder(), fields=fields),
    ):
        assert model.data_shape == SHAPE and model.latent_dim == LATENT
        model.compile(run_eagerly=True)
        before = state(model)
        model.fit(photos(8, SHAPE), batch_size=8, verbose=0)
        moved = [name for name, value in state(model).items() if not np.array_equal(value, before[name])]
        assert any("encoder" in name for name in moved) and any("decoder" in name for name in moved)
        assert model.reconstruct(photos(8, SHAPE)).shape == (8, *SHAPE)


def test_shapes_of_networks():
    network = Generator()
    assert input_shape(network, "latent") is None
    build(network, (LATENT,))
    assert output_shape(network, (LATENT,)) == SHAPE and input_shape(network, "latent") == (LATENT,)
    several = keras.Model({"a": keras.Input((2,), name="a"), "b": (b := keras.Input((5,), name="b"))}, {"x": b})
    assert input_shape(several, "b") == (5,) and input_shape(several, "other") == (2,)
    assert output_shape(several, (2,)) == (5,)
    with pytest.raises(UserError, match=r"cannot be called on one input of shape \(None, 3\).*functional keras.Model"):
        build(Discriminator2(), (3,))


class Discriminator2(keras.Model):
    def call(self, image, label):
        return image


def test_a_copy_gives_what_the_network_gives():
    latents = np.random.default_rng(0).normal(size=(4, LATENT)).astype("float32")
    for make in GENERATORS.values():
        network = make()
        build(network, (LATENT,))
        copy = copy_network(network)
        np.testing.assert_array_equal(copy(latents), network(latents))


# Endings.


def my_sigmoid(x):
    return 1.0 / (1.0 + keras.ops.exp(-x))


@pytest.mark.parametrize(
    "last,expected",
    [
        ([], None),
        ([layers.LeakyReLU()], None),
        ([layers.Activation("sigmoid")], ("sigmoid", 0.0, 1.0)),
        ([layers.Dense(1, activation="sigmoid"), layers.Reshape((1,))], ("sigmoid", 0.0, 1.0)),
        ([layers.Dense(1, activation=my_sigmoid)], ("my_sigmoid", 0.0, 1.0)),
        ([layers.Dense(1, activation="sigmoid"), layers.Rescaling(2.0, -1.0)], ("sigmoid", -1.0, 1.0)),
        ([layers.ReLU()], ("ReLU", 0.0, np.inf)),
        ([layers.Dense(1, activation="sigmoid"), layers.Dense(1)], None),
    ],
    ids=["none", "leaky", "layer", "reshaped", "own", "rescaled", "relu", "before a dense layer"],
)
def test_the_range_of_a_network_is_that_of_its_last_functions(last, expected):
    network = judge(*last)
    assert output_range(network, SHAPE) == expected
    assert output_range(keras.Sequential([keras.Input(SHAPE), network]), SHAPE) == expected


@pytest.mark.parametrize(
    "last", [layers.Activation("sigmoid"), layers.Softmax(), layers.Activation("tanh"), layers.ReLU()]
)
def test_a_discriminator_that_gives_no_logits_is_said(last):
    with pytest.warns(UserWarning, match="takes? its logit before a sigmoid: leave the last activation out"):
        tfgen.AdversarialModel(dense(), judge(last), latent_dim=LATENT)


def test_so_is_a_subclass_that_ends_in_a_sigmoid_and_a_decoder_that_gives_probabilities():
    class Ends(Discriminator):
        def call(self, image, training=False):
            return keras.ops.sigmoid(super().call(image, training=training))

    with pytest.warns(UserWarning, match="ends in Sigmoid, with outputs in 0 .. 1, but losses take its logit before"):
        tfgen.AdversarialModel(dense(), Ends(), latent_dim=LATENT)
    flat = layers.Flatten()(image := keras.Input(SHAPE, name="image"))
    encoder = keras.Model(image, {name: layers.Dense(LATENT)(flat) for name in ("z_mean", "z_log_var")})
    decoder = keras.Sequential([keras.Input((LATENT,)), layers.Dense(30, activation="sigmoid"), layers.Reshape(SHAPE)])
    with pytest.warns(UserWarning, match="take its logits before a sigmoid"):
        tfgen.VariationalModel(encoder, decoder)


@pytest.mark.parametrize(
    "activation,value_range,said",
    [
        ("sigmoid", (-1, 1), r"outputs in 0 .. 1, but images lie in value_range=\(-1, 1\): give value_range=\(0, 1\)"),
        ("tanh", (0, 1), r"outputs in -1 .. 1, but images lie in value_range=\(0, 1\): give value_range=\(-1, 1\)"),
        ("relu", (-1, 1), r"outputs in 0 .. inf, but images lie in value_range=\(-1, 1\)$"),
        ("tanh", (-1, 1), None),
        ("sigmoid", (0, 1), None),
        ("relu", (0, 1), None),
        ("linear", (-1, 1), None),
    ],
)
def test_a_generator_that_cannot_reach_the_value_range_is_said(activation, value_range, said, recwarn):
    generator = keras.Sequential(
        [keras.Input((LATENT,)), layers.Dense(30, activation=activation), layers.Reshape(SHAPE)]
    )
    if said is None:
        tfgen.AdversarialModel(generator, judge(), latent_dim=LATENT, value_range=value_range)
        assert not recwarn.list
        return
    with pytest.warns(UserWarning, match=said):
        tfgen.AdversarialModel(generator, judge(), latent_dim=LATENT, value_range=value_range)


def test_one_network_is_not_both():
    network = judge()
    with pytest.raises(UserError, match="the generator and the discriminator are one network, expected two"):
        tfgen.AdversarialModel(network, network, latent_dim=LATENT)


def test_a_network_that_is_given_what_it_does_not_take_is_said(photos):
    with pytest.warns(UserWarning, match="ends in tanh"):  # a generator in the place of a discriminator
        model = tfgen.AdversarialModel(dense(), dense(start=(7,)), latent_dim=LATENT)
    model.compile(run_eagerly=True)
    with pytest.raises(UserError, match=r"takes inputs of shape \(7,\), got 'image' of shape \(6, 5, 1\)"):
        model.fit(photos(8, SHAPE), batch_size=8, verbose=0)
    with pytest.raises(UserError, match=r"takes inputs of shape \(3,\), got 'latent' of shape \(5,\)"):
        tfgen.AdversarialModel(dense(), judge(), latent_dim=LATENT).decode_latents(tf.zeros([2, 5]))
