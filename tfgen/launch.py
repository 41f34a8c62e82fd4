"""`python -m tfgen.launch --workers=2 -- COMMAND`: local worker processes, restarted when one of them dies."""

import sys

from tfgen import cli
from tfgen.distribution.launcher import Launcher, training_command


class LaunchCommand(cli.Command):
    """A command whose flags end at `--`; what follows is the command of every worker."""

    worker_command: list[str] = []

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Run on `arguments` (default: those of the process) and return the exit code."""
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        end = arguments.index("--") if "--" in arguments else len(arguments)
        self.worker_command = arguments[end + 1 :]
        return super().__call__(arguments[:end])


COMMAND = LaunchCommand(
    "launch",
    "Trains in several processes on this machine, and starts them again from the last checkpoint if one dies.",
    example="python -m tfgen.launch --workers=2 -- python -m tfgen.run --model=dcgan --distribute=multiworker",
)
COMMAND.integer("workers", 2, "processes", minimum=1)
COMMAND.integer("restarts", 3, "how often all are started again, at most", minimum=0)


@COMMAND.action
def main(flags):
    command = training_command(COMMAND.worker_command, COMMAND.example)
    return Launcher(command, flags.workers, flags.restarts).run()


if __name__ == "__main__":
    sys.exit(COMMAND())
