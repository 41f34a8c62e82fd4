"""Makes a trained model of the package from a finished run: `tfgen/pretrained/NAME`.

    python -m benchmarks.pretrained --run=runs/dcgan-fashion_mnist --name=dcgan

A network whose weights are averaged keeps the average alone, which is then its trained weights, too. Optimizers start
anew. Computation is in float32 whatever the training's was; weights lie as float16, equal arrays once. The evaluation
is that of the weights as they lie there, and `samples.npz` their first samples, which a test compares with those of
the machine it runs on.
"""

import argparse
import io
import json
import os
import pathlib
import shutil
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

import tfgen
from tfgen.errors import UserError
from tfgen.evaluation import Settings
from tfgen.evaluation.subjects import evaluate_run
from tfgen.extractors.hashes import sha256_of
from tfgen.machine import startup
from tfgen.machine.precision import using
from tfgen.models import build_from_recipe
from tfgen.runs.layout import Layout
from tfgen.runs.pretrained import HASHES, HERE, PREFIX
from tfgen.storage.atomic import write_text
from tfgen.storage.origin import stamp_file, stamp_of

SAMPLES = 8
# of recipe.json, what says how to train it again; the rest is of the machine and of the process
KEPT = ("recipe", "fields", "data", "class_names", "versions", "git_revision", "makes", "charts", "total_steps", "kept")
WEIGHTS = "model.weights.h5"  # of a .keras file


def packed(run, folder):
    """Writes recipe, histories and weights of a `Run` to a new folder.

    Returns the largest difference, in gray levels, of 100 samples by these weights from those in float32.
    """
    startup.start_tensorflow()
    made, paths = averaged_alone(run), Layout(folder)
    paths.models.mkdir(parents=True)
    made.save(paths.trainer)
    compact(paths.trainer)
    stamp_file(paths.trainer, stamp_of(run.paths.trainer))
    record = {name: run.record[name] for name in KEPT if name in run.record}
    record["data"] = {name: value for name, value in record["data"].items() if name != "source"}
    write_text(paths.recipe, json.dumps({**record, "plugins": []}, indent=2) + "\n")
    for path in (run.paths.history, run.paths.diagnosis, run.paths.findings):
        if path.is_file():
            shutil.copy(path, folder / path.name)
    before, after = (model.sample(100, seed=0).astype(int) for model in (made, tfgen.load_run(folder).model))
    return int(np.abs(before - after).max())


def averaged_alone(run):
    """Returns a new model with the weights of a run's, in float32, whose averages are its trained weights, too."""
    with using("float32"):
        made = build_from_recipe(run.recipe, run.fields)
    found = run.model.state()
    for name, variable in made.state().items():
        if not name.startswith("optimizer/"):
            variable.assign(found[name])
    for name, network in made.networks.items():
        network.set_weights(made.best(name).get_weights())
    if run.model.class_names:
        made.class_names = run.model.class_names
    return made


def compact(path):
    """Rewrites the weights of a `.keras` file: float16, compressed, equal arrays once."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[WEIGHTS] = compact_weights(members[WEIGHTS])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # a fixed time: equal models are equal files
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)


def compact_weights(content):
    """Returns an HDF5 file [bytes] with the arrays of another one, floats as float16."""
    written, out = {}, io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(out, "w") as new:

        def copy(name, item):
            if not isinstance(item, h5py.Dataset):
                new.require_group(name).attrs.update(item.attrs)
                return
            values = halved(name, item[()])
            key = (values.dtype.str, values.shape, values.tobytes())
            if key in written:
                new[name] = new[written[key]]  # a hard link
                return
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if values.ndim else {}
            new.create_dataset(name, data=values, track_times=False, **options)
            written[key] = name

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return out.getvalue()


def halved(name, values):
    """Returns float32 values as float16, others as they are."""
    if values.dtype != np.float32:
        return values
    if not (np.abs(values) <= np.finfo(np.float16).max).all():
        raise UserError(f"{name} holds numbers that float16 has not")
    return np.float16(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="a finished run")
    parser.add_argument("--name", required=True, help="in the package, where it replaces one of that name")
    parser.add_argument("--part", default="fashion_mnist_mini", help="embedded data set that commands use by default")
    parser.add_argument("--dataset", help="that it is evaluated against; default: that of the run")
    parser.add_argument("--num", type=int, default=10_000, help="samples of its evaluation")
    args = parser.parse_args()
    run, folder = tfgen.load_run(args.run), HERE / args.name
    shutil.rmtree(folder, ignore_errors=True)
    largest = packed(run, folder)
    finished(folder, args.part, largest)
    settings, dataset = Settings(num=args.num), args.dataset or run.recipe.dataset
    evaluate_run(f"{PREFIX}{args.name}", settings, folder / "evaluation.json", dataset=dataset)
    (folder / "nearest.png").unlink(missing_ok=True)
    write_hashes(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.2f} MiB; samples differ from those of float32 by at most {largest} gray levels")


def finished(folder: pathlib.Path, part: str, largest: int) -> None:
    """Completes the record, and writes the first samples and the hashes."""
    run = tfgen.load_run(folder)
    np.savez_compressed(folder / "samples.npz", images=run.model.sample(SAMPLES, seed=0))
    more = {"part": part, "weights": {"stored": "float16", "largest_difference": largest}}
    write_text(run.paths.recipe, json.dumps({**run.record, **more}, indent=2) + "\n")
    write_hashes(folder)


def write_hashes(folder: pathlib.Path) -> None:
    """Puts the hashes of all files of a model into the table of all models."""
    table = folder.parent / HASHES
    known = json.loads(table.read_text()) if table.exists() else {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    known[folder.name] = {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
    write_text(table, json.dumps(dict(sorted(known.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
