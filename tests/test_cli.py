"""Commands: flags, help, exit codes; and what `tfgen.run` makes of its flags."""

import errno
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

import tfgen
from tfgen import cli, plugins, run
from tfgen.errors import UserError
from tfgen.recipes import recipe
from tfgen.recipes.recipe import Recipe


@pytest.fixture
def command():
    made = cli.Command("demo", "Does nothing.", example="python -m tfgen.demo --num=3")
    made.integer("num", 100, "how many", minimum=1)
    made.number("minutes", None, "how long", minimum=0)
    made.choice("resume", "auto", "what to do", ("auto", "never", "must"))
    made.boolean("mirror", None, "flip")
    made.multiple("set", "name=value")
    made.string("out", None, "where to")

    @made.action
    def main(flags):
        print(flags.num, flags.minutes, flags.resume, flags.mirror, flags.set)

    return made


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "100 None auto None []"),
        (["--num=5", "--mirror", "--minutes=1.5"], "5 1.5 auto True []"),
        (["--num", "5", "--nomirror"], "5 None auto False []"),
        (["--mirror=false", "--resume=must"], "100 None must False []"),
        (["--set=a=1", "--set=b=x,y"], "100 None auto None ['a=1', 'b=x,y']"),
    ],
)
def test_flags_are_parsed(command, capsys, arguments, printed):
    assert command(arguments) == 0
    assert capsys.readouterr().out.strip() == printed


def test_arguments_that_are_no_flags_are_values_of_one_flag_that_takes_them(capsys):
    made = cli.Command("demo", "Does nothing.")
    made.multiple("run", "folders", str.upper, positional=True)
    made.integer("num", 1, "how many")
    made.action(lambda flags: print(flags.run, flags.num))
    given = (["a", "--num=3", "b"], ["--run=a", "b"], ["--run", "a", "--", "--num=3"], [])
    assert [made(arguments) for arguments in given] == [0] * 4
    assert capsys.readouterr().out.splitlines() == ["['A', 'B'] 3", "['A', 'B'] 1", "['A', '--NUM=3'] 1", "[] 1"]
    assert made(["a", "--numb=3"]) == 2 and "did you mean '--num'" in capsys.readouterr().err
    assert (
        made(["--help"]) == 0 and "usage: python -m tfgen.demo [RUN ...] [--flag=value ...]" in capsys.readouterr().out
    )


def test_a_second_call_starts_from_the_defaults(command, capsys):
    command(["--num=5", "--set=a=1", "--mirror"])
    command([])
    assert capsys.readouterr().out.splitlines()[1] == "100 None auto None []"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nun=3"], "unknown flag --nun; did you mean '--num'?"),
        (["--zzzzzz"], "unknown flag --zzzzzz; --help lists the flags"),
        (["--num=x"], "flag --num=x: expected an integer of at least 1, got 'x'"),
        (["--num=0"], "flag --num=0: expected an integer of at least 1, got '0'"),
        (["--num=1.5"], "flag --num=1.5: expected an integer of at least 1, got '1.5'"),
        (["--num"], "missing value for flag --num; flags are written --name=value"),
        (["--minutes=nan"], "flag --minutes=nan: expected a number of at least 0, got 'nan'"),
        (["--resume=mus"], "flag --resume=mus: expected one of auto, never, must, got 'mus'; did you mean 'must'?"),
        (["--mirror=maybe"], "flag --mirror=maybe: expected true or false, got 'maybe'"),
        (["num=3"], "unexpected argument 'num=3'; flags are written --name=value"),
        (["--num=3", "more", "--mirror"], "unexpected argument 'more'; flags are written --name=value"),
        (["--flagfile=/no/such"], "cannot open the flag file: [Errno 2] No such file or directory: '/no/such'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(command, capsys, arguments, sentence):
    assert command(arguments) == 2
    assert capsys.readouterr() == ("", f"tfgen demo: {sentence}\n")


def test_a_text_of_thousands_of_letters_is_shortened(command, capsys):
    assert command(["--num=" + "9" * 5000]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tfgen demo: flag --num=99") and len(err) < 500 and err.count("\n") == 1


def test_help_lists_every_flag_with_its_default_and_exits_0(command, capsys):
    assert command(["--nonsense", "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "usage: python -m tfgen.demo" in out
    assert "  --num                 how many (default: 100)\n" in out
    assert "  --resume=auto|never|must\n                        what to do (default: auto)\n" in out
    assert "  --mirror              flip\n" in out
    assert out.endswith("example: python -m tfgen.demo --num=3\n")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_examples_of_every_command_can_be_given(name):
    command = importlib.import_module(cli.COMMANDS[name][0]).COMMAND
    assert command.examples
    for example in command.examples:
        words = shlex.split(example)
        assert words[:3] == ["python", "-m", cli.COMMANDS[name][0].removesuffix(".__main__")]
        flags = words[3:]
        command.parse(flags[: flags.index("--")] if "--" in flags else flags)


def test_help_is_wrapped_on_a_terminal_alone(command, monkeypatch):
    command.integer("long", 1, "many words " * 30)
    assert any(len(line) > 300 for line in command.help_text().splitlines())
    monkeypatch.setattr(cli.tables, "columns_of", lambda file: 70)
    assert max(map(len, command.help_text().splitlines())) <= 70


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("do this\ninstead"), 2, "tfgen demo: do this instead\n"),
        (FileNotFoundError(errno.ENOENT, "x", "/a/b"), 2, "tfgen demo: cannot use /a/b: there is no such file\n"),
        (OSError(errno.ENOSPC, "x", "/a"), 2, "tfgen demo: cannot use /a: no space is left on the disk\n"),
        (PermissionError(errno.EACCES, "x", b"/a"), 2, "tfgen demo: cannot use /a: permission denied\n"),
        (OSError(errno.EIO, "x", "/a"), 2, "tfgen demo: cannot use /a: the device fails to read or write\n"),
        (OSError(errno.EXDEV, "x", "/a", None, b"/b"), 2, "tfgen demo: cannot use /a or /b: the two are on different"),
        (OSError(errno.EMFILE, "x", 7), 2, "tfgen demo: cannot use file descriptor 7: too many files are open;"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 2, "tfgen demo: the system reports: no space is left on"),
        (
            FileNotFoundError(errno.ENOENT, "No usable folder in\n['/tmp']"),
            2,
            "reports: No usable folder in ['/tmp']\n",
        ),
        (OSError(errno.ENAMETOOLONG, "x", "a" * 5000), 2, " ... " + "a" * 60 + ": the name is too long\n"),
        (MemoryError("Unable to allocate 7 TiB"), 2, "there is not enough memory for it: Unable to allocate 7 TiB\n"),
        (KeyboardInterrupt(), 130, "tfgen demo: interrupted\n"),
        (KeyboardInterrupt("stopped at step 7"), 130, "tfgen demo: stopped at step 7\n"),
    ],
)
def test_what_an_action_raises_becomes_an_exit_code(command, capsys, error, code, said):
    @command.action
    def main(flags):
        raise error

    assert command([]) == code
    written = capsys.readouterr().err
    assert said in written and written.startswith("tfgen demo: ") and written.count("\n") == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OSError("no errno: not of the system"), ValueError("a bug")])
def test_a_bug_keeps_its_traceback(command, error):
    @command.action
    def main(flags):
        raise error

    with pytest.raises(type(error)):
        command([])


def test_an_action_may_return_an_exit_code(command):
    command.action(lambda flags: 3)
    assert command([]) == 3


@pytest.mark.parametrize("text", ["beta", "=3", "a b=3", "3=4"])
def test_assignments_are_name_equals_value(text):
    assert cli.assignments(["a=1", "b=x=y", "a= 2"]) == {"a": "2", "b": "x=y"}
    with pytest.raises(UserError) as raised:
        cli.assignments([text])
    assert str(raised.value) == f"--set expects name=value, got {text!r}; write --set=latent_dim=64, for example"


def test_the_console_script_hands_over(capsys, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "run", ("tfgen.run", "train"))
    monkeypatch.setattr(run, "COMMAND", lambda arguments: arguments)
    assert cli.main(["run", "--model=dcgan"]) == ["--model=dcgan"]
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == tfgen.__version__
    assert cli.main(["--help"]) == 0
    assert "  run         train\n" in capsys.readouterr().out
    assert cli.main([]) == 2
    assert cli.main(["rnu"]) == 2
    assert capsys.readouterr().err == "tfgen: unknown command 'rnu'; did you mean 'run'?\n"


def test_every_command_of_the_console_script_exists():
    import importlib

    for name, (module, _) in cli.COMMANDS.items():
        assert importlib.import_module(module).COMMAND.name == name


# ---- where the output goes ----

PRINTER = """
import os, sys
from tfgen import cli
COMMAND = cli.Command("demo", "Prints.")

@COMMAND.action
def main(flags):
    for number in range(5_000):
        print(number)
        print(number, file=sys.stderr)
    with open("result", "x") as file:  # the lowest free descriptor, which must not be that of a closed stream
        assert file.fileno() > 2
        print("a name that is not UTF-8: \\udcff", flush=True)
        file.write("all of it")

sys.exit(COMMAND(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        (">&-", 0),
        ("2>&-", 0),
        (">&- 2>&- <&-", 0),
        (">/dev/full", 0),
        (">/dev/full 2>/dev/full", 0),
        ("2>&1 | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0),
        ("--help >/dev/full", 2),
        ("--help | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0),
        ("--help >&-", 0),
    ],
)
def test_lost_output_ends_no_work(redirection, code, tmp_path):
    (tmp_path / "printer.py").write_text(PRINTER)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environ = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} printer.py {redirection}"], cwd=tmp_path, env=environ, capture_output=True
    )
    assert done.returncode == code and b"Traceback" not in done.stderr
    if "--help" in redirection:
        said = b"tfgen demo: cannot write to the standard output: no space is left on the disk\n"
        assert done.stderr == (said if code else b"")
    else:
        assert (tmp_path / "result").read_text() == "all of it"


STARTING = """
import os, signal, sys, threading, time
from tfgen.machine import startup
from tfgen import cli
COMMAND = cli.Command("demo", "Starts.")

def import_that_hides_exceptions():
    os.kill(os.getpid(), signal.{0})
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass

@COMMAND.action
def main(flags):
    if {1}:
        startup.start_tensorflow(import_that_hides_exceptions)
    try:
        os.kill(os.getpid(), signal.{0})
        time.sleep(5)
    except BaseException:
        raise ImportError("what a library makes of it")

sys.exit(COMMAND([]))
"""


@pytest.mark.parametrize("importing", [True, False])
@pytest.mark.parametrize(("name", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_before_the_work_ends_a_command_with_one_line(name, code, word, importing, tmp_path):
    environ = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
    program = STARTING.format(name, importing)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"tfgen demo: {word}\n")


@pytest.mark.parametrize("module", ["tfgen.run", "tfgen.report", "tfgen.launch", "tfgen"])
def test_a_signal_ends_a_command_from_the_import_of_its_package_on(module, tmp_path):
    from tfgen.machine import stopping

    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    try:
        stopping.guard_start(["python", "-X", "dev", "-m", module, "--model=vae"])
        handlers = {signal.getsignal(number) for number in stopping.SIGNALS}
        assert {handler.__self__.command for handler in handlers} == {module.removeprefix("tfgen").removeprefix(".")}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for other in (["python", "-m", "pytest"], ["python", "own.py"], ["python"]):
        stopping.guard_start(other)  # programs of other people keep their signals
        assert signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]


# ---- tfgen.run ----


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """What run.py passes to tfgen.train, which is not called; and a config folder with `vae`."""
    calls = []
    # Put into the namespace: reading the real one would start TensorFlow.
    monkeypatch.setitem(vars(tfgen), "train", lambda *args, **kwargs: calls.append((args, kwargs)))
    configs = tmp_path / "configs"
    configs.mkdir()
    monkeypatch.setattr(recipe, "configs_folder", lambda: configs)
    body = "import tfgen\ndef recipe():\n    return tfgen.Recipe('vae', epochs=7, batch_size=32, mirror=True, seed=4)\n"
    (configs / "vae.py").write_text(body)
    monkeypatch.chdir(tmp_path)
    return calls


VAE = Recipe("vae", epochs=7, batch_size=32, mirror=True, seed=4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model=vae"], VAE),
        (["--config=vae"], VAE),
        (["--config=configs/vae.py"], VAE),
        (["--config=vae", "--model=dcgan"], VAE.replace(model="dcgan")),
        (["--model=ae"], Recipe("ae", epochs=10)),
        (["--model=vae", "--batch_size=8", "--seed=0"], VAE.replace(batch_size=8, seed=0)),
        (["--model=vae", "--nomirror"], VAE.replace(mirror=False)),
        (["--model=vae", "--steps=5"], VAE.replace(steps=5)),
        (["--model=vae", "--steps=5", "--epochs=2"], VAE.replace(steps=5)),
        (["--model=vae", "--epochs=2"], VAE.replace(epochs=2)),
        (["--model=vae", "--image_size=20"], VAE.replace(image_size=(20, 20))),
        (["--model=vae", "--image_size=28x32"], VAE.replace(image_size=(28, 32))),
        (["--model=vae", "--dataset=folder:/a"], VAE.replace(dataset="folder:/a")),
        (
            ["--model=vae", "--set=beta=2", "--set=prior=uniform(-1, 1)"],
            VAE.replace(options={"beta": "2", "prior": "uniform(-1, 1)"}),
        ),
        (["--model=vae", "--set=schedule=cosine"], VAE.replace(schedule="cosine")),
        (
            ["--model=vae", "--precision=mixed_bfloat16", "--max_minutes=2", "--data_dir=/d", "--checkpoint_steps=9"],
            VAE.replace(precision="mixed_bfloat16", max_minutes=2.0, data_dir="/d", checkpoint_steps=9),
        ),
        (["--model=vae", "--steps_per_execution=4"], VAE.replace(steps_per_execution=4)),
        (["--model=vae", "--batch_size=auto"], VAE.replace(batch_size="auto")),
        (["--model=vae", "--stages=first:10,second"], VAE.replace(stages="first:10,second")),
    ],
)
def test_flags_win_over_the_config_and_that_over_defaults(trained, arguments, expected):
    assert run.COMMAND(arguments) == 0
    assert trained == [((expected, None), {"resume": "auto", "dry_run": False})]


def test_options_that_a_user_sets_are_told_from_those_of_the_config(trained):
    assert run.COMMAND(["--model=vae", "--set=beta=2", "--set=schedule=cosine"]) == 0
    assert trained[0][0][0].given == {"beta"}


def test_what_is_no_part_of_the_recipe_is_passed_beside_it(trained):
    assert run.COMMAND(["--model=vae", "--workdir=w", "--resume=must", "--dry_run"]) == 0
    assert trained == [((VAE, "w"), {"resume": "must", "dry_run": True})]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give --model=NAME or --config=NAME; --list_models shows the models"),
        (["--model=dcagn"], "unknown model 'dcagn'; did you mean 'dcgan'?"),
        (["--config=vea"], "unknown config 'vea'; did you mean 'vae'?"),
        (["--config=no.py"], "there is no config file no.py; a bare name means one of vae"),
        (["--model=vae", "--set=beta"], "--set expects name=value, got 'beta'; write --set=latent_dim=64, for example"),
        (["--model=vae", "--set=batch_size=3"], "batch_size has a flag of its own: write --batch_size=3"),
        (["--model=vae", "--image_size=28x"], "flag --image_size=28x: expected a size such as 28 or 28x32, got '28x'"),
        (["--model=vae", "--max_minutes=0"], "max_minutes expects a positive number, got 0.0"),
        (
            ["--model=vae", "--batch_size=0"],
            "flag --batch_size=0: expected an integer of at least 1, or auto, got '0'",
        ),
        (
            ["--model=vae", "--stages=first,second"],
            "stages: only the last stage may leave out its steps; write first:1000, for example",
        ),
        (
            ["--model=vae", "--seed=4294967296"],
            "seed expects an integer of at least 0 and at most 2147483647, got 4294967296",
        ),
        (
            ["--model=vae", "--precision=bfloat16"],
            "flag --precision=bfloat16: expected one of float32, mixed_bfloat16, auto, got 'bfloat16'; "
            "did you mean 'mixed_bfloat16'?",
        ),
        (["--plugin=a/b.py"], "--plugin expects a module or a Python file, got 'a/b.py': there is no such file"),
        (
            ["--plugin=configs/"],
            "--plugin expects a module or a Python file, got 'configs/': the folder holds no __init__.py",
        ),
        (["--plugin=leaves_plugin"], "plugin 'leaves_plugin' cannot be imported: SystemExit: 3"),
        (
            ["--plugin=bad_syntax"],
            "plugin 'bad_syntax' cannot be imported: SyntaxError: invalid syntax (bad_syntax.py, line 2)",
        ),
        (["--plugin=~nosuchuser/x"], "--plugin: '~nosuchuser/x' is no path: Could not determine home directory."),
        (["--workdir=~nosuchuser/x"], "flag --workdir=~nosuchuser/x: --workdir: '~nosuchuser/x' is no path: Could not"),
        (
            ["--model=vae", "--steps=99999999999999999999"],
            "steps expects an integer of at least 1 and at most 2147483647, got 999",
        ),
        (["--model=vae", "--steps=1_000"], "flag --steps=1_000: expected an integer of at least 1, got '1_000'"),
        (["--model=vae", "--epochs=٣"], "flag --epochs=٣: expected an integer of at least 1, got '٣'"),
        (["--model=vae", "--max_minutes=1e400"], "max_minutes expects a positive number, got inf"),
        (["--model=vae", "--image_size=0"], "flag --image_size=0: expected a size such as 28 or 28x32, got '0'"),
        (["--model=vae", "--data_dir=~nosuchuser"], "data_dir: '~nosuchuser' is no path: Could not determine home"),
        (
            ["--model=vae", "--learning_rate=0.1"],
            "unknown flag --learning_rate; an option of a model is given as --set=learning_rate=0.1",
        ),
        (
            ["--model=vae", "--schedule=cosine"],
            "unknown flag --schedule; an option of a model is given as --set=schedule=cosine",
        ),
        (["--model=vae", "--lerning_rate=0.1"], "unknown flag --lerning_rate; did you mean '--set=learning_rate=0.1'?"),
        (["--model=vae", "--modle=vae"], "unknown flag --modle; did you mean '--model'?"),
        (["--config=bad.py"], "bad.py:2: SyntaxError: invalid syntax"),
        (["--config=leaves.py"], "leaves.py:2: SystemExit: 3"),
        (["--config=other.py"], "recipe() in other.py returned 3, expected a tfgen.Recipe"),
        (["--config=configs/"], "there is no config file"),
        (["--config=/dev/zero"], "there is no config file /dev/zero"),
        (["--config=" + "x" * 5000 + ".py"], ": the name is too long"),
        (["--flagfile=binary"], "cannot read the flags: "),
        (["--plugin=broken_plugin"], "plugin 'broken_plugin' cannot be imported: ZeroDivisionError: division by zero"),
        (["--plugin=lacks_plugin"], "plugin 'lacks_plugin' cannot be imported: No module named 'no_such_module'"),
    ],
)
def test_mistakes_of_a_run(trained, capsys, tmp_path, arguments, sentence):
    files = {"broken_plugin": "1 / 0", "lacks_plugin": "import no_such_module", "leaves_plugin": "raise SystemExit(3)"}
    files |= {"bad_syntax": "\n1 +", "bad": "\n1 +", "leaves": "def recipe():\n    raise SystemExit(3)"}
    files |= {"other": "recipe = lambda: 3"}
    for name, code in files.items():
        (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "binary").write_bytes(b"--num=\xff\xfe")
    assert run.COMMAND(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:11]) == ("", 1, "tfgen run: ") and sentence in err
    assert trained == []


def test_a_plugin_may_be_a_file_or_a_package(trained, capsys, tmp_path, monkeypatch):
    from tfgen.models import MODELS

    monkeypatch.setattr(MODELS, "_registered", {})
    monkeypatch.setattr(plugins, "_IMPORTED", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    code = "import tfgen\n@tfgen.register_model('{0}')\ndef build(fields, *, width: int = 3):\n    'From a file.'\n"
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "by_path.py").write_text(code.format("by_path"))
    (tmp_path / "far" / "as_package").mkdir()
    (tmp_path / "far" / "as_package" / "__init__.py").write_text(code.format("as_package"))
    flags = ["--plugin=./far/by_path.py", "--plugin=far/as_package"]
    assert run.COMMAND([*flags, "--list_models"]) == 0
    assert capsys.readouterr().out.count("From a file.") == 2
    assert list(plugins.imported()) == ["./far/by_path.py", "far/as_package"]
    assert run.COMMAND([*flags, "--model=by_path"]) == 0  # a second time in one process
    for name in ("by_path", "as_package"):
        assert sys.modules.pop(name).build.__module__ == name
    (tmp_path / "far" / "json.py").write_text("")
    assert run.COMMAND(["--plugin=far/json.py"]) == 2
    assert "a module 'json' is imported already, from " in capsys.readouterr().err


def test_a_missing_plugin_gets_the_nearest_file(trained, capsys, tmp_path):
    (tmp_path / "my_plugin.py").write_text("")
    assert run.COMMAND(["--plugin=my_plugni"]) == 2
    said = f"there is no module 'my_plugni' to import, neither installed nor in {tmp_path}; did you mean 'my_plugin'?"
    assert capsys.readouterr().err == f"tfgen run: {said}\n"


def test_a_plugin_in_the_working_directory_registers_its_model(trained, capsys, tmp_path, monkeypatch):
    from tfgen.models import MODELS

    monkeypatch.setattr(MODELS, "_registered", {})
    monkeypatch.setattr(plugins, "_IMPORTED", {})
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != ""])
    monkeypatch.delitem(sys.modules, "cwd_plugin", raising=False)
    code = "import tfgen\n@tfgen.register_model('from_cwd')\ndef build(fields, *, width: int = 3):\n    'From here.'\n"
    (tmp_path / "cwd_plugin.py").write_text(code)
    assert run.COMMAND(["--plugin=cwd_plugin", "--list_models"]) == 0
    assert re.search(r"^from_cwd +From here\.$", capsys.readouterr().out, re.MULTILINE)
    assert plugins.imported()["cwd_plugin"].build is MODELS.get("from_cwd")
    assert run.COMMAND(["--plugin=cwd_plugin", "--model=from_cwd", "--list_options"]) == 0
    assert capsys.readouterr().out == "options of from_cwd, given as --set=name=value:\n  width  3  (an integer)\n"
    assert run.COMMAND(["--plugin=cwd_plugin", "--model=from_cwd"]) == 0
    assert trained[0][0][0] == Recipe("from_cwd", epochs=10)
    sys.modules.pop("cwd_plugin")


@pytest.mark.parametrize("arguments", [["--help"], ["--list_models"]])
def test_help_and_list_models_import_no_tensorflow(arguments, tmp_path):
    """From any directory, as a process, with the exit code that a shell sees."""
    code = (
        f"import sys; from tfgen import run; c = run.COMMAND({arguments}); sys.exit(c or 'tensorflow' in sys.modules)"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--model" in done.stdout or re.search("^dcgan +Deep", done.stdout, re.MULTILINE)
