"""`python -m tfgen.sample`: images from a trained run, the same for the same seed however many are asked for."""

import pathlib
import re
import sys
import time

import numpy as np

from tfgen import cli
from tfgen.data.source import data_field
from tfgen.errors import UserError, nearest
from tfgen.machine import startup
from tfgen.runs.folder import load_run
from tfgen.sampling.shards import formats, workers
from tfgen.sampling.shards.plan import IMAGES_A_SHARD, SUFFIXES, Plan, written_once
from tfgen.storage.atomic import replacing, write_text

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
COMMAND.choice("format", None, "fill a folder with shards of this kind; the same command goes on with it", [*SUFFIXES])
COMMAND.integer("shards", None, f"parts of a folder with --format; default: one for {IMAGES_A_SHARD} images", minimum=1)
COMMAND.integer("workers", None, "processes that share the shards out; without --worker, started here", minimum=1)
COMMAND.integer(
    "worker",
    None,
    "which of them this is, from 0; default: what TF_CONFIG, SLURM_PROCID or JOB_COMPLETION_INDEX say",
    minimum=0,
)


@COMMAND.action
def main(flags):
    if not flags.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    run = load_run(flags.run)
    out = destination(flags, run)
    if flags.format:
        return fill_folder(flags, run, out)
    given = [name for name in ("shards", "workers", "worker") if flags[name].value is not None]
    if given:
        raise UserError(f"--{given[0]} is for folders of shards: give --format={'|'.join(SUFFIXES)} too")
    label = parse_labels(flags.label, run.record.get("class_names"))
    check(out, flags.num, data_field(run.record.get("fields") or {}))
    startup.start_tensorflow()
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


def fill_folder(flags, run, out):
    """`--format`: shards of images in a folder, those of this worker or, with processes started here, all of them."""
    worker, number = workers.place(flags.worker, flags.workers)
    check_format(flags.format, out, data_field(run.record.get("fields") or {}))
    plan = Plan(out, flags.format, flags.num, flags.shards or -(-flags.num // IMAGES_A_SHARD))
    plan.check_folder()
    label = parse_labels(flags.label, run.record.get("class_names"))
    if worker is None:
        workers.share_threads(number)
    startup.start_tensorflow()
    how = {"seed": flags.seed, "label": label, "stochastic": flags.stochastic}
    run.model.sample(1, **how)  # refuses what does not fit before anything is written
    plan.settle(run=str(run.folder), **recipe_of(run.model, **how))
    if worker is not None:
        make_shards(plan, run.model, how, worker, number)
    else:
        with workers.started("tfgen.sample", arguments(flags, out), number) as processes:
            make_shards(plan, run.model, how, 0, number)
        for index, process in enumerate(processes, start=1):
            if process.returncode:
                print(f"worker {index} ended early (exit code {process.returncode})", file=sys.stderr)
        make_shards(plan, run.model, how)  # what a worker that was killed has left
    missing = plan.missing()
    if not missing:
        plan.tidy()
    left = f"{len(missing)} of {plan.shards} shards are left to other workers" if missing else f"{plan.shards} shards"
    print(f"{out}: {flags.num - sum(np.diff(plan.bounds(s))[0] for s in missing)} images, {left}")


def recipe_of(model, seed, label, stochastic):
    """What images follow from, as plain values: the model's weights, the seed, the classes in turn."""
    classes = None
    if model.condition == "label":
        classes = [int(c) for c in label or range(model.num_classes)]
    shape = [model.data_field, *model.data_shape]
    return {"weights": model.digest(), "seed": seed, "label": classes, "stochastic": stochastic, "shape": shape}


def make_shards(plan, model, how, worker=0, number=1):
    """Makes the shards of worker `worker` of `number` that are missing; `how` are arguments of `model.sample`."""
    missing = plan.missing(worker, number)
    for done, shard in enumerate(missing, start=1):
        if plan.path(shard).exists():  # another process has made it meanwhile
            continue
        start, (first, end) = time.perf_counter(), plan.bounds(shard)
        labels = model.condition_of(end - first, how["label"], first) if model.condition == "label" else None
        with written_once(plan.path(shard)) as partial:
            chunks = span(model, first, end, **how)
            formats.write_shard(partial, plan.format, chunks, (end - first, *model.data_shape), labels, first)
        rate = (end - first) / (time.perf_counter() - start)
        print(f"worker {worker}: {plan.path(shard).name} ({rate:.0f} a second), {done}/{len(missing)}", file=sys.stderr)


def span(model, first, end, **how):
    """Yields images first..end-1 of the sequence, in batches that begin at multiples of `CHUNK`, as in `sampled`."""
    for start in range(first - first % CHUNK, end, CHUNK):
        yield model.sample(min(CHUNK, end - start), start=start, **how)[max(first - start, 0) :]


def arguments(flags, out):
    """The command line by which another process takes part."""
    names = ("run", "num", "seed", "label", "format", "shards")
    given = [f"--{name}={flags[name].value}" for name in names if flags[name].value is not None]
    return [*given, f"--out={out}", *(["--stochastic"] if flags.stochastic else [])]


def check_format(name, out, field):
    """Refuses an `out` that is no folder, and formats that cannot hold the data."""
    if kind(out):
        raise UserError(f"--format={name} fills a folder with shards: give --out=FOLDER, got {out}")
    if field == "point" and name != "npz":
        raise UserError(f"points are written as --format=npz, got {name}")
    if name == "array_record":
        formats.array_record()


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
    if flags.format:
        return run.paths.samples / f"{name}_{flags.format}"
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
    foreign = sorted(names - {formats.file_name(i) for i in range(num)} - {"labels.csv"})
    if foreign:
        raise UserError(
            f"{out} holds {foreign[0]!r}, which these {num} images would not replace; give an empty or a new folder"
        )


def write_npz(out, chunks, shape, labels=None):
    """Writes `images` uint8 [num, H, W, C], or `points` float32 [num, 2], and `labels` int64 [num].

    Chunk by chunk: memory does not grow with the number, the first of `shape`.
    """
    with replacing(out) as partial:
        formats.write_npz(partial, chunks, shape, labels)


def write_grid(out, chunks, shape, labels=None):
    """Writes one PNG; where classes come in turn, each has a column."""
    from tfgen.storage import images

    columns = _period(labels) if labels is not None else None
    columns = columns if columns and 1 < columns <= MAX_COLUMNS else None
    images.save_png(out, images.grid(np.concatenate(list(chunks)), columns))


def write_scatter(out, chunks, shape, labels=None):
    """Writes one PNG with a dot for every point."""
    from tfgen.storage import images

    images.save_png(out, images.scatter(np.concatenate(list(chunks))))


def write_folder(out, chunks, shape, labels=None):
    """Writes 000000.png and so on, and where there are labels labels.csv (`file`, `label`)."""
    from tfgen.storage import images

    index = 0
    for chunk in chunks:
        for image in chunk:
            images.save_png(out / formats.file_name(index), image)
            index += 1
    if labels is not None:
        names = [formats.file_name(index) for index in range(len(labels))]
        write_text(out / "labels.csv", formats.labels_text(names, labels))


def _label(word, known):
    if re.fullmatch(r"\d+", word):
        return int(word)
    if word.lower() in known:
        return known[word.lower()]
    if known:
        close = nearest(word.lower(), known) or f"; the classes are {', '.join(known)}"
        raise UserError(f"--label expects class numbers or names, got {word!r}{close}")
    raise UserError(f"--label expects class numbers such as 3,5, got {word!r}; this run's data has no names for them")


def _period(labels):
    """After how many images the labels repeat."""
    labels = np.asarray(labels)
    return next((p for p in range(1, len(labels)) if np.array_equal(labels[p:], labels[:-p])), len(labels))


if __name__ == "__main__":
    sys.exit(COMMAND())
