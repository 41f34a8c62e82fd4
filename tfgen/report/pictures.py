"""Pictures that the model draws for the page, depending on its abilities."""

import math
from typing import TYPE_CHECKING

import numpy as np

from tfgen.data.source import Examples
from tfgen.report import charts
from tfgen.report.evidence import Evidence
from tfgen.report.figures import SIDE, figure, img
from tfgen.report.markup import Markup, joined, paragraph, table
from tfgen.sampling.chunks import drawn
from tfgen.sampling.grids import MAX_CLASSES, paired, stacked
from tfgen.sampling.lettering import distinct
from tfgen.storage import images

if TYPE_CHECKING:
    from tfgen.training.model import GenerativeModel

COLUMNS, ROWS = 10, 6
POINTS = 2500
LOOKED_AT = 200  # examples, for different captions


# Each function: (evidence, seed) -> Markup, or None where the model cannot draw it.


def samples(evidence: Evidence, seed: int) -> Markup | None:
    """Draws a row of samples per class if there are few classes, else a sheet of samples."""
    model = evidence.run.model
    if has_captions(model):
        return caption_strips(evidence, seed)
    sources = any(model.fields[name].kind == "image" for name in model.conditions)
    return class_strips(evidence, seed) if has_classes(model) and not sources else sample_sheet(evidence, seed)


def sample_sheet(evidence: Evidence, seed: int) -> Markup | None:
    """Draws the first samples of the seed, one class per column; below their conditions if these are pictures."""
    model = evidence.run.model
    if model.sampler is None:
        return None
    kind = model.fields[model.data_field].kind
    if kind != "image":
        return point_cloud(evidence, seed) if kind == "point" else None
    side = columns_of(model)
    columns = (model.num_classes or side) if has_classes(model) else side
    number = side * columns
    made, conditions = drawn(model, number, examples=rows_of(evidence), seed=seed)
    if model.sources:
        return _of_sources(evidence, conditions[model.sources[0]], made, min(number, 3 * side), side, seed)
    spoken = f"{number} samples of {evidence.recipe.model}"
    said = f"{number} samples, none chosen: the first of seed {seed}."
    if set(model.conditions) - {model.label_field}:
        said += f" Conditions are rows of the {evidence.held_out[1]} split."
    return figure(images.grid(made, columns), spoken, said)


def _of_sources(evidence: Evidence, sources: np.ndarray, made: np.ndarray, number: int, side: int, seed: int) -> Markup:
    """Draws pictures, each above what was made of it, and below that what the model has for comparison."""
    model, examples = evidence.run.model, rows_of(evidence)
    batch = {} if examples is None else examples.gather(np.arange(number) % len(examples))
    below = model.counterparts(batch, made[:number]) if batch else None
    parts = [sources[:number], made[:number], *([] if below is None else [below])]
    said = f"Conditions ({model.sources[0]}), and below each the sample of seed {seed} that was made from it"
    said += "." if below is None else f"; below that, {model.counterpart}."
    return figure(stacked(parts, side), f"{number} conditions of {evidence.recipe.model}, samples below", said)


def class_strips(evidence: Evidence, seed: int) -> Markup:
    """Draws a row of samples per class."""
    model = evidence.run.model
    columns, rows = columns_of(model), model.num_classes or 0
    labels = np.repeat(np.arange(rows), columns)
    given = {str(model.label_field): labels}
    made, _ = drawn(model, len(labels), given=given, examples=rows_of(evidence), seed=seed)
    names = [evidence.class_name(index) for index in range(rows)]
    said = paragraph(f"Each row: samples that were asked for this class, none chosen, of seed {seed}.")
    return joined(said, strips("class", names, made, columns))


def caption_strips(evidence: Evidence, seed: int) -> Markup:
    """Draws a row of samples for each of the first captions of the held-out examples."""
    model, (examples, split) = evidence.run.model, evidence.held_out
    columns, field = columns_of(model), str(model.text_field)
    texts = distinct(examples.gather(np.arange(min(len(examples), LOOKED_AT)))[field])[:COLUMNS]
    made, _ = drawn(model, len(texts) * columns, given={field: np.repeat(np.array(texts, object), columns)}, seed=seed)
    said = paragraph(f"Each row: samples of a caption of the {split} split, none chosen, of seed {seed}.")
    return joined(said, strips("caption", texts, made, columns))


def strips(what: str, names: list[str], made: np.ndarray, columns: int) -> Markup:
    """Returns a table of a row of `columns` samples, one after the other in `made`, for each of the names."""
    rows = made.reshape(len(names), columns, *made.shape[1:])
    pictures = [
        img(images.grid(row, columns), f"{columns} samples of the {what} {name}")
        for row, name in zip(rows, names, strict=True)
    ]
    return table([what, "samples"], [list(pair) for pair in zip(names, pictures, strict=True)], class_="strips")


def interpolation(evidence: Evidence, seed: int) -> Markup | None:
    """Draws rows of images from one latent to another; None if the model does not interpolate images."""
    model = evidence.run.model
    endpoint = model.endpoints().get("interpolate")
    if endpoint is None or model.fields[model.data_field].kind != "image":
        return None
    columns = max(4, columns_of(model))
    ends = np.asarray(model.latents_from_seeds((seed << 32) + np.arange(2 * ROWS)))
    fractions = np.tile(np.linspace(0, 1, columns, dtype=np.float32), ROWS)
    conditions = model.conditions_for(ROWS, examples=rows_of(evidence))
    fields = {"latent_a": ends[::2], "latent_b": ends[1::2], **conditions}
    fields = {name: np.repeat(values, columns, axis=0) for name, values in fields.items()}
    made = endpoint.function(fraction=fractions, **fields)[model.data_field]
    held = ", the conditions held" if conditions else ""
    said = f"Each row goes from one latent to another, through those that the prior has between them{held}."
    sheet = images.grid(images.to_uint8(np.asarray(made)), columns)
    return figure(sheet, f"{ROWS} rows of images between two latents", said)


def reconstructions(evidence: Evidence, seed: int) -> Markup | None:
    """Draws held-out images, each above its reconstruction; None if the model cannot reconstruct images."""
    model = evidence.run.model
    if "reconstruct" not in model.endpoints() or model.fields[model.data_field].kind != "image":
        return None
    examples, split = evidence.held_out
    columns = columns_of(model)
    batch = examples.gather(np.arange(min(3 * columns, len(examples))))
    conditions = {name: batch[name] for name in model.conditions}
    copies = images.to_uint8(np.asarray(model.reconstruct(batch[model.data_field], conditions=conditions)))
    whole = max(1, len(copies) // columns) * columns
    sheet = paired(batch[model.data_field][:whole], copies[:whole], columns)
    said = f"Images of the {split} split, and below each what is left of it after encoder and decoder."
    return figure(sheet, "originals, reconstructions below", said)


def point_cloud(evidence: Evidence, seed: int) -> Markup:
    """Draws points of the plane, and circles around the modes of the data."""
    mixture = evidence.mixture
    points, _ = drawn(evidence.run.model, POINTS, examples=rows_of(evidence), seed=seed)
    circles = [(x, y, 3 * mixture["sigma"]) for x, y in mixture["means"]] if mixture else []
    note = f"{POINTS} samples of seed {seed}" + ("; circles: the modes, 3 sigma about each." if circles else ".")
    return charts.scatter("Samples in the plane", points.tolist(), circles, note)


# Parts.


def has_classes(model: "GenerativeModel") -> bool:
    """Returns whether the model makes images of a given class, of few enough classes to show each."""
    images_alone = model.sampler is not None and model.fields[model.data_field].kind == "image"
    return images_alone and model.label_field is not None and (model.num_classes or math.inf) <= MAX_CLASSES


def has_captions(model: "GenerativeModel") -> bool:
    """Returns whether the model makes images of texts alone."""
    images_alone = model.sampler is not None and model.fields[model.data_field].kind == "image"
    return images_alone and model.text_field is not None and model.conditions == (model.text_field,)


def rows_of(evidence: Evidence) -> Examples | None:
    """Returns the held-out examples whose rows are conditions, or None if the model needs none."""
    model = evidence.run.model
    known = {model.label_field} if model.num_classes else set()
    return evidence.held_out[0] if set(model.conditions) - known else None


def columns_of(model: "GenerativeModel") -> int:
    """Returns the number of images per row of a sheet that is at most about `SIDE` pixels wide."""
    return int(min(COLUMNS, max(3, SIDE // (model.data_shape[1] + 2))))
