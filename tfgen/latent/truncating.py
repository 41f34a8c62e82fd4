"""Truncation: latents drawn towards their mean give better pictures, and fewer different ones."""

from collections.abc import Sequence

import numpy as np

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.evaluation.real import as_side, chosen, gathered
from tfgen.latent.exploration import Exploration, checked, sheet
from tfgen.latent.judging import Realism
from tfgen.latent.space import Space

COLUMNS = 10


def truncation(
    space: Space,
    *,
    scales: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    num: int = 1_000,
    seed: int = 0,
    extractor: str | None = None,
) -> Exploration:
    """Returns one row of pictures per scale s, of latents m + s (z - m), and the scores of each.

    m is the mean latent (Karras et al. 2019, section 4 and appendix B, in the latents themselves). Precision rises and
    recall falls as s falls (Kynkaanniemi et al. 2019, k = 3); `fd` is a Frechet distance of features, beside which that
    of as many training images is the floor.

    Args:
        space: of the model.
        scales: in the order of the rows, each at least 0; above 1, latents are rarer than samples.
        num: samples of each scale.
        seed: of the samples.
        extractor: name of the features; by default that of the data set.

    Raises:
        UserError: the model cannot sample.
    """
    checked(num=num)
    if not scales or not all(np.isfinite(scale) and scale >= 0 for scale in scales):
        raise UserError(f"scales must be numbers of at least 0, got {list(scales)}")
    if space.model.sampler is None:
        raise UserError(space.model.cannot_sample)
    if not space.model.samples_latents:
        raise UserError(f"{space.model.name} has no latents to truncate: its sampler draws none")
    real = Realism(space, extractor)
    latents, given = space.draw(num, seed), space.conditions(num)
    centre = latents.mean(axis=0)
    rows, lines = [], []
    values: dict[str, dict[str, float]] = {}
    for scale in scales:
        pictures = space.decode(centre + np.float32(scale) * (latents - centre), given)
        rows.append(pictures[:COLUMNS])
        values[f"{scale:g}"] = found = _scores(real, pictures)
        lines.append(f"scale {scale:g}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
    train = space.source.splits["train"]
    values["real"] = found = _scores(real, gathered(train, chosen(len(train), num, seed))[0])
    lines.append("real images: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
    settings = {"scales": list(scales), "num": num, "seed": seed, "extractor": repr(real.extractor)}
    picture = sheet(np.concatenate(rows), len(rows[0]), names=[f"{scale:g}" for scale in scales])
    return Exploration("truncation", picture, values, tuple(lines), settings)


def _scores(real, pictures):
    features = as_side(real.extractor, pictures).features
    found = real.reference.scores(features)
    return {"fd": metrics.frechet_distance(real.side.features, features), **found}
