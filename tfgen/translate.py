"""`python -m tfgen.translate`: pictures of a folder, or one picture, as a trained run translates them."""

import sys

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.runs.translating import translate_run

COMMAND = cli.Command(
    "translate",
    "Makes pictures of pictures with a trained run.",
    "python -m tfgen.translate --run=runs/pix2pix-edges-fashion_mnist_mini --images=drawings --out=garments\n"
    "python -m tfgen.translate --run=runs/cyclegan-domains-fashion_mnist_mini-sneaker-ankle-boot --images=boot.png "
    "--reverse --out=sneaker.png\n"
    "python -m tfgen.translate --run=runs/flow_matching-fashion_mnist_mini --images=torn --mask=hole.png --out=whole",
)
COMMAND.path("run", None, cli.RUN)
COMMAND.path("images", None, "a folder of pictures, one picture, or FILE.npz with images uint8 [N, H, W, C]")
COMMAND.path("out", None, "a folder for one PNG per picture, FILE.npz, or FILE.png; default: RUN/translations")
COMMAND.boolean("reverse", False, "the way back, from B to A, of a model of two domains")
COMMAND.path("mask", None, "a picture, white where a flow is to fill those of --images; default: their middle")
COMMAND.integer("seed", 0, "of what fills holes, or of a generator's dropout", minimum=0)
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the translations and prints their path."""
    for name, example in (("run", "runs/pix2pix-edges-fashion_mnist_mini"), ("images", "drawings")):
        if not values[name].value:
            raise UserError(f"--{name} is required: --{name}={example}, for example")
    plugins.import_plugins(values.plugin)
    print(
        translate_run(values.run, values.images, values.out, reverse=values.reverse, mask=values.mask, seed=values.seed)
    )


if __name__ == "__main__":
    sys.exit(COMMAND())
