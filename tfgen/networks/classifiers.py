"""Discriminators that are classifiers of K classes, whose logits also say whether an image is real."""

from collections.abc import Sequence

import keras
from keras import layers

from tfgen.networks.dcgan import downsampling_trunk, most_doublings
from tfgen.networks.shapes import halvings


def class_heads(features: keras.KerasTensor, x: keras.KerasTensor, classes: int) -> dict[str, keras.KerasTensor]:
    """Returns `class_logits` l float32 [B, classes], `logit` = log sum_k exp l_k [B, 1], and `features` [B, D].

    sigmoid(logit) = Z / (Z + 1), Z = sum_k exp l_k: Salimans et al. 2016, section 5.

    Args:
        features: what the logits are computed from, before noise or dropout.
        x: the same after them.
        classes: K.
    """
    class_logits = layers.Dense(classes, dtype="float32", name="class_logits")(x)
    logit = keras.ops.logsumexp(class_logits, axis=1, keepdims=True)
    named = layers.Activation("linear", dtype="float32", name="features")(features)
    return {"logit": logit, "class_logits": class_logits, "features": named}


def dense_classifier(
    image_shape: Sequence[int],
    classes: int,
    units: Sequence[int] = (500, 250, 250),
    noise: float = 0.3,
    hidden_noise: float = 0.5,
) -> keras.Model:
    """Returns image [B, H, W, C] -> the outputs of `class_heads`, by dense layers with noise before each.

    As in Salimans et al. 2016 for MNIST, with layer normalisation in place of weight normalisation.

    Args:
        image_shape: (H, W, C).
        classes: K.
        units: sizes of the hidden layers.
        noise: standard deviation of the noise on the image.
        hidden_noise: of that on every hidden layer.
    """
    image = keras.Input(image_shape, name="image")
    x = noisy(layers.Flatten()(image), noise)
    features = x
    for count in units:
        features = layers.ReLU()(layers.LayerNormalization()(layers.Dense(count)(x)))
        x = noisy(features, hidden_noise)
    return keras.Model(image, class_heads(features, x, classes), name="discriminator")


def conv_classifier(
    image_shape: Sequence[int],
    classes: int,
    width: int = 16,
    kernel_size: int = 4,
    depth: int | None = None,
    units: Sequence[int] = (128,),
    noise: float = 0.15,
    dropout: float = 0.3,
) -> keras.Model:
    """Returns image [B, H, W, C] -> the outputs of `class_heads`, by convolutions of stride 2 with dropout.

    Args:
        image_shape: (H, W, C).
        classes: K.
        width: channels of the first convolution; they double with every halving of the image.
        kernel_size: of the convolutions.
        depth: number of halvings; by default down to 4 to 7 pixels.
        units: sizes of the dense layers after them.
        noise: standard deviation of the noise on the image.
        dropout: rate, after every layer.
    """
    most, depth = most_doublings(depth), halvings(image_shape) if depth is None else depth
    image = keras.Input(image_shape, name="image")
    x = downsampling_trunk(noisy(image, noise), width, kernel_size, depth, None, False, dropout, most=most)
    features = x
    for count in units:
        features = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(count)(x))
        x = layers.Dropout(dropout)(features) if dropout else features
    return keras.Model(image, class_heads(features, x, classes), name="discriminator")


def noisy(x: keras.KerasTensor, stddev: float) -> keras.KerasTensor:
    """Returns x with normal noise, while training."""
    return layers.GaussianNoise(stddev)(x) if stddev else x
