"""Tables and progress: whole lines for programs, the width of the terminal for people, codes for neither."""

import io
import os
import pty
import subprocess
import sys
import types

import pytest

from tfgen import tables
from tfgen.training.callbacks import Progress
from tfgen.training.callbacks import progress as progress_of_training

LONG = "a summary of many words " * 20


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def test_a_row_is_one_line_however_long():
    text = tables.table([("dcgan", LONG), ("a_longer_name", 3)], ["model", "what"])
    assert text.splitlines() == [
        "model          what",
        "dcgan          " + LONG.rstrip(),
        "a_longer_name  3",
    ]
    assert tables.table([]) == ""


def test_on_a_terminal_the_last_column_is_wrapped_below_itself():
    lines = tables.table([("dcgan", LONG), ("vae", "short")], indent=2, width=60).splitlines()
    assert len(lines) > 5 and max(map(len, lines)) <= 60
    assert lines[0].startswith("  dcgan  a summary") and all(line.startswith("         ") for line in lines[1:-1])
    assert lines[-1] == "  vae    short"


@pytest.mark.parametrize("cell", ["[red]x[/red]", "units=[64, 32]", ":smile:", "a\u00e9\u4e2d", "[/]", "1e-3 http://x"])
def test_cells_are_text_and_nothing_else(cell, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert tables.table([("a", cell)]) == f"a  {cell}"


def test_widths_are_those_of_terminals_alone(monkeypatch):
    assert tables.columns_of(io.StringIO()) is None and not tables.is_terminal(None)
    closed = io.StringIO()
    closed.close()
    assert not tables.is_terminal(closed)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal, os.fdopen(master, "rb"):
        assert tables.columns_of(terminal) == max(os.get_terminal_size(slave).columns, 40)


def test_progress_is_shown_on_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    plain, terminal = io.StringIO(), Terminal()
    for file in (plain, terminal):
        with tables.progress("training", 10, file) as show:
            show(4, "loss [0.5]")
    assert plain.getvalue() == ""
    assert "training" in terminal.getvalue() and "4/10" in terminal.getvalue() and "loss [0.5]" in terminal.getvalue()


def test_a_stream_that_goes_elsewhere_stays_whole_beside_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with tables.progress("sampling", 10, Terminal()):
        print(LONG)
    assert out.getvalue() == LONG + "\n"


def test_the_progress_of_a_training_goes_by_steps(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress_of_training.time, "monotonic", lambda: now[0])
    seen = []
    callback = Progress(lambda done, said: seen.append((done, said)))
    callback.set_model(types.SimpleNamespace(step=types.SimpleNamespace(numpy=lambda: 20)))
    callback.on_epoch_begin(2)
    for batch in range(3):
        callback.on_train_batch_end(batch, {"d_loss": 0.5, "score": 1.0, "g_loss": 2.0})
        now[0] += 0.3  # less than between two updates
    callback.on_epoch_end(2, {"kl": 3.0})
    assert seen == [(21, "d_loss 0.5  g_loss 2"), (23, "d_loss 0.5  g_loss 2"), (20, "kl 3")]


def test_importing_tables_imports_no_rich():
    program = "import sys, tfgen.cli, tfgen.run, tfgen.tables; print([m for m in sys.modules if 'rich' in m])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
