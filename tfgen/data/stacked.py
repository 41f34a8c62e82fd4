"""Stacked MNIST: three digits as the channels of one picture, 1000 modes that can be counted (Metz et al. 2017)."""

import numpy as np

from tfgen.data import arrays, idx
from tfgen.data.source import Examples, Field, Source

SIZES = {"train": 128_000, "validation": 10_000, "test": 26_000}  # train and test: PacGAN's numbers
SEED = 0


class Stacked(Examples):
    """Pictures made when asked for, of three examples each.

    Args:
        digits: `Examples` with image uint8 [H, W, 1] and label 0..9.
        rows: int64 [N, 3], the example of every channel.
    """

    def __init__(self, digits, rows):
        self.digits, self.rows = digits, rows

    def __len__(self):
        return len(self.rows)

    def fields(self):
        height, width, _ = self.digits.fields()["image"].shape
        return {"image": Field((height, width, 3), "uint8", (0, 255)), "label": Field((), "int64", (0, 1000))}

    def gather(self, indices):
        rows = self.rows[np.asarray(indices, np.int64)]
        found = self.digits.gather(rows.reshape(-1))
        channels = found["image"].reshape(len(rows), 3, *found["image"].shape[1:3])
        labels = found["label"].reshape(len(rows), 3) @ np.array([100, 10, 1], np.int64)
        return {"image": np.ascontiguousarray(np.moveaxis(channels, 1, -1)), "label": labels}


def stacked_mnist(data_dir=None, image_size=None):
    """128,000 + 26,000 colour pictures of three MNIST digits each, 28x28, 1000 classes

    The label is the number that the red, green and blue digits spell. Which digits is drawn once from a fixed seed,
    those of each split from the same split of MNIST: no digit of the test pictures was trained on. (PacGAN's code
    draws from all 70,000.)

    Args:
        data_dir: where MNIST lies, as for `mnist`.
        image_size: (height, width), or None.
    """
    mnist = arrays.finish(idx.mnist(data_dir), "mnist")
    if image_size is not None:
        mnist = arrays.resize(mnist, image_size)
    splits = {}
    for offset, (split, count) in enumerate(SIZES.items()):
        digits = mnist.splits[split]
        rows = np.random.RandomState(SEED + offset).randint(0, len(digits), (count, 3), np.int64)
        splits[split] = Stacked(digits, rows)
    provenance = {**mnist.provenance, "seed": SEED}
    return Source("stacked_mnist", splits["train"].fields(), splits, provenance=provenance)
