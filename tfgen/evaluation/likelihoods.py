"""Scores of a model itself on held-out examples: reconstructions, and likelihood by annealed importance sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfgen import metrics
from tfgen.data.numbering import in_classes_of
from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.evaluation.real import chosen
from tfgen.metrics.score import SHARE, HeldOut, Score, around, mean_of

if TYPE_CHECKING:
    from tfgen.evaluation.settings import Settings
    from tfgen.training.model import GenerativeModel

# A GAN has no p(x|z): its pixels are taken as N(G(z), sigma^2), Wu et al. 2017.
TEMPERATURES, CHAINS, OBSERVATION_SIGMA, SIMULATED = 1000, 16, 0.1, 20


def held_out(model: GenerativeModel, source: Source, settings: Settings, count: int) -> HeldOut:
    """Returns `count` held-out examples of the split (0: all), with the protocol of the scores on them.

    Of domains without pairs each has as many, or all of its own: no picture is repeated.

    Raises:
        UserError: the data lack a field of the model, or have a class that is none of a conditional model's.
    """
    needed = [model.data_field, *model.conditions]
    missing = [name for name in needed if name not in source.fields]
    if missing:
        raise UserError(
            f"{model.name} needs the field {missing[0]!r}, and {source.name} holds {', '.join(source.fields)}"
        )
    source = in_its_classes(model, source)
    fields: dict[str, np.ndarray] = {}
    for part in source.splits[settings.split].parts():
        fields |= part.gather(chosen(len(part), count or len(part), settings.seed))
    shape = "image_shape" if source.fields[model.data_field].kind == "image" else "shape"
    real = {"dataset": source.name, "split": settings.split, "count": len(fields[model.data_field])}
    real[shape] = list(source.fields[model.data_field].shape)
    return HeldOut(fields[model.data_field], fields, {"version": 1, "real": real}, source, settings.split)


def in_its_classes(model: GenerativeModel, source: Source) -> Source:
    """Returns the data whose labels are those that a model conditioned on labels takes; of others as they are.

    Raises:
        UserError: the data have a class that is none of the model's.
    """
    return in_classes_of(source, model.class_names) if model.label_field in model.conditions else source


def score_reconstructions(model: GenerativeModel, held: HeldOut, settings: Settings) -> tuple[dict[str, Score], dict]:
    """Returns (`reconstruction_error`: the mean squared error of pixels in [0, 1]; no details)."""
    conditions = held.conditions(model.conditions)
    errors = metrics.reconstruction_error(model, held.data, settings.seed, conditions=conditions)
    stated = held.stated(unit="squared, of [0, 1]", seed=settings.seed)
    stated |= {} if model.likelihood is None else {"likelihood": repr(model.likelihood)}
    return {"reconstruction_error": mean_of(errors, SHARE, protocol=stated)}, {}


def score_annealed(model: GenerativeModel, held: HeldOut, settings: Settings) -> tuple[dict[str, Score], dict]:
    """Returns (scores, no details): the negative log-likelihood `ais_nll`, and `bdmc_gap`, in nats per image.

    The gap is between the lower and the upper bound on data simulated by the model.

    Raises:
        UserError: the model has no known prior or no decoder.
    """
    exact = model.likelihood is not None and model.likelihood.exact
    sigma = None if exact else OBSERVATION_SIGMA
    options = {"temperatures": TEMPERATURES, "chains": CHAINS, "seed": settings.seed, "sigma": sigma}
    conditions = held.conditions(model.conditions)
    found = metrics.annealed_importance_sampling(model, held.data, conditions=conditions, **options)
    simulated = metrics.bidirectional_monte_carlo(model, SIMULATED, conditions=conditions, **options)
    stated = {**held.protocol, "parameters": {**options, "unit": "nats, an upper bound"}}
    gap = {
        **stated,
        "interval": "drawing examples of the model: 1.96 standard errors",
        "real": {"count": len(simulated.lower), "dataset": "simulated by the model"},
    }
    scores = {
        "ais_nll": mean_of(-found.lower, protocol=stated),
        "bdmc_gap": around(simulated.gap, simulated.standard_error, floor=0.0, protocol=gap),
    }
    return scores, {}
