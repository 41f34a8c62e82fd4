"""Classification accuracy score: what a classifier learns from samples alone (Ravuri and Vinyals 2019)."""

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluation.real import chosen, gathered
from tfgen.metrics.score import share

EPOCHS, BATCH = 12, 128


def classification_accuracy_score(images, labels, source, split="test", seed=0, say=print):
    """The accuracy on real held-out images of a classifier trained on labelled samples; its floor: on real ones.

    A small convolutional network, Adam, 12 epochs; the real-data classifier sees as many training images as there are
    samples, so that the two differ in nothing else.

    Args:
        images: samples uint8 [N, H, W, C]. labels: the classes they were asked for, int [N].
        source: `Source` with labels. split: what is classified.

    Returns:
        dict of one `Score`.
    """
    if labels is None or "label" not in source.fields:
        raise UserError("classification_accuracy_score needs labels of the samples and of the real images")
    number = source.num_classes or int(np.max(labels)) + 1
    test = gathered(source.splits[split], np.arange(len(source.splits[split])))
    train = source.splits["train"]
    real = gathered(train, chosen(len(train), len(images), seed))
    say("  training two classifiers, one on samples and one on real images")
    accuracy, ceiling = (_accuracy(x, y, *test, number, seed) for x, y in ((images, labels), real))
    protocol = {
        "version": 1,
        "real": {"dataset": source.name, "split": split, "count": len(test[0])},
        "fake": {"count": len(images)},
        "parameters": {"network": "conv 32-64, dense 128", "epochs": EPOCHS, "batch_size": BATCH, "seed": seed},
    }
    score = share(accuracy, len(test[0]), floor=ceiling, protocol={**protocol, "interval": "binomial"})
    return {"classification_accuracy_score": score}


def _accuracy(images, labels, test_images, test_labels, number, seed):
    import keras  # not before the command's flags have been checked

    keras.utils.set_random_seed(seed)
    model = _classifier(keras, images.shape[1:], number)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    model.fit(np.asarray(images), np.asarray(labels), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return float(np.mean(model.predict(test_images, batch_size=500, verbose=0).argmax(axis=1) == test_labels))


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
