"""A picture an epoch: samples of fixed noise, or reconstructions of fixed images, and at the end a film of them."""

import pathlib

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.storage import images

MAX_CLASSES = 20
POINTS = 2500  # in a picture of points


class SampleGrid(keras.callbacks.Callback):
    """Writes `epoch_0001.png` and so on, and `progress.gif` at the end of training.

    A model conditioned on labels shows one class a row. A model that cannot sample shows rows of originals, each above
    the row of their reconstructions. A model of points shows `POINTS` of them over the originals.

    Args:
        folder: where the pictures go.
        n: images in the grid, at most.
        columns: images in a row, at most.
        seed: of the noise, the same in every epoch.
        label: the condition of every image, [n] or [n, D]; the default is one class a row.
        originals: uint8 [N, H, W, C], held-out images for models that cannot sample; or points float [N, 2].

    Attributes:
        latest: the last grid, uint8 [H, W, C], or None before the first.
    """

    def __init__(self, folder, n=100, columns=10, seed=0, label=None, originals=None):
        super().__init__()
        self.folder, self.n, self.columns, self.seed = pathlib.Path(folder), n, columns, seed
        self.label, self.originals, self.latest = label, originals, None

    def on_epoch_end(self, epoch, logs=None):
        self.latest = self._drawn()
        images.save_png(self.folder / f"epoch_{epoch + 1:04d}.png", self.latest)

    def on_train_end(self, logs=None):
        if self.latest is not None:
            self.write_film()

    def write_film(self):
        """Makes progress.gif of the folder's pictures; for an interrupted run too, which Keras does not tell us of."""
        frames = sorted(self.folder.glob("epoch_*.png"), key=lambda path: int(path.stem.split("_")[1]))
        if frames:
            images.save_gif(self.folder / "progress.gif", frames)

    def _drawn(self):
        if self.model.data_field == "point":
            return images.scatter(self.model.sample(POINTS, seed=self.seed, label=self.label), self.originals)
        return self._sampled() if self.model.can_sample else self._reconstructed()

    def _sampled(self):
        label, columns = self.label, self.columns
        if label is None and self.model.num_classes:
            label, columns = class_rows(self.model.num_classes, self.n, columns)
        number = self.n if label is None else len(label)
        return images.grid(self.model.sample(number, seed=self.seed, label=label, batch_size=number), columns)

    def _reconstructed(self):
        if self.originals is None:
            raise UserError(
                f"{self.model.name} cannot sample, so its pictures are reconstructions: give SampleGrid `originals`, "
                "uint8 [N, H, W, C] of held-out images"
            )
        originals = np.asarray(self.originals)[: self.n // 2]
        copies = images.to_uint8(np.asarray(self.model.reconstruct(originals)))
        starts = range(0, len(originals), self.columns)
        rows = [part[i : i + self.columns] for i in starts for part in (originals, copies)]
        missing = self.columns - len(rows[-1])
        if missing and len(rows) > 2:  # the last row of originals is not full: keep the copies below their originals
            rows[-2] = np.concatenate([rows[-2], np.full_like(rows[0][:missing], images.BACKGROUND)])
        return images.grid(np.concatenate(rows), min(self.columns, len(originals)))


def class_rows(num_classes, n, columns):
    """Labels of a grid with one class a row, and its columns: at most `n` images, all classes if there are not many."""
    rows = min(num_classes, MAX_CLASSES, n)
    columns = max(1, min(columns, n // rows))
    return np.repeat(np.arange(rows, dtype=np.int64), columns), columns
