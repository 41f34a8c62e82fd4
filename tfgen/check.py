"""`python -m tfgen.check`: whether a model, perhaps of a plugin, keeps what every model promises."""

import sys

from absl import flags

from tfgen import cli, plugins
from tfgen.errors import UserError
from tfgen.machine import startup

COMMAND = cli.Command(
    "check",
    "Checks each guarantee of a model by name: passed, or failed and why. Exit code 1 if one has failed.",
    "python -m tfgen.check --plugin=my_module --model=my_gan\n"
    "python -m tfgen.check --model=dcgan --set=width=4 --only=resume,saving",
)
COMMAND.string("model", None, "name of the model; tfgen.run --list_models lists them")
COMMAND.multiple("set", "an option of the model, name=value")
COMMAND.string("dataset", None, "data set whose fields the model is built for; default: gray images with 3 classes")
COMMAND.path("data_dir", None, "folder of the data set")
COMMAND.string("only", None, "names of guarantees with commas between them; default: all")
COMMAND.multiple("plugin", "a module that registers models or data sets")


@COMMAND.action
def main(values: flags.FlagValues) -> int:
    """Prints a line for each guarantee; returns 1 if one has failed."""
    if not values.model:
        raise UserError("--model is required: --model=dcgan, or --plugin=my_module --model=my_gan")
    startup.start_tensorflow(startup.two_devices)
    plugins.import_plugins(values.plugin)
    from tfgen.guarantees import check_model

    only = tuple(name.strip() for name in values.only.split(",")) if values.only else ()
    data = {"dataset": values.dataset, "data_dir": values.data_dir}
    options = cli.assignments(values.set)
    found = check_model(values.model, options, only=only, say=lambda f: print(f.text, flush=True), **data)
    failed = sum(finding.passed is False for finding in found)
    print(
        f"{values.model}: {failed} of {len(found)} guarantees failed" if failed else f"{values.model} keeps all of them"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(COMMAND())
