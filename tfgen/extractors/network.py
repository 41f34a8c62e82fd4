"""The network of the shipped classifiers: 28x28 gray images, 128 features, 10 classes; 7.6 M multiply-adds an image."""

import keras

IMAGE_SIZE = (28, 28)
CHANNELS = 1
FEATURES = 128
CLASSES = 10


def classifier(dropout=0.3, seed=0):
    """An untrained network.

    Args:
        dropout: share of the features dropped in training.
        seed: of the dropout's masks; initial weights come from `keras.utils.set_random_seed`.

    Returns:
        keras.Model: image float32 [B, 28, 28, 1] in [0, 1] -> {"features": [B, 128], at least 0, "logits": [B, 10]}.
    """
    image = x = keras.Input((*IMAGE_SIZE, CHANNELS), name="image")
    for filters in (32, 64, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        # Pooled before it is normalised: the same function wherever the gain is positive, in less time.
        x = _activated(keras.layers.MaxPooling2D(2)(x))
    # Flattened, not averaged: where in the picture something lies is part of what the features tell.
    x = keras.layers.Flatten()(x)
    features = _activated(keras.layers.Dense(FEATURES, use_bias=False)(x))
    dropped = keras.layers.Dropout(dropout, seed=seed)(features)
    logits = keras.layers.Dense(CLASSES, name="logits")(dropped)
    return keras.Model(image, {"features": features, "logits": logits}, name="classifier")


def _activated(x):
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
