"""Scores of translations of held-out pictures: each pair beside what the source itself, enlarged, would score."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tfgen import metrics
from tfgen.extractors import default_extractor, load_extractor
from tfgen.metrics.pairs import scales_of
from tfgen.metrics.score import FEWEST, POSITIVE, SHARE, HeldOut, Limits, Score, asked, mean_of

MOST_DECIBELS = 100.0  # of a pair in a mean; an equal pair has infinitely many
Pairs = Callable[[np.ndarray, np.ndarray], np.ndarray]

SCORES: dict[str, tuple[Pairs, Limits]] = {
    "peak_signal_to_noise": (
        lambda a, b: np.minimum(metrics.peak_signal_to_noise(a, b), MOST_DECIBELS),
        (-np.inf, np.inf),
    ),
    "structural_similarity": (metrics.structural_similarity, (-1.0, 1.0)),
    "multiscale_structural_similarity": (metrics.multiscale_structural_similarity, SHARE),
    "mean_absolute_error": (metrics.mean_absolute_error, POSITIVE),
}
CYCLES = ("forth_cycle_error", "back_cycle_error")
SEEN = ("translated_class", "translated_back_class")
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}


def paired_scores(model: Any, held_out: HeldOut, settings: Any) -> tuple[dict[str, Score], dict]:
    """Returns the scores of pairs, and `floors`: name of a floor -> its value of each score, and its `fd`.

    A score's own `floor` is that of the source, or of its bicubic enlargement where it is smaller than the image. The
    distances of features are those of the same held-out images, by the extractor of the data.

    Args:
        model: a `TranslationModel`.
        held_out: `HeldOut` examples with the field of the source.
        settings: of an evaluation.
    """
    real, given = held_out.data, held_out.conditions(model.conditions)
    source = given.pop(model.translated())
    made, floors = model.translate(source, given or None), floors_of(source, real.shape[1:])
    stated: dict[str, dict[str, Any]] = {
        "peak_signal_to_noise": {"unit": "dB", "most": MOST_DECIBELS},
        "multiscale_structural_similarity": {"scales": scales_of(real.shape[1:3])},
    }
    first, scores = next(iter(floors)), {}
    table: dict[str, dict[str, float]] = {name: {} for name in floors}
    for name, (measure, limits) in SCORES.items():
        if not asked(settings, name):
            continue
        for floor, images in floors.items():
            table[floor][name] = float(measure(images, real).mean())
        protocol = held_out.stated(floor=first, **stated.get(name, {}))
        scores[name] = mean_of(measure(made, real), limits, floor=table[first][name], protocol=protocol)
    if asked(settings, "fd") and len(real) >= FEWEST:
        extractor = load_extractor(getattr(settings, "extractor", None) or default_extractor(held_out.source))
        reference = extractor.features(real)
        for floor, images in floors.items():
            table[floor]["fd"] = metrics.frechet_distance(reference, extractor.features(images))
    return scores, {"floors": table}


def cycle_scores(model: Any, held_out: HeldOut, settings: Any) -> tuple[dict[str, Score], dict]:
    """Returns the errors of the ways there and back, and how many translations a classifier sees in the other domain.

    `forth_cycle_error` and `back_cycle_error` are mean absolute errors in units of [0, 1]; their floor is 0.
    `translated_class` and `translated_back_class`, where the domains are classes that the extractor of the data knows,
    are shares of translations; their floor is the share of real pictures of the domain.

    Args:
        model: a model with the ways `forth` and `back`.
        held_out: `HeldOut` examples of both domains.
        settings: of an evaluation.
    """
    images, others = held_out.fields["image"], held_out.fields["other"]
    made, made_back = model.translate(images), model.translate(others, reverse=True)
    scores = {}
    for name, pictures, start, reverse in zip(CYCLES, (made, made_back), (images, others), (True, False), strict=True):
        if asked(settings, name):
            errors = metrics.mean_absolute_error(model.translate(pictures, reverse=reverse), start)
            scores[name] = mean_of(errors, POSITIVE, protocol=held_out.stated(pictures=len(start)))
    classes = held_out.source.provenance.get("classes")
    if not asked(settings, *SEEN):
        return scores, {}
    extractor = load_extractor(getattr(settings, "extractor", None) or default_extractor(held_out.source))
    if classes is None or held_out.source.extractor != extractor.name or extractor.classes is None:
        return scores, {}
    for name, pictures, real, wanted in (
        (SEEN[0], made, others, classes[1]),
        (SEEN[1], made_back, images, classes[0]),
    ):
        seen, floor = (extractor.probabilities(values).argmax(axis=1) == wanted for values in (pictures, real))
        protocol = held_out.stated(extractor=extractor.describe(), pictures=len(seen))
        scores[name] = mean_of(seen, SHARE, floor=float(floor.mean()), protocol=protocol)
    return scores, {}


def floors_of(source: np.ndarray, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Returns name -> images uint8 [N, H, W, C]: the source itself, or its enlargements to `shape` (H, W, C)."""
    source = np.asarray(source)
    source = source if source.dtype == np.uint8 else np.round(source * 255.0).astype(np.uint8)
    if source.shape[1:3] == tuple(shape[:2]):
        return {"source": _channels(source, shape[2])}
    return {name: _channels(_resized(source, shape, kind), shape[2]) for name, kind in FILTERS.items()}


def _resized(images, shape, kind):
    made = np.empty((len(images), *shape[:2], images.shape[3]), np.uint8)
    for number, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        made[number] = np.asarray(picture.resize((shape[1], shape[0]), kind)).reshape(made.shape[1:])
    return made


def _channels(images, count):
    if images.shape[-1] == count:
        return images
    gray = images if images.shape[-1] == 1 else np.round(images.mean(axis=-1, keepdims=True)).astype(np.uint8)
    return np.repeat(gray, count, axis=-1)
