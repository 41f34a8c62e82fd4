"""Pictures for the page: small, and as part of it. What a model draws is made here, the rest read from the folder."""

import contextlib
import io
import math

import numpy as np
from PIL import Image, ImageSequence

from tfgen.errors import UserError
from tfgen.report import charts
from tfgen.report.markup import data_uri, element, folded, joined, paragraph, table
from tfgen.storage import images

COLUMNS = 10
SIDE = 400  # pixels of a sheet at most, so that ten of them stay below 2 MB
SHOWN = 604  # pixels on the page, about
MAX_CLASSES = 20
POINTS = 2500
FILM_BYTES, FILM_FRAMES, FILM_LEVELS = 500_000, 20, 32


# What a model draws. Each is a function `f(evidence, seed) -> Markup or None`.


def sample_sheet(evidence, seed):
    """Samples 0 .. 99 of the seed in one picture; of a conditional model with a class a column."""
    model = evidence.run.model
    if not model.can_sample:
        return None
    if model.data_field == "point":
        return point_cloud(evidence, seed)
    rows = columns_of(model)
    columns = model.num_classes if has_classes(model) else rows
    number = rows * columns
    made = model.sample(number, seed=seed, label=conditions(evidence, number), batch_size=number)
    spoken = f"{number} samples of {evidence.recipe.model}"
    return figure(images.grid(made, columns), spoken, f"{number} samples, none chosen: the first of seed {seed}.")


def has_classes(model):
    """Whether the model makes images of a class that is asked for, of few enough classes to show each."""
    return model.can_sample and model.condition == "label" and (model.num_classes or math.inf) <= MAX_CLASSES


def class_strips(evidence, seed):
    """A row of samples for each class."""
    model = evidence.run.model
    columns, rows = columns_of(model), model.num_classes
    labels = np.repeat(np.arange(rows), columns)
    made = model.sample(len(labels), seed=seed, label=labels, batch_size=len(labels))
    cells = []
    for index in range(rows):
        name = evidence.class_name(index)
        cells.append([name, img(images.grid(made[labels == index], columns), f"{columns} samples of the class {name}")])
    said = paragraph(f"Each row: samples that were asked for this class, none chosen, of seed {seed}.")
    return joined(said, table(["class", "samples"], cells, class_="strips"))


def interpolation(evidence, seed):
    """Rows of images from one latent to another; None for points and for what cannot sample."""
    model = evidence.run.model
    if not model.can_sample or model.data_field == "point":
        return None
    import tensorflow as tf

    from tfgen import priors

    columns, rows = max(4, columns_of(model)), 6
    ends = model.latents_from_seeds(tf.constant((seed << 32) + np.arange(2 * rows))).numpy()
    curved = isinstance(model.prior, (priors.Normal, priors.Spherical))
    fractions = np.linspace(0, 1, columns)
    latents = np.concatenate([path(a, b, fractions, curved) for a, b in zip(ends[::2], ends[1::2])])
    label = conditions(evidence, rows)
    label = model.condition_of(rows, label)
    label = None if label is None else np.repeat(label, columns, axis=0)
    made = images.to_uint8(np.asarray(model.decode_latents(tf.constant(latents, tf.float32), label)))
    along = "along the great circle between them" if curved else "in a straight line between them"
    said = f"Each row goes from one latent to another, {along}" + ("." if label is None else ", the condition held.")
    return figure(images.grid(made, columns), f"{rows} rows of images between two latents", said)


def reconstructions(evidence, seed):
    """Held-out images, each above what the autoencoder makes of it; None for a model without an encoder."""
    model = evidence.run.model
    if not hasattr(model, "reconstruct"):
        return None
    columns = columns_of(model)
    batch, split = held_out(evidence, 3 * columns)
    originals = batch["image"]
    copies = images.to_uint8(np.asarray(model.reconstruct(originals, label=batch.get(model.condition))))
    rows = [part[i : i + columns] for i in range(0, len(originals), columns) for part in (originals, copies)]
    if len(rows[-1]) < columns < len(originals):  # the last row is not full
        rows = rows[:-2]
    said = f"Images of the {split} split, and below each what is left of it after encoder and decoder."
    return figure(
        images.grid(np.concatenate(rows), min(columns, len(originals))), "originals, reconstructions below", said
    )


def point_cloud(evidence, seed):
    """Points of a model of the plane over the modes that it should find."""
    model, mixture = evidence.run.model, evidence.mixture
    points = model.sample(POINTS, seed=seed, label=conditions(evidence, POINTS))
    circles = [(x, y, 3 * mixture["sigma"]) for x, y in mixture["means"]] if mixture else []
    note = f"{POINTS} samples of seed {seed}" + ("; circles: the modes, 3 sigma about each." if circles else ".")
    return charts.scatter("Samples in the plane", points.tolist(), circles, note)


# What lies in the folder.


def film(evidence):
    """The animation of the samples while training, made smaller where it is large; None where there is none."""
    path = evidence.run.paths.samples / "progress.gif"
    if not path.is_file():
        return None
    content = path.read_bytes()
    with opened(path) as picture:
        width, height = picture.size
        if len(content) > FILM_BYTES:
            content = smaller_film(picture)
    said = "The same noise after each epoch of the training."
    picture = captioned(shown(data_uri(content, "gif"), width, height, "samples after each epoch, animated"), said)
    return folded("Play or stop", picture, open_=True)  # one who cannot bear movement folds it


def nearest(evidence):
    """The picture that tfgen.evaluate leaves of samples beside the training images nearest to them, or None."""
    path = evidence.folder / "nearest.png"
    if not path.is_file():
        return None
    with opened(path) as picture:
        sheet = np.asarray(picture.convert("L" if picture.mode in ("1", "L", "I;16") else "RGB"))
    said = "Rows of samples, below each the training image nearest to it; the closest pairs first. Copies would show."
    return figure(sheet, "samples, the nearest training images below", said)


# Parts.


def columns_of(model):
    """Images in a row so that a sheet of as many rows is at most about `SIDE` wide."""
    return int(min(COLUMNS, max(3, SIDE // (model.image_shape[1] + 2))))


def conditions(evidence, number):
    """None, where the model finds its conditions by itself; else vectors of held-out examples."""
    name = evidence.run.model.condition
    return None if name in (None, "label") else held_out(evidence, number)[0][name]


def held_out(evidence, number):
    """(fields of held-out examples, name of the split); never of the test split, if there is another."""
    from tfgen.data import load_dataset

    recipe = evidence.recipe
    source = load_dataset(recipe.dataset, data_dir=recipe.data_dir, image_size=recipe.image_size)
    split = next(name for name in ("validation", "train") if name in source.splits)
    examples = source.splits[split]
    return examples.gather(np.arange(min(number, len(examples)))), split


def path(a, b, fractions, curved):
    """Latents [F, D] between a and b [D]: straight, or at equal angles and a length between theirs."""
    f = np.asarray(fractions, np.float64)[:, None]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    angle = math.acos(np.clip(np.dot(a, b) / max(lengths[0] * lengths[1], 1e-12), -1, 1))
    if not curved or math.sin(angle) < 1e-6:
        return (1 - f) * a + f * b
    # White 2016, equation 1
    return (np.sin((1 - f) * angle) * a + np.sin(f * angle) * b) / math.sin(angle)


def figure(sheet, spoken, caption):
    """A picture, uint8 [H, W] or [H, W, C], with its caption."""
    return captioned(img(sheet, spoken), caption)


def captioned(picture, caption):
    return element("figure", picture, element("figcaption", caption))


def img(sheet, spoken):
    """The `img` of a picture as PNG, shrunk where it is large."""
    sheet = sheet[..., 0] if sheet.ndim == 3 and sheet.shape[-1] == 1 else sheet
    picture = Image.fromarray(sheet)
    scale = max(picture.size) / SIDE
    if scale > 1.6:
        picture = picture.resize([max(1, round(side / scale)) for side in picture.size], Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return shown(data_uri(file.getvalue(), "png"), *picture.size, spoken)


def shown(address, width, height, spoken):
    """An `img` at a whole multiple of its pixels."""
    times = max(1, round(SHOWN / max(width, 1)))
    return element("img", src=address, alt=spoken, width=times * width, height=times * height)


@contextlib.contextmanager
def opened(path):
    """A picture file, open.

    Raises:
        UserError: it is none, or breaks off.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            yield picture
    except (OSError, EOFError, ValueError, SyntaxError) as error:  # Pillow's, for broken files
        raise UserError(f"{path} is damaged: {error}") from None


def smaller_film(film):
    """Bytes of a GIF of fewer frames and colours."""
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, FILM_FRAMES)})
    frames = [frames[i].quantize(FILM_LEVELS, dither=Image.Dither.NONE) for i in chosen]
    durations = [250] * (len(frames) - 1) + [2000]
    file = io.BytesIO()
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return file.getvalue()
