"""Judges samples of Fashion-MNIST by a classifier that has never seen them.

    python benchmarks/sample_quality.py --run=runs/dcgan-fashion_mnist_mini
    python benchmarks/sample_quality.py --samples=samples.npz

Prints, in the features of a small network trained on the 60,000 real training images:
* the shares of the ten classes among the samples (10,000 of a run; all of a file's),
* improved precision and recall (k = 3) of as many samples, at most 10,000, against the 10,000 test images,
* where the samples were asked for by class (`--run` of a conditional model, `labels` in the file): the share of them
  recognised as such.
The classifier is trained once, in about ten minutes on 2 cores, and kept in `--cache`; it is refused below 92 % on the
test images. Numbers compare only under the same classifier and the same numbers of images: precision and recall of
10,000 real training images are printed beside, as the best to hope for.
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import tfgen
from tfgen.metrics import precision_recall

EPOCHS, BATCH = 8, 128
LEAST_ACCURACY = 0.92


def arrays(source, split):
    examples = source.splits[split]
    batch = examples.gather(np.arange(len(examples)))
    return batch["image"], batch["label"]


def build_judge(steps):
    """A classifier [B, 28, 28, 1] -> logits [B, 10]; images are 0..255, the layer `features` has 128 numbers."""
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 255.0)(image)
    for channels, padding in ((32, "same"), (64, "same"), (96, "valid")):
        x = layers.Conv2D(channels, 3, padding=padding, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D()(x) if padding == "same" else x
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.Dense(128, activation="relu", name="features")(x)
    judge = keras.Model(image, layers.Dense(10, name="logits")(layers.Dropout(0.3)(features)), name="judge")
    warmup = steps // 6
    rate = keras.optimizers.schedules.CosineDecay(
        2e-4, steps - warmup, alpha=1e-2, warmup_target=2e-3, warmup_steps=warmup
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    judge.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return judge


def train_judge(images, labels):
    def mirrored(image, label):
        coins = tf.random.uniform([BATCH, 1, 1, 1]) < 0.5
        image = tf.cast(image, tf.float32)
        return tf.where(coins, image[:, :, ::-1], image), label

    keras.utils.set_random_seed(0)
    judge = build_judge(len(images) // BATCH * EPOCHS)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=0)
    judge.fit(dataset.batch(BATCH, drop_remainder=True).map(mirrored).prefetch(2), epochs=EPOCHS, verbose=2)
    return judge


def load_judge(folder, source):
    """The classifier kept in `folder`, trained first if there is none; returns f(images) -> (features, classes)."""
    file = pathlib.Path(folder) / "fashion_mnist_judge.keras"
    if file.exists():
        judge = keras.saving.load_model(file)
    else:
        print("training the judge, once", flush=True)
        train, validation = arrays(source, "train"), arrays(source, "validation")
        judge = train_judge(*(np.concatenate(parts) for parts in zip(train, validation)))
        file.parent.mkdir(parents=True, exist_ok=True)
        judge.save(file)
    both = keras.Model(judge.input, [judge.get_layer("features").output, judge.output])

    def run(images):
        chunks = [both(images[i : i + 500].astype(np.float32), training=False) for i in range(0, len(images), 500)]
        features, logits = (np.concatenate(parts) for parts in zip(*chunks))
        return features, logits.argmax(axis=1)

    return run


def sampled(args):
    """(images for shares and precision, images of asked classes, these classes); the last two None where none are."""
    if args.samples:
        saved = np.load(args.samples)
        return saved["images"], *((saved["images"], saved["labels"]) if "labels" in saved else (None, None))
    model = tfgen.load_run(args.run).model
    images = model.sample(args.num, seed=args.seed)
    if model.condition != "label":
        return images, None, None
    asked = np.arange(5000) % 10
    return images, model.sample(5000, seed=args.seed + 1), asked


def judged(images, judge, test_features):
    features, classes = judge(images)
    shares = np.bincount(classes, minlength=10) / len(classes)
    return shares, precision_recall(test_features, features[:10_000])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", help="the run's folder")
    what.add_argument("--samples", help="FILE.npz with `images` uint8 [N, 28, 28, 1] (and `labels`)")
    parser.add_argument("--num", type=int, default=10_000, help="samples drawn of a run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", help="where the full Fashion-MNIST lies")
    parser.add_argument("--cache", default="runs/judge", help="folder of the trained classifier")
    args = parser.parse_args()
    source = tfgen.load_dataset("fashion_mnist", data_dir=args.data_dir)
    judge = load_judge(args.cache, source)
    test_images, test_labels = arrays(source, "test")
    test_features, test_classes = judge(test_images)
    accuracy = np.mean(test_classes == test_labels)
    print(f"the judge is right on {accuracy:.2%} of the test images")
    if accuracy < LEAST_ACCURACY:
        raise SystemExit(f"a judge below {LEAST_ACCURACY:.0%} is none: delete it from {args.cache} and train it anew")
    images, asked_images, asked = sampled(args)
    shares, (precision, recall) = judged(images, judge, test_features)
    for name, share in zip(source.class_names, shares):
        print(f"{name:<12} {share:7.2%} of {len(images)} samples")
    print(f"least share {shares.min():.2%}")
    print(
        f"precision {precision:.3f}  recall {recall:.3f}  (k=3, {min(len(images), 10_000)} samples, 10,000 test images)"
    )
    _, (precision, recall) = judged(arrays(source, "train")[0][:10_000], judge, test_features)
    print(f"precision {precision:.3f}  recall {recall:.3f}  of 10,000 real training images")
    if asked is not None:
        right = judge(asked_images)[1] == asked
        each = ", ".join(f"{right[asked == c].mean():.1%}" for c in range(10))
        print(f"recognised as the class asked for: {right.mean():.2%} of {len(asked)} (by class: {each})")


if __name__ == "__main__":
    main()
