"""Other processes that tests start and end."""

import contextlib
import subprocess
import sys


@contextlib.contextmanager
def busy(code, *arguments, says):
    """A Python process, once it has printed the line `says`; it is killed at the end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == f"{says}\n"
        yield process
    finally:
        process.kill()
        process.communicate()
