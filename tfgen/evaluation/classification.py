"""Classification accuracy score: what a classifier learns from samples alone (Ravuri and Vinyals 2019)."""

import math
from collections.abc import Callable

import numpy as np

from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.evaluation.real import chosen, gathered
from tfgen.metrics.score import Score, share
from tfgen.sampling.shards.reading import StoredSamples

EPOCHS, BATCH, RATE = 12, 128, 1e-3
INTERVAL = "drawing the images that are classified: binomial (Wilson), the classifier held fixed"


def classification_accuracy_score(
    images: np.ndarray | StoredSamples,
    labels: np.ndarray | None,
    source: Source,
    split: str = "test",
    seed: int = 0,
    say: Callable[[str], object] = print,
) -> dict[str, Score]:
    """Returns the accuracy on held-out images of a classifier trained on labelled samples; floor: on real images.

    A small convolutional network, Adam, 12 epochs, a rate that falls from 0.001 to 0 by a cosine: at a constant one the
    last steps decide about a point of accuracy. The classifier of the floor is trained on as many real images, and
    where there are more samples than these, as many of them count, chosen by the seed: the two differ in their training
    images alone.

    Args:
        images: samples uint8 [N, H, W, C], in memory or in shards.
        labels: the classes they were generated for, int [N].
        source: `Source` with labels.
        split: name of the split that is classified.
        seed: of the initial weights, the order of images and the choice of real training images.
        say: called with lines of progress.

    Returns:
        dict of one `Score`, its value in [0, 1].

    Raises:
        UserError: the samples or the data have no labels.
    """
    labels = check_labelled(labels, source)
    number = source.num_classes or int(np.max(labels)) + 1
    test = gathered(source.splits[split], np.arange(len(source.splits[split])))
    train = source.splits["train"]
    count = min(len(images), len(train))
    real = gathered(train, chosen(len(train), count, seed))
    rows = chosen(len(images), count, seed)  # not the first ones, which may be of some classes alone
    fake = np.asarray(images)[rows], np.asarray(labels)[rows]
    say("  training two classifiers, one on samples and one on real images")
    accuracy, ceiling = (_accuracy(x, y, *test, number, seed) for x, y in (fake, real))
    parameters = {"network": "conv 32-64, dense 128", "schedule": "cosine", "seed": seed}
    protocol = {
        "version": 2,  # 1: a constant rate
        "real": {"dataset": source.name, "split": split, "count": len(test[0])},
        "fake": {"count": count},
        "parameters": {**parameters, "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": RATE},
    }
    score = share(accuracy, len(test[0]), floor=ceiling, protocol={**protocol, "interval": INTERVAL})
    return {"classification_accuracy_score": score}


def check_labelled(labels: np.ndarray | None, source: Source) -> np.ndarray:
    """Returns the labels.

    Raises:
        UserError: the samples or the data have none.
    """
    if labels is None or "label" not in source.fields:
        raise UserError("classification_accuracy_score needs labels of the samples and of the real images")
    return labels


def _accuracy(images, labels, test_images, test_labels, number, seed):
    model = _trained(images, labels, number, seed)
    return float(np.mean(model.predict(test_images, batch_size=500, verbose=0).argmax(axis=1) == test_labels))


def _trained(images, labels, number, seed):
    import keras  # here, so that a mistake in a command's flags is reported before the slow import

    keras.utils.set_random_seed(seed)
    model = _classifier(keras, images.shape[1:], number)
    rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * math.ceil(len(images) / BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model


def _classifier(keras, shape, number):
    layers = keras.layers
    model = keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255)])
    for width in (32, 64):
        model.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.4), layers.Dense(number)):
        model.add(layer)
    return model
