"""Dense networks: functions that return a functional `keras.Model` of built-in layers."""

import math

import keras
from keras import layers

from tfgen.networks.conditions import network_inputs


def hidden_layers(x, units, activation, dropout=0.0, normalize=False, **kwargs):
    for count in units:
        if normalize:  # its own shift makes a bias idle
            x = layers.Activation(activation)(
                layers.BatchNormalization()(layers.Dense(count, use_bias=False, **kwargs)(x))
            )
        else:
            x = layers.Dense(count, activation=activation, **kwargs)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return x


def maxout(x, units, pieces, **kwargs):
    """The largest of `pieces` linear maps, for each of `units` outputs (Goodfellow et al. 2013)."""
    x = layers.Dense(units * pieces, **kwargs)(x)
    x = layers.Reshape((pieces, units))(x)
    return layers.GlobalMaxPooling1D()(x)  # measured on a CPU: 10 times as fast as MaxPooling1D over neighbours


def data_from_vector(x, shape, activation=None, name="image", **kwargs):
    """A dense layer shaped as an image [H, W, C] or a point [D], float32."""
    x = layers.Dense(math.prod(shape), **kwargs)(x)
    x = layers.Reshape(shape)(x)
    return layers.Activation(activation or "linear", dtype="float32", name=name)(x)


def dense_encoder(image_shape, latent_dim, units=(500,), activation="tanh", outputs=("z_mean", "z_log_var"), **kwargs):
    """image [B, H, W, C] -> a dict of `outputs`, each float32 [B, latent_dim]."""
    image = keras.Input(image_shape, name="image")
    x = hidden_layers(layers.Flatten()(image), units, activation, **kwargs)
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name, **kwargs)(x) for name in outputs}
    return keras.Model(image, heads, name="encoder")


def dense_decoder(image_shape, latent_dim, likelihood, units=(500,), activation="tanh", **kwargs):
    """latent [B, latent_dim] -> the likelihood's outputs, each float32 [B, H, W, C]."""
    latent = keras.Input((latent_dim,), name="latent")
    x = hidden_layers(latent, units, activation, **kwargs)

    def raw(name):
        return layers.Reshape(image_shape)(layers.Dense(math.prod(image_shape), name=f"raw_{name}", **kwargs)(x))

    return keras.Model(latent, likelihood.heads(raw), name="decoder")


def dense_generator(
    shape,
    latent_dim,
    units=(1200, 1200),
    output="tanh",
    condition=None,
    joint=(),
    dropout=0.0,
    normalize=False,
    name="image",
    **kwargs,
):
    """latent [B, latent_dim] -> image [B, H, W, C], or what `name` and `shape` say: ReLU layers.

    Goodfellow et al. 2014. `output` is the last activation, None for none; `normalize` puts batch norm before the ReLUs
    of `units`.

    With a `condition`, latent and condition pass through `units` and `condition.units` of their own before the `joint`
    layers (Mirza and Osindero 2014, section 4.1).
    """
    latent = keras.Input((latent_dim,), name="latent")
    x = hidden_layers(latent, units, "relu", dropout, normalize, **kwargs)
    if condition is not None:
        x = layers.Concatenate()([x, hidden_layers(condition.vector, condition.units, "relu", dropout, **kwargs)])
        x = hidden_layers(x, joint, "relu", dropout, **kwargs)
    data = data_from_vector(x, shape, output, name, **kwargs)
    return keras.Model(network_inputs(latent, condition), data, name="generator")


def maxout_discriminator(
    shape, units=((240, 5), (240, 5)), dropout=0.5, condition=None, joint=(), name="image", **kwargs
):
    """image [B, H, W, C], or what `name` and `shape` say -> logit [B, 1]: maxout layers of (units, pieces), dropout
    after each.

    Goodfellow et al. 2014; with a `condition`, Mirza and Osindero 2014: it has a maxout layer of 50 x 5 of its own.
    """
    data = keras.Input(shape, name=name)
    x = maxout_layers(layers.Flatten()(data), units, dropout, **kwargs)
    if condition is not None:
        x = layers.Concatenate()([x, maxout_layers(condition.vector, ((50, 5),), dropout, **kwargs)])
        x = maxout_layers(x, joint, dropout, **kwargs)
    logit = layers.Dense(1, dtype="float32", name="logit", **kwargs)(x)
    return keras.Model(network_inputs(data, condition), logit, name="discriminator")


def maxout_layers(x, units, dropout, **kwargs):
    for count, pieces in units:
        x = layers.Dropout(dropout)(maxout(x, count, pieces, **kwargs))
    return x
