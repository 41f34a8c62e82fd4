"""`python -m tfgen.launch --workers=2 -- COMMAND`: local worker processes, restarted when one of them dies."""

import sys

from absl import flags

from tfgen import cli
from tfgen.distribution.launcher import Launcher, training_command


class LaunchCommand(cli.Command):
    """A command whose flags end at `--`; the rest is the command of every worker."""

    worker_command: list[str] = []

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Runs on `arguments` (default: those of the process) and returns the exit code."""
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        self.worker_command = arguments[end + 1 :]
        return super().__call__(arguments[:end])


EXAMPLE = "python -m tfgen.launch --workers=2 -- python -m tfgen.run --model=dcgan --distribute=multiworker"
COMMAND = LaunchCommand(
    "launch",
    "Trains in several processes on this machine, and starts them again from the last checkpoint if one dies.",
    EXAMPLE,
)
COMMAND.integer("workers", 2, "number of processes", minimum=1)
COMMAND.integer("restarts", 3, "largest number of restarts of all of them", minimum=0)


@COMMAND.action
def main(values: flags.FlagValues) -> int:
    """Runs the workers and returns the exit code."""
    command = training_command(COMMAND.worker_command, EXAMPLE)
    return Launcher(command, values.workers, values.restarts).run()


if __name__ == "__main__":
    sys.exit(COMMAND())
