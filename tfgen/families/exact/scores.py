"""Scores of models with an exact likelihood, of held-out examples; arguments as of `tfgen.metrics.score`."""

import math
from typing import Any

from tfgen import metrics
from tfgen.metrics.score import HeldOut, Score, asked, mean_of

NAMES = ("nll", "bits_per_dimension")


def exact_scores(model: Any, held_out: HeldOut, settings: Any) -> tuple[dict[str, Score], dict]:
    """Returns `nll` in nats per example, of images `bits_per_dimension`, and no details.

    Both are of one evaluation; a density of images is that of dequantised pixels, as in training: at the bytes
    themselves it bounds nothing. Without a likelihood of the data there are no scores.
    """
    likelihood = model.likelihood
    if (likelihood is not None and not likelihood.exact) or not asked(settings, *NAMES):
        return {}, {}
    images = len(model.data_shape) == 3
    dequantized = images and (likelihood is None or not likelihood.discrete)
    data = metrics.dequantize(held_out.data, settings.seed) if dequantized else held_out.data
    conditions = held_out.conditions(model.conditions)
    log_px = metrics.log_likelihood(model, data, settings.seed, conditions=conditions)
    said = {"likelihood": "a density" if likelihood is None else repr(likelihood)}

    unit = "nats, exact, of dequantised pixels" if dequantized else "nats, exact"
    scores = {"nll": mean_of(-log_px, protocol=held_out.stated(seed=settings.seed, unit=unit) | said)}
    if images:
        bits = metrics.bits_per_dimension(log_px, math.prod(model.data_shape), likelihood, dequantized)
        stated = held_out.stated(seed=settings.seed, dequantized=dequantized) | said
        scores["bits_per_dimension"] = mean_of(bits, protocol=stated)
    return scores, {}
