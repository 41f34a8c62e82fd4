"""Child processes: they end with their parent, however that one ends."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tfgen.machine.children import fate, run_child

ROOT = str(pathlib.Path(__file__).resolve().parents[1])
# a child with a child of its own; both write their numbers
FAMILY = """
import os, pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(folder / "child").write_text(str(os.getpid()))
time.sleep(60)
"""
# a command of tfgen that waits for it
PARENT = """
import pathlib, sys
from tfgen import cli
from tfgen.machine.children import run_child

COMMAND = cli.Command("demo", "Waits.")

@COMMAND.action
def main(flags):
    run_child([sys.executable, "-c", sys.argv[1], sys.argv[2]], pathlib.Path(sys.argv[2]) / "log")

sys.exit(COMMAND([]))
"""


def group_of(number):
    """The processes of a group."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [pid for pid, group, state in rows if group == str(number) and not state.startswith("Z")]


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_child_runs_to_its_end_and_its_output_is_in_the_file(tmp_path):
    log = tmp_path / "logs" / "log"
    code = "import sys; print('one'); print('two', file=sys.stderr); print('three'); sys.exit(3)"
    assert run_child([sys.executable, "-c", code], log) == 3
    assert log.read_text() == "one\ntwo\nthree\n"
    assert run_child([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], log) == -9 and log.read_text() == ""
    assert (fate(-9), fate(3)) == ("was killed by SIGKILL", "ended with exit code 3")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGKILL", -9)])
def test_no_orphan_is_left(tmp_path, name, code):
    environ = {**os.environ, "PYTHONPATH": ROOT}
    process = subprocess.Popen([sys.executable, "-c", PARENT, FAMILY, str(tmp_path)], env=environ, stderr=-1)
    wait_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = (tmp_path / "child").read_text()
    assert len(group_of(child)) == 2
    process.send_signal(getattr(signal, name))
    error = process.communicate(timeout=20)[1].decode()
    assert process.returncode == code and error.count("\n") == (0 if code == -9 else 1)
    wait_for(lambda: child not in group_of(child))
    assert code == -9 or not group_of(child), "its own children neither"
    if group_of(child):
        os.killpg(int(child), signal.SIGKILL)


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    # the child itself says when: a timer could fire before it has started
    code = f"import os, signal, time; {ignore}; os.kill(os.getppid(), signal.SIGALRM); time.sleep(60)"
    log = tmp_path / "log"

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_child([sys.executable, "-c", code], log, grace=0.3)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_link_in_the_place_of_the_log_is_replaced(tmp_path):
    (tmp_path / "other").write_text("kept")
    (tmp_path / "log").symlink_to(tmp_path / "other")
    assert run_child([sys.executable, "-c", "print(1)"], tmp_path / "log") == 0
    assert (tmp_path / "other").read_text() == "kept" and (tmp_path / "log").read_text() == "1\n"
