"""A picture per epoch: samples of fixed noise, or reconstructions of fixed images, and at the end a film of them."""

import os
import pathlib

import keras
import numpy as np

from tfgen.data.source import Examples
from tfgen.errors import UserError
from tfgen.sampling.chunks import drawn
from tfgen.sampling.grids import class_rows, paired
from tfgen.storage import images

POINTS = 2500  # in a picture of points


class SampleGrid(keras.callbacks.Callback):
    """Writes `epoch_0001.png` and so on, and `progress.gif` at the end of training.

    A model conditioned on labels shows one class per row; one conditioned on images shows them, each above the sample
    that was made from it. A model that cannot sample shows rows of originals, each above the row of their
    reconstructions. A model of points shows `POINTS` of them over the originals. Other models, of vectors say, show
    nothing. A picture that fails is said once, and training goes on.

    Args:
        folder: where the pictures go.
        n: images in the grid, at most.
        columns: images in a row, at most.
        seed: of the noise, the same in every epoch.
        conditions: field name -> values that the samples take in turn; by default one class per row.
        examples: held-out `Examples`: conditions that are not given are their rows, and originals are theirs.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        n: int = 100,
        columns: int = 10,
        seed: int = 0,
        conditions: dict | None = None,
        examples: Examples | None = None,
    ):
        super().__init__()
        self.folder, self.n, self.columns, self.seed = pathlib.Path(folder), n, columns, seed
        self.conditions, self.examples = dict(conditions or {}), examples
        self.latest, self._failed = None, False

    def on_epoch_end(self, epoch, logs=None):
        self.latest = self._attempted(self._drawn)
        if self.latest is not None:
            images.save_png(self.folder / f"epoch_{epoch + 1:04d}.png", self.latest)

    def on_train_end(self, logs=None):
        if self.latest is not None:
            self.write_film()

    def write_film(self) -> None:
        """Makes progress.gif of the folder's pictures; for an interrupted run too, which Keras does not tell us of."""
        frames = sorted(self.folder.glob("epoch_*.png"), key=lambda path: int(path.stem.split("_")[1]))
        if frames:
            self._attempted(lambda: images.save_gif(self.folder / "progress.gif", frames), passes=(UserError,))

    def _attempted(self, draw, passes=()):
        """What `draw()` gives; None where it fails, which is said once."""
        try:
            return draw()
        except passes:
            raise
        except Exception as error:  # a picture is no reason to end a training
            reason = " ".join(str(error).split()) or type(error).__name__
            if not self._failed:
                print(f"\na picture of samples could not be made: {reason:.300}", flush=True)
            self._failed = True
            return None

    def _drawn(self):
        kind = self.model.fields[self.model.data_field].kind
        if self.model.sampler is None:
            return self._reconstructed() if kind == "image" and "reconstruct" in self.model.endpoints() else None
        if kind == "point":
            made, _ = drawn(self.model, POINTS, given=self.conditions, examples=self.examples, seed=self.seed)
            return images.scatter(made, None if self.examples is None else self._originals(POINTS)[0])
        return self._sampled() if kind == "image" else None

    def _sampled(self):
        label, given, columns = self.model.label_field, self.conditions, self.columns
        number = self.n
        if given:
            number = min(self.n, max(len(np.atleast_1d(values)) for values in given.values()))
        elif label is not None and self.model.num_classes:
            labels, columns = class_rows(self.model.num_classes, self.n, columns)
            number, given = len(labels), {label: labels}
        sources = [name for name in self.model.conditions if self.model.fields[name].kind == "image"]
        number = max(1, number // 2) if sources else number
        made, rows = drawn(self.model, number, given=given, examples=self.examples, seed=self.seed)
        if sources:
            return paired(rows[sources[0]], made, columns)
        return images.grid(made, columns)

    def _originals(self, number):
        """(what the model makes, the conditions) of the first held-out examples."""
        batch = self.examples.gather(np.arange(min(number, len(self.examples))))
        return batch[self.model.data_field], {name: batch[name] for name in self.model.conditions}

    def _reconstructed(self):
        if self.examples is None:
            raise UserError(
                f"{self.model.name} cannot sample, so its pictures are reconstructions: give SampleGrid(examples=...), "
                "held-out examples"
            )
        originals, conditions = self._originals(self.n // 2)
        copies = images.to_uint8(np.asarray(self.model.reconstruct(originals, conditions=conditions)))
        return paired(originals, copies, self.columns)
