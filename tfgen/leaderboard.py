"""`python -m tfgen.leaderboard`: models trained under equal budgets, each with several seeds, and one table."""

import sys
from typing import Any

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError, shown
from tfgen.machine import startup

COMMAND = cli.Command(
    "leaderboard",
    "Trains models under equal budgets and ranks them by their scores.",
    "python -m tfgen.leaderboard --dataset=fashion_mnist --entries=dcgan,my_recipe.py --budget=600cpu --seeds=3\n"
    "python -m tfgen.leaderboard --entries=dcgan,dcgan:loss=hinge,dcgan:loss=hinge:width=48 --budget=2000steps",
)
COMMAND.string("dataset", "fashion_mnist_mini", "data set that all of them are trained on")
COMMAND.path("data_dir", None, "folder of the data set")
COMMAND.string(
    "entries",
    None,
    "models, configs and recipe files by commas, each with its changes: dcgan,dcgan:loss=hinge,mine.py; "
    "default: all models that fit",
)
COMMAND.string(
    "budget",
    "1200cpu",
    "of each run: 1200cpu, CPU seconds of its process, start and all threads included (also of a bare number; 1200 are "
    "10 minutes of two busy cores); 2000steps; 1e6images (steps x batch size); 90s, 10m or 2h, equal work on an idle "
    "machine alone",
)
COMMAND.integer("seeds", 3, "runs per entry, with seeds 0, 1, ...", minimum=1)
COMMAND.integer("num", None, "samples per evaluation; default: as many as there are test images", minimum=10)
COMMAND.string(
    "metrics", None, "some scores only, as of tfgen.evaluate: fd,recall; mig of drawings; default: all that fit"
)
COMMAND.boolean(
    "constant_rates",
    False,
    "learning rates stay constant; by default they follow the schedule of each recipe, under CPU seconds and time only "
    "where it does not span all steps (exponential, stages)",
)
COMMAND.path("workdir", None, "folder of the runs and the table; default: runs/leaderboard-DATASET-BUDGET")
COMMAND.multiple("plugin", "a module that registers models or data sets, repeatable")


@COMMAND.action
def main(values: flags.FlagValues) -> None:
    """Runs the board and prints its table."""
    plugins.import_plugins(values.plugin)
    startup.start_tensorflow()
    from tfgen.evaluation.board import Board
    from tfgen.evaluation.entries import split_entries

    entries = split_entries(values.entries or "")
    if values.entries is not None and not entries:
        raise UserError(
            f"--entries expects names of models, configs or recipe files, got {shown(values.entries)}; leave it out "
            "for all models that fit"
        )
    names = ("seeds", "num", "workdir", "data_dir", "constant_rates")
    options: dict[str, Any] = {name: values[name].value for name in names}
    options["metrics"] = [name.strip() for name in (values.metrics or "").split(",") if name.strip()] or None
    folder = Board(values.dataset, values.budget, entries=entries, plugins=values.plugin, **options).run()
    print((folder / "leaderboard.md").read_text(encoding="utf-8"), folder, sep="\n")


if __name__ == "__main__":
    sys.exit(COMMAND())
