"""Evaluation while training, every n epochs, against held-out images that are no test images."""

import keras

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.real import RealData
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics.kernels import KernelReference


class EvaluateSamples(keras.callbacks.Callback):
    """Adds `fd` and `kid` of samples against the validation split to the logs of every n-th epoch.

    The samples are of a fixed seed, by the averaged weights where the model keeps them. Stands before callbacks that
    read the logs. `kid` chooses the best: it is unbiased, and few samples are enough.

    Args:
        source: `tfgen.data.Source` of images; only its validation split is seen.
        every: epochs between two evaluations.
        num: samples, and held-out images at most.
        extractor: a name, or None: the data set's.
        seed: of the samples.
        cache: folder of cached features, or None.

    Attributes:
        scores: list of dicts of `epoch` (from 1), `step`, `fd`, `kid` and `kid_error`, its standard error.
    """

    def __init__(self, source, every=1, num=1000, extractor=None, seed=0, cache=None):
        super().__init__()
        if every < 1 or num < 4:
            raise UserError(f"EvaluateSamples needs every >= 1 and num >= 4, got {every} and {num}")
        self.every, self.num, self.seed = every, num, seed
        self.extractor = load_extractor(extractor or default_extractor(source.name, source.fields))
        self.real = RealData(source, self.extractor, Cache(cache), "validation", limit=num, seed=seed)
        self.scores = []

    @property
    def last(self):
        """The latest scores, or None."""
        return self.scores[-1] if self.scores else None

    @property
    def best(self):
        """The scores of the lowest kid, or None."""
        return min(self.scores, key=lambda row: row["kid"], default=None)

    def on_train_begin(self, logs=None):
        if not self.model.can_sample:
            raise UserError(f"{self.model.name} cannot sample: there is nothing for EvaluateSamples to evaluate")
        self.scores = []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        real = self.real.reference.features
        fake = self.extractor.features(self.model.sample(self.num, seed=self.seed))
        kid, error = KernelReference(real).distance(fake)
        distance = metrics.frechet_distance(real, fake)
        row = {"epoch": epoch + 1, "step": int(self.model.step), "fd": distance}
        self.scores.append({**row, "kid": kid, "kid_error": error})
        if logs is not None:
            logs.update(fd=row["fd"], kid=kid)

    def on_train_end(self, logs=None):
        if self.scores:
            print("; ".join(f"{name} {_said(row)}" for name, row in (("best", self.best), ("last", self.last))))


def _said(row):
    return f"kid {row['kid']:.4g} -+ {row['kid_error']:.2g}, fd {row['fd']:.4g} after epoch {row['epoch']}"
