"""Workers that wait for each other, what TF_CONFIG and schedulers say of them, and what a launcher says of signals."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from tfgen import launch
from tfgen.distribution import environment, launcher
from tfgen.distribution.meeting import meet
from tfgen.errors import UserError, WorkerLost
from tfgen.sampling.shards import workers

ROOT = pathlib.Path(__file__).resolve().parent.parent


def addresses(count):
    return [f"127.0.0.1:{port}" for port in launcher.free_ports(count)]


def together(names, indices, seconds=20.0):
    """What `meet` raised in each of the threads that stand for workers, None where it returned."""
    ends = {}

    def one(place, index):
        try:
            meet(names, index, seconds)
            ends[place] = None
        except Exception as error:
            ends[place] = error

    threads = [threading.Thread(target=one, args=(place, index)) for place, index in enumerate(indices)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [ends[place] for place in range(len(indices))]


def test_workers_go_on_once_all_have_come():
    names = addresses(3)
    assert together(names, [2, 0, 1]) == [None, None, None]
    # the address is free again, for TensorFlow's server
    with socket.create_server(("127.0.0.1", int(names[0].rpartition(":")[2]))):
        pass
    meet(["127.0.0.1:1"], 0, 1.0)  # one alone waits for nobody


def test_workers_that_do_not_come_are_named():
    names = addresses(3)
    first, last = together(names, [0, 2], seconds=1.0)
    assert isinstance(first, WorkerLost) and isinstance(last, WorkerLost)
    assert str(first) == f"these workers did not come within 1 seconds: {names[1]}; start all of them again"
    assert names[0] in str(last) and "did not come within 1 seconds" in str(last)


def test_strangers_and_workers_that_are_gone_again_are_no_workers():
    names = addresses(2)
    place = ("127.0.0.1", int(names[0].rpartition(":")[2]))
    ends = []
    thread = threading.Thread(target=lambda: ends.append(together(names, [0])))
    thread.start()
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"tfgen 7/2\n", b"tfgen 1/3\n", b"tfgen 1/2\n", b""):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(place) as connection:
                    connection.sendall(said)
                    break
            except OSError:
                time.sleep(0.02)
        if said == b"tfgen 1/2\n":
            break
    thread.join()
    assert ends == [[None]]


def test_two_workers_of_one_index_are_a_mistake():
    names = addresses(3)
    ends = together(names, [0, 1, 1], seconds=3.0)
    assert isinstance(ends[0], UserError) and "two processes are worker 1" in str(ends[0])


GOOD = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def changed(**parts):
    return json.dumps({**GOOD, **parts})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "TF_CONFIG must be like"),
        ("[" * 100_000, "TF_CONFIG must be like"),
        (changed(task={"type": "worker"}), "TF_CONFIG must be like"),
        (changed(task={"type": "worker", "index": -1}), "the index within the list"),
        (changed(task={"type": "worker", "index": 2}), "the index within the list"),
        (changed(task={"type": "worker", "index": True}), "the index within the list"),
        (changed(task={"type": "worker", "index": 10**24}), "the index within the list"),
        (changed(task={"type": "evaluator", "index": 0}), "TF_CONFIG must be like"),
        (changed(cluster={"worker": "a:1"}), "TF_CONFIG must be like"),
        (changed(cluster={"worker": ["a:1", "b:99999"]}), r"the port in 1..65535, got 'b:99999'"),
        (changed(cluster={"worker": ["a:1", "b:٣"]}), "the port in 1..65535"),
        (changed(cluster={"worker": ["a:1", ":2"]}), "as HOST:PORT"),
        (changed(cluster={"worker": ["a:1", 2]}), "as HOST:PORT"),
        (changed(cluster={"worker": ["a:1", "a:1"]}), "names 'a:1' twice"),
        (changed(cluster={"chief": ["a:1"], "worker": ["b:1", "a:1"]}), "names 'a:1' twice"),
    ],
    ids=lambda text: text[:30],
)
def test_mistakes_in_tf_config_are_said(text, sentence):
    with pytest.raises(UserError, match=sentence):
        environment.tf_config(text)


def test_tf_config_is_read():
    assert environment.tf_config(json.dumps(GOOD)) == GOOD
    assert environment.tf_config(changed(task={"type": "worker", "index": "1"}))["task"]["index"] == 1


@pytest.mark.parametrize("text", ["x", "", "-1", "7", "1_0", "²", "1e3", "9" * 5000])
def test_numbers_in_variables_of_schedulers_are_checked(text):
    with pytest.raises(UserError, match="^TASK must "):
        environment.integer_of({"TASK": text}, "TASK", below=5)
    if text:
        with pytest.raises(UserError, match="SLURM_PROCID"):
            workers.place(None, None, {"SLURM_PROCID": text, "SLURM_NTASKS": "3"})


# ---- the launcher ----


def test_a_launcher_says_how_many_workers_there_can_be(capsys):
    assert launch.COMMAND(["--workers=100000", "--", "true"]) == 2
    err = capsys.readouterr().err
    assert "workers at most, got 100000" in err and err.count("\n") == 1


@pytest.mark.parametrize("command", ["", "/etc/passwd", "./script", "a\0b", "/dev", "x" * 5000])
def test_what_cannot_be_started_is_said(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script").write_text("no first line that names an interpreter")
    (tmp_path / "script").chmod(0o755)
    assert launch.COMMAND(["--workers=1", "--", command]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tfgen launch: cannot start ") and err.count("\n") == 1


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (34, "SIGRTMIN"), (40, "signal 40"), (64, "SIGRTMAX")])
def test_every_signal_that_ends_a_worker_has_a_name(number, name):
    assert launcher._fate(-number) == f"was killed by {name}"


def test_a_worker_that_writes_no_text_is_heard_and_does_not_block():
    code = "import sys; sys.stdout.buffer.write(b'\\xff\\n' * 100_000 + b'last\\n'); sys.exit(3 if sys.argv else 0)"
    command = [sys.executable, "-m", "tfgen.launch", "--workers=2", "--restarts=0", "--", sys.executable, "-c"]
    only_second = "import os, json; json.loads(os.environ['TF_CONFIG'])['task']['index'] or __import__('sys').exit(0); "
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, only_second + code], capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 3
    assert "[worker 1] last\n" in done.stderr and "tfgen launch: worker 1 ended with exit code 3" in done.stderr
