"""Convolutional networks after DCGAN (Radford et al. 2016): functional `keras.Model`s of built-in layers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from tfgen.likelihoods import Likelihood
from tfgen.networks.conditions import Condition, joined, network_inputs
from tfgen.networks.deviation import with_deviation
from tfgen.networks.shapes import grid, halvings, margins
from tfgen.networks.spectral import spectral


def weights(stddev: float | None) -> dict[str, Any]:
    """Returns a layer's arguments for initial weights N(0, stddev^2) (DCGAN: 0.02); None keeps Keras' default."""
    return {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(0.0, stddev)}


def batch_norm(x: keras.KerasTensor, stddev: float | None, momentum: float = 0.9) -> keras.KerasTensor:
    """Returns x after batch normalisation with an initial gain N(1, stddev^2), as in DCGAN."""
    gain = {} if stddev is None else {"gamma_initializer": keras.initializers.RandomNormal(1.0, stddev)}
    return layers.BatchNormalization(momentum=momentum, **gain)(x)


def conditional_batch_norm(x: keras.KerasTensor, condition: Condition, momentum: float = 0.9) -> keras.KerasTensor:
    """Returns x [B, H, W, C] after batch normalisation whose gain and shift follow from the condition.

    gamma_y x + beta_y, at first 1 and 0 for every y: Dumoulin et al. 2017, equation 5; de Vries et al. 2017.
    """
    channels = x.shape[-1]
    x = layers.BatchNormalization(momentum=momentum, center=False, scale=False)(x)
    gain = layers.Dense(channels, kernel_initializer="zeros", bias_initializer="ones")(condition.vector)
    shift = layers.Dense(channels, kernel_initializer="zeros")(condition.vector)
    x = layers.Multiply()([x, layers.Reshape((1, 1, channels))(gain)])
    return layers.Add()([x, layers.Reshape((1, 1, channels))(shift)])


def as_map(condition: Condition, shape: Sequence[int], name: str) -> keras.KerasTensor:
    """Returns a dense layer of a condition's vector, shaped as a channel of an image: [B, *shape, 1]."""
    x = layers.Dense(math.prod(shape), name=name, **weights(0.05))(condition.vector)
    return layers.Reshape((*shape, 1))(x)


def as_maps(condition: Condition, shape: Sequence[int]) -> keras.KerasTensor:
    """Returns a condition's vector at every place of maps of `shape` (h, w): [B, h, w, D]."""
    rows, columns = shape
    repeated = layers.RepeatVector(rows * columns)(condition.vector)
    return layers.Reshape((rows, columns, condition.vector.shape[-1]))(repeated)


def channels_at(level: int, width: int, most: int | None = None) -> int:
    """Returns the channels of maps that have been halved `level` times more than those of `width` channels.

    They double with every halving, but not beyond that of number `most`: at 512 pixels they would be 64 times as many.
    """
    return width * 2 ** (level if most is None else min(level, most))


def most_doublings(depth: int | None, full_size: bool = False) -> int | None:
    """Returns how often channels double at most where the depth follows from the image: as at 128 pixels."""
    return 4 + full_size if depth is None else None


def upsampling_trunk(
    latent: keras.KerasTensor,
    image_shape: Sequence[int],
    width: int,
    kernel_size: int,
    depth: int,
    doublings: int,
    stddev: float | None,
    condition: Condition | None = None,
    most: int | None = None,
    conditional_norm: bool = False,
) -> keras.KerasTensor:
    """Returns a dense projection to a small grid, then `doublings` transposed convolutions of stride 2.

    The number of channels halves with each, down to `width` after the last. A condition is concatenated with the
    latent, or with `conditional_norm` gives the gains and shifts of batch normalisation.
    """
    rows, columns = grid(image_shape, depth)
    channels = channels_at(doublings, width, most)
    normalizing = condition if conditional_norm else None
    x = latent
    if condition is not None and not conditional_norm:
        x = layers.Concatenate()([latent, condition.vector])

    def norm(x: keras.KerasTensor) -> keras.KerasTensor:
        return batch_norm(x, stddev) if normalizing is None else conditional_batch_norm(x, normalizing)

    # no biases: the shift of the batch normalisation that follows has the same effect
    x = layers.Dense(rows * columns * channels, use_bias=False, **weights(stddev))(x)
    x = layers.Reshape((rows, columns, channels))(x)
    x = layers.ReLU()(norm(x))
    for level in reversed(range(doublings)):
        count = channels_at(level, width, most)
        x = layers.Conv2DTranspose(count, kernel_size, 2, "same", use_bias=False, **weights(stddev))(x)
        x = layers.ReLU()(norm(x))
    return x


def cropped(x: keras.KerasTensor, image_shape: Sequence[int], depth: int) -> keras.KerasTensor:
    """Returns x, whose sides are the next multiples of 2^depth, cropped about its centre to the image's size."""
    edges = margins(image_shape, depth)
    return layers.Cropping2D(edges)(x) if any(map(any, edges)) else x


def dcgan_generator(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 64,
    kernel_size: int = 5,
    depth: int | None = None,
    stddev: float | None = 0.02,
    condition: Condition | None = None,
    full_size: bool = False,
    output: str = "tanh",
    conditional_norm: bool = False,
) -> keras.Model:
    """Returns latent [B, latent_dim] -> image float32 [B, H, W, C] in the range of `output`.

    Batch normalisation and ReLU in every layer but the output: Radford et al. 2016, section 3. The last transposed
    convolution outputs the image from feature maps of half its size.

    Args:
        image_shape: (H, W, C).
        latent_dim: size of the latent.
        width: channels of the last hidden layer; they double with every halving of the image.
        kernel_size: of the transposed convolutions.
        depth: number of halvings; by default down to 4 to 7 pixels.
        stddev: of the initial weights, or None for Keras' default.
        condition: concatenated with the latent, or None.
        full_size: the last transposed convolution outputs `width` channels of the image's size, and a 3 x 3 convolution
            outputs the image.
        output: activation of the output.
        conditional_norm: the condition gives the gains and shifts of batch normalisation, instead of being concatenated
            with the latent.
    """
    most, depth = most_doublings(depth, full_size), halvings(image_shape) if depth is None else depth
    latent = keras.Input((latent_dim,), name="latent")
    doublings = depth if full_size else max(depth - 1, 0)
    shape = image_shape, width, kernel_size, depth, doublings
    x = upsampling_trunk(latent, *shape, stddev, condition, most, conditional_norm)
    if full_size:
        x = layers.Conv2D(image_shape[-1], 3, 1, "same", **weights(stddev))(x)
    else:
        x = layers.Conv2DTranspose(image_shape[-1], kernel_size, 2 if depth > 0 else 1, "same", **weights(stddev))(x)
    image = layers.Activation(output, dtype="float32", name="image")(cropped(x, image_shape, depth))
    return keras.Model(network_inputs(latent, condition), image, name="generator")


def downsampling_trunk(
    x: keras.KerasTensor,
    width: int,
    kernel_size: int,
    depth: int,
    stddev: float | None,
    normalize: bool,
    dropout: float = 0.0,
    full_size: bool = False,
    most: int | None = None,
    normalised: bool = False,
    deviation: bool = False,
    condition: Condition | None = None,
) -> keras.KerasTensor:
    """Returns `depth` convolutions of stride 2 of x, with LeakyReLU of slope 0.2 and batch normalisation; flattened.

    The first convolution has `width` channels and no batch normalisation; the channels double with each. With
    `full_size` a 3 x 3 convolution of stride 1 comes first; the convolutions have spectral normalisation where
    `normalised`, and the last maps their deviation over the batch beside them with `deviation`. A condition is repeated
    at every place of the last maps, before a 1 x 1 convolution of as many channels (Reed et al. 2016, section 4.1).
    """
    sizes = [(3, 1)] * full_size + [(kernel_size, 2)] * depth
    for level, (size, stride) in enumerate(sizes):
        normalized = normalize and level > 0  # at the input it made samples oscillate (Radford et al., section 3)
        count = channels_at(level, width, most)
        convolution = layers.Conv2D(count, size, stride, "same", use_bias=not normalized, **weights(stddev))
        x = spectral(convolution, normalised)(x)
        if normalized:
            x = batch_norm(x, stddev)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
    if condition is not None:
        x = layers.Concatenate()([x, as_maps(condition, x.shape[1:3])])
        joined = layers.Conv2D(x.shape[-1] - condition.vector.shape[-1], 1, use_bias=not normalize, **weights(stddev))
        x = spectral(joined, normalised)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(batch_norm(x, stddev) if normalize else x)
    return layers.Flatten()(with_deviation(x) if deviation else x)


def logit_of(
    x: keras.KerasTensor, condition: Condition | None, projection: int, stddev: float | None, normalised: bool
) -> keras.KerasTensor:
    """Returns psi(x), a linear map of features x [B, D] to a logit float32 [B, 1]; with a condition y' V x + psi(x).

    Miyato and Koyama 2018, equation 3, the inner product in `projection` dimensions.
    """
    score = layers.Dense(1, dtype="float32", name="logit" if condition is None else "score", **weights(stddev))
    logit = spectral(score, normalised)(x)
    if condition is None:
        return logit
    features = spectral(layers.Dense(projection), normalised)(x)
    towards = layers.Dense(projection, use_bias=False, **weights(0.1))
    direction = spectral(towards, normalised)(condition.vector)
    agreement = layers.Dot(1, dtype="float32")([features, direction])
    return layers.Add(dtype="float32", name="logit")([logit, agreement])


def dcgan_discriminator(
    image_shape: Sequence[int],
    width: int = 64,
    kernel_size: int = 5,
    depth: int | None = None,
    stddev: float | None = 0.02,
    normalize: bool = True,
    dropout: float = 0.0,
    condition: Condition | None = None,
    projection: int = 0,
    full_size: bool = False,
    hidden_units: int | None = None,
    heads: Mapping[str, int] | None = None,
    concatenated: bool = True,
    normalised: bool = False,
    deviation: bool = False,
    late: bool = False,
) -> keras.Model:
    """Returns image [B, H, W, C] in [-1, 1] -> logit float32 [B, 1]: Radford et al. 2016, section 3.

    Args:
        image_shape: (H, W, C).
        width: channels of the first convolution; they double with every halving of the image.
        kernel_size: of the convolutions of stride 2.
        depth: number of halvings; by default down to 4 to 7 pixels.
        stddev: of the initial weights, or None for Keras' default.
        normalize: batch normalisation after every convolution but the first.
        dropout: rate, after every convolution.
        condition: concatenated with the image as a channel, or None.
        projection: dimensions in which the inner product of condition and features is added to the logit (Miyato and
            Koyama 2018, equation 3); 0 for none.
        full_size: a 3 x 3 convolution of stride 1 to `width` channels comes first.
        hidden_units: size of a dense layer before the logit, or None. In the paper the logit is linear in the last
            feature maps, a sum over patches of the image; the dense layer combines the patches.
        heads: name -> size of further outputs, linear in the last features; with any the network gives a dict of
            `logit` and these, float32 [B, size].
        concatenated: whether the condition is concatenated with the image; without it the projection alone sees it.
        normalised: spectral normalisation of every layer that leads to the logit.
        deviation: the standard deviation of the last feature maps over the batch, as a further map.
        late: the condition is concatenated with the last feature maps instead of the image.
    """
    most, depth = most_doublings(depth, full_size), halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = image
    if condition is not None and concatenated and not late:
        x = layers.Concatenate()([x, as_map(condition, image_shape[:2], "condition_map")])
    joined = condition if late else None
    x = downsampling_trunk(
        x, width, kernel_size, depth, stddev, normalize, dropout, full_size, most, normalised, deviation, joined
    )
    if hidden_units is not None:
        hidden = layers.Dense(hidden_units, **weights(stddev))
        x = layers.LeakyReLU(negative_slope=0.2)(spectral(hidden, normalised)(x))
    logit = logit_of(x, condition if projection > 0 else None, projection, stddev, normalised)
    more = {name: layers.Dense(size, dtype="float32", name=name)(x) for name, size in (heads or {}).items()}
    outputs = {"logit": logit, **more} if more else logit
    return keras.Model(network_inputs(image, condition), outputs, name="discriminator")


def conv_encoder(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 32,
    kernel_size: int = 4,
    depth: int | None = None,
    outputs: Sequence[str] = ("z_mean", "z_log_var"),
    condition: Condition | None = None,
) -> keras.Model:
    """Returns image [B, H, W, C] in [0, 1] -> a dict of `outputs`, each float32 [B, latent_dim].

    A condition joins the features that the convolutions give.
    """
    most, depth = most_doublings(depth), halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = downsampling_trunk(image, width, kernel_size, depth, None, normalize=False, most=most)
    x = layers.Dense(8 * width, activation="relu")(joined(x, condition))
    heads = {name: layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in outputs}
    return keras.Model(network_inputs(image, condition), heads, name="encoder")


def conv_decoder(
    image_shape: Sequence[int],
    latent_dim: int,
    likelihood: Likelihood,
    width: int = 32,
    kernel_size: int = 4,
    depth: int | None = None,
    condition: Condition | None = None,
) -> keras.Model:
    """Returns latent [B, latent_dim] -> the likelihood's outputs, each float32 [B, H, W, C]; a condition joins it."""
    most, depth = most_doublings(depth), halvings(image_shape) if depth is None else depth
    latent = keras.Input((latent_dim,), name="latent")
    rows, columns = grid(image_shape, depth)
    channels = channels_at(max(depth - 1, 0), width, most)
    x = layers.Dense(8 * width, activation="relu")(joined(latent, condition))
    x = layers.Dense(rows * columns * channels, activation="relu")(x)
    x = layers.Reshape((rows, columns, channels))(x)
    for level in range(depth - 1, 0, -1):
        x = layers.Conv2DTranspose(channels_at(level - 1, width, most), kernel_size, 2, "same", activation="relu")(x)

    def raw(name: str) -> keras.KerasTensor:
        # the last doubling is the output layer itself, one per parameter of the likelihood
        y = layers.Conv2DTranspose(image_shape[-1], kernel_size, 2 if depth > 0 else 1, "same", name=f"raw_{name}")(x)
        return cropped(y, image_shape, depth)

    return keras.Model(network_inputs(latent, condition), likelihood.heads(raw), name="decoder")
