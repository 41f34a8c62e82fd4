"""`python -m tfgen.evaluate`: scores of a trained run or of a file of samples, with their floors and protocols."""

import sys
from typing import Any

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError

COMMAND = cli.Command(
    "evaluate",
    "Measures how good a trained run, or a file of samples, is.",
    "python -m tfgen.evaluate --run=runs/dcgan-fashion_mnist_mini\n"
    "python -m tfgen.evaluate --samples=samples.npz --dataset=fashion_mnist_mini --metrics=fd,kid",
)
COMMAND.path("run", None, cli.RUN)
COMMAND.path("samples", None, "instead of a run: FILE.npz or a folder of shards, of tfgen.sample, or of pictures")
COMMAND.string("dataset", None, "data set to compare with; default: that of the run")
COMMAND.path("data_dir", None, "folder of the data set; default: that of the run")
COMMAND.string("image_size", None, "resize the data set's images to 32 or 32x48; default: the run's size")
COMMAND.path("out", None, "FILE.json; default: evaluation.json in the run's folder, or beside the samples")
COMMAND.path(
    "conditions",
    None,
    "FILE.npz: arrays by field name, whose rows the samples of a run take in turn; default: rows of the split",
)
COMMAND.string(
    "prior",
    None,
    "gmm:10, normal or two_stage, as of tfgen.sample: of the samples of a run that encodes; default: the model's own",
)
COMMAND.integer("num", None, "samples; default: as many as there are test images, 10000 at most", minimum=1)
COMMAND.integer("seed", 0, "of samples, choices and draws", minimum=0)
COMMAND.choice("split", "test", "which real images to compare with", ("test", "validation"))
COMMAND.string("extractor", None, "fashion_mnist, mnist, lite0, fid:PATH, keras:PATH, ...; default: the data set's")
COMMAND.string(
    "metrics", None, "some scores only, all others cost nothing: fd,kid,test_accuracy; default: all that fit"
)
COMMAND.integer("nll_k", 100, "samples of z per image in the bound on log p(x)", minimum=1)
COMMAND.integer("nll_images", 500, "test images in likelihoods and reconstructions; 0: all", minimum=0)
COMMAND.boolean("cas", False, "train the classifiers of the classification accuracy score")
COMMAND.integer("ais", 0, "test images whose likelihood is estimated by annealed importance sampling", minimum=0)
COMMAND.integer("workers", 1, "processes that compute the features of --samples=FOLDER of shards", minimum=1)
COMMAND.boolean("controls", True, "score known faults in the samples' place")
COMMAND.path("cache", None, "folder of cached features of real images; default: the user's cache folder")
COMMAND.multiple("plugin", "a module that registers models, data sets or extractors")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the evaluation and prints it."""
    if bool(values.run) == bool(values.samples):
        raise UserError("give --run=FOLDER or --samples=FILE, one of them")
    if values.samples and not values.dataset:
        raise UserError("--samples needs --dataset: what to compare them with, --dataset=fashion_mnist for example")
    if values.workers > 1 and not values.samples:
        raise UserError(
            "--workers is for samples in shards: make them with tfgen.sample --format=array_record --workers=N, and "
            "give --samples=FOLDER"
        )
    if values.conditions and not values.run:
        raise UserError("--conditions is for samples that a run makes: give --run=FOLDER")
    if values.prior and not values.run:
        raise UserError("--prior is for samples that a run makes: give --run=FOLDER")
    plugins.import_plugins(values.plugin)
    from tfgen.evaluation import Settings, subjects
    from tfgen.evaluation.cache import default_folder

    names = tuple(name.strip() for name in values.metrics.split(",")) if values.metrics else None
    same = ("num", "seed", "split", "extractor", "nll_k", "nll_images", "cas", "ais", "controls", "workers")
    given: dict[str, Any] = {name: values[name].value for name in same}
    cache = values.cache or str(default_folder())
    settings = Settings(metrics=names, cache=cache, plugins=tuple(values.plugin), **given)
    data: dict[str, Any] = {name: values[name].value for name in ("dataset", "data_dir", "image_size")}
    if values.run:
        data |= {"conditions": values.conditions, "prior": values.prior}
        evaluation, out = subjects.evaluate_run(values.run, settings, values.out, **data)
    else:
        evaluation, out = subjects.evaluate_file(values.samples, settings, values.out, **data)
    print(evaluation.text())
    print(out)


if __name__ == "__main__":
    sys.exit(COMMAND())
