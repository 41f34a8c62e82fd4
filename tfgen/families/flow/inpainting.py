"""Holes of pictures, filled by a flow that was trained on whole ones; and how well they are filled."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data.filters import centre_hole
from tfgen.data.source import Examples, Field
from tfgen.domains import Natural, Seed, check
from tfgen.errors import UserError, shown
from tfgen.metrics.score import POSITIVE, HeldOut, Score, asked, mean_of
from tfgen.samplers import Flow, Inpainting, Sampler
from tfgen.samplers.inpainting import HOLE
from tfgen.storage.images import to_uint8

DEFAULT = Inpainting()
SCORES = ("hole_error",)
ROWS = 25  # pictures at once, always: one takes a hundred passes, and other shapes may round differently
MOST = 250  # pictures whose holes are filled for the score: each takes a hundred passes of the network


def inpainted(
    model: Any,
    images: ArrayLike,
    hole: ArrayLike | None,
    seed: int,
    conditions: dict[str, Any],
    sampler: Sampler | None,
    start: int,
) -> np.ndarray:
    """Returns pictures uint8 [N, H, W, C] with holes filled; arguments as of `GenerativeModel.inpaint`."""
    for name, value, domain in (("seed", seed, Seed), ("start", start, Natural)):
        check(name, value, domain)
    if model.conditions and not conditions and not model.condition_dropout:
        name = model.conditions[0]
        given = "label=..." if name == model.label_field else f"conditions={{{name!r}: ...}}"
        known = f"{model.name} knows pictures with their {name} alone"
        raise UserError(f"{known}: give it, in Python as model.inpaint(images, {given})")
    stored = model.checked_rows(model.data_field, images)
    stored = np.reshape(stored if stored.dtype == np.uint8 else to_uint8(stored), (-1, *model.data_shape))
    count = len(stored)
    holes = hole_of(model, hole, count)
    rows = model.conditions_for(count, conditions, start=start) if conditions else {}
    rows |= {model.data_field: np.where(holes, np.uint8(0), stored), HOLE: holes}
    made = model.draw_rows(model.sample_from_seeds(as_inpainting(sampler)), count, seed, rows, ROWS, start)
    return np.where(holes, made, stored)


def as_inpainting(sampler: Sampler | None) -> Inpainting:
    """Returns the sampler that fills holes, by the steps of a given one where it is that of a flow.

    Raises:
        UserError: it is neither.
    """
    if sampler is None or isinstance(sampler, Inpainting):
        return sampler or DEFAULT
    if isinstance(sampler, Flow):
        return Inpainting(sampler)
    raise UserError(f"inpaint takes tfgen.samplers.inpainting(...), or the sampler of a flow, got {shown(sampler)}")


def hole_of(model: Any, hole: ArrayLike | None, count: int) -> np.ndarray:
    """Returns where pictures are to be filled, bool [count, H, W, 1]; `hole` as `GenerativeModel.inpaint` takes it.

    Raises:
        UserError: it has another shape, or holds no pixel.
    """
    size = model.data_shape[:2]
    if hole is None:
        return np.broadcast_to(centre_hole(size), (count, *size, 1))
    given = np.reshape(model.checked_rows(HOLE, hole, Field("image", (*size, 1))), (-1, *size, 1))
    holes = given > (127 if given.dtype == np.uint8 else 0.5)
    if not holes.any():
        raise UserError("hole: expected pixels to fill, true, 1.0 or 255, got none")
    if len(holes) not in (1, count):
        raise UserError(f"hole: expected one for all {count} pictures or one for each, got {len(holes)}")
    return np.broadcast_to(holes, (count, *size, 1))


def inpainting_scores(model: Any, held_out: HeldOut, settings: Any) -> tuple[dict[str, Score], dict]:
    """Returns `hole_error`, the mean absolute error within holes in units of [0, 1], and its `floors`.

    Floors are the means of training pictures at every place (`mean`), and the nearest known pixels (`nearest`); that of
    the score is the lower one. Pictures are those of the view `masked(NAME)`; of other data there is no score.

    Args:
        model: a flow that fills holes.
        held_out: `HeldOut` examples.
        settings: of an evaluation.
    """
    views = held_out.source.provenance.get("views", [])
    if views[-1:] != ["masked"] or model.conditions or not model.fills_holes or not asked(settings, *SCORES):
        return {}, {}
    real = held_out.data[:MOST]
    hole = centre_hole(model.data_shape)
    error = lambda images: np.abs(images.astype(np.float64) - real)[:, hole[..., 0]].mean(axis=(1, 2)) / 255.0  # noqa: E731
    fills = {"mean": mean_filled(held_out.source.splits["train"], real), "nearest": nearest_filled(real, hole)}
    floors = {name: float(error(images).mean()) for name, images in fills.items()}
    sampler = as_inpainting(None)
    lower = min(floors, key=lambda name: floors[name])
    stated = held_out.stated(count=len(real), sampler=repr(sampler), seed=settings.seed, floor=lower)
    made = model.inpaint(real, seed=settings.seed, sampler=sampler)
    score = mean_of(error(made), POSITIVE, floor=floors[lower], protocol=stated)
    return {"hole_error": score}, {"floors": {name: {"hole_error": value} for name, value in floors.items()}}


def mean_filled(examples: Examples, images: np.ndarray, size: int = 2000) -> np.ndarray:
    """Returns the mean of training pictures in the place of each of `images` [N, H, W, C], float64."""
    rows = np.linspace(0, len(examples) - 1, min(len(examples), size)).astype(np.int64)
    return np.broadcast_to(examples.gather(rows)["image"].mean(axis=0, dtype=np.float64), images.shape)


def nearest_filled(images: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns pictures [N, H, W, C] whose hole [H, W, 1] has at every place the nearest pixel outside of it."""
    known, holes = np.argwhere(~hole[..., 0]), np.argwhere(hole[..., 0])
    nearest = known[np.square(holes[:, None] - known[None]).sum(axis=-1).argmin(axis=1)]
    made = np.array(images)
    made[:, holes[:, 0], holes[:, 1]] = images[:, nearest[:, 0], nearest[:, 1]]
    return made
