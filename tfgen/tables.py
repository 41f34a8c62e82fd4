"""Tables and progress bars, by rich, which comes with Keras. Importing this imports none of it.

On a terminal a table fits its width; anywhere else a row is one line, however long, so that programs can read it.
Nothing is coloured, and no escape codes reach a pipe or a file.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

UNCUT = 100_000  # columns, more than any row has


def table(rows: Sequence[Sequence[object]], headers: Sequence[str] = (), indent: int = 0, width: int = UNCUT) -> str:
    """Returns rows of cells as text, with aligned columns two spaces apart.

    Args:
        rows: of cells, each as many as in the first.
        headers: of the columns; none without them.
        indent: spaces before each row.
        width: characters per line, beyond which the cells of the last column are wrapped.
    """
    if not rows:
        return ""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=bool(headers), header_style="")
    for index in range(len(rows[0])):
        last = index == len(rows[0]) - 1
        made.add_column(headers[index] if headers else "", no_wrap=not last, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    out = io.StringIO()
    # not a terminal, whatever FORCE_COLOR and the like say: the text is for printing, and may go anywhere
    Console(file=out, width=width - indent, color_system=None, force_terminal=False, highlight=False).print(made)
    return "\n".join((" " * indent + line).rstrip() for line in out.getvalue().splitlines())


def show(rows: Sequence[Sequence[object]], headers: Sequence[str] = (), indent: int = 0) -> None:
    """Prints a table, wrapped to the width of the terminal if it goes to one."""
    print(table(rows, headers, indent, columns_of(sys.stdout) or UNCUT))


def columns_of(file: TextIO) -> int | None:
    """Returns the width of the terminal that a file is, at least 40; None for anything else."""
    if not is_terminal(file):
        return None
    with contextlib.suppress(OSError, ValueError):
        return max(os.get_terminal_size(file.fileno()).columns, 40)
    return None


def is_terminal(file: TextIO | None) -> bool:
    """Returns whether a stream is a terminal; a closed one and None are not."""
    try:
        return file is not None and file.isatty()
    except ValueError:
        return False


@contextlib.contextmanager
def progress(what: str, total: int, file: TextIO | None = None) -> Iterator[Callable[[int, str], None]]:
    """Context of a progress bar; yields `f(done, said)`, `said` a text beside it. Without a terminal nothing is shown.

    Args:
        what: goes on, for people.
        total: amount at which it ends.
        file: where the bar is shown; by default stderr.
    """
    file = file or sys.stderr
    if not is_terminal(file):
        yield lambda done, said: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = [TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[said]}")]
    columns = (texts[0], BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), texts[1])
    # drawn twice a second: the training needs the processor
    # what is printed meanwhile appears above the bar; a stream that goes elsewhere is left alone
    with Progress(
        *columns,
        console=Console(file=file, highlight=False),
        refresh_per_second=2,
        redirect_stdout=is_terminal(sys.stdout),
        redirect_stderr=is_terminal(sys.stderr),
    ) as bar:
        task = bar.add_task(what, total=total, said="")
        yield lambda done, said: bar.update(task, completed=done, said=said)
