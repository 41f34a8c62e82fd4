"""Directions in latents along which an attribute changes, found from labelled pictures of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.latent.discriminant import Discriminant
from tfgen.latent.exploration import Exploration, checked, sheet
from tfgen.latent.expressions import concept
from tfgen.latent.judging import Judge
from tfgen.latent.space import Space, repeated

REACH = 3.0  # standard deviations to either side
MOVED = 200  # latents that are moved
LEAST = 10  # pictures with the attribute, and without


def directions(
    space: Space,
    *,
    attribute: str | None = None,
    num: int = 4_000,
    steps: int = 7,
    seed: int = 0,
    extractor: str | None = None,
) -> Exploration:
    """Returns a row of pictures per attribute, along its direction, and how well the direction works.

    Pictures of the model are labelled by a classifier: their class, and light or dark for it. The direction of an
    attribute is the one in which latents differ as a linear discriminant between pictures with it and without rises
    (Shen et al. 2020 take the normal of a support vector machine's hyperplane). `accuracy` is that of the discriminant
    on latents that it was not fitted to, beside `chance`, the share of the more frequent side. `with` says which share
    of 200 latents shows the attribute where they are, and 3 standard deviations along the direction and against it.

    Where latents are decoded under a label there are no directions of classes: the label decides.

    Args:
        space: of the model.
        attribute: "light", or a class by name or number; None: all of them.
        num: pictures.
        steps: pictures in a row.
        seed: of the latents.
        extractor: name of the classifier or the features; by default that of the data set.

    Raises:
        UserError: no data set is at hand, or there is no such attribute.
    """
    checked(num=num, steps=steps)
    judge = Judge(space, extractor)
    wanted = _wanted(space, judge, attribute)
    latents, given = space.known(num, seed)
    pictures = space.decode(latents, given)
    labels = judge.probabilities(pictures).argmax(axis=1)
    shades = judge.shades(pictures, labels)
    values: dict[str, Any] = {}
    rows, lines = [], []
    for name, label in wanted.items():
        has = shades == 1 if label is None else labels == label
        if min(has.sum(), (~has).sum()) < LEAST:
            lines.append(f"{name}: left out, {int(has.sum())} of {len(has)} pictures have it")
            continue
        values[name], step = _direction(latents, has)
        shown = _shares(space, judge, latents, given, step, label)
        values[name] |= {"with": shown}
        start = int(np.flatnonzero(~has)[0])
        moves = latents[start] + np.linspace(-REACH, REACH, steps, dtype=np.float32)[:, None] * step
        own = {key: value[start : start + 1] for key, value in given.items()}
        rows.append(space.decode(moves, repeated(own, steps)))
        lines.append(
            f"{name}: accuracy {values[name]['accuracy']:.3f} (chance {values[name]['chance']:.3f}); "
            f"shown by {shown['against']:.0%} against it, {shown['here']:.0%} here, {shown['along']:.0%} along it"
        )
    if not rows:
        raise UserError(f"{lines[0]}: give a larger num, or train longer")
    settings = {"attribute": attribute, "num": len(latents), "seed": seed, "judge": judge.described()}
    return Exploration(
        "directions", sheet(np.concatenate(rows), steps, names=tuple(values)), values, tuple(lines), settings
    )


def _wanted(space, judge, attribute):
    """Returns name -> number of the class, or None for light."""
    classes = {name: number for number, name in enumerate(judge.names)}
    known = {"light": None, **({} if space.label_field else classes)}
    if attribute is None:
        return known
    found = concept(attribute, judge.names, judge.classes)
    if found.label is not None and space.label_field:
        raise UserError(f"{space.model.name} is conditioned on the class, which no direction changes: give light")
    if found.label is not None and found.shade is not None or found.shade == 0:
        raise UserError(f"a direction is that of light, or of one class, got {attribute!r:.60}")
    return {attribute.strip(): found.label}


def _direction(latents, has):
    """Returns (values, the step float32 [D] of one standard deviation) of the latents with an attribute."""
    half = len(latents) // 2
    fitted = Discriminant(latents[:half], has[:half].astype(int), 2)
    score = latents @ (fitted.weights[:, 1] - fitted.weights[:, 0])
    # E[z | score one standard deviation higher] - E[z]: along the discriminant itself, correlated codes hardly move
    step = (latents - latents.mean(axis=0)).T @ (score - score.mean()) / (len(score) * max(score.std(), 1e-12))
    test = has[half:].astype(int)
    values = {
        "accuracy": fitted.accuracy(latents[half:], test),
        "chance": float(max(test.mean(), 1.0 - test.mean())),
        "direction": step / max(np.linalg.norm(step), 1e-12),
    }
    return values, step.astype(np.float32)


def _shares(space, judge, latents, given, step, label):
    """Returns the share of moved latents whose pictures show the attribute: against the direction, here, along it."""
    few = slice(0, MOVED)
    own = {name: values[few] for name, values in given.items()}
    shares = {}
    for name, distance in (("against", -REACH), ("here", 0.0), ("along", REACH)):
        pictures = space.decode(latents[few] + np.float32(distance) * step, own)
        labels = judge.probabilities(pictures).argmax(axis=1)
        has = judge.shades(pictures, labels) == 1 if label is None else labels == label
        shares[name] = float(has.mean())
    return shares
