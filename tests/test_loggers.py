"""Loggers by name: what each tracker is told, that its failures are said once, and that the bits stay."""

import csv
import json
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import tfgen
from registry import UnknownName
from tfgen.errors import UserError
from tfgen.loggers import LOGGERS
from tfgen.loggers.base import LoggedRun, Logger, make_loggers, tracker_module
from tfgen.loggers.trackers import flat
from tfgen.run import COMMAND
from tfgen.runs import job

OPTIONS = {"network": "dense", "units": [4], "latent_dim": 2}
EPOCHS, STEPS = 2, 7  # of 60 - 3 training images, in batches of 8


class Recorder(types.SimpleNamespace):
    """Stands in the place of a tracker's module: keeps every call, and fails where it is told to."""

    def __init__(self, fails=()):
        super().__init__(calls=[], fails=fails, __spec__=None)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **keywords):
            self.calls.append((name, args, keywords))
            if name in self.fails:
                raise OSError(f"no server for {name}")
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id="abc123"))

        return call

    def of(self, name):
        return [(args, keywords) for called, args, keywords in self.calls if called == name]


@pytest.fixture(autouse=True)
def no_savedmodel(monkeypatch):
    """Its export takes longer than these trainings."""
    monkeypatch.setattr(job, "export", lambda *args: None)


@pytest.fixture
def tracker(monkeypatch):
    def make(name, fails=()):
        monkeypatch.setitem(sys.modules, name, Recorder(fails))
        return sys.modules[name]

    return make


@pytest.fixture
def recipe(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images, x_test=images[:9])
    return tfgen.Recipe("vae", f"npz:{tmp_path / 'images.npz'}", OPTIONS, batch_size=8, epochs=EPOCHS)


def history(run):
    with open(run.paths.history, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_wandb_gets_the_recipe_the_history_and_pictures(recipe, tracker, tmp_path):
    wandb = tracker("wandb")
    run = tfgen.train(recipe.replace(logger="wandb"), tmp_path / "run")
    ((_, begun),) = wandb.of("init")
    assert begun["name"] == "run" and begun["config"]["options"]["latent_dim"] == 2 and begun["project"] == "tfgen"
    logged = [(args[0], keywords["step"]) for args, keywords in wandb.of("log") if "epoch" in args[0]]
    rows = history(run)
    assert [step for _, step in logged] == [STEPS, 2 * STEPS] == [int(row["step"]) for row in rows]
    assert [values["loss"] for values, _ in logged] == [float(row["loss"]) for row in rows]
    assert all(name.startswith("diagnosis/") for args, _ in wandb.of("log") for name in args[0] if "/" in name)
    assert len(wandb.of("Image")) == EPOCHS and len(wandb.of("finish")) == 1
    assert not run.paths.tensorboard.exists(), "tensorboard was not among the names"
    steps = [keywords["step"] for _, keywords in wandb.of("log")]
    assert steps == sorted(steps), "wandb drops what comes for an earlier step"


@pytest.mark.slow
def test_a_resumed_run_goes_on_in_the_trackers_own_run(recipe, tracker, tmp_path):
    wandb, mlflow, trackio = (tracker(name) for name in ("wandb", "mlflow", "trackio"))
    names = recipe.replace(logger="wandb,mlflow,trackio")
    for epochs in (1, 2):
        tfgen.train(names.replace(epochs=epochs), tmp_path / "run")
    assert (
        len({keywords["id"] for _, keywords in wandb.of("init")})
        == 1
        == len({keywords["name"] for _, keywords in trackio.of("init")})
    )
    assert [keywords for _, keywords in mlflow.of("start_run")] == [{"run_name": "run"}, {"run_id": "abc123"}]
    assert len(mlflow.of("log_params")) == 1, "MLflow refuses a parameter that changes"
    assert mlflow.of("log_params")[0][0][0]["options.latent_dim"] == 2
    assert [keywords["step"] for args, keywords in mlflow.of("log_metrics") if "epoch" in args[0]] == [STEPS, 2 * STEPS]


@pytest.mark.parametrize("damage", ["", "[1]", '{"Wandb": 7}', '{"Wandb": "../../x"}', '{"Wandb": "a', "\x00"])
def test_the_trackers_names_are_read_as_if_anybody_had_written_them(tmp_path, damage):
    (tmp_path / "ids.json").write_text(damage)
    logger = type("Wandb", (Logger,), {})(LoggedRun(tmp_path, {}, ids=tmp_path / "ids.json"))
    assert logger.remembered() is None
    logger.remember("good-1")
    assert logger.remembered() == "good-1"


@pytest.mark.slow
def test_a_logger_that_fails_is_said_once_and_the_bits_stay(recipe, tracker, tmp_path, capsys):
    tracker("wandb", ["init"]), tracker("mlflow", ["log_metrics"]), tracker("trackio", ["finish"])
    plain = tfgen.train(recipe.replace(logger="none"), tmp_path / "plain")
    capsys.readouterr()
    run = tfgen.train(recipe.replace(logger="wandb,mlflow,trackio,tensorboard"), tmp_path / "run")
    said = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    whole = "the logger {} failed and is left out: no server for {}"
    places = [("wandb", "init"), ("mlflow", "log_metrics"), ("trackio", "finish")]
    assert said == [whole.format(*place) for place in places]
    assert run.model.digest() == plain.model.digest()
    assert run.paths.history.read_bytes() == plain.paths.history.read_bytes()
    assert any(run.paths.tensorboard.iterdir()) and not plain.paths.tensorboard.exists()


def test_pictures_that_fail_leave_the_metrics(tracker, tmp_path, capsys):
    wandb, grid = tracker("wandb", ["Image"]), types.SimpleNamespace(latest=np.zeros((4, 4, 1), np.uint8))
    (logger,) = make_loggers(["wandb"], LoggedRun(tmp_path, {}, grid))
    logger.set_model(types.SimpleNamespace(step=types.SimpleNamespace(numpy=lambda: 7)))
    for epoch in range(EPOCHS):
        logger.on_epoch_end(epoch, {"loss": 0.5, "text": "left out"})
    assert capsys.readouterr().out.count("logs no pictures of samples: no server for Image") == 1
    logged = [(args[0], keywords["step"]) for args, keywords in wandb.of("log")]
    assert logged == [({"epoch": epoch + 1.0, "loss": 0.5}, 7) for epoch in range(EPOCHS)]


def test_mistakes_are_said_before_the_training(recipe, tmp_path, capsys, monkeypatch):
    for name in ("wandb", "mlflow", "trackio"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ModuleNotFoundError
        if name in ("mlflow", "trackio"):
            with pytest.raises(UserError, match=rf"needs the package {name}, .* pip install 'keras-tfgen\[{name}\]'"):
                make_loggers([name], LoggedRun(tmp_path, {}))
    with pytest.raises(UnknownName, match="unknown logger 'wandbb'; did you mean 'wandb'"):
        tfgen.train(recipe.replace(logger="wandbb"), tmp_path / "run")
    flags = ["--model=vae", f"--dataset={recipe.dataset}", f"--workdir={tmp_path / 'run'}"]
    for more in ([], ["--dry_run"]):
        assert COMMAND([*flags, "--logger=tensorboard,wandb", *more]) == 2
        error = capsys.readouterr().err
        assert error.startswith("tfgen run: the logger wandb needs the package wandb") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_that_a_tracker_left_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "sometracker").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="needs the package sometracker, which is not installed"):
        tracker_module("sometracker", "init")


def test_a_package_that_is_broken_is_said(tmp_path, monkeypatch):
    (tmp_path / "brokentracker.py").write_text("import no_such_part_of_it")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="brokentracker cannot be imported .*no_such_part_of_it"):
        tracker_module("brokentracker")


@pytest.mark.slow
def test_a_logger_of_ones_own(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(LOGGERS, "_registered", {})

    @tfgen.register_logger("lines")
    class Lines(Logger):
        """Keeps lines."""

        kept = []

        def log(self, values, step):
            self.kept.append((step, values))

    @tfgen.register_logger("keras_own")
    def keras_own(run):
        return keras.callbacks.CSVLogger(run.folder / "own.csv")

    run = tfgen.train(recipe.replace(logger=["lines", "keras_own"]), tmp_path / "run")
    assert [step for step, values in Lines.kept if "epoch" in values] == [STEPS, 2 * STEPS]
    assert (run.folder / "own.csv").read_text().count("\n") == EPOCHS + 1
    tfgen.register_logger("wrong")(lambda run: "no callback")
    with pytest.raises(UserError, match="the logger 'wrong' must be a Keras callback, got a str"):
        make_loggers(["wrong"], LoggedRun(tmp_path, {}))
    tfgen.register_logger("failing")(lambda run: 1 / 0)
    with pytest.raises(UserError, match="the logger 'failing' cannot be made: division by zero"):
        make_loggers(["failing"], LoggedRun(tmp_path, {}))


def test_which_loggers_is_not_what_a_run_is(recipe):
    assert not recipe.differences(recipe.replace(logger="wandb, mlflow"))
    assert recipe.logger == "tensorboard" and recipe.replace(logger=None).logger == "none"
    assert recipe.replace(logger=" wandb,, mlflow,wandb").logger == "wandb,mlflow"
    assert tfgen.Recipe.from_json(json.dumps({"model": "vae"})).logger == "tensorboard"
    for wrong in ("none,wandb", ",", "", 3, [3]):
        with pytest.raises(UserError, match="logger expects "):
            recipe.replace(logger=wrong)


def test_listing_loggers_imports_none_of_them():
    assert {"tensorboard", "wandb", "mlflow", "trackio"} <= set(tfgen.logger_names())
    program = "import sys, tfgen; tfgen.logger_names(); print({'tensorflow', 'wandb', 'mlflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "set()"


def test_nested_settings_become_one_level():
    assert flat({"a": 1, "b": {"c": [2], "d": {"e": 3}}, "f": {}}) == {"a": 1, "b.c": [2], "b.d.e": 3}
