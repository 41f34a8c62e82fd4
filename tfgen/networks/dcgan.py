"""Convolutional networks after DCGAN (Radford et al. 2016): functional `keras.Model`s of built-in layers."""

import math

import keras
from keras import layers

from tfgen.networks.conditions import network_inputs
from tfgen.networks.shapes import grid, halvings, margins


def weights(stddev):
    """Initial weights N(0, stddev^2) of a layer (DCGAN: 0.02), or Keras' own where `stddev` is None."""
    return {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(0.0, stddev)}


def batch_norm(x, stddev, momentum=0.9):
    """Batch normalisation whose gain starts at N(1, stddev^2), as DCGAN's does."""
    gain = {} if stddev is None else {"gamma_initializer": keras.initializers.RandomNormal(1.0, stddev)}
    return layers.BatchNormalization(momentum=momentum, **gain)(x)


def as_map(condition, shape, name):
    """A condition's vector as one more channel of an image [B, H, W, 1]."""
    x = layers.Dense(math.prod(shape), name=name, **weights(0.05))(condition.vector)
    return layers.Reshape((*shape, 1))(x)


def upsampling_trunk(latent, image_shape, width, kernel_size, depth, doublings, stddev, condition=None):
    """A dense projection to a small grid, then `doublings` transposed convolutions of stride 2, the last to `width`."""
    rows, columns = grid(image_shape, depth)
    channels = width * 2**doublings
    x = latent if condition is None else layers.Concatenate()([latent, condition.vector])
    x = layers.Dense(rows * columns * channels, use_bias=False, **weights(stddev))(x)
    x = layers.Reshape((rows, columns, channels))(x)
    x = layers.ReLU()(batch_norm(x, stddev))
    for level in reversed(range(doublings)):
        count = width * 2**level
        x = layers.Conv2DTranspose(count, kernel_size, 2, "same", use_bias=False, **weights(stddev))(x)
        x = layers.ReLU()(batch_norm(x, stddev))
    return x


def cropped(x, image_shape, depth):
    """Cuts what was built at the next multiple of 2^depth to the image's size."""
    edges = margins(image_shape, depth)
    return layers.Cropping2D(edges)(x) if any(map(any, edges)) else x


def dcgan_generator(
    image_shape, latent_dim, width=64, kernel_size=5, depth=None, stddev=0.02, condition=None, full_size=False
):
    """latent [B, latent_dim] (and a condition, joined to it) -> image float32 [B, H, W, C] in [-1, 1].

    Batch norm everywhere but at the output, ReLU, tanh: Radford et al. 2016, section 3. `width` counts the channels
    below the output, and doubles with every halving; `depth` is the number of halvings (by default down to 4 to 7).
    The last transposed convolution makes the image out of a map of half its size. With `full_size` it makes `width`
    channels, from which a 3 x 3 convolution makes the image.
    """
    depth = halvings(image_shape) if depth is None else depth
    latent = keras.Input((latent_dim,), name="latent")
    doublings = depth if full_size else max(depth - 1, 0)
    x = upsampling_trunk(latent, image_shape, width, kernel_size, depth, doublings, stddev, condition)
    if full_size:
        x = layers.Conv2D(image_shape[-1], 3, 1, "same", **weights(stddev))(x)
    else:
        x = layers.Conv2DTranspose(image_shape[-1], kernel_size, 2 if depth else 1, "same", **weights(stddev))(x)
    image = layers.Activation("tanh", dtype="float32", name="image")(cropped(x, image_shape, depth))
    return keras.Model(network_inputs(latent, condition), image, name="generator")


def downsampling_trunk(x, width, kernel_size, depth, stddev, normalize, dropout=0.0, full_size=False):
    """Convolutions of stride 2, LeakyReLU 0.2, batch norm in all but the first where `normalize`; flattened.

    With `full_size` one of 3 x 3 and stride 1 comes first. Channels double from `width` on.
    """
    sizes = [(3, 1)] * full_size + [(kernel_size, 2)] * depth
    for level, (size, stride) in enumerate(sizes):
        normalized = normalize and level > 0
        x = layers.Conv2D(width * 2**level, size, stride, "same", use_bias=not normalized, **weights(stddev))(x)
        if normalized:
            x = batch_norm(x, stddev)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
    return layers.Flatten()(x)


def dcgan_discriminator(
    image_shape,
    width=64,
    kernel_size=5,
    depth=None,
    stddev=0.02,
    normalize=True,
    dropout=0.0,
    condition=None,
    projection=0,
    full_size=False,
    hidden_units=None,
):
    """image [B, H, W, C] in [-1, 1] (and a condition, joined to it as one more channel) -> logit float32 [B, 1].

    Radford et al. 2016, section 3: strided convolutions, LeakyReLU 0.2, no batch norm at the input. `projection` > 0
    adds the inner product of condition and features in so many dimensions (Miyato and Koyama 2018, equation 3);
    `full_size` a 3 x 3 convolution of the image to `width` channels before the first of stride 2, which doubles them.
    The paper's logit is a linear function of the last map, so a sum of what is seen in patches of the image;
    `hidden_units` puts a dense layer of that size between, in which the patches meet.
    """
    depth = halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = image
    if condition is not None:
        x = layers.Concatenate()([x, as_map(condition, image_shape[:2], "condition_map")])
    x = downsampling_trunk(x, width, kernel_size, depth, stddev, normalize, dropout, full_size)
    if hidden_units:
        x = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(hidden_units, **weights(stddev))(x))
    projects = condition is not None and projection > 0
    logit = layers.Dense(1, dtype="float32", name="score" if projects else "logit", **weights(stddev))(x)
    if projects:
        features = layers.Dense(projection)(x)
        direction = layers.Dense(projection, use_bias=False, **weights(0.1))(condition.vector)
        agreement = layers.Dot(1, dtype="float32")([features, direction])
        logit = layers.Add(dtype="float32", name="logit")([logit, agreement])
    return keras.Model(network_inputs(image, condition), logit, name="discriminator")


def conv_encoder(image_shape, latent_dim, width=32, kernel_size=4, depth=None, outputs=("z_mean", "z_log_var")):
    """image [B, H, W, C] in [0, 1] -> a dict of `outputs`, each float32 [B, latent_dim]."""
    depth = halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = downsampling_trunk(image, width, kernel_size, depth, None, normalize=False)
    x = layers.Dense(8 * width, activation="relu")(x)
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in outputs}
    return keras.Model(image, heads, name="encoder")


def conv_decoder(image_shape, latent_dim, likelihood, width=32, kernel_size=4, depth=None):
    """latent [B, latent_dim] -> the likelihood's outputs, each float32 [B, H, W, C]."""
    depth = halvings(image_shape) if depth is None else depth
    latent = keras.Input((latent_dim,), name="latent")
    rows, columns = grid(image_shape, depth)
    x = layers.Dense(8 * width, activation="relu")(latent)
    x = layers.Dense(rows * columns * width * 2 ** max(depth - 1, 0), activation="relu")(x)
    x = layers.Reshape((rows, columns, width * 2 ** max(depth - 1, 0)))(x)
    for level in range(depth - 1, 0, -1):
        x = layers.Conv2DTranspose(width * 2 ** (level - 1), kernel_size, 2, "same", activation="relu")(x)

    def raw(name):
        y = layers.Conv2DTranspose(image_shape[-1], kernel_size, 2 if depth else 1, "same", name=f"raw_{name}")(x)
        return cropped(y, image_shape, depth)

    return keras.Model(latent, likelihood.heads(raw), name="decoder")
