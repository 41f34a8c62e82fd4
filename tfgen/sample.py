"""`python -m tfgen.sample`: samples of a trained run, determined by the seed and independent of their number."""

import dataclasses
import sys
from typing import Any

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.runs.sampling import Request, sample_run
from tfgen.runs.sharding import fill_folder
from tfgen.sampling.shards.plan import IMAGES_A_SHARD, SUFFIXES

COMMAND = cli.Command(
    "sample",
    "Draws images from a trained run.",
    "python -m tfgen.sample --run=runs/dcgan-fashion_mnist_mini --num=10000 --out=samples.npz\n"
    "python -m tfgen.sample --run=runs/cgan-fashion_mnist_mini --label=sandal,bag --num=20 --out=samples.png\n"
    'python -m tfgen.sample --run=RUN --caption="a dark bag" --caption="a light bag" --num=20 --out=samples.png',
)
COMMAND.path("run", None, cli.RUN)
COMMAND.integer("num", 100, "number of images; they are the first ones of any larger number", minimum=1)
COMMAND.integer("seed", 0, "of the sequence of images", minimum=0)
COMMAND.string(
    "label",
    None,
    "classes of a conditional model, numbers or names, taken in turn: 3,5 or sandal,bag; a name with a comma in double "
    """quotes: --label='"a, b",c'; default: all in turn""",
)
COMMAND.multiple(
    "caption",
    "a text, of a model conditioned on texts; given several times, they are taken in turn; default: those of the run's "
    "validation split",
)
COMMAND.path(
    "conditions",
    None,
    "FILE.npz: arrays by field name, whose rows are taken in turn; default: the run's validation split",
)
COMMAND.string("sampler", None, "latent, euler, heun, ddim, ancestral, jump or sequential; default: the model's own")
COMMAND.integer("sampling_steps", None, "steps of the sampler of a flow", minimum=1)
COMMAND.number("guidance", None, "strength of the conditions of a flow; 1: none beyond the model's own")
COMMAND.number("temperature", None, "standard deviation of the noise that a flow begins from; 1: as it was trained")
COMMAND.string(
    "prior",
    None,
    "gmm:10, normal or two_stage: fitted to the codes of the training images of a model that encodes, kept in "
    "RUN/priors with a SavedModel; default: the model's own prior",
)
COMMAND.boolean("stochastic", False, "draw pixels from p(x|z) instead of its mean (variational models)")
COMMAND.path("out", None, "FILE.npz, FILE.png (a grid) or a folder for one PNG per image; default: in RUN/samples")
COMMAND.choice("format", None, "write a folder of shards in this format; the same command resumes it", [*SUFFIXES])
COMMAND.integer("shards", None, f"number of shards with --format; default: one per {IMAGES_A_SHARD} images", minimum=1)
COMMAND.integer("workers", None, "processes that divide the shards; started here without --worker", minimum=1)
COMMAND.integer(
    "worker",
    None,
    "index of this worker, from 0; default: that of TF_CONFIG, SLURM_PROCID or JOB_COMPLETION_INDEX",
    minimum=0,
)
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the samples and prints their path."""
    if not values.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    given = [name for name in ("shards", "workers", "worker") if values[name].value is not None]
    if given and not values.format:
        raise UserError(f"--{given[0]} is for folders of shards: give --format={'|'.join(SUFFIXES)} too")
    plugins.import_plugins(values.plugin)
    settings: dict[str, Any] = {field.name: values[field.name].value for field in dataclasses.fields(Request)}
    request = Request(**settings)
    if values.format:
        parts = {"shards": values.shards, "worker": values.worker, "number": values.workers}
        print(fill_folder(values.run, request, values.format, values.out, plugins=values.plugin, **parts))
    else:
        print(sample_run(values.run, request, values.out))


if __name__ == "__main__":
    sys.exit(COMMAND())
