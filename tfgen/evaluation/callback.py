"""Evaluation during training, every n epochs, against held-out images that are not test images."""

import keras

from tfgen import metrics
from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.real import RealData
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics.kernels import KernelReference
from tfgen.sampling.chunks import drawn

Row = dict[str, float]


class EvaluateSamples(keras.callbacks.Callback):
    """A callback that adds `fd` and `kid` of samples against the validation split to the logs of every n-th epoch.

    The samples have a fixed seed and the conditions of held-out examples, and come from the averaged weights where the
    model keeps them. The callback has to precede those that read the logs. The best epoch is chosen by `kid`, which is
    unbiased and needs few samples.

    Args:
        source: `tfgen.data.Source` of images; only its validation split is read.
        every: epochs between two evaluations.
        num: number of samples, and the largest number of held-out images.
        extractor: a name, or None for that of the data set.
        seed: of the samples.
        cache: folder of cached features, or None.

    Attributes:
        scores: list of dicts of `epoch` (from 1), `step`, `fd`, `kid` and `kid_error`, its standard error.

    Raises:
        UserError: `every` or `num` is too small, or the data have no images or no validation split.
    """

    def __init__(
        self,
        source: Source,
        every: int = 1,
        num: int = 1000,
        extractor: str | None = None,
        seed: int = 0,
        cache: str | None = None,
    ) -> None:
        super().__init__()
        if every < 1 or num < 4:
            raise UserError(f"EvaluateSamples needs every >= 1 and num >= 4, got {every} and {num}")
        self.every, self.num, self.seed = every, num, seed
        self.extractor = load_extractor(extractor or default_extractor(source))
        self.real = RealData(source, self.extractor, Cache(cache), "validation", limit=num, seed=seed)
        self.examples = source.splits.get("validation")
        self.scores: list[Row] = []

    @property
    def last(self) -> Row | None:
        """The latest scores, or None."""
        return self.scores[-1] if self.scores else None

    @property
    def best(self) -> Row | None:
        """The scores with the lowest kid, or None."""
        return min(self.scores, key=lambda row: row["kid"], default=None)

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self.model.sampler is None:
            raise UserError(f"{self.model.name} cannot sample: there is nothing for EvaluateSamples to evaluate")
        self.scores = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every:
            return
        real = self.real.reference.features
        samples, _ = drawn(self.model, self.num, examples=self.examples, seed=self.seed)
        fake = self.extractor.features(samples)
        kid, error = KernelReference(real).distance(fake)
        distance = metrics.frechet_distance(real, fake)
        row = {"epoch": epoch + 1, "step": int(self.model.step), "fd": distance}
        self.scores.append({**row, "kid": kid, "kid_error": error})
        if logs is not None:
            logs.update(fd=row["fd"], kid=kid)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.scores:
            print("; ".join(f"{name} {_said(row)}" for name, row in (("best", self.best), ("last", self.last))))


def _said(row):
    return f"kid {row['kid']:.4g} -+ {row['kid_error']:.2g}, fd {row['fd']:.4g} after epoch {row['epoch']}"
