"""What each dimension of a latent does: one of them moves, the others stay."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import metrics
from tfgen.errors import UserError
from tfgen.latent.exploration import Exploration, checked, sheet
from tfgen.latent.space import Space, repeated

QUANTILES = (0.02, 0.98)  # of a dimension, between which it moves
DRAWN, BASES = 2_000, 16
ENCODED = 2_000


def traverse(space: Space, *, dimensions: int = 10, steps: int = 9, seed: int = 0) -> Exploration:
    """Returns one row of pictures for each of the dimensions that change pictures most, the strongest first.

    A dimension moves between the 2 % and 98 % quantiles of the model's latents. Its `effect` is the mean absolute
    change of pixels in [0, 1] from one end to the other, over 16 latents: 0 where the model does not use it. Of a model
    with an encoder, `active` counts the dimensions whose code varies over held-out images by more than 0.01 (Burda et
    al. 2016, section 5.2), and `activity` is this variance.

    Args:
        space: of the model.
        dimensions: rows at most.
        steps: pictures in a row, at least 2.
        seed: of the latents.
    """
    checked(dimensions=dimensions, steps=steps)
    if steps < 2:
        raise UserError(f"steps must be at least 2, both ends of a dimension, got {steps}")
    latents = space.draw(DRAWN, seed)
    low, high = np.quantile(latents, QUANTILES, axis=0)
    bases, given = latents[:BASES], space.conditions(BASES)
    moved = lambda rows, d, value: np.asarray(space.prior.moved(tf.constant(rows), int(d), value))  # noqa: E731
    ends = [[space.decode(moved(bases, d, side[d]), given) for side in (low, high)] for d in range(space.dim)]
    effects = np.asarray([np.abs(b.astype(np.float32) - a).mean() / 255.0 for a, b in ends])
    order = np.argsort(-effects, kind="stable")[:dimensions]
    moves = [moved(bases[:1], d, value) for d in order for value in np.linspace(low[d], high[d], steps)]
    pictures = space.decode(np.concatenate(moves), repeated(space.conditions(1), len(moves)))
    names = space.model.latent_names
    values: dict[str, Any] = {
        "dimensions": order,
        "names": [names[d] for d in order],
        "effect": effects[order],
        "effect_of_all": effects,
    }
    lines = [f"{names[d]}: pixels change by {effects[d]:.4f} on average" for d in order]
    if space.encodes and space.missing is None:
        batch = space.held_out.gather(np.arange(min(ENCODED, len(space.held_out))))
        conditions = space.conditions_of(batch)
        active = metrics.active_units(space.model, batch[space.model.data_field], conditions=conditions)
        values |= {"activity": active.variances, "active": int(active)}
        lines.append(f"{values['active']} of {space.dim} dimensions are active")
    settings = {"dimensions": dimensions, "steps": steps, "seed": seed, "quantiles": QUANTILES}
    return Exploration("traverse", sheet(pictures, steps, names=values["names"]), values, tuple(lines), settings)
