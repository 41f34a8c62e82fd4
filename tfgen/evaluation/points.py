"""Scores of samples from distributions with known modes; a data set names one of these functions as its `Scoring`."""

from typing import TYPE_CHECKING

import numpy as np

from tfgen import metrics
from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.evaluation.contest import BINOMIAL
from tfgen.metrics.score import Score, share

if TYPE_CHECKING:
    from tfgen.extractors.base import Extractor


def score_points(
    points: np.ndarray, source: Source, extractor: "Extractor | None" = None
) -> tuple[dict[str, Score], dict]:
    """Returns (`modes`, `high_quality` and `mode_kl` in nats of points float32 [N, 2], details).

    `source` is a Gaussian mixture; `extractor` is not used, as the modes are known.

    Raises:
        UserError: points of another shape, or fewer than modes.
    """
    if np.ndim(points) != 2 or np.shape(points)[1] != 2:
        raise UserError(f"the samples of {source.name} are points [N, 2], got {list(np.shape(points))}")
    mixture = source.provenance["mixture"]
    coverage = metrics.modes_covered(points, mixture["means"], mixture["sigma"])
    return _scores(coverage, source, {"within": "3 sigma"})


def score_stacked(images: np.ndarray, source: Source, extractor: "Extractor") -> tuple[dict[str, Score], dict]:
    """Returns (`modes` and `mode_kl` in nats of images uint8 [N, H, W, 3], details).

    `extractor` is the classifier of digits that each channel is given to.

    Raises:
        UserError: images without three channels, or fewer than 1000.
    """
    coverage = metrics.stacked_modes(metrics.stacked_digits(images, extractor.probabilities))
    return _scores(coverage, source, {"extractor": extractor.describe()})


def _scores(coverage, source, parameters):
    protocol = {"version": 1, "dataset": source.name, "fake": {"count": coverage.samples}, "parameters": parameters}
    protocol["modes"] = coverage.modes
    perfect = coverage.perfect
    scores = {
        "modes": Score(
            coverage.found, floor=perfect["found"], protocol={**protocol, "interval": "none: a count of modes"}
        )
    }
    if "within" in parameters:
        scores["high_quality"] = share(
            coverage.high_quality,
            coverage.samples,
            floor=perfect["high_quality"],
            protocol={**protocol, "interval": BINOMIAL},
        )
    if coverage.kl is not None:
        scores["mode_kl"] = Score(
            coverage.kl, floor=perfect["kl"], protocol={**protocol, "interval": "none: mostly bias"}
        )
    return scores, {"mode_counts": coverage.counts.tolist()}
