"""Scores of variational models: likelihood bounds, active latents.

Each function takes the model, `HeldOut` examples and the settings of an evaluation: `seed`, and `nll_k`, samples of z
per image.
"""

import math
from typing import Any

from tfgen import metrics
from tfgen.metrics.score import SHARE, HeldOut, Score, asked, mean_of

PARTS = ("elbo", "cross_entropy", "reconstruction", "kl")
BOUNDS = ("nll", "bits_per_dimension")
NAMES = (*PARTS, *BOUNDS, "active_units", "mig")


def likelihood_scores(model: Any, held_out: HeldOut, settings: Any) -> tuple[dict[str, Score], dict]:
    """Returns (scores, details) of likelihood and latents.

    The scores are `elbo`, `reconstruction`, `kl` and `nll` in nats per image, `bits_per_dimension`, `active_units`, and
    `mig` if the data have known factors. If p(x|z) is not a likelihood of the data, `cross_entropy` and `kl` are in
    place of the first five.
    """
    scores = bounds(model, held_out, settings)
    if asked(settings, "active_units"):
        conditions = held_out.conditions(model.conditions)
        units = metrics.active_units(model, held_out.data, seed=settings.seed, conditions=conditions)
        more = {"interval": "none: a count"}
        protocol = stated(model, held_out, settings, threshold=0.01, of=model.latent_dim) | more
        scores["active_units"] = Score(int(units), protocol=protocol)
    if "factors" not in held_out.source.fields or not asked(settings, "mig"):
        return scores, {}
    gap = metrics.mig(model, held_out.source, held_out.split, seed=settings.seed)
    protocol = stated(model, held_out, settings, bins=20) | {
        "interval": "1.96 standard errors of the mean over factors"
    }
    scores["mig"] = mean_of(list(gap["gaps"].values()), SHARE, protocol=protocol)
    return scores, {"mig": gap["gaps"]}


def bounds(model: Any, held_out: HeldOut, settings: Any) -> dict[str, Score]:
    """Returns those of `PARTS` and `BOUNDS` that are asked for."""
    scores = elbo_scores(model, held_out, settings) if asked(settings, *PARTS) else {}
    return scores | (bound_scores(model, held_out, settings) if asked(settings, *BOUNDS) else {})


def elbo_scores(model: Any, held_out: HeldOut, settings: Any) -> dict[str, Score]:
    """Returns the ELBO and its terms in nats per image, from one sample of z per image."""
    conditions = held_out.conditions(model.conditions)
    parts = metrics.elbo_parts(model, held_out.data, seed=settings.seed, conditions=conditions)
    protocol = stated(model, held_out, settings, samples=1, unit="nats")
    return {name: mean_of(values, protocol=protocol) for name, values in parts.items()}


def bound_scores(model: Any, held_out: HeldOut, settings: Any) -> dict[str, Score]:
    """Returns `nll` in nats per image and `bits_per_dimension`; nothing if p(x|z) is not a likelihood of the data.

    The bits follow from the same bound if p(x|z) is a probability of pixel values, and from a bound on dequantised
    pixels if it is a density.
    """
    likelihood, k, seed = model.likelihood, settings.nll_k, settings.seed
    if not likelihood.exact:
        return {}
    conditions = held_out.conditions(model.conditions)
    bound = metrics.importance_weighted_bound(model, held_out.data, k, seed, conditions=conditions)
    nll = mean_of(-bound, protocol=stated(model, held_out, settings, k=k, unit="nats, an upper bound"))
    if not asked(settings, "bits_per_dimension"):
        return {"nll": nll}
    dequantized = not likelihood.discrete
    if dequantized:
        noisy = metrics.dequantize(held_out.data, seed)
        bound = metrics.importance_weighted_bound(model, noisy, k, seed, conditions=conditions)
    bits = metrics.bits_per_dimension(bound, math.prod(model.data_shape), likelihood, dequantized)
    protocol = stated(model, held_out, settings, k=k, dequantized=dequantized)
    return {"nll": nll, "bits_per_dimension": mean_of(bits, protocol=protocol)}


def stated(model: Any, held_out: HeldOut, settings: Any, **parameters: Any) -> dict:
    """Returns the protocol of one score."""
    return {**held_out.stated(seed=settings.seed, **parameters), "likelihood": repr(model.likelihood)}
