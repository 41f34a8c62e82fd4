"""`python -m tfgen.sample`: images from a trained run, the same for the same seed however many are asked for."""

import csv
import io
import pathlib
import re
import sys
import zipfile

import numpy as np

from tfgen import cli
from tfgen.data.source import data_field
from tfgen.errors import UserError, nearest
from tfgen.files import replacing, write_text
from tfgen.runs import load_run

CHUNK = 250
MAX_GRID = 400
MAX_COLUMNS = 20

COMMAND = cli.Command(
    "sample",
    "Draws images from a trained run.",
    "python -m tfgen.sample --run=runs/dcgan-fashion_mnist_mini --num=10000 --out=samples.npz",
)
COMMAND.string("run", None, "the run's folder")
COMMAND.integer("num", 100, "how many images; the first ones of any larger number", minimum=1)
COMMAND.integer("seed", 0, "names the sequence of images", minimum=0)
COMMAND.string(
    "label", None, "classes of a conditional model, numbers or names, taken in turn: 3,5; default: all in turn"
)
COMMAND.boolean("stochastic", False, "draw pixels from p(x|z) instead of giving its mean (variational models)")
COMMAND.string("out", None, "FILE.npz, FILE.png (a grid) or a folder for one PNG an image; default: in RUN/samples")


@COMMAND.action
def main(flags):
    if not flags.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    run = load_run(flags.run)
    out = destination(flags, run)
    label = parse_labels(flags.label, run.record.get("class_names"))
    check(out, flags.num, data_field(run.record.get("fields") or {}))
    cli.start_tensorflow()
    model = run.model
    chunks = sampled(model, flags.num, flags.seed, label, flags.stochastic)
    labels = model.condition_of(flags.num, label) if model.condition == "label" else None
    picture = write_grid if model.data_field == "image" else write_scatter
    write = {".npz": write_npz, ".png": picture}.get(kind(out), write_folder)
    write(out, chunks, (flags.num, *model.data_shape), labels)
    print(out)


def sampled(model, num, seed, label=None, stochastic=False):
    """Yields images (or points) 0..num-1 of `seed` in order, at most `CHUNK` at once, and shows progress on stderr."""
    for start in range(0, num, CHUNK):
        count = min(CHUNK, num - start)
        yield model.sample(count, seed=seed, label=label, stochastic=stochastic, start=start)
        end = "\n" if start + count == num else "\r"
        print(f"sampled {start + count}/{num}", end=end, file=sys.stderr, flush=True)


def parse_labels(text, class_names=None):
    """Class numbers from "3,5" or "Dress,Bag" (any case), list of int; None passes.

    Raises:
        UserError: a word that is neither a number nor the name of a class.
    """
    if text is None:
        return None
    known = {str(name).lower(): index for index, name in enumerate(class_names or [])}
    return [_label(word.strip(), known) for word in text.split(",")]


def destination(flags, run):
    """The `pathlib.Path` to write: `--out`, or a name in the run's samples folder that says what it holds."""
    if flags.out:
        return pathlib.Path(flags.out)
    name = f"seed{flags.seed}_{flags.num}"
    if flags.label:
        name += "_label" + re.sub(r"[^0-9A-Za-z]+", "-", flags.label)
    name += "_stochastic" if flags.stochastic else ""
    return run.paths.samples / (name + (".png" if flags.num <= MAX_GRID else ".npz"))


def kind(out):
    """ ".npz", ".png", or "" for a folder."""
    suffix = out.suffix.lower()
    return "" if out.is_dir() or suffix not in (".npz", ".png") else suffix


def check(out, num, field="image"):
    """Refuses, before any work, an `out` that could not be written or would mix two sets of images."""
    if field == "point":
        if not kind(out):
            raise UserError(f"points are written as --out=FILE.npz or FILE.png (a scatter plot), got {out}")
        return
    if kind(out) == ".png" and num > MAX_GRID:
        raise UserError(f"a grid holds {MAX_GRID} images, got --num={num}; give --out=FILE.npz or a folder for more")
    if kind(out):
        return
    if re.fullmatch(r"\.[A-Za-z]{2,4}", out.suffix) and not out.is_dir():
        raise UserError(f"--out must end in .npz or .png, or be a folder without a dot in its name, got {out}")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; --out must be FILE.npz, FILE.png or a folder")
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    foreign = sorted(names - {_file_name(i) for i in range(num)} - {"labels.csv"})
    if foreign:
        raise UserError(
            f"{out} holds {foreign[0]!r}, which these {num} images would not replace; give an empty or a new folder"
        )


def write_npz(out, chunks, shape, labels=None):
    """Writes `images` uint8 [num, H, W, C], or `points` float32 [num, 2], and `labels` int64 [num].

    Chunk by chunk: memory does not grow with the number, the first of `shape`.
    """
    name, kind_of_number = ("images", "|u1") if len(shape) == 4 else ("points", "<f4")
    with replacing(out) as partial, zipfile.ZipFile(partial, "w") as archive:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            header = {"descr": kind_of_number, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(chunk.astype(kind_of_number, copy=False).tobytes())
        if labels is not None:
            with archive.open("labels.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(labels, np.int64))


def write_grid(out, chunks, shape, labels=None):
    """Writes one PNG; where classes come in turn, each has a column."""
    from tfgen import images

    columns = _period(labels) if labels is not None else None
    columns = columns if columns and 1 < columns <= MAX_COLUMNS else None
    images.save_png(out, images.grid(np.concatenate(list(chunks)), columns))


def write_scatter(out, chunks, shape, labels=None):
    """Writes one PNG with a dot for every point."""
    from tfgen import images

    images.save_png(out, images.scatter(np.concatenate(list(chunks))))


def write_folder(out, chunks, shape, labels=None):
    """Writes 000000.png and so on, and where there are labels labels.csv (`file`, `label`)."""
    from tfgen import images

    index = 0
    for chunk in chunks:
        for image in chunk:
            images.save_png(out / _file_name(index), image)
            index += 1
    if labels is not None:
        text = io.StringIO()
        rows = [(_file_name(i), int(label)) for i, label in enumerate(labels)]
        csv.writer(text, lineterminator="\n").writerows([("file", "label"), *rows])
        write_text(out / "labels.csv", text.getvalue())


def _label(word, known):
    if re.fullmatch(r"\d+", word):
        return int(word)
    if word.lower() in known:
        return known[word.lower()]
    if known:
        close = nearest(word.lower(), known) or f"; the classes are {', '.join(known)}"
        raise UserError(f"--label expects class numbers or names, got {word!r}{close}")
    raise UserError(f"--label expects class numbers such as 3,5, got {word!r}; this run's data has no names for them")


def _file_name(index):
    return f"{index:06d}.png"


def _period(labels):
    """After how many images the labels repeat."""
    labels = np.asarray(labels)
    return next((p for p in range(1, len(labels)) if np.array_equal(labels[p:], labels[:-p])), len(labels))


if __name__ == "__main__":
    sys.exit(COMMAND())
