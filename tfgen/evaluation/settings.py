"""The settings of an evaluation."""

import dataclasses
from collections.abc import Collection

from tfgen import domains
from tfgen.domains import Count, Natural, Seed


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of an evaluation.

    Attributes:
        num: number of samples, or None: as many as there are held-out images, 10,000 at most; for data with known modes
            the number of published figures.
        seed: of samples, choices, bootstraps and draws.
        split: the real images that samples are compared with; "test" for final scores only.
        extractor: a name, or None for that of the data set.
        metrics: names of the scores to compute, of samples or of the model itself, or None for all that fit; what is
            not named costs nothing.
        nll_k, nll_images: samples of z per image in the likelihood bound, and number of held-out images (0: all).
        cas: whether to train the two classifiers of the classification accuracy score.
        ais: number of images for annealed importance sampling; 0: none.
        controls: whether to score known faults too.
        cache: folder of cached features, or None.
        workers: processes that compute the features of samples in shards.
        plugins: modules that these processes import first.

    Raises:
        UserError: a number outside of its domain.
    """

    num: Count | None = None
    seed: Seed = 0
    split: str = "test"
    extractor: str | None = None
    metrics: tuple[str, ...] | None = None
    nll_k: Count = 100
    nll_images: Natural = 500
    cas: bool = False
    ais: Natural = 0
    controls: bool = True
    cache: str | None = None
    workers: Count = 1
    plugins: tuple[str, ...] = ()

    def __post_init__(self):
        domains.check_all(vars(self), domains.annotations_of(type(self)))

    def among(self, names: Collection[str]) -> "Settings":
        """Returns the same settings with those of its metrics alone that are among `names`."""
        if self.metrics is None:
            return self
        return dataclasses.replace(self, metrics=tuple(name for name in self.metrics if name in names))
