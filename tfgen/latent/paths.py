"""Paths through latents: between samples, and a closed loop through several."""

from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.latent.exploration import Exploration, checked, sheet
from tfgen.latent.judging import K, Realism
from tfgen.latent.space import Space, repeated
from tfgen.storage import images

MEASURED = 500  # paths whose middles are compared with real images


def interpolate(
    space: Space, *, rows: int = 8, steps: int = 10, seed: int = 0, extractor: str | None = None
) -> Exploration:
    """Returns rows of pictures from one sample to another, along the prior's own path.

    That of a normal or a spherical prior is a great circle (White 2016, section 2.1), that of others a straight line.
    A conditional model keeps the class of a row. Pictures halfway should be as real as samples: `precision`
    (Kynkaanniemi et al. 2019, k = 3) of these, of samples, and, as the floor, of two samples laid over each other.

    Args:
        space: of the model.
        rows, steps: paths, and pictures of each, both ends among them.
        seed: of the samples: 2 i and 2 i + 1 are the ends of row i.
        extractor: name of the features; by default that of the data set.

    Raises:
        UserError: fewer than 3 `steps`, or a number out of its range.
    """
    checked(rows=rows)
    if steps < 3:
        raise UserError(f"steps must be at least 3, both ends and a picture between, got {steps}")
    fractions = list(np.linspace(0.0, 1.0, steps))
    first, last = _ends(space, rows, seed)
    points = space.between(first, last, fractions)
    pictures = space.decode(points.reshape(-1, space.dim), repeated(space.conditions(rows), steps))
    moved = np.abs(np.diff(pictures.reshape(rows, steps, -1).astype(np.float32), axis=1)).mean(axis=2) / 255.0
    lengths = np.linalg.norm(points, axis=2)
    values: dict[str, Any] = {
        "largest_step": float(moved.max()),
        "mean_step": float(moved.mean()),
        "length_of_middle": float((lengths[:, steps // 2] / lengths[:, [0, -1]].mean(axis=1)).mean()),
    }
    lines = [f"largest change from picture to picture {moved.max():.3f} of the range, {moved.mean():.3f} on average"]
    if space.missing is not None:
        lines.append(f"no precision, which needs real images: {space.missing}")
    elif (count := len(space.held_out)) <= K:
        lines.append(f"no precision, which needs {K + 1} held-out images: {space.source.name} has {count}")
    else:
        values["precision"] = found = middles(space, seed, extractor)
        lines.append("precision: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    settings = {"rows": rows, "steps": steps, "seed": seed, "prior": type(space.prior).__name__.lower()}
    return Exploration("interpolate", sheet(pictures, steps), values, tuple(lines), settings)


def middles(space: Space, seed: int, extractor: str | None = None) -> dict[str, float]:
    """Returns the precision of pictures halfway between samples, of samples, and of two samples overlaid."""
    real, (a, b) = Realism(space, extractor), _ends(space, MEASURED, seed)
    given = space.conditions(MEASURED)
    first, last = (space.decode(ends, given) for ends in (a, b))
    halfway = space.decode(space.between(a, b, [0.5])[:, 0], given)
    blends = images.to_uint8((first.astype(np.float32) + last) / 510.0)
    return {"halfway": real.precision(halfway), "samples": real.precision(first), "blends": real.precision(blends)}


def walk(space: Space, *, points: int = 6, frames: int = 60, rows: int = 3, seed: int = 0) -> Exploration:
    """Returns a film of `rows` x `rows` closed loops, each through `points` samples, along the prior's own paths.

    Args:
        space: of the model.
        points: samples that each loop visits.
        frames: of the film, evenly over the loop.
        rows: rows and columns of loops side by side.
        seed: of the samples.

    Raises:
        UserError: fewer than 2 points, or fewer than 2 frames for each.
    """
    checked(points=points, frames=frames, rows=rows)
    if points < 2 or frames < 2 * points:
        raise UserError(f"a loop needs 2 points and 2 frames per point at least, got {points} and {frames}")
    loops = rows * rows
    stops = space.draw(loops * points, seed).reshape(loops, points, space.dim)
    places = np.arange(frames) * points / frames
    made = []
    for place in places:
        here = int(place)
        after = stops[:, (here + 1) % points]  # the loop is closed: the last stop leads back to the first
        z = space.between(stops[:, here], after, [place - here])[:, 0]
        made.append(space.decode(z, space.conditions(loops)))
    moved = np.stack([_change(made[i], made[(i + 1) % frames]) for i in range(frames)])
    values = {"largest_step": moved.max(), "mean_step": moved.mean(), "closing_step": moved[-1].mean()}
    film = np.stack([sheet(pictures, rows) for pictures in made])
    line = f"largest change from frame to frame {moved.max():.3f} of the range, {moved.mean():.3f} on average"
    settings = {"points": points, "frames": frames, "rows": rows, "seed": seed}
    return Exploration("walk", film[0], values, (line,), settings, film)


def _change(one, other):
    """Returns the mean absolute difference of each picture, in units of [0, 1]."""
    return np.abs(one.astype(np.float32) - other).reshape(len(one), -1).mean(axis=1) / 255.0


def _ends(space, rows, seed):
    drawn = space.draw(2 * rows, seed)
    return drawn[0::2], drawn[1::2]
