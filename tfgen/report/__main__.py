"""`python -m tfgen.report`: a report on one run, or on several side by side, as one HTML file."""

import logging
import sys

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError

COMMAND = cli.Command(
    "report",
    "Writes one HTML file on a trained run, or on several side by side.",
    "python -m tfgen.report --run=runs/dcgan-fashion_mnist_mini\n"
    "python -m tfgen.report runs/dcgan-fashion_mnist_mini runs/vae-fashion_mnist_mini --out=both.html",
)
COMMAND.multiple(
    "run",
    f"{cli.RUN}; several, which need no --run=, are compared",
    cli.path("run"),
    positional=True,
)
COMMAND.path("out", None, "FILE.html; default: report.html in the run's folder, comparison.html beside several")
COMMAND.integer("seed", 0, "of the samples", minimum=0)
COMMAND.boolean("pictures", True, "load the model and draw samples; --nopictures starts no TensorFlow for one run")
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Writes the report and prints its path."""
    if not values.run:
        raise UserError("--run is required: --run=runs/dcgan-fashion_mnist_mini, for example")
    from tfgen.report import write_report

    # TensorFlow warns of repeated tracing, but the functions are those of different models
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    plugins.import_plugins(values.plugin)
    print(write_report(values.run, values.out, pictures=values.pictures, seed=values.seed))


if __name__ == "__main__":
    sys.exit(COMMAND())
