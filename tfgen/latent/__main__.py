"""`python -m tfgen.latent ACTION`: what the latents of a trained run hold, as a picture and numbers."""

import sys

from absl import flags

from tfgen import cli, domains, latent, plugins
from tfgen.errors import UserError

COMMAND = cli.Command(
    "latent",
    f"Explores the latents of a trained run: {', '.join(latent.ACTIONS)}.",
    "python -m tfgen.latent interpolate --run=runs/dcgan-fashion_mnist_mini\n"
    "python -m tfgen.latent arithmetic --run=runs/dcgan-fashion_mnist_mini\n"
    'python -m tfgen.latent arithmetic --run=runs/dcgan --expression="dark bag - light bag + light dress"\n'
    "python -m tfgen.latent project --run=runs/dcgan-fashion_mnist_mini --images=photo.png",
)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(domains.number(part)) for part in text.split(","))


COMMAND.multiple("action", f"one of {', '.join(latent.ACTIONS)}; needs no --action=", positional=True)
COMMAND.path("run", None, cli.RUN)
COMMAND.path("out", None, "FILE.png, of a walk FILE.gif or FILE.mp4; the numbers go to FILE.json; default: RUN/latent")
COMMAND.integer("seed", None, "of latents and choices (default: 0)", minimum=0)
COMMAND.string("label", None, "classes of a conditional model, taken in turn, as of tfgen.sample")
COMMAND.integer("num", None, "pictures that arithmetic, directions, truncation and project look at", minimum=1)
COMMAND.integer("rows", None, "of interpolate and walk", minimum=1)
COMMAND.integer("steps", None, "pictures in a row; of project: steps of the descent", minimum=0)
COMMAND.integer("points", None, "samples that a walk visits", minimum=2)
COMMAND.integer("frames", None, "of a walk", minimum=4)
COMMAND.integer("dimensions", None, "rows of traverse", minimum=1)
COMMAND.string("expression", None, 'of arithmetic: "dark bag - light bag + light dress"; default: all such pairs')
COMMAND.string("target", None, "class that the expression should give, where its terms do not cancel to one")
COMMAND.integer("codes", None, "latents in each mean of arithmetic (default: 3, as in the paper)", minimum=1)
COMMAND.integer("trials", None, "of arithmetic", minimum=1)
COMMAND.path("images", None, "of project: FILE.png, FILE.npz or a folder; default: held-out images")
COMMAND.integer("starts", None, "of project: latents from which the descent starts", minimum=1)
COMMAND.parsed("scales", None, "of truncation: 0.2,0.5,1", _numbers, "numbers with commas between them")
COMMAND.string("attribute", None, "of directions: light, or a class; default: all")
COMMAND.string("extractor", None, "classifier or features, as of tfgen.evaluate; default: the data set's")
COMMAND.string("dataset", None, "where real images come from; default: the run's data set")
COMMAND.path("data_dir", None, "folder of the data set; default: that of the run")
COMMAND.multiple("plugin", "a module that registers models, data sets or extractors")

OWN = (
    *("seed", "num", "rows", "steps", "points", "frames", "dimensions", "expression", "target", "codes", "trials"),
    *("images", "starts", "scales", "attribute", "extractor"),
)


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the picture and its numbers, and prints them and their paths."""
    if len(values.action) != 1:
        raise UserError(
            f"give one action, {', '.join(latent.ACTIONS)}: python -m tfgen.latent interpolate --run=FOLDER"
        )
    if not values.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    plugins.import_plugins(values.plugin)
    data = {name: values[name].value for name in ("label", "dataset", "data_dir")}
    settings = {name: values[name].value for name in OWN}
    found, paths = latent.explore_run(values.run, values.action[0], settings, values.out, **data)
    print("\n".join([*found.lines, *map(str, paths)]))


if __name__ == "__main__":
    sys.exit(COMMAND())
