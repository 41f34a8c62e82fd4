"""Codes and scores of single images by a run: the work of `python -m tfgen.encode`."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.labels import numbers_of
from tfgen.data.numbering import numbered
from tfgen.data.paths import existing, file_of
from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.runs.folder import Run, load_run
from tfgen.runs.layout import check_spares_runs
from tfgen.runs.reading import picture_names, read_pictures
from tfgen.storage.atomic import replacing
from tfgen.storage.paths import Read, check_output, expanded

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

CHUNK = 250
ABILITIES = ("encode", "reconstruct", "log_likelihood", "log_weights", "log_densities")  # any of them says something
# scores of anomaly, the most telling first: array -> the factor by which more of it is more anomalous
ANOMALY = {"log_likelihood": -1.0, "bound": -1.0, "negative_elbo": 1.0, "reconstruction_error": 1.0}


@dataclasses.dataclass(frozen=True)
class Given:
    """Images to encode.

    Attributes:
        images: uint8 [N, H, W, C], or other data of the model's kind.
        conditions: field name -> values [N, ...].
        more: further arrays [N] for the result: `names` or `labels`.
    """

    images: np.ndarray
    conditions: dict[str, np.ndarray]
    more: dict[str, np.ndarray]


def encode_run(
    folder: str | os.PathLike,
    images: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str = "test",
    num: Count | None = None,
    nll_k: Count = 10,
    seed: int = 0,
) -> tuple[dict[str, float], pathlib.Path]:
    """Writes codes, errors and likelihoods of images, and scores of how unusual each is.

    Args:
        folder: of the run.
        images: a folder of pictures, one picture, or FILE.npz with `images`; by default a split of the data.
        out: FILE.npz, by default encoded.npz in the run's folder. It holds what the model can say: its codes by name
            (`z_mean`, ... float32 [N, D]), `reconstruction_error` (squared, of pixels in [0, 1]), `log_likelihood`
            (exact, nats) or `bound` (importance-weighted, nats) or `negative_elbo` (of gray pixels under a Bernoulli
            likelihood, no bound), each float64 [N]; `anomaly_score`, the first of these that there is, larger where an
            image is less usual; `labels` or `names`; and `auroc_SCORE`, scalars.
        dataset, data_dir, split: the data, by default those of the run.
        num: the first so many images; None: all.
        nll_k: draws per image in a bound.
        seed: of draws.

    Returns:
        (score -> area under the ROC curve of the classes that the training left out against all others; {} where no
        class was left out, or not both kinds of images are there, which stderr then says; the path of the file).

    Raises:
        UserError: the model neither encodes nor has a likelihood, or nothing can be read.
    """
    run = load_run(folder)
    data = dataset or run.recipe.dataset
    out = checked_out(out, run, {"--images": images, "--dataset": file_of(data)})
    startup.start_tensorflow()
    check_able(run.model)
    given, left_out = _given(run, images, dataset, data_dir, split, num)
    found = encoded(run.model, given.images, given.conditions, nll_k=nll_k, seed=seed)
    areas, unusual = {}, np.isin(given.more.get("labels", ()), left_out)
    if unusual.any() and not unusual.all():
        areas = aurocs(found, unusual)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial, open(partial, "wb") as file:
        scalars = {f"auroc_{name}": np.float64(area) for name, area in areas.items()}
        np.savez_compressed(file, allow_pickle=False, **found, **given.more, **scalars)
    if not areas:  # not before: what fails is to be the only line on stderr
        print(f"no AUROC: {_why_none(run, left_out, unusual)}", file=sys.stderr, flush=True)
    return areas, out


def checked_out(out: str | os.PathLike | None, run: Run, read: Read | None = None) -> pathlib.Path:
    """Returns the path of the result.

    Args:
        out: as the user has given it, or None.
        run: whose images these are.
        read: flag -> path that is read, or None.

    Raises:
        UserError: it is no FILE.npz, cannot be written, or would replace what is read, or what a run has kept.
    """
    path = expanded("--out", out) if out else run.paths.encoded
    if path.suffix.lower() != ".npz" or path.is_dir():
        raise UserError(f"--out must be FILE.npz, got {path}")
    return check_output(check_spares_runs(path), read=read)


def check_able(model: GenerativeModel) -> None:
    """Raises UserError if the model says nothing of single images."""
    if not any(map(model.can, ABILITIES)):
        raise _nothing_to_say(model)


def _nothing_to_say(model):
    return UserError(f"{model.name} neither encodes nor has a likelihood: there is nothing to say of single images")


def _given(run, images, dataset, data_dir, split, num) -> tuple[Given, list[int]]:
    """Returns the images, and the numbers of the classes that the training left out."""
    model = run.model
    if images is not None:
        where = expanded("--images", images)
        path = existing("--images", where, folder=where.is_dir(), what="a folder of pictures, or one picture")
        kind = model.fields[model.data_field].kind
        if kind != "image":
            raise UserError(f"--images has pictures, and {model.name} is a model of {kind}s: give --dataset")
        if model.coding_conditions:
            raise UserError(
                f"{model.name} encodes under the condition {model.coding_conditions[0]!r}: give --dataset, not --images"
            )
        names, parts = zip(*read_pictures(path, picture_names(path), model.data_shape), strict=True)
        rows = slice(0, num)
        more = {"names": np.concatenate(names)[rows]}
        return Given(np.concatenate(parts)[rows], {}, more), []
    source = run.source(dataset, data_dir)
    examples = source.split(split)
    batch = examples.gather(np.arange(min(len(examples), num or len(examples))))
    missing = [name for name in (model.data_field, *model.conditions) if name not in batch]
    if missing:
        raise UserError(f"{model.name} needs the field {missing[0]!r}, and {source.name} holds {', '.join(batch)}")
    conditions = {name: batch[name] for name in model.conditions}
    if model.label_field in conditions:
        label = model.label_field
        conditions[label] = numbered(conditions[label], source.class_names, model.class_names)
    more = {"labels": batch["label"]} if "label" in source.fields else {}
    # classes of other data are not those that were left out, whatever their numbers
    names, known = list(source.class_names or ()), list(run.class_names or ())
    same = more and run.recipe.leave_out and names == known and (names or source.name == run.recipe.dataset)
    left_out = numbers_of(run.recipe.leave_out, source) if same else []
    return Given(batch[model.data_field], conditions, more), left_out


def _why_none(run: Run, left_out: list[int], unusual: np.ndarray) -> str:
    """Returns why there is no area under a ROC curve, in words."""
    if not run.recipe.leave_out:
        return "the training has left no class out (--leave_out)"
    if not left_out:
        return (
            f"these images are not known to be of the classes of which the training has left out {run.recipe.leave_out}"
        )
    kind = "all" if unusual.all() else "none"
    return f"{kind} of these images are of the classes that the training has left out, {run.recipe.leave_out}"


def encoded(
    model: GenerativeModel,
    images: np.ndarray,
    conditions: dict[str, np.ndarray] | None = None,
    *,
    nll_k: Count = 10,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Returns the arrays of `encode_run` for images [N, ...] that a model says something about.

    Raises:
        UserError: it says nothing about images, or the arrays do not fit.
    """
    from tfgen import metrics

    check_able(model)
    given, able = conditions or {}, model.endpoints()
    found: dict[str, np.ndarray] = {}
    if "encode" in able:
        found |= _codes(model, images, given)
    if "reconstruct" in able:
        found["reconstruction_error"] = metrics.reconstruction_error(model, images, seed, conditions=given)
    # the best that there is of the three; each says in a sentence where a model lacks it
    exact: list[tuple[str, Callable[[], Any]]] = [
        ("log_likelihood", lambda: metrics.log_likelihood(model, images, conditions=given)),
        ("bound", lambda: metrics.importance_weighted_bound(model, images, nll_k, seed, conditions=given)),
        ("negative_elbo", lambda: sum(metrics.elbo_parts(model, images, nll_k, seed, conditions=given).values())),
    ]
    for name, measure in exact:
        try:
            found[name] = measure()
            break
        except UserError:
            continue
    best = next((name for name in ANOMALY if name in found), None)
    if best is None:
        raise _nothing_to_say(model)
    return {**found, "anomaly_score": ANOMALY[best] * found[best]}


def _codes(model, images, conditions):
    parts: list[dict[str, np.ndarray]] = []
    for first in range(0, len(images), CHUNK):
        rows = slice(first, first + CHUNK)
        codes = model.encode(images[rows], conditions={name: values[rows] for name, values in conditions.items()})
        parts.append({name: np.asarray(value) for name, value in codes.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def aurocs(found: dict[str, np.ndarray], unusual: np.ndarray) -> dict[str, float]:
    """Returns score -> area under the ROC curve, of the images that are `unusual` (bool [N]) against the others."""
    from tfgen import metrics

    names = [name for name in ANOMALY if name in found]
    return {name: metrics.auroc(ANOMALY[name] * found[name], unusual) for name in names}
