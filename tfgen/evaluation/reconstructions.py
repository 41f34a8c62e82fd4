"""Scores of reconstructions: their error, and their Fréchet distance from the images that they are of."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tfgen import metrics
from tfgen.data.source import Source
from tfgen.evaluation import likelihoods
from tfgen.evaluation.cache import Cache
from tfgen.evaluation.contest import BOTH, FEW, INFLUENCE
from tfgen.evaluation.real import RealData, as_side, chosen
from tfgen.evaluation.settings import Settings
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics import influences
from tfgen.metrics.score import Score
from tfgen.storage.images import to_uint8

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

Found = tuple[dict[str, Score], dict]
Measure = Callable[["GenerativeModel", Source, Settings], Found]  # -> (scores, details)
CHUNK = 250  # images that are reconstructed at once


def reconstruction_scores(model: "GenerativeModel", source: Source) -> dict[str, tuple[str, Measure]]:
    """Returns name -> (what is measured, how) of the scores of reconstructions; none of a model that makes none."""
    if "reconstruct" not in model.endpoints():
        return {}
    found: dict[str, tuple[str, Measure]] = {"reconstruction_error": ("reconstructions", reconstruction_error)}
    if source.scoring is None and model.fields[model.data_field].kind == "image":
        found["reconstruction_fd"] = "the distance of reconstructions", reconstruction_distance
    return found


def reconstruction_error(model: "GenerativeModel", source: Source, settings: Settings) -> Found:
    """Returns (`reconstruction_error`, no details), of `settings.nll_images` held-out images."""
    held = likelihoods.held_out(model, source, settings, settings.nll_images)
    return likelihoods.score_reconstructions(model, held, settings)


def reconstruction_distance(model: "GenerativeModel", source: Source, settings: Settings) -> Found:
    """Returns (`reconstruction_fd`, no details).

    As many held-out images as there are samples are reconstructed, and compared with all of the split, as samples are;
    so the figure stands beside `fd`, and 0 is not reached where samples are fewer than images.

    Args:
        model: that reconstructs images.
        source: of images that are compared by their features.
        settings: of the evaluation.
    """
    extractor = load_extractor(settings.extractor or default_extractor(source, lambda sentence: None))
    real = RealData(source, extractor, Cache(settings.cache, lambda line: None), settings.split, seed=settings.seed)
    reference, examples = real.reference, source.splits[settings.split]
    rows = chosen(len(examples), settings.num or len(reference), settings.seed)
    known = likelihoods.in_its_classes(model, source)
    fake = as_side(extractor, reconstructed(model, known, settings.split, rows))
    floor = metrics.frechet_distance(reference.features, real.training(len(fake)).features)
    protocol = {**real.protocol(), "fake": {"count": len(fake)}, "parameters": {"of": "reconstructions"}}
    if min(len(reference), len(fake)) < influences.FEWEST:
        value = metrics.frechet_distance(reference.features, fake.features)
        return {"reconstruction_fd": Score(value, floor=floor, protocol=protocol | {"interval": FEW})}, {}
    found = metrics.frechet_spread(reference.features, fake.features, seed=settings.seed)
    protocol |= {"interval": f"{BOTH}: {INFLUENCE}"}
    return {"reconstruction_fd": Score(found.value, found.low, found.high, floor, protocol)}, {}


def reconstructed(model: "GenerativeModel", source: Source, split: str, rows: np.ndarray) -> np.ndarray:
    """Returns the reconstructions uint8 [N, H, W, C] of the images of a split with the indices int64 [N]."""
    made = []
    for first in range(0, len(rows), CHUNK):
        batch = source.splits[split].gather(rows[first : first + CHUNK])
        conditions = {name: batch[name] for name in model.conditions}
        made.append(to_uint8(np.asarray(model.reconstruct(batch[model.data_field], conditions=conditions))))
    return np.concatenate(made)
