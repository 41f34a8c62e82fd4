"""What a few hundred pictures are enough for: quality over steps, and what scores say of so few real pictures.

    python -m benchmarks.few_pictures train --pictures=300 --out=few300.json
    python -m benchmarks.few_pictures scores --out=few_scores.json

`train` gives the default dcgan the first pictures of Fashion-MNIST alone, and compares 5,000 samples with the 10,000
test images, which somebody with 300 pictures does not have. `scores` puts real pictures in the samples' place.
"""

import argparse
import json

import keras
import numpy as np

import tfgen
from tfgen import metrics
from tfgen.extractors import load_extractor
from tfgen.machine.processor import prefer_onednn

STEPS = (250, 500, 1000, 2000, 4000)
SIZES = (50, 100, 300, 1000, 3000)


def measured(model, extractor, train, test, real):
    """Scores of 5,000 samples, and what D says of the pictures it knows and of those it does not."""
    fake = extractor.features(model.sample(5000, seed=0))
    precision, recall = metrics.precision_recall(real[:5000], fake)
    row = {
        "step": int(model.step),
        "fd": metrics.frechet_distance(real, fake),
        "precision": precision,
        "recall": recall,
    }
    row["authenticity"] = metrics.authenticity(extractor.features(train), fake)
    row["d_train"], row["d_test"] = (
        float(np.mean(keras.ops.sigmoid(model.discriminate_images(images / np.float32(255)))))
        for images in (train[:300], test[:300])
    )
    return row


class Measure(keras.callbacks.Callback):
    """Keeps `measure(model)` after each of `steps`, in `rows`."""

    def __init__(self, steps, measure):
        super().__init__()
        self.steps, self.measure, self.rows = steps, measure, []

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) in self.steps:
            self.rows.append(self.measure(self.model))
            print(self.rows[-1], flush=True)


def train(pictures):
    """Rows of a training on so many pictures."""
    source = tfgen.load_dataset("fashion_mnist")
    images = source.splits["train"].gather(np.arange(pictures))["image"]
    test = source.splits["test"].gather(np.arange(10_000))["image"]
    extractor = load_extractor("fashion_mnist")
    recipe = tfgen.load_recipe("dcgan")
    model = tfgen.build_model("dcgan", image_shape=(28, 28, 1), **recipe.options)
    real = extractor.features(test)
    measure = Measure(STEPS, lambda model: measured(model, extractor, images, test, real))
    epochs = -(-STEPS[-1] // (pictures // recipe.batch_size))
    model.fit(images, batch_size=recipe.batch_size, epochs=epochs, callbacks=[measure], verbose=0)
    return measure.rows


def scores():
    """Scores of real pictures against as many other ones, five draws of each size: means and standard deviations."""
    source, extractor = tfgen.load_dataset("fashion_mnist"), load_extractor("fashion_mnist")
    features = extractor.features(source.splits["test"].gather(np.arange(10_000))["image"])
    rows = []
    for size in SIZES:
        found = []
        for draw in range(5):
            order = np.random.default_rng(draw).permutation(len(features))
            real, other = features[order[:size]], features[order[size : 2 * size]]
            kid, _ = metrics.kernel_distance(real, other, subsets=50, subset_size=min(size, 1000))
            found.append([metrics.frechet_distance(real, other), kid, *metrics.precision_recall(real, other)])
        names = ("fd", "kid", "precision", "recall")
        values = zip(names, np.mean(found, axis=0), np.std(found, axis=0, ddof=1))
        rows.append({"size": size, **{name: [float(mean), float(spread)] for name, mean, spread in values}})
        print(rows[-1], flush=True)
    return rows


def main():
    """Writes what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "scores"))
    parser.add_argument("--pictures", type=int, default=300, help="how many to train on")
    parser.add_argument("--out", required=True, help="FILE.json")
    values = parser.parse_args()
    prefer_onednn()
    rows = train(values.pictures) if values.what == "train" else scores()
    with open(values.out, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
