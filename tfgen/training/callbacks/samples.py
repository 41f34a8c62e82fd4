"""One picture per epoch, samples of fixed noise or reconstructions of fixed images, and an animation at the end."""

import os
import pathlib
import re
from collections.abc import Callable

import keras
import numpy as np

from tfgen.data.source import Examples
from tfgen.errors import UserError
from tfgen.sampling.chunks import drawn
from tfgen.sampling.grids import class_rows, enlarged, paired, stacked
from tfgen.sampling.lettering import caption_rows, distinct
from tfgen.storage import images

POINTS = 2500  # in a picture of points


class SampleGrid(keras.callbacks.Callback):
    """A callback that writes `epoch_0001.png`, `epoch_0002.png`, ..., and `progress.gif` at the end of training.

    The picture has one class per row if the model is conditioned on labels, one caption per row if on texts, and each
    sample below its condition if it is conditioned on images. If the model cannot sample, it shows originals, each
    above its reconstruction; for a model of points, `POINTS` samples over the data. Models of other data, such as
    vectors, have no picture. The first picture that fails is reported, and training continues.

    Args:
        folder: of the pictures.
        n: images in the grid, at most.
        columns: images per row, at most.
        seed: of the noise, the same in every epoch.
        conditions: field name -> values that the samples take in turn; by default one class per row.
        examples: held-out `Examples`: originals, and the source of conditions that are not given.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        n: int = 100,
        columns: int = 10,
        seed: int = 0,
        conditions: dict | None = None,
        examples: Examples | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.n, self.columns, self.seed = pathlib.Path(folder), n, columns, seed
        self.conditions, self.examples = dict(conditions or {}), examples
        self.latest: np.ndarray | None = None
        self._failed = False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.latest = self._attempted(self._drawn)
        if self.latest is not None:
            images.save_png(self.folder / f"epoch_{epoch + 1:04d}.png", self.latest)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.latest is not None:
            self.write_film()

    def write_film(self) -> None:
        """Writes progress.gif from the folder's pictures.

        Interrupted runs call it themselves, as Keras does not call `on_train_end` for them.
        """
        found = [path for path in self.folder.glob("epoch_*.png") if re.fullmatch(r"epoch_[0-9]{4,18}", path.stem)]
        found.sort(key=lambda path: int(path.stem[6:]))
        # some may be damaged, or not be ours; in a film all have the size of the last
        sizes = {path: images.size_of(path) for path in found}
        size = None if self.latest is None else self.latest.shape[1::-1]
        frames = [path for path in found if sizes[path] == size]
        if len(frames) < len(found):
            print(f"\n{len(found) - len(frames)} of the pictures in {self.folder} are left out of the film", flush=True)
        if frames:
            self._attempted(lambda: images.save_gif(self.folder / "progress.gif", frames), passes=(UserError,))

    def _attempted(
        self, draw: Callable[[], np.ndarray | None], passes: tuple[type[Exception], ...] = ()
    ) -> np.ndarray | None:
        """Returns `draw()`; None if it fails, which is reported once. Exceptions in `passes` are raised."""
        try:
            return draw()
        except passes:
            raise
        except Exception as error:  # a model's own code may raise anything, and must not end a training here
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
        elif label is not None and self.model.num_classes and self.model.conditions == (label,):
            labels, columns = class_rows(self.model.num_classes, self.n, columns)
            number, given = len(labels), {label: labels}
        elif self.model.conditions == (self.model.text_field,) and self.examples is not None:
            return self._captioned(self.model.text_field)
        sources = self.model.sources
        number = max(1, number // (2 + (not given))) if sources else number
        made, rows = drawn(self.model, number, given=given, examples=self.examples, seed=self.seed)
        if not sources:
            return enlarged(images.grid(made, columns), made.shape[1:])
        return enlarged(stacked(self._beside(rows[sources[0]], made, given), columns), made.shape[1:])

    def _captioned(self, name):
        """Returns a sheet of a row for each of the first captions of the held-out examples."""
        texts = distinct(self.examples.column(name))
        rows, columns = class_rows(len(texts), self.n, self.columns)
        given = [texts[row] for row in rows]
        made, _ = drawn(self.model, len(given), given={name: given}, seed=self.seed)
        return caption_rows(made, given)

    def _beside(self, sources, made, given):
        """Returns the rows of a sheet: sources, translations, and below them what the model has for comparison."""
        if given or self.examples is None:
            return sources, made
        batch = self.examples.gather(np.arange(len(made)) % len(self.examples))
        below = self.model.counterparts(batch, made)
        return (sources, made) if below is None else (sources, made, below)

    def _originals(self, number):
        """Returns (the data, the conditions) of the first held-out examples."""
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
        return enlarged(paired(originals, copies, self.columns), copies.shape[1:])
