"""`python -m tfgen.evaluate`: scores of a trained run or of a file of samples, with their floors and protocols."""

import pathlib
import sys

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.runs.folder import load_run

COMMAND = cli.Command(
    "evaluate",
    "Measures how good a trained run, or a file of samples, is.",
    "python -m tfgen.evaluate --run=runs/dcgan-fashion_mnist_mini",
)
COMMAND.string("run", None, "the run's folder")
COMMAND.string("samples", None, "instead of a run: FILE.npz or a folder of shards, of tfgen.sample, or of pictures")
COMMAND.string("dataset", None, "what to compare with; default: the run's data set")
COMMAND.string("data_dir", None, "where the data set lies; default: as the run was trained")
COMMAND.string("image_size", None, "bring the data set's images to this size: 32 or 32x48; default: the run's")
COMMAND.string("out", None, "FILE.json; default: evaluation.json in the run's folder, or beside the samples")
COMMAND.integer("num", None, "samples; default: as many as there are test images, 10000 at most", minimum=1)
COMMAND.integer("seed", 0, "of samples, choices and draws", minimum=0)
COMMAND.choice("split", "test", "which real images to compare with", ("test", "validation"))
COMMAND.string("extractor", None, "fashion_mnist, mnist, lite0, fid:PATH, keras:PATH, ...; default: the data set's")
COMMAND.string("metrics", None, "some of the sample metrics only: fd,kid; default: all that fit")
COMMAND.integer("nll_k", 100, "samples of z an image in the bound on log p(x)", minimum=1)
COMMAND.integer("nll_images", 500, "test images in likelihoods and reconstructions; 0: all", minimum=0)
COMMAND.boolean("cas", False, "train the classifiers of the classification accuracy score")
COMMAND.integer("ais", 0, "test images whose likelihood is estimated by annealed importance sampling", minimum=0)
COMMAND.integer("workers", 1, "processes that compute the features of --samples=FOLDER of shards", minimum=1)
COMMAND.boolean("controls", True, "score known faults in the samples' place")
COMMAND.string("cache", None, "folder of cached features of real images; default: the user's cache folder")
COMMAND.multiple("plugin", "a module that registers models, data sets or extractors")


@COMMAND.action
def main(flags):
    if bool(flags.run) == bool(flags.samples):
        raise UserError("give --run=FOLDER or --samples=FILE, one of them")
    if flags.samples and not flags.dataset:
        raise UserError("--samples needs --dataset: what to compare them with, --dataset=fashion_mnist for example")
    if flags.workers > 1 and not flags.samples:
        raise UserError(
            "--workers is for samples in shards: make them with tfgen.sample --format=array_record --workers=N, and "
            "give --samples=FOLDER"
        )
    plugins.import_plugins(flags.plugin)
    run = load_run(flags.run) if flags.run else None
    settings = settings_of(flags)
    source = data(flags, run)
    startup.start_tensorflow()
    out = destination(flags, run)
    evaluation = measure(flags, run, source, settings, out)
    evaluation.write(out)
    print(evaluation.text())
    print(out)


def measure(flags, run, source, settings, out):
    """The `Evaluation` of the run or of the file."""
    from tfgen.evaluation import evaluate_model, evaluate_samples
    from tfgen.evaluation.files import digest, read_samples

    picture = None if "mixture" in source.provenance else out.with_name("nearest.png")
    if run is not None:
        subject = {"run": str(run.folder), "recipe": run.recipe.to_json()}
        return evaluate_model(run.model, source, settings, subject=subject, picture=picture)
    samples, labels = read_samples(flags.samples, settings.num)
    subject = {"samples": str(flags.samples), "sha256": digest(samples)}
    return evaluate_samples(samples, source, settings, labels, subject=subject, picture=picture)


def settings_of(flags):
    from tfgen.evaluation import Settings
    from tfgen.evaluation.cache import default_folder

    names = tuple(name.strip() for name in flags.metrics.split(",")) if flags.metrics else None
    same = ("num", "seed", "split", "extractor", "nll_k", "nll_images", "cas", "ais", "controls")
    cache = flags.cache or str(default_folder())
    return Settings(
        metrics=names,
        cache=cache,
        workers=flags.workers,
        plugins=tuple(flags.plugin),
        **{name: getattr(flags, name) for name in same},
    )


def data(flags, run):
    """The `Source` to compare with."""
    from tfgen.data import load_dataset

    recipe = run.recipe if run else None
    name = flags.dataset or recipe.dataset
    data_dir = flags.data_dir or (recipe.data_dir if recipe else None)
    image_size = flags.image_size or (recipe.image_size if recipe else None)
    return load_dataset(name, data_dir=data_dir, image_size=image_size)


def destination(flags, run):
    """The `pathlib.Path` of evaluation.json."""
    if flags.out:
        out = pathlib.Path(flags.out)
        if out.is_dir() or out.suffix != ".json":
            raise UserError(f"--out must be FILE.json, got {out}")
        return out
    if run is not None:
        return run.paths.evaluation
    samples = pathlib.Path(flags.samples)
    return (samples if samples.is_dir() else samples.parent) / "evaluation.json"


if __name__ == "__main__":
    sys.exit(COMMAND())
