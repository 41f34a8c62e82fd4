"""What is said of samples from distributions whose modes are known: mixtures in the plane, and stacked MNIST."""

from tfgen import metrics
from tfgen.metrics.score import Score, share

POINT_SAMPLES, STACKED_SAMPLES = 2_500, 26_000  # the published protocols'


def score_points(points, source):
    """modes, high_quality, mode_kl of points float32 [N, 2] under the mixture of `source`."""
    mixture = source.provenance["mixture"]
    coverage = metrics.modes_covered(points, mixture["means"], mixture["sigma"])
    return _scores(coverage, source, {"within": "3 sigma"})


def score_stacked(images, source, extractor):
    """modes and mode_kl of pictures uint8 [N, H, W, 3], whose channels a classifier of MNIST reads."""
    coverage = metrics.stacked_modes(metrics.stacked_digits(images, extractor.probabilities))
    return _scores(coverage, source, {"extractor": extractor.describe()})


def _scores(coverage, source, parameters):
    protocol = {"version": 1, "dataset": source.name, "fake": {"count": coverage.samples}, "parameters": parameters}
    protocol["modes"] = coverage.modes
    perfect = coverage.perfect
    scores = {"modes": Score(coverage.found, floor=perfect["found"], protocol=protocol)}
    if "within" in parameters:
        scores["high_quality"] = share(
            coverage.high_quality,
            coverage.samples,
            floor=perfect["high_quality"],
            protocol={**protocol, "interval": "binomial"},
        )
    if coverage.kl is not None:
        scores["mode_kl"] = Score(coverage.kl, floor=perfect["kl"], protocol=protocol)
    return scores, {"mode_counts": coverage.counts.tolist()}
