"""Stacked MNIST: three digits as the channels of a picture, for counting 1000 modes (Metz et al. 2017)."""

import os

import numpy as np

from tfgen.data import arrays, idx
from tfgen.data.source import Examples, Field, Indices, Scoring, Source

SIZES = {"train": 128_000, "validation": 10_000, "test": 26_000}  # train and test: PacGAN's numbers
SEED = 0


class Stacked(Examples):
    """Pictures of three digits each, composed when a batch is gathered.

    Args:
        digits: `Examples` with image uint8 [H, W, 1] and label 0..9.
        rows: int64 [N, 3], the example of each channel.
    """

    def __init__(self, digits: Examples, rows: np.ndarray) -> None:
        self.digits, self.rows = digits, rows

    def __len__(self) -> int:
        return len(self.rows)

    def fields(self) -> dict[str, Field]:
        height, width, _ = self.digits.fields()["image"].shape
        return {"image": Field("image", (height, width, 3)), "label": Field("label", range=(0, 1000))}

    def gather(self, indices: Indices) -> dict[str, np.ndarray]:
        rows = self.rows[np.asarray(indices, np.int64)]
        found = self.digits.gather(rows.reshape(-1))
        channels = found["image"].reshape(len(rows), 3, *found["image"].shape[1:3])
        labels = found["label"].reshape(len(rows), 3) @ np.array([100, 10, 1], np.int64)
        return {"image": np.ascontiguousarray(np.moveaxis(channels, 1, -1)), "label": labels}


def stacked_mnist(data_dir: str | os.PathLike[str] | None = None, image_size: tuple[int, int] | None = None) -> Source:
    """128,000 + 26,000 colour pictures of three MNIST digits each, 28x28, 1000 classes

    The label is the number with the red, green and blue digits. The digits are drawn once with a fixed seed, those of
    each split from the same split of MNIST, so that no digit of the test pictures is in the training set. (PacGAN's
    code draws from all 70,000 digits.)

    Args:
        data_dir: folder of MNIST, as for `mnist`.
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
    scoring = Scoring("tfgen.evaluation.points:score_stacked", ("modes", "mode_kl"), samples=26_000)
    fields = splits["train"].fields()
    return Source("stacked_mnist", fields, splits, None, provenance, extractor="mnist", scoring=scoring)
