"""Networks for images of any shape: sizes, ranges, names, and nothing but Keras' own layers."""

import keras
import numpy as np
import pytest
from keras import layers

from tfgen import build_model, likelihoods, networks
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.networks import mlp, shapes

SHAPES = [(16, 16, 1), (17, 23, 3), (28, 28, 1), (33, 16, 1), (64, 48, 3)]
LATENT, CLASSES = 5, 3
LABEL, VECTOR = Field("label", range=(0, CLASSES)), Field("vector", (4,))
SMALL = {"width": 2, "kernel_size": 3}


def label():
    return networks.make_condition("label", LABEL, (6,))


GENERATORS = {
    "conv": lambda shape, condition=None: networks.dcgan_generator(shape, LATENT, **SMALL, condition=condition),
    "full_size": lambda shape, condition=None: networks.dcgan_generator(
        shape, LATENT, **SMALL, condition=condition, full_size=True
    ),
    "dense": lambda shape, condition=None: networks.dense_generator(
        shape, LATENT, (8,), condition=condition, joint=(7,) if condition else ()
    ),
}
DISCRIMINATORS = {
    "conv": lambda shape, condition=None: networks.dcgan_discriminator(shape, **SMALL, condition=condition),
    "full_size": lambda shape, condition=None: networks.dcgan_discriminator(
        shape, **SMALL, condition=condition, full_size=True
    ),
    "dense": lambda shape, condition=None: networks.maxout_discriminator(shape, ((4, 2),), condition=condition),
}
ENCODERS = {
    "conv": lambda shape, **kw: networks.conv_encoder(shape, LATENT, **SMALL, **kw),
    "dense": lambda shape, **kw: networks.dense_encoder(shape, LATENT, (8,), **kw),
    "gated": lambda shape, **kw: networks.dense_encoder(shape, LATENT, (8, 7), "gated", **kw),
}
DECODERS = {
    "conv": lambda shape, likelihood: networks.conv_decoder(shape, LATENT, likelihood, **SMALL),
    "dense": lambda shape, likelihood: networks.dense_decoder(shape, LATENT, likelihood, (8,)),
    "gated": lambda shape, likelihood: networks.dense_decoder(shape, LATENT, likelihood, (8, 7), "gated"),
}


def all_layers(network):
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


def check_built_in(network):
    """Only Keras' own layers, none of them a Lambda: what other backends load without tfgen."""
    for layer in all_layers(network):
        assert type(layer).__module__.split(".")[0] == "keras", layer
        assert not isinstance(layer, layers.Lambda)
    assert all(tensor.dtype == "float32" for tensor in keras.tree.flatten(network.outputs))


def names(network):
    return {tensor.name: (tensor.dtype, tensor.shape[1:]) for tensor in network.inputs}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_makes_images_of_any_shape(kind, shape):
    network = GENERATORS[kind](shape)
    check_built_in(network)
    assert names(network) == {"latent": ("float32", (LATENT,))}
    assert network.output_shape == (None, *shape)
    far = 100.0 * np.random.default_rng(0).normal(size=(3, LATENT)).astype(np.float32)  # where tanh is at its ends
    images = np.asarray(network(far))
    assert images.shape == (3, *shape) and images.min() >= -1.0 and images.max() <= 1.0 and images.std() > 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", DISCRIMINATORS)
def test_a_discriminator_gives_logits_for_images_of_any_shape(kind, shape):
    network = DISCRIMINATORS[kind](shape)
    check_built_in(network)
    assert names(network) == {"image": ("float32", shape)}
    images = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype(np.float32)
    logits = np.asarray(network(images))
    assert logits.shape == (3, 1) and len(set(logits.ravel())) == 3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_gives_named_codes(kind, shape):
    network = ENCODERS[kind](shape)
    check_built_in(network)
    assert names(network) == {"image": ("float32", shape)}
    codes = network(np.ones((3, *shape), np.float32))
    assert {name: tuple(code.shape) for name, code in codes.items()} == {
        "z_mean": (3, LATENT),
        "z_log_var": (3, LATENT),
    }
    assert not np.array_equal(codes["z_mean"], codes["z_log_var"])
    assert set(ENCODERS[kind](shape, outputs=("latent",)).output) == {"latent"}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_gives_the_image_and_the_likelihoods_parameters(kind, shape):
    for likelihood in (likelihoods.bernoulli(), likelihoods.discretized_logistic()):
        network = DECODERS[kind](shape, likelihood)
        check_built_in(network)
        assert names(network) == {"latent": ("float32", (LATENT,))}
        outputs = network(np.ones((3, LATENT), np.float32))
        assert set(outputs) == {"image", *likelihood.parameters}
        assert {tuple(value.shape) for value in outputs.values()} == {(3, *shape)}
        assert np.min(outputs["image"]) >= 0.0 and np.max(outputs["image"]) <= 1.0


@pytest.mark.parametrize("makers", [GENERATORS, DISCRIMINATORS], ids=["generator", "discriminator"])
@pytest.mark.parametrize("kind", ["conv", "dense"])
@pytest.mark.parametrize("field", [LABEL, VECTOR], ids=["label", "vector"])
def test_a_condition_is_a_second_named_input_that_matters(makers, kind, field):
    name = "label" if field is LABEL else "attributes"
    network = makers[kind]((17, 23, 3), networks.make_condition(name, field, (6,)))
    check_built_in(network)
    first = next(iter(GENERATORS[kind]((17, 23, 3)).inputs)).name if makers is GENERATORS else "image"
    expected = ("int64", ()) if field is LABEL else ("float32", (4,))
    assert set(names(network)) == {first, name} and names(network)[name] == expected
    primary = np.random.default_rng(0).normal(size=(1, *names(network)[first][1])).astype(np.float32)
    conditions = [0, 2] if field is LABEL else np.eye(4, dtype=np.float32)[:2]
    made = network({first: np.repeat(primary, 2, axis=0), name: np.asarray(conditions)})
    assert not np.array_equal(made[0], made[1])


def test_a_label_becomes_one_hot_by_a_table_that_is_not_trained():
    condition = label()
    one_hot = keras.Model(condition.input, condition.vector)
    np.testing.assert_array_equal(one_hot(np.array([2, 0, 1])), np.eye(3)[[2, 0, 1]])
    assert not one_hot.trainable_variables


def test_maxout_takes_the_largest_of_each_units_pieces():
    vector = keras.Input((2,))
    network = keras.Model(vector, mlp.maxout(vector, 3, 2))
    kernel = np.float32([[1, -1, 0, 2, -2, 5], [0, 1, -3, 1, 0, 0]])  # first pieces, then second ones
    network.layers[1].set_weights([kernel, np.float32([0, 0, 1, 0, 0, -20])])
    # x = (2, 3): linear maps 2, 7 | 1, -4 | -8, -10; x = (-1, 0): -1, -2 | 1, 2 | 1, -25
    np.testing.assert_array_equal(network(np.float32([[2, 3], [-1, 0]])), [[7, 1, -8], [-1, 2, 1]])


def test_dense_networks_have_the_units_asked_for_in_this_order():
    def units(network):
        return [layer.units for layer in network.layers if isinstance(layer, layers.Dense)]

    shape, likelihood = (16, 16, 1), likelihoods.gaussian(None)
    assert units(networks.dense_generator(shape, LATENT, (7, 9))) == [7, 9, 256]
    assert units(networks.maxout_discriminator(shape, ((4, 5), (3, 2)))) == [20, 6, 1]
    assert units(networks.dense_encoder(shape, LATENT, (9, 7))) == [9, 7, LATENT, LATENT]
    assert units(networks.dense_decoder(shape, LATENT, likelihood, (7, 9))) == [7, 9, 256, 256]


def test_dcgan_is_normalised_activated_and_initialised_as_published():
    generator = networks.dcgan_generator((28, 28, 1), LATENT, 8)
    discriminator = networks.dcgan_discriminator((28, 28, 1), 8)
    for network in (generator, discriminator):
        kernels = np.concatenate([w.numpy().ravel() for w in network.trainable_weights if w.name == "kernel"])
        assert abs(kernels.mean()) < 2e-3 and kernels.std() == pytest.approx(0.02, rel=0.05)
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert kinds == ["InputLayer", "Dense", "Reshape", *["BatchNormalization", "ReLU"], "Conv2DTranspose"] + [
        *["BatchNormalization", "ReLU"],
        "Conv2DTranspose",
        "Activation",
    ]
    kinds = [type(layer).__name__ for layer in discriminator.layers]
    assert kinds == [
        "InputLayer",
        "Conv2D",
        "LeakyReLU",
        "Conv2D",
        "BatchNormalization",
        "LeakyReLU",
        "Flatten",
        "Dense",
    ]
    leaky = next(layer for layer in discriminator.layers if isinstance(layer, layers.LeakyReLU))
    assert leaky.negative_slope == pytest.approx(0.2)


def test_options_of_the_convolutional_discriminator():
    network = networks.dcgan_discriminator((16, 16, 1), **SMALL, normalize=False, dropout=0.4, stddev=None)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert "BatchNormalization" not in kinds and kinds.count("Dropout") == 2
    assert type(network.layers[1].kernel_initializer).__name__ == "GlorotUniform"


def test_a_hidden_layer_lets_distant_patches_of_an_image_meet():
    """Without it the effect of one corner on the logit does not depend on the other corner; with it, it does."""

    def interaction(hidden_units):
        network = networks.dcgan_discriminator(
            (16, 16, 1), 4, 4, normalize=False, hidden_units=hidden_units, stddev=1.0
        )
        images = np.zeros((4, 16, 16, 1), np.float32)
        images[[1, 3], 0, 0], images[[2, 3], 15, 15] = 1.0, 1.0
        none, first, second, both = network(images).numpy()[:, 0]
        return abs((both - second) - (first - none)) / abs(both)

    assert interaction(None) < 1e-5
    assert interaction(8) > 1e-3


def test_depth_counts_the_halvings():
    for depth, transposed in ((0, 1), (1, 1), (3, 3)):
        network = networks.dcgan_generator((17, 23, 3), LATENT, **SMALL, depth=depth)
        assert network.output_shape == (None, 17, 23, 3)
        assert sum(isinstance(layer, layers.Conv2DTranspose) for layer in network.layers) == transposed


def test_channels_double_no_further_than_at_128_pixels():
    def channels(make, *arguments, **options):
        network = make(*arguments, width=2, **options)
        convolutions = [layer for layer in network.layers if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose))]
        return [layer.filters for layer in convolutions]

    assert channels(networks.dcgan_discriminator, (128, 128, 1)) == [2, 4, 8, 16, 32]
    assert channels(networks.dcgan_discriminator, (512, 300, 1)) == [2, 4, 8, 16, 32, 32]
    assert channels(networks.dcgan_discriminator, (512, 512, 1)) == [2, 4, 8, 16, 32, 32, 32]
    assert channels(networks.dcgan_generator, (512, 512, 1), 3) == [32, 32, 16, 8, 4, 2, 1]
    assert channels(networks.dcgan_generator, (128, 128, 1), 3, full_size=True) == [32, 16, 8, 4, 2, 1]
    # a depth that is asked for has its channels
    assert channels(networks.dcgan_discriminator, (128, 128, 1), depth=6) == [2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 11, 3), (512, 8, 1), (300, 512, 1)])
def test_networks_of_the_smallest_and_the_largest_images(shape):
    for network in (networks.dcgan_generator(shape, 3, 1), networks.conv_decoder(shape, 3, likelihoods.bernoulli(), 1)):
        made = network(np.zeros((2, 3), np.float32))
        assert (made["image"] if isinstance(made, dict) else made).shape == (2, *shape)
    assert networks.dcgan_discriminator(shape, 1)(np.zeros((2, *shape), np.float32)).shape == (2, 1)
    assert networks.conv_encoder(shape, 3, 1)(np.zeros((2, *shape), np.float32))["z_mean"].shape == (2, 3)


def test_full_size_networks_have_maps_of_the_images_own_size():
    def maps(network):
        kinds = (layers.Conv2D, layers.Conv2DTranspose)
        return [(layer.kernel_size[0], *layer.output.shape[1:]) for layer in network.layers if isinstance(layer, kinds)]

    generator = networks.dcgan_generator((28, 28, 1), LATENT, 8, 4, full_size=True)
    discriminator = networks.dcgan_discriminator((28, 28, 1), 8, 4, full_size=True)
    assert maps(generator) == [(4, 14, 14, 16), (4, 28, 28, 8), (3, 28, 28, 1)]
    assert generator.layers[1].units == 7 * 7 * 32
    assert maps(discriminator) == [(3, 28, 28, 8), (4, 14, 14, 16), (4, 7, 7, 32)]
    normalized = [layer.output.shape[-1] for layer in discriminator.layers if "BatchNorm" in type(layer).__name__]
    assert normalized == [16, 32], "all but the first"


@pytest.mark.parametrize("name", ["dcgan", "cgan"])
def test_models_hand_these_options_on(name):
    given = {"num_classes": CLASSES} if name == "cgan" else {}
    model = build_model(name, (16, 16, 1), **given, **SMALL, latent_dim=LATENT, full_size=True, hidden_units=5)
    generator, discriminator = model.networks["generator"], model.networks["discriminator"]
    assert sum(type(layer) is layers.Conv2D for layer in generator.layers) == 1
    assert [layer.strides for layer in discriminator.layers if isinstance(layer, layers.Conv2D)][0] == (1, 1)
    assert any(layer.output.shape == (None, 5) for layer in discriminator.layers)


@pytest.mark.parametrize(
    "shape,halvings,grid,margins",
    [
        ((28, 28, 1), 2, (7, 7), ((0, 0), (0, 0))),
        ((16, 16, 1), 2, (4, 4), ((0, 0), (0, 0))),
        ((17, 23, 3), 2, (5, 6), ((1, 2), (0, 1))),
        ((33, 16, 1), 2, (9, 4), ((1, 2), (0, 0))),
        ((64, 48, 3), 3, (8, 6), ((0, 0), (0, 0))),
        ((128, 128, 3), 5, (4, 4), ((0, 0), (0, 0))),
        ((4, 9, 1), 0, (4, 9), ((0, 0), (0, 0))),
    ],
)
def test_the_arithmetic_of_shapes(shape, halvings, grid, margins):
    assert shapes.halvings(shape) == halvings
    assert shapes.grid(shape, halvings) == grid
    assert shapes.margins(shape, halvings) == margins


def test_too_small_an_image_is_refused():
    with pytest.raises(UserError, match="at least 4 pixels per side, got 3x9"):
        shapes.halvings((3, 9, 1))


@pytest.mark.parametrize("name", ["dcgan", "vae"])
def test_a_model_built_twice_has_the_same_layer_names_and_bits(name):
    def built():
        model = build_model(name, (16, 16, 1), width=2, latent_dim=LATENT, seed=3)
        return model.digest(), [layer.name for network in model.networks.values() for layer in network.layers]

    keras.layers.Dense(2)  # Keras counts on over the whole process
    first, second = built(), built()
    assert first == second
    assert first[0] != build_model(name, (16, 16, 1), width=2, latent_dim=LATENT, seed=4).digest()


# Gated layers.


def test_a_gated_layer_by_hand(tmp_path):
    encoder = networks.dense_encoder((1, 2, 1), 1, (2,), "gated", outputs=("latent",))
    gate = next(layer for layer in encoder.layers if getattr(layer, "activation", None) is keras.activations.sigmoid)
    linear = next(layer for layer in encoder.layers if getattr(layer, "units", None) == 2 and layer is not gate)
    linear.set_weights([np.array([[1.0, 0.0], [2.0, -3.0]]), np.array([0.5, 1.0])])
    gate.set_weights([np.array([[2.0, 0.0], [-1.0, 0.0]]), np.array([0.0, np.log(3.0)])])
    encoder.get_layer("latent").set_weights([np.array([[1.0], [10.0]]), np.array([0.25])])
    # of x = (1, 2): h = (5.5, -5), g = (0, log 3), so h sigmoid(g) = (2.75, -3.75)
    image = np.array([[[[1.0], [2.0]]]], np.float32)
    np.testing.assert_allclose(encoder(image)["latent"], [[2.75 - 37.5 + 0.25]], rtol=1e-6)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(image)["latent"], encoder(image)["latent"])
