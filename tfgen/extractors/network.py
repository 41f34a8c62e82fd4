"""The network of the shipped classifiers: 28x28 gray images, 128 features, 10 classes; 7.6 M multiply-adds."""

import keras

IMAGE_SIZE = (28, 28)
CHANNELS = 1
FEATURES = 128
CLASSES = 10


def classifier(dropout: float = 0.3, seed: int = 0) -> keras.Model:
    """Builds an untrained network.

    Args:
        dropout: fraction of the features that are dropped in training.
        seed: of the dropout masks; initial weights depend on `keras.utils.set_random_seed`.

    Returns:
        keras.Model: image float32 [B, 28, 28, 1] in [0, 1] -> {"features": [B, 128], at least 0, "logits": [B, 10]}.
    """
    image = x = keras.Input((*IMAGE_SIZE, CHANNELS), name="image")
    for filters in (32, 64, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        # pooling before normalisation is faster, and the same function as after it where the gain is positive
        x = _activated(keras.layers.MaxPooling2D(2)(x))
    # flattened, not averaged: the features should depend on positions in the image
    x = keras.layers.Flatten()(x)
    features = _activated(keras.layers.Dense(FEATURES, use_bias=False)(x))
    dropped = keras.layers.Dropout(dropout, seed=seed)(features)
    logits = keras.layers.Dense(CLASSES, name="logits")(dropped)
    return keras.Model(image, {"features": features, "logits": logits}, name="classifier")


def _activated(x):
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
