"""`python -m tfgen.encode`: codes, errors, likelihood and anomaly score of each image, by a trained run."""

import sys
from typing import Any

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.runs.encoding import encode_run

COMMAND = cli.Command(
    "encode",
    "Says of each image what a trained run makes of it: codes, reconstruction error, likelihood, anomaly score.",
    "python -m tfgen.encode --run=runs/vae-fashion_mnist_mini\n"
    "python -m tfgen.encode --run=runs/vae-fashion_mnist_mini --images=photos --out=codes.npz\n"
    "python -m tfgen.encode --run=runs/no_sneakers --split=test",
)
COMMAND.path("run", None, cli.RUN)
COMMAND.path("images", None, "a folder of pictures, one picture, or FILE.npz with images; default: a split of the data")
COMMAND.string("dataset", None, "data set whose images are encoded; default: that of the run")
COMMAND.path("data_dir", None, "folder of the data set; default: that of the run")
COMMAND.choice("split", "test", "of the data set", ("train", "validation", "test"))
COMMAND.integer("num", None, "the first so many images; default: all", minimum=1)
COMMAND.integer("nll_k", 10, "samples of z per image in a bound on log p(x)", minimum=1)
COMMAND.integer("seed", 0, "of draws", minimum=0)
COMMAND.path("out", None, "FILE.npz; default: RUN/encoded.npz")
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the arrays and prints their path, and the AUROC of each score where a class was left out in training."""
    if not values.run:
        raise UserError("--run is required: --run=runs/vae-fashion_mnist_mini, for example")
    if values.images and (values.dataset or values.data_dir):
        raise UserError("give --images=FOLDER or --dataset=NAME, one of them")
    plugins.import_plugins(values.plugin)
    names = ("dataset", "data_dir", "split", "num", "nll_k", "seed")
    given: dict[str, Any] = {name: values[name].value for name in names}
    areas, out = encode_run(values.run, values.images, values.out, **given)
    for name, area in areas.items():
        print(f"auroc {name}: {area:.4f}")
    print(out)


if __name__ == "__main__":
    sys.exit(COMMAND())
