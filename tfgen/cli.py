"""The parts that all commands share (flags, help, exit codes), and `tfgen COMMAND` itself.

A command exits with 0 on success (`--help` included); with 2 after a mistake of the user, or where the operating system
refuses something (an OSError with an errno) or memory runs out, described in one sentence on stderr; with 130 after
Ctrl-C, 143 after SIGTERM and 129 after SIGHUP; with 75 where another worker is lost. Any other exception is a bug, with
its traceback. What cannot be printed, since the reader of a pipe is gone or a disk is full, is lost; the work goes on.
"""

import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from absl import flags

import registry
from tfgen import domains, faults, tables
from tfgen.errors import LOST, UserError, WorkerLost, nearest, shown
from tfgen.machine.output import check_printed, lasting
from tfgen.machine.processor import prefer_onednn
from tfgen.machine.stopping import stoppable
from tfgen.storage.paths import expanded

# Subcommand -> (module with a COMMAND, one-line summary).
COMMANDS = {
    "run": ("tfgen.run", "train a model on a data set"),
    "sample": ("tfgen.sample", "draw images from a trained run"),
    "translate": ("tfgen.translate", "make pictures of pictures with a trained run"),
    "encode": ("tfgen.encode", "codes, likelihood and anomaly score of each image, by a trained run"),
    "evaluate": ("tfgen.evaluate", "measure how good a run or a file of samples is"),
    "check": ("tfgen.check", "check that a model keeps what every model promises"),
    "launch": ("tfgen.launch", "train in several processes, restarted if one of them dies"),
    "latent": ("tfgen.latent.__main__", "explore the latents of a run: paths, arithmetic, projections, directions"),
    "report": ("tfgen.report.__main__", "write an HTML report on one run, or a comparison of several"),
    "leaderboard": ("tfgen.leaderboard", "train models with equal budgets and rank them"),
}

# help of `--run` of every command that takes a trained run
RUN = "the run's folder, or pretrained:NAME, a model of the package (what is made of it goes to runs/pretrained-NAME)"
Action = Callable[[flags.FlagValues], int | None]
USER_ERRORS = (UserError, registry.RegistryError)
LONGEST = 400  # characters of a word in a message: texts of thousands are given by mistake
_HELP = {"-h", "-help", "--help", "--helpshort", "--helpfull"}


class _Parser(flags.ArgumentParser):
    """A flag's parser: `convert(text)` returns the value, or raises ValueError where the text is not `expected`."""

    def __init__(self, convert, expected):
        self.convert, self.expected = convert, expected

    def parse(self, argument):
        if not isinstance(argument, str):
            return argument
        try:
            return self.convert(argument)
        except UserError:
            raise  # its message is more specific than the one below
        except faults.NUMBER as error:
            more = str(error) if str(error).startswith("; ") else ""
            raise UserError(f"expected {self.expected}, got {shown(argument)}{more}") from None

    def flag_type(self):
        return self.expected


class Command:
    """A command: its own set of flags, an action, and a call that turns mistakes of the user into exit code 2.

    Several commands can be used in one process, as each has its own `FlagValues`. A flag that is not given keeps its
    default, None in most cases, so that a recipe can distinguish it from a flag that is.

        COMMAND = cli.Command("sample", "Draws images from a trained run.")
        COMMAND.integer("num", 100, "how many images", minimum=1)

        @COMMAND.action
        def main(flags):
            print(flags.num)

        if __name__ == "__main__":
            sys.exit(COMMAND())
    """

    def __init__(self, name: str, summary: str, example: str | None = None) -> None:
        self.name, self.summary, self.examples = name, summary, (example or "").splitlines()
        # not the global flags.FLAGS, where commands (and other libraries) would clash
        self._values = flags.FlagValues()
        self._shown: dict[str, tuple[str, Any, str]] = {}  # flag -> (expected, default, help)
        self._positional: str | None = None  # the flag that takes the arguments which are no flags
        self._main: Action  # set by `action`
        self.boolean("help", False, "show this text and exit")

    def action(self, function: Action) -> Action:
        """Registers the function (as its decorator) that does the work: parsed flags -> exit code, or None for 0."""
        self._main = function
        return function

    def string(self, name: str, default: str | None, help: str) -> None:
        """Defines a flag whose value is its text."""
        self.parsed(name, default, help, str, "text")

    def path(self, name: str, default: str | None, help: str) -> None:
        """Defines a flag whose value is the path of a file or a folder; `~` is the user's home."""
        self.parsed(name, default, help, path(name), "text")

    def integer(self, name: str, default: int | None, help: str, minimum: int | None = None) -> None:
        """Defines a flag with an integer value of 64 bits, at least `minimum`."""
        domain = domains.INT64 if minimum is None else domains.Interval(minimum, domains.INT64.high)
        expected = f"an integer{domain.words}"
        self.parsed(name, default, help, lambda text: _within(domains.integer(text), domain), expected)

    def number(self, name: str, default: float | None, help: str, minimum: float | None = None) -> None:
        """Defines a flag with a finite float value, at least `minimum`."""
        domain = domains.FINITE if minimum is None else domains.Interval(minimum)
        expected = f"a number{domain.words}"
        self.parsed(name, default, help, lambda text: _within(float(domains.number(text)), domain), expected)

    def choice(self, name: str, default: str | None, help: str, choices: Collection[str]) -> None:
        """Defines a flag whose value is one of `choices`."""

        def convert(text: str) -> str:
            if text not in choices:
                raise UserError(f"expected one of {', '.join(choices)}, got {text!r}{nearest(text, choices)}")
            return text

        self.parsed(name, default, help, convert, "|".join(choices))

    def parsed(self, name: str, default: Any, help: str, convert: Callable[[str], Any], expected: str) -> None:
        """Defines a flag with the value `convert(text)`, which raises ValueError where the text is not `expected`."""
        flags.DEFINE(_Parser(convert, expected), name, default, help, self._values)
        self._shown[name] = (expected, default, help)

    def boolean(self, name: str, default: bool | None, help: str) -> None:
        """Defines `--name` and `--noname`; with the default None, None means that neither is given."""
        flag = flags.BooleanFlag(name, default, help)
        flag.parser = _Parser(_truth, "true or false")
        flags.DEFINE_flag(flag, self._values)
        self._shown[name] = ("", default, help)

    def multiple(self, name: str, help: str, convert: Callable[[str], str] = str, positional: bool = False) -> None:
        """Defines a flag that may be given several times; its value is a list of `convert(text)`, empty by default.

        With `positional`, arguments that are no flags are values of this one too, after those that are named.
        """
        if positional:
            self._positional = name
            self._values.set_gnu_getopt(True)  # flags may follow them
        flags.DEFINE_multi(_Parser(convert, "text"), flags.ArgumentSerializer(), name, [], help, self._values)
        self._shown[name] = ("text", None, help)

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Runs the command on `arguments` (default: those of the process) and returns its exit code."""
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported, when it reads it
        prefer_onednn()
        with lasting(), stoppable(self.name) as stop:
            try:
                if not _HELP & set(arguments):
                    return self._main(self.parse(arguments)) or 0
                print(self.help_text())
                check_printed()
                return 0
            except BaseException as error:
                code = self._told(error, stop)
                if code is None:
                    raise
                return code

    def _told(self, error, stop):
        """Prints the sentence of an exception and returns the exit code; None for a bug."""
        if stop.number is not None:  # a library may have turned the interruption into another exception
            return self._end(stop.word, stop.code)
        if isinstance(error, WorkerLost):
            return self._end(error, LOST)
        if isinstance(error, KeyboardInterrupt):
            return self._end(error if error.args else "interrupted", 130)
        sentence = _mistake(error)
        return None if sentence is None else self._end(sentence, 2)

    def parse(self, arguments: Sequence[str]) -> flags.FlagValues:
        """Returns the absl flag values for `arguments`, a list of texts without the program's name.

        Raises:
            UserError: an unknown flag, a bad or missing value, an argument that is no flag.
        """
        self._values.unparse_flags()  # back to the defaults: the command may be called several times
        try:
            rest = self._values([self.name, *arguments])[1:]
        except flags.UnrecognizedFlagError as error:
            hint = self.hint(error.flagname, str(error.flagvalue).partition("=")[2], arguments)
            raise UserError(f"unknown flag --{shown(error.flagname)[1:-1]}{hint}") from None
        except flags.IllegalFlagValueError as error:
            raise UserError(_sentence(error)) from None
        except flags.CantOpenFlagFileError as error:
            raise UserError(f"cannot open the flag file: {error.__context__}") from None
        except UserError:
            raise
        except faults.TEXT as error:  # a flag file that is no text
            raise UserError(f"cannot read the flags: {faults.reason(error)}") from None
        except flags.Error as error:
            raise UserError(f"{_sentence(error)}; flags are written --name=value") from None
        if rest:
            if self._positional is None:
                raise UserError(f"unexpected argument {rest[0]!r}; flags are written --name=value")
            flag: Any = self._values[self._positional]
            flag.value = [*flag.value, *map(flag.parser.parse, rest)]
        return self._values

    def hint(self, name: str, value: str, arguments: Sequence[str]) -> str:
        """Returns the end of the message on an unknown flag --NAME=VALUE: what was meant, or where flags are listed."""
        return nearest(f"--{name}", [f"--{flag}" for flag in self._shown]) or "; --help lists the flags"

    def help_text(self) -> str:
        """Returns the command's help: usage, flags with their defaults, examples."""
        # wrapped on a terminal alone: elsewhere a program may look for a line
        columns = tables.columns_of(sys.stdout)
        width = tables.UNCUT if columns is None else min(columns, 110)
        places = f"[{self._positional.upper()} ...] " if self._positional else ""
        lines = [self.summary, "", f"usage: python -m tfgen.{self.name} {places}[--flag=value ...]", ""]
        for name, (expected, default, help) in self._shown.items():
            left = f"  --{name}" + (f"={expected}" if expected and "|" in expected else "")
            text = help if default in (None, False) else f"{help} (default: {default})"
            lines += _two_columns(left, text, width)
        if len(self.examples) > 1:
            return "\n".join([*lines, "", "examples:", *(f"  {example}" for example in self.examples)])
        return "\n".join(lines + [f"\nexample: {example}" for example in self.examples])

    def _end(self, sentence, code):
        lead = "\n" if code != 2 and sys.stderr.isatty() else ""  # the terminal has shown ^C
        words = (word if len(word) <= LONGEST else f"{word[:80]}...{word[-40:]}" for word in str(sentence).split())
        print(f"{lead}tfgen {self.name}: {' '.join(words)}", file=sys.stderr)
        return code


def path(flag: str) -> Callable[[str], str]:
    """Returns the conversion of the paths that a flag takes: `~` is replaced, all else stays as it is given."""

    def convert(text: str) -> str:
        found = expanded(f"--{flag}", text)  # raises for a name that no file can have
        return str(found) if text.startswith("~") else text

    return convert


def assignments(texts: Iterable[str], flag: str = "set") -> dict[str, str]:
    """Returns the values of a multiple flag, `["name=value", ...]`, as name -> text; the last value of a name counts.

    Raises:
        UserError: a text is not of the form name=value.
    """
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UserError(f"--{flag} expects name=value, got {text!r}; write --{flag}=latent_dim=64, for example")
        pairs[name.strip()] = value.strip()
    return pairs


def main(arguments: list[str] | None = None) -> int:
    """Runs `tfgen COMMAND --flag=value ...` and returns the exit code; only the command's own module is imported."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    with lasting():
        if arguments and arguments[0] in COMMANDS:
            return importlib.import_module(COMMANDS[arguments[0]][0]).COMMAND(arguments[1:])
        return _answer(arguments)


def _answer(arguments):
    """Answers `tfgen` without the name of a command."""
    if not arguments or arguments[0] in _HELP | {"help"}:
        print("usage: tfgen COMMAND [--flag=value ...]\n")
        for name, (_, summary) in COMMANDS.items():
            print(f"  {name:<12}{summary}")
        print("\n`tfgen COMMAND --help` lists the flags of a command.")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(importlib.import_module("tfgen").__version__)
        return 0
    expected = nearest(arguments[0], COMMANDS) or f"; expected one of {', '.join(COMMANDS)}"
    print(f"tfgen: unknown command {shown(arguments[0])}{expected}", file=sys.stderr)
    return 2


def _truth(text):
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError
    return text.lower() in ("true", "1")


def _within(value, domain):
    if value not in domain:
        raise ValueError(domain.remark(value))
    return value


def _mistake(error):
    """Returns the sentence of an exception that is no bug, or None."""
    if isinstance(error, USER_ERRORS):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return faults.sentence(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory for it: {faults.reason(error)}"
    return None


def _sentence(error):
    text = str(error).strip().split("\n")[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _two_columns(left, text, width, indent=24):
    body = textwrap.wrap(text, width - indent)
    if len(left) >= indent - 1:
        return [left, *(" " * indent + line for line in body)]
    return [left.ljust(indent) + body[0], *(" " * indent + line for line in body[1:])]
