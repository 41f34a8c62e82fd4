"""The launcher of local workers: their environment, what it does when one fails, and runs that end to the same bits."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tfgen
from tfgen import launch
from tfgen.distribution.launcher import LAUNCHED, training_command
from tfgen.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAUNCH = [sys.executable, "-m", "tfgen.launch"]
IN_NAMESPACE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
INDEX = "import json, os, sys, time; index = json.loads(os.environ['TF_CONFIG'])['task']['index']; "


def environ(**changes):
    kept = {name: value for name, value in os.environ.items() if name not in ("TF_CONFIG", "OMP_NUM_THREADS")}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def start(flags, *command, **changes):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*LAUNCH, *flags, "--", *command], env=environ(**changes), **pipes)


def run(flags, code, **changes):
    """(exit code, stdout, stderr) of workers that run Python `code`, in which `index` is the worker's number."""
    process = start(flags, sys.executable, "-c", INDEX + code, **changes)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_every_worker_knows_all_and_threads_are_shared_out(tmp_path):
    code = f"json.dump(dict(os.environ), open(os.path.join({str(tmp_path)!r}, str(index)), 'w'))"
    assert run(["--workers=3"], code, TF_NUM_INTEROP_THREADS="7")[0] == 0
    seen = [json.loads((tmp_path / str(index)).read_text()) for index in range(3)]
    configs = [json.loads(variables["TF_CONFIG"]) for variables in seen]
    hosts = configs[0]["cluster"]["worker"]
    assert len(set(hosts)) == 3 and all(host.startswith("127.0.0.1:") for host in hosts)
    assert [config["cluster"]["worker"] for config in configs] == [hosts] * 3
    assert [config["task"] for config in configs] == [{"type": "worker", "index": index} for index in range(3)]
    threads = str(max(1, len(os.sched_getaffinity(0)) // 3))
    assert all(variables["OMP_NUM_THREADS"] == threads for variables in seen)
    assert all(variables["TF_NUM_INTEROP_THREADS"] == "7" for variables in seen)  # of the user's


def test_only_the_first_workers_output_is_passed_on():
    code, out, err = run(["--workers=2"], "print('said by', index); print('error of', index, file=sys.stderr)")
    assert (code, out, err) == (0, "said by 0\n", "error of 0\n")


def test_a_worker_that_dies_is_restarted_with_all_others(tmp_path):
    code = f"""
size = lambda number: os.path.getsize(os.path.join({str(tmp_path)!r}, str(number)))
with open(os.path.join({str(tmp_path)!r}, str(index)), 'a') as file: file.write('x')
attempt = size(index)
if index == 1:
    while size(0) < attempt: time.sleep(0.02)  # the other has begun as often
    if attempt < 3: os.kill(os.getpid(), 9)
elif attempt < 3: time.sleep(60)
"""
    for index in range(2):
        (tmp_path / str(index)).touch()
    code, _, err = run(["--workers=2", "--restarts=2"], code)
    assert code == 0
    assert [(tmp_path / str(index)).read_text() for index in range(2)] == ["xxx", "xxx"]
    assert err.count("tfgen launch: worker 1 was killed by SIGKILL; starting all again") == 2


@pytest.mark.parametrize("exits, code", [("1", 1), ("75", 75), ("-9", 75)])
def test_restarts_are_bounded_and_the_failure_is_told(exits, code):
    end = "os.kill(os.getpid(), 9)" if exits == "-9" else f"sys.exit({exits})"
    found, _, err = run(["--workers=1", "--restarts=1"], end)
    assert found == code
    assert err.count("starting all again") == 1 and err.count("no restart is left") == 1


def test_another_workers_last_words_are_shown():
    code, _, err = run(["--workers=2", "--restarts=0"], "index == 1 and sys.exit('out of luck')")
    assert code == 1 and "[worker 1] out of luck\n" in err
    assert "tfgen launch: worker 1 ended with exit code 1; no restart is left" in err


def test_a_mistake_is_not_repeated():
    """The first says it and ends with 2; the other, which it has left, ends with 75 and is not heard."""
    say = "print('tfgen run: no such data', file=sys.stderr); time.sleep(0.3); sys.exit(2)"
    code, _, err = run(["--workers=2"], f"exec({say!r}) if index == 0 else (print('lost'), sys.exit(75))")
    assert (code, err) == (2, "tfgen run: no such data\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_go_to_all_workers(number, tmp_path):
    catch = f"import signal; path = os.path.join({str(tmp_path)!r}, str(index))\n"
    catch += f"signal.signal({int(number)}, lambda *_: (open(path + '.caught', 'w'), sys.exit(130)))\n"
    process = start(["--workers=2"], sys.executable, "-c", INDEX + catch + "open(path, 'w'); time.sleep(60)")
    wait_for(lambda: all((tmp_path / str(index)).exists() for index in range(2)), process)
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    assert all((tmp_path / f"{index}.caught").exists() for index in range(2))
    process.communicate()


def test_workers_do_not_outlive_a_killed_launcher(tmp_path):
    code = f"open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'w'); time.sleep(60)"
    process = start(["--workers=2"], sys.executable, "-c", INDEX + code)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2, process)
    process.kill()
    process.communicate()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    wait_for(lambda: not any(alive(pid) for pid in workers))


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, process=None, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline and (process is None or process.poll() is None):
        time.sleep(0.05)
    assert condition()


def test_what_is_no_command_is_refused(capsys):
    assert launch.COMMAND(["--workers=2"]) == 2
    assert "expected the workers' command after --, for example: python -m tfgen.launch" in capsys.readouterr().err
    assert launch.COMMAND(["--workers=0", "--", "true"]) == 2
    assert "expected an integer of at least 1" in capsys.readouterr().err
    assert launch.COMMAND(["--", "no-such-command"]) == 2
    assert "cannot start 'no-such-command': there is no such file" in capsys.readouterr().err
    assert launch.COMMAND(["--help"]) == 0
    assert "--restarts" in capsys.readouterr().out


def test_training_commands_are_told_that_they_are_several():
    told = ["python", "-m", "tfgen.run", "--model=vae", "--distribute=multiworker"]
    assert training_command(told[:-1], "") == training_command(told, "") == told
    assert training_command(["/bin/tfgen", "run"], "")[-1] == "--distribute=multiworker"
    assert training_command(["python", "own.py"], "") == ["python", "own.py"]
    with pytest.raises(UserError, match="workers train with --distribute=multiworker, got --distribute=mirrored"):
        training_command([*told[:-1], "--distribute=mirrored"], "")
    with pytest.raises(UserError, match="after --, for example: tfgen launch"):
        training_command([], "tfgen launch")


def test_a_restart_goes_on_with_what_the_launch_began(monkeypatch, tmp_path):
    """--resume=never sets an older run aside, and not the one of the worker that has died."""
    from tfgen.runs.layout import Layout
    from tfgen.runs.resume import restarted

    paths = Layout(tmp_path)
    monkeypatch.delenv(LAUNCHED, raising=False)
    assert not restarted(paths)
    monkeypatch.setenv(LAUNCHED, "17.5")
    assert not restarted(paths)
    for text, ours in (("{", False), ('{"recipe": {"model": "vae"}}', False)):
        paths.recipe.write_text(text)
        assert restarted(paths) is ours
    record = {"recipe": {"model": "vae"}, "launch": "17.5"}
    paths.recipe.write_text(json.dumps(record))
    assert restarted(paths)
    monkeypatch.setenv(LAUNCHED, "18.5")  # a later launch: --resume=never means what it says
    assert not restarted(paths)


# With TensorFlow's server, which listens on every address: in a network of its own.


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "few.npz"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (300, 16, 16, 1), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=random.integers(0, 3, 300))
    return path


def trained(few, folder, *flags):
    """A launched training of two workers, started."""
    if subprocess.run([*IN_NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("network namespaces are not permitted here")
    command = [sys.executable, "-m", "tfgen.run", "--model=dcgan", f"--dataset=npz:{few}", f"--workdir={folder}"]
    options = ("width=4", "latent_dim=4", "kernel_size=3", "normalize=true", "dropout=0.2")
    command += ["--batch_size=12", "--checkpoint_steps=7", *(f"--set={option}" for option in options), *flags]
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    launcher = [*IN_NAMESPACE, *LAUNCH, "--workers=2", "--", *command]
    return subprocess.Popen(launcher, env=environ(**threads), **pipes)


def worker_of(launcher, index):
    """The process id of a worker: `unshare` and `sh` have become the launcher."""
    return int(pathlib.Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()[index])


def newest_step(folder):
    return max((int(path.name[5:]) for path in (folder / "checkpoints").glob("step_*")), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_run_of_which_a_worker_is_killed_ends_to_the_same_bits(victim, few, tmp_path):
    quiet = trained(few, tmp_path / "quiet", "--steps=60")
    assert quiet.communicate(timeout=600)[0] and quiet.returncode == 0
    process = trained(few, tmp_path / "killed", "--steps=60")
    wait_for(lambda: newest_step(tmp_path / "killed") >= 14, process, 300)
    os.kill(worker_of(process.pid, victim), signal.SIGKILL)
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output
    assert f"worker {victim} was killed by SIGKILL; starting all again" in output and "resumed from step" in output
    runs = [tfgen.load_run(tmp_path / name) for name in ("quiet", "killed")]
    assert runs[0].model.digest() == runs[1].model.digest()
    for name in ("history", "diagnosis"):
        texts = [getattr(run.paths, name).read_text() for run in runs]
        assert texts[0] == texts[1]


@pytest.mark.slow
def test_sigterm_stops_all_workers_after_the_same_step_and_the_run_goes_on_alone(few, tmp_path):
    process = trained(few, tmp_path, "--steps=5000")
    wait_for(lambda: newest_step(tmp_path) >= 7, process, 300)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert "and saved; give the same command again to go on" in output and "Traceback" not in output
    stopped = int(output.split("stopped after step ")[1].split()[0])
    assert newest_step(tmp_path) == stopped
    recipe = tfgen.load_run(tmp_path).recipe.replace(distribute="none", steps=stopped + 3)
    assert int(tfgen.train(recipe, tmp_path).model.step) == stopped + 3


@pytest.mark.slow
def test_a_mistake_of_all_workers_is_said_once(few, tmp_path):
    process = trained(few, tmp_path / "run", "--batch_size=13")
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 2
    assert output.count("a batch of 13 cannot be shared equally by 2 replicas") == 1 and "Traceback" not in output
    assert not (tmp_path / "run").exists()
