"""Data of your own: a function that returns arrays becomes a data set with a name, for Python and for every command.

    python examples/own_data.py
    python -m tfgen.run --plugin=own_data --model=cgan --dataset=rings --steps=600     # in this folder

Draws rings, discs and crosses, trains a conditional GAN on them, and writes own_data.png, one class per row. Prints how
wide the shapes of real images and of samples are.
"""

import argparse

import numpy as np

import tfgen
from tfgen.storage.images import grid, save_png

CLASSES = ["disc", "ring", "cross"]


def draw(rng, label, side=16):
    """One picture, uint8 [side, side, 1], of a shape with a random centre, size and brightness."""
    y, x = np.mgrid[:side, :side] - rng.uniform(6, 9, (2, 1, 1))
    distance, size = np.hypot(y, x), rng.uniform(3, 5.5)
    inside = {
        "disc": distance < size,
        "ring": np.abs(distance - size) < 1.2,
        "cross": (np.minimum(abs(y), abs(x)) < 1.2) & (np.maximum(abs(y), abs(x)) < size),
    }[CLASSES[label]]
    return (inside * rng.integers(160, 256)).astype(np.uint8)[..., None]


def drawn(seed, number):
    """(images uint8 [number, 16, 16, 1], labels int64 [number])."""
    rng, labels = np.random.default_rng(seed), np.arange(number) % len(CLASSES)
    return np.stack([draw(rng, label) for label in labels]), labels


@tfgen.register_dataset("rings")
def rings(data_dir=None):
    """Rings, discs and crosses, drawn on the fly: 16 x 16 gray, 3 classes."""
    (x_train, y_train), (x_test, y_test) = drawn(0, 3000), drawn(1, 600)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "class_names": CLASSES}


def main(steps):
    data = tfgen.load_dataset("rings")  # checked, with 5 % of the training images held out for validation
    print({name: len(split) for name, split in data.splits.items()}, data.fields["image"].shape, data.class_names)
    train = data.to_numpy("train")
    model = tfgen.build_model("cgan", image_shape=(16, 16, 1), num_classes=3)
    model.fit(train["image"], train["label"], batch_size=32, epochs=1, steps_per_epoch=steps, verbose=0)
    labels = np.repeat(np.arange(3), 12)
    save_png("own_data.png", grid(model.sample(36, label=labels), columns=12))
    for label, name in enumerate(CLASSES):
        real = train["image"][train["label"] == label]
        bright = [float(np.mean(images > 100)) for images in (real, model.sample(200, label=label))]
        print(f"{name:6} covers {bright[0]:.0%} of a real image and {bright[1]:.0%} of a sample")
    print("36 samples, one class per row: own_data.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="training steps")
    main(parser.parse_args().steps)
