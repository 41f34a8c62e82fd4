"""What every command shares: its flags, its help, its exit codes, and `tfgen COMMAND` itself.

A command exits with 0 when it did what was asked (`--help` included), 2 for a mistake of the user's, said in one
sentence on stderr, and 130 on Ctrl-C. Anything else is a bug and keeps its traceback.
"""

import errno
import importlib
import os
import shutil
import sys
import textwrap

from absl import flags

import registry
from tfgen.errors import UserError, nearest
from tfgen.machine.processor import prefer_onednn

# Subcommand -> (module with a COMMAND, one-line summary).
COMMANDS = {
    "run": ("tfgen.run", "train a model on a data set"),
    "sample": ("tfgen.sample", "draw images from a trained run"),
    "evaluate": ("tfgen.evaluate", "measure how good a run or a file of samples is"),
    "launch": ("tfgen.launch", "train in several processes, started again if one of them dies"),
    "report": ("tfgen.report.__main__", "one HTML file on a run, or on several side by side"),
    "leaderboard": ("tfgen.leaderboard", "train models under one equal budget and rank them"),
}

USER_ERRORS = (UserError, registry.RegistryError)
_HELP = {"-h", "-help", "--help", "--helpshort", "--helpfull"}
_ERRNOS = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder",
}


class _Parser(flags.ArgumentParser):
    """Turns text into a value with `convert`, which raises ValueError for what is not `expected`."""

    def __init__(self, convert, expected):
        self.convert, self.expected = convert, expected

    def parse(self, argument):
        if not isinstance(argument, str):
            return argument
        try:
            return self.convert(argument)
        except UserError:
            raise  # it says more than we could
        except (ValueError, OverflowError):
            raise UserError(f"expected {self.expected}, got {argument!r}") from None

    def flag_type(self):
        return self.expected


class Command:
    """One command: a set of flags of its own, an action, and a way to call it that never shows a traceback.

    Two commands can be used in one process: their flags do not meet. A flag that was not given has its default,
    None in most cases, so that a recipe can tell.

        COMMAND = cli.Command("sample", "Draws images from a trained run.")
        COMMAND.integer("num", 100, "how many images", minimum=1)

        @COMMAND.action
        def main(flags):
            print(flags.num)

        if __name__ == "__main__":
            sys.exit(COMMAND())
    """

    def __init__(self, name, summary, example=None):
        self.name, self.summary, self.example = name, summary, example
        self._values = flags.FlagValues()
        self._shown = {}
        self._main = None
        self.boolean("help", False, "show this text and exit")

    def action(self, function):
        """Decorator for the function that does the work; it takes the parsed flags and may return an exit code."""
        self._main = function
        return function

    def string(self, name, default, help):
        self.parsed(name, default, help, str, "text")

    def integer(self, name, default, help, minimum=None):
        expected = "an integer" if minimum is None else f"an integer of at least {minimum}"
        self.parsed(name, default, help, lambda text: _bounded(int(text), minimum), expected)

    def number(self, name, default, help, minimum=None):
        expected = "a number" if minimum is None else f"a number of at least {minimum}"
        self.parsed(name, default, help, lambda text: _bounded(float(text), minimum), expected)

    def choice(self, name, default, help, choices):
        def convert(text):
            if text not in choices:
                raise UserError(f"expected one of {', '.join(choices)}, got {text!r}{nearest(text, choices)}")
            return text

        self.parsed(name, default, help, convert, "|".join(choices))

    def parsed(self, name, default, help, convert, expected):
        """A flag whose text `convert(text)` makes into a value, or raises ValueError: not what `expected` says."""
        flags.DEFINE(_Parser(convert, expected), name, default, help, self._values)
        self._shown[name] = (expected, default, help)

    def boolean(self, name, default, help):
        """`--name` and `--noname`; None as the default tells that neither was given."""
        flag = flags.BooleanFlag(name, default, help)
        flag.parser = _Parser(_truth, "true or false")
        flags.DEFINE_flag(flag, self._values)
        self._shown[name] = ("", default, help)

    def multiple(self, name, help, expected="text"):
        """A flag that may be given several times; its value is a list of texts, empty by default."""
        flags.DEFINE_multi_string(name, [], help, self._values)
        self._shown[name] = (expected, None, help)

    def __call__(self, arguments=None):
        """Runs the command on `arguments` (default: those of the process) and returns its exit code."""
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes about its own build help nobody here
        prefer_onednn()
        try:
            if _HELP & set(arguments):
                print(self.help_text())
                return 0
            return self._main(self.parse(arguments)) or 0
        except USER_ERRORS as error:
            return self._fail(error)
        except BrokenPipeError:
            # The reader, `head` say, has seen enough; keep Python from complaining when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            if error.errno not in _ERRNOS or error.filename is None:
                raise
            return self._fail(f"cannot use {os.fsdecode(error.filename)}: {_ERRNOS[error.errno]}")
        except KeyboardInterrupt as error:
            print(f"\ntfgen {self.name}: {error if error.args else 'interrupted'}", file=sys.stderr)
            return 130

    def parse(self, arguments):
        """Returns the absl flag values for `arguments`, a list of texts without the program's name.

        Raises:
            UserError: an unknown flag, a bad or missing value, an argument that is no flag.
        """
        self._values.unparse_flags()
        try:
            rest = self._values([self.name, *arguments])[1:]
        except flags.UnrecognizedFlagError as error:
            known = [f"--{name}" for name in self._shown]
            known = nearest(f"--{error.flagname}", known) or "; --help lists the flags"
            raise UserError(f"unknown flag --{error.flagname}{known}") from None
        except flags.IllegalFlagValueError as error:
            raise UserError(_sentence(error)) from None
        except flags.CantOpenFlagFileError as error:
            raise UserError(f"cannot open the flag file: {error.__context__}") from None
        except flags.Error as error:
            raise UserError(f"{_sentence(error)}; flags are written --name=value") from None
        if rest:
            raise UserError(f"unexpected argument {rest[0]!r}; flags are written --name=value")
        return self._values

    def help_text(self):
        """The command's help: usage, flags with their defaults, an example."""
        width = min(shutil.get_terminal_size((110, 24)).columns, 110)
        lines = [self.summary, "", f"usage: python -m tfgen.{self.name} [--flag=value ...]", ""]
        for name, (expected, default, help) in self._shown.items():
            left = f"  --{name}" + (f"={expected}" if expected and "|" in expected else "")
            text = help if default in (None, False) else f"{help} (default: {default})"
            lines += _two_columns(left, text, width)
        return "\n".join(lines + (["", f"example: {self.example}"] if self.example else []))

    def _fail(self, sentence):
        print(f"tfgen {self.name}: {' '.join(str(sentence).split())}", file=sys.stderr)
        return 2


def assignments(texts, flag="set"):
    """Splits the values of a multiple flag, `["name=value", ...]`, into a dict of texts; the last of a name wins."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise UserError(f"--{flag} expects name=value, got {text!r}; write --{flag}=latent_dim=64, for example")
        pairs[name.strip()] = value.strip()
    return pairs


def main(arguments=None):
    """`tfgen COMMAND --flag=value ...`: hands over to the command's own module."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in _HELP | {"help"}:
        print("usage: tfgen COMMAND [--flag=value ...]\n")
        for name, (_, summary) in COMMANDS.items():
            print(f"  {name:<12}{summary}")
        print("\n`tfgen COMMAND --help` lists the flags of one.")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(importlib.import_module("tfgen").__version__)
        return 0
    if arguments[0] not in COMMANDS:
        expected = nearest(arguments[0], COMMANDS) or f"; expected one of {', '.join(COMMANDS)}"
        print(f"tfgen: unknown command {arguments[0]!r}{expected}", file=sys.stderr)
        return 2
    return importlib.import_module(COMMANDS[arguments[0]][0]).COMMAND(arguments[1:])


def _truth(text):
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError
    return text.lower() in ("true", "1")


def _bounded(value, minimum):
    if value != value or (minimum is not None and value < minimum):
        raise ValueError
    return value


def _sentence(error):
    text = str(error).strip().split("\n")[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _two_columns(left, text, width, indent=24):
    body = textwrap.wrap(text, width - indent)
    if len(left) >= indent - 1:
        return [left, *(" " * indent + line for line in body)]
    return [left.ljust(indent) + body[0], *(" " * indent + line for line in body[1:])]
