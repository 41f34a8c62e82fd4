"""`python -m tfgen.sample`: samples of a trained run, the same for the same seed however many are asked for."""

import dataclasses
import sys

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.runs.sampling import Request, sample_run
from tfgen.runs.sharding import fill_folder
from tfgen.sampling.shards.plan import IMAGES_A_SHARD, SUFFIXES

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
COMMAND.string(
    "conditions",
    None,
    "FILE.npz: arrays by field name, whose rows are taken in turn; default: the run's validation split",
)
COMMAND.string("sampler", None, "latent, euler or heun; default: the model's own")
COMMAND.integer("sampling_steps", None, "steps of euler and heun", minimum=1)
COMMAND.number("guidance", None, "strength of the conditions of euler and heun; 1: none beyond the model's own")
COMMAND.boolean("stochastic", False, "draw pixels from p(x|z) instead of giving its mean (variational models)")
COMMAND.string("out", None, "FILE.npz, FILE.png (a grid) or a folder for one PNG per image; default: in RUN/samples")
COMMAND.choice("format", None, "fill a folder with shards of this kind; the same command goes on with it", [*SUFFIXES])
COMMAND.integer("shards", None, f"parts of a folder with --format; default: one for {IMAGES_A_SHARD} images", minimum=1)
COMMAND.integer("workers", None, "processes that share the shards out; without --worker, started here", minimum=1)
COMMAND.integer(
    "worker",
    None,
    "which of them this is, from 0; default: what TF_CONFIG, SLURM_PROCID or JOB_COMPLETION_INDEX say",
    minimum=0,
)
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(flags):
    if not flags.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    given = [name for name in ("shards", "workers", "worker") if flags[name].value is not None]
    if given and not flags.format:
        raise UserError(f"--{given[0]} is for folders of shards: give --format={'|'.join(SUFFIXES)} too")
    plugins.import_plugins(flags.plugin)
    request = Request(**{field.name: flags[field.name].value for field in dataclasses.fields(Request)})
    if flags.format:
        parts = {"shards": flags.shards, "worker": flags.worker, "number": flags.workers, "plugins": flags.plugin}
        print(fill_folder(flags.run, request, flags.format, flags.out, **parts))
    else:
        print(sample_run(flags.run, request, flags.out))


if __name__ == "__main__":
    sys.exit(COMMAND())
