"""Dense networks: functions that return a functional `keras.Model` of built-in layers."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tfgen.likelihoods import Likelihood
from tfgen.networks.conditions import Condition, joined, network_inputs

GATED = "gated"  # the activation of `gated`


def hidden_layers(
    x: keras.KerasTensor,
    units: Sequence[int],
    activation: str,
    dropout: float = 0.0,
    normalize: bool = False,
    **kwargs: Any,
) -> keras.KerasTensor:
    """Returns x [B, D] after dense layers of `units` with batch normalisation, activation and dropout.

    The activation is one of Keras', or `gated`, which has no batch normalisation. `kwargs` go to the dense layers.
    """
    for count in units:
        if activation == GATED:
            x = gated(x, count, **kwargs)
        elif normalize:  # without biases: the shift of batch normalisation has the same effect
            x = layers.Activation(activation)(
                layers.BatchNormalization()(layers.Dense(count, use_bias=False, **kwargs)(x))
            )
        else:
            x = layers.Dense(count, activation=activation, **kwargs)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return x


def gated(x: keras.KerasTensor, units: int, **kwargs: Any) -> keras.KerasTensor:
    """Returns h(x) sigmoid(g(x)) [B, units] of x [B, D], h and g linear maps with biases (Dauphin et al. 2017).

    `kwargs` go to both dense layers.
    """
    # Keras' own `glu` halves what one layer gives: `Dense` and `Activation` would promise a shape twice as wide
    h = layers.Dense(units, **kwargs)(x)
    return layers.Multiply()([h, layers.Dense(units, activation="sigmoid", **kwargs)(x)])


def maxout(x: keras.KerasTensor, units: int, pieces: int, **kwargs: Any) -> keras.KerasTensor:
    """Returns the maximum of `pieces` linear maps of x [B, D] for each of `units` outputs (Goodfellow et al. 2013)."""
    x = layers.Dense(units * pieces, **kwargs)(x)
    x = layers.Reshape((pieces, units))(x)
    # measured on a CPU: 10 times as fast as MaxPooling1D over neighbouring outputs
    return layers.GlobalMaxPooling1D()(x)


def data_from_vector(
    x: keras.KerasTensor, shape: Sequence[int], activation: str | None = None, name: str = "image", **kwargs: Any
) -> keras.KerasTensor:
    """Returns a dense layer of x shaped as an image [B, H, W, C] or a point [B, D], float32."""
    x = layers.Dense(math.prod(shape), **kwargs)(x)
    x = layers.Reshape(shape)(x)
    return layers.Activation(activation or "linear", dtype="float32", name=name)(x)


def dense_encoder(
    image_shape: Sequence[int],
    latent_dim: int,
    units: Sequence[int] = (500,),
    activation: str = "tanh",
    outputs: Sequence[str] = ("z_mean", "z_log_var"),
    condition: Condition | None = None,
    **kwargs: Any,
) -> keras.Model:
    """Returns image [B, H, W, C] -> a dict of `outputs`, each float32 [B, latent_dim]; a condition joins the image."""
    image = keras.Input(image_shape, name="image")
    x = hidden_layers(joined(layers.Flatten()(image), condition), units, activation, **kwargs)
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name, **kwargs)(x) for name in outputs}
    return keras.Model(network_inputs(image, condition), heads, name="encoder")


def dense_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    likelihood: Likelihood,
    units: Sequence[int] = (500,),
    activation: str = "tanh",
    condition: Condition | None = None,
    **kwargs: Any,
) -> keras.Model:
    """Returns latent [B, latent_dim] -> the likelihood's outputs, each float32 [B, H, W, C]; a condition joins it."""
    latent = keras.Input((latent_dim,), name="latent")
    x = hidden_layers(joined(latent, condition), units, activation, **kwargs)

    def raw(name: str) -> keras.KerasTensor:
        return layers.Reshape(image_shape)(layers.Dense(math.prod(image_shape), name=f"raw_{name}", **kwargs)(x))

    return keras.Model(network_inputs(latent, condition), likelihood.heads(raw), name="decoder")


def dense_generator(
    shape: Sequence[int],
    latent_dim: int,
    units: Sequence[int] = (1200, 1200),
    output: str | None = "tanh",
    condition: Condition | None = None,
    joint: Sequence[int] = (),
    dropout: float = 0.0,
    normalize: bool = False,
    name: str = "image",
    **kwargs: Any,
) -> keras.Model:
    """Returns latent [B, latent_dim] -> data [B, *shape], by dense ReLU layers (Goodfellow et al. 2014).

    With a condition, the latent and the condition have dense layers of their own before the joint ones (Mirza and
    Osindero 2014, section 4.1).

    Args:
        shape: of the data, (H, W, C) of an image.
        latent_dim: size of the latent.
        units: sizes of the dense layers of the latent.
        output: activation of the output, or None.
        condition: a second input, whose layers have the sizes `condition.units`, or None.
        joint: sizes of the dense layers of latent and condition together.
        dropout: rate, after every hidden layer.
        normalize: batch normalisation before the ReLUs of `units`.
        name: of the output.
        kwargs: further arguments of the dense layers.
    """
    latent = keras.Input((latent_dim,), name="latent")
    x = hidden_layers(latent, units, "relu", dropout, normalize, **kwargs)
    if condition is not None:
        x = layers.Concatenate()([x, hidden_layers(condition.vector, condition.units, "relu", dropout, **kwargs)])
        x = hidden_layers(x, joint, "relu", dropout, **kwargs)
    data = data_from_vector(x, shape, output, name, **kwargs)
    return keras.Model(network_inputs(latent, condition), data, name="generator")


def maxout_discriminator(
    shape: Sequence[int],
    units: Sequence[tuple[int, int]] = ((240, 5), (240, 5)),
    dropout: float = 0.5,
    condition: Condition | None = None,
    joint: Sequence[tuple[int, int]] = (),
    name: str = "image",
    **kwargs: Any,
) -> keras.Model:
    """Returns data [B, *shape] -> logit float32 [B, 1], by maxout layers with dropout (Goodfellow et al. 2014).

    Args:
        shape: of the data, (H, W, C) of an image.
        units: (outputs, pieces) of the maxout layers of the data.
        dropout: rate, after every maxout layer.
        condition: a second input with a maxout layer of 50 x 5 (Mirza and Osindero 2014, section 4.1), or None.
        joint: (outputs, pieces) of the maxout layers of data and condition together.
        name: of the data's input.
        kwargs: further arguments of the dense layers.
    """
    data = keras.Input(shape, name=name)
    x = maxout_layers(layers.Flatten()(data), units, dropout, **kwargs)
    if condition is not None:
        x = layers.Concatenate()([x, maxout_layers(condition.vector, ((50, 5),), dropout, **kwargs)])
        x = maxout_layers(x, joint, dropout, **kwargs)
    logit = layers.Dense(1, dtype="float32", name="logit", **kwargs)(x)
    return keras.Model(network_inputs(data, condition), logit, name="discriminator")


def maxout_layers(
    x: keras.KerasTensor, units: Sequence[tuple[int, int]], dropout: float, **kwargs: Any
) -> keras.KerasTensor:
    """Returns x [B, D] after maxout layers of `units`, (outputs, pieces), each with dropout."""
    for count, pieces in units:
        x = layers.Dropout(dropout)(maxout(x, count, pieces, **kwargs))
    return x


def code_discriminator(latent_dim: int, units: Sequence[int] = (256, 256)) -> keras.Model:
    """Returns latent [B, latent_dim] -> logit float32 [B, 1], by dense layers with LeakyReLU."""
    latent = keras.Input((latent_dim,), name="latent")
    x = latent
    for count in units:
        x = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(count)(x))
    return keras.Model(latent, layers.Dense(1, dtype="float32", name="logit")(x), name="discriminator")


def picture_table(shape: Sequence[int], count: int) -> keras.Model:
    """Returns component int64 [B], numbers below `count` -> image float32 [B, *shape] in (0, 1), learned as logits."""
    component = keras.Input((), dtype="int64", name="component")
    start = keras.initializers.RandomNormal(0.0, 1.0)
    x = layers.Embedding(count, math.prod(shape), embeddings_initializer=start, name="pictures")(component)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(component, layers.Reshape(shape, dtype="float32", name="image")(x), name="pseudo_inputs")


def code_coders(latent_dim: int, units: Sequence[int] = (256, 256)) -> tuple[keras.Model, keras.Model]:
    """Returns two dense networks, `code` -> {`mean`, `log_var`} and `latent` -> the same, each float32 [B, latent_dim].

    The input joins the last hidden layer, as in the second stage of Dai and Wipf 2019.
    """

    def normal(name: str, of: str) -> keras.Model:
        given = keras.Input((latent_dim,), name=of)
        x = layers.Concatenate()([hidden_layers(given, units, "relu"), given])
        heads = {head: layers.Dense(latent_dim, dtype="float32", name=head)(x) for head in ("mean", "log_var")}
        return keras.Model(given, heads, name=name)

    return normal("second_encoder", "code"), normal("second_decoder", "latent")
