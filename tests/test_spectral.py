"""Spectral normalisation, minibatch deviation, self-attention, features: parts of networks that formulas need."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfgen import networks
from tfgen.errors import UserError
from tfgen.networks import resnet
from tfgen.networks.copying import copy_network


def normalised_network():
    image = keras.Input((6, 6, 2), name="image")
    x = networks.spectral(layers.Conv2D(4, 3, padding="same"))(image)
    x = networks.spectral(layers.Conv2DTranspose(3, 4, 2, "same"))(layers.ReLU()(x))
    x = layers.Flatten()(x)
    return keras.Model(image, networks.spectral(layers.Dense(2, name="logit"))(x))


IMAGES = np.random.default_rng(0).random((3, 6, 6, 2), np.float32)


def test_spectral_normalisation_divides_by_the_largest_singular_value():
    network = normalised_network()
    for _ in range(80):
        network(IMAGES, training=True)
    for layer in network.layers:
        if isinstance(layer, networks.SpectralNormalization):
            kernel = np.asarray(layer.layer.kernel)
            if isinstance(layer.layer, layers.Conv2DTranspose):
                kernel = np.swapaxes(kernel, -1, -2)
            sigma = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
            assert float(layer.iterated()[1]) == pytest.approx(sigma, rel=1e-4)


def test_the_gradient_flows_through_sigma():
    layer = networks.spectral(layers.Dense(1, use_bias=False))
    x = tf.constant([[1.0, 2.0]])
    layer(x)
    layer.layer.kernel.assign([[3.0], [4.0]])
    layer(x, training=True)
    with tf.GradientTape() as tape:
        y = layer(x)
    # y = x . w / |w| = 11 / 5; dy/dw = (x - y w / |w|) / |w| = ((1, 2) - 2.2 (0.6, 0.8)) / 5: equation 9
    assert float(y[0, 0]) == pytest.approx(2.2)
    gradient = tape.gradient(y, layer.layer.kernel.value).numpy()[:, 0]
    np.testing.assert_allclose(gradient, [(1 - 1.32) / 5, (2 - 1.76) / 5], rtol=1e-4)


def test_its_vector_moves_in_training_alone():
    network = normalised_network()
    before = [w.numpy() for w in network.non_trainable_weights]
    network(IMAGES)
    assert all((w.numpy() == b).all() for w, b in zip(network.non_trainable_weights, before, strict=True))
    network(IMAGES, training=True)
    assert not any((w.numpy() == b).all() for w, b in zip(network.non_trainable_weights, before, strict=True))


def test_a_frozen_copy_has_the_same_outputs():
    network = normalised_network()
    copy = copy_network(network)
    copy.trainable = False
    np.testing.assert_array_equal(copy(IMAGES), network(IMAGES))


def test_without_it_a_network_has_built_in_layers_and_the_same_outputs(tmp_path):
    network = normalised_network()
    network(IMAGES, training=True)
    made = networks.plain(network)
    assert [type(layer).__name__ for layer in made.layers][1:4:2] == ["Conv2D", "Conv2DTranspose"]
    made.save(tmp_path / "made.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "made.keras")(IMAGES), network(IMAGES), atol=1e-6)
    assert networks.plain(made) is made


def test_the_minibatch_deviation_is_the_mean_deviation_over_the_batch(tmp_path):
    image = keras.Input((1, 2, 1))
    network = keras.Model(image, networks.with_deviation(image))
    x = np.array([1.0, 5.0, 3.0, 5.0], np.float32).reshape(2, 1, 2, 1)  # deviations 1 and 0
    np.testing.assert_allclose(network(x)[..., 1], np.full((2, 1, 2), 0.5), atol=1e-4)
    np.testing.assert_array_equal(network(x)[..., :1], x)
    network.save(tmp_path / "network.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "network.keras")(x), network(x))


def test_self_attention_begins_as_the_identity_and_mixes_all_places_later():
    image = keras.Input((4, 4, 8))
    network = keras.Model(image, networks.self_attention(image, "attention"))
    x = np.random.default_rng(0).random((1, 4, 4, 8), np.float32)
    np.testing.assert_array_equal(network(x), x)
    network.get_layer("attention_gamma").set_weights([np.ones((1, 1, 8, 1), np.float32)])
    other = x.copy()
    other[0, 0, 0] = 9.0
    assert (np.abs(network(other) - network(x))[0, 3, 3] > 1e-6).any()


def test_the_features_are_what_the_logit_is_made_of():
    network = networks.dcgan_discriminator((8, 8, 1), 4, hidden_units=5)
    view = networks.with_features(network)
    x = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    outputs, layer = view(x), network.layers[-1]
    np.testing.assert_allclose(outputs["features"] @ layer.kernel + layer.bias, network(x), rtol=1e-5)
    np.testing.assert_array_equal(outputs["logit"], network(x))
    assert networks.with_features(view) is view
    image = keras.Input((8, 8, 1))
    parts = [layers.Dense(1)(layers.Flatten()(image)) for _ in range(2)]
    with pytest.raises(UserError, match="feature_matching needs a discriminator whose logit is a layer of one input"):
        networks.with_features(keras.Model(image, layers.Add()(parts)))


@pytest.mark.parametrize("shape", [(16, 16, 1), (30, 30, 1), (25, 13, 3)])
def test_the_residual_discriminator_adds_up_all_places(shape):
    network = resnet.resnet_discriminator(shape, width=2, depth=2)
    pooled = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    scale = next(layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling))
    images = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    maps, sums = keras.Model(network.input, [pooled.input, scale.output])(images)
    np.testing.assert_allclose(sums, tf.reduce_sum(maps, axis=(1, 2)), rtol=1e-4, atol=1e-5)
