"""Models written from outside with the public names alone: short, and with every guarantee of the built-in ones."""

import ast
import importlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import tokenize

import keras
import numpy as np
import pytest
import tensorflow as tf
from plugin_models.data import arrays, fields, write_npz

import tfgen
from tfgen.evaluation import Settings
from tfgen.evaluation.subjects import evaluate_run
from tfgen.report import write_report
from tfgen.training.checkpoints import Checkpoints
from tfgen.training.savedmodel import export_savedmodel

ROOT = pathlib.Path(__file__).resolve().parent.parent
# plugin -> lines of code that it may have, without networks, imports, blank lines, docstrings and comments
LIMITS = {
    "own_flow_matching": 35,
    "own_vae_gan": 25,
    "own_cyclegan": 35,
    "conditional_vae": 10,
    "auxiliary_classifier": 20,
    "two_stage": 30,
    "adaptive_augmentation": 30,
}
OPTIONS = {"two_stage": {"first_steps": 4}}
names = pytest.mark.parametrize("name", LIMITS)
QUICK = ("two_stage",)  # of several stages; the others with the slow tests
few_names = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in LIMITS]
)
# with the tests of plugins run the others, each a kind of its own; these only with the slow ones
LONG = ("conditional_vae", "own_cyclegan", "own_vae_gan", "auxiliary_classifier", "own_flow_matching")
in_processes = [pytest.param(name, marks=[] if name in LONG else pytest.mark.plugins) for name in LIMITS]


def code_lines(path):
    """How many lines of a file hold code."""
    text = path.read_text(encoding="utf-8")
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            left_out |= set(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            left_out |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    code = set()
    blank = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in blank:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - left_out)


@names
def test_it_is_short_and_uses_public_names_alone(name):
    path = ROOT / "tests" / "plugin_models" / f"{name}.py"
    assert code_lines(path) <= LIMITS[name]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    known = {"import tfgen", "import tensorflow as tf", "from plugin_models import networks"}
    assert set(imported) <= known
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not methods & {"get_config", "from_config", "compile", "exported_networks", "train_step", "state"}
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 120


def built(name):
    importlib.import_module(f"plugin_models.{name}")
    return tfgen.build_model(name, fields=fields(), **OPTIONS.get(name, {}))


def given(model, seed, count):
    return {field: values for field, values in arrays(seed, count).items() if field in model.fields}


def fit(model, epochs=1):
    held_out = given(model, 1, 16)
    model.fit(given(model, 0, 48), validation_data=held_out, validation_freq=99, batch_size=8, epochs=epochs, verbose=0)
    return model


def conditions(model):
    return {name: arrays(3, 4)[name] for name in model.conditions if name != "label"}


@few_names
def test_it_trains_and_goes_on_from_a_checkpoint_and_its_file_to_the_bit(name, tmp_path):
    model = fit(built(name))
    start = built(name)
    assert start.name == name and start.digest() != model.digest() and not model.non_finite_weights()
    Checkpoints(model, tmp_path / "checkpoints").save()
    model.save(tmp_path / "model.keras")
    restored, loaded = built(name), keras.saving.load_model(tmp_path / "model.keras")
    assert Checkpoints(restored, tmp_path / "checkpoints").restore() == 6
    assert loaded.digest() == restored.digest() == model.digest()
    fit(model)
    assert fit(restored).digest() == fit(loaded).digest() == model.digest() != start.digest()


@names
def test_its_samples_follow_from_the_seed_and_the_number_alone(name):
    model = built(name)
    many = model.sample(6, seed=3, conditions=conditions(model))
    assert many.shape == (6, 16, 16, 1) and many.dtype == np.uint8 and len({image.tobytes() for image in many}) > 1
    np.testing.assert_array_equal(model.sample(2, seed=3, start=2, conditions=conditions(model)), many[2:4])


@few_names
def test_its_signatures_give_what_the_model_gives(name, tmp_path):
    model = built(name)
    export_savedmodel(model, tmp_path / "export")
    served = tf.saved_model.load(tmp_path / "export")
    found = model.conditions_for(4, conditions(model))
    expected = model.sample(4, seed=1, conditions=found, batch_size=4)
    sources = {n: v.astype(np.float32) / 255 if v.dtype == np.uint8 else v for n, v in found.items()}
    seeds = tf.constant((1 << 32) + np.arange(4), tf.int64)
    made = served.signatures["sample"](seed=seeds, **{n: tf.constant(v) for n, v in sources.items()})
    np.testing.assert_array_equal(made[model.data_field], expected)


@pytest.mark.slow
def test_an_evaluation_or_a_probe_leaves_the_states_of_a_model_alone():
    model = fit(built("adaptive_augmentation"))
    before = model.digest()
    model.evaluate(tf.data.Dataset.from_tensor_slices(given(model, 1, 16)).batch(8), verbose=0)
    from tfgen.diagnosis.probes import Probe

    assert Probe(model, model.as_examples(given(model, 0, 16)), model.as_examples(given(model, 1, 16)))()
    assert model.digest() == before


def test_a_flow_takes_another_sampler_and_a_translator_translates():
    flow = built("own_flow_matching")
    coarse = flow.sample(3, sampler=tfgen.samplers.euler(2), label=1)
    assert not np.array_equal(coarse, flow.sample(3, label=1))
    model = built("own_cyclegan")
    np.testing.assert_array_equal(
        model.translate(arrays(0, 3)["image"])[1:], model.translate(arrays(0, 3)["image"][1:])
    )


def test_a_stage_leaves_what_it_does_not_train_as_it_is():
    model = fit(built("two_stage"))  # 6 steps, of which the first stage has 4
    before = {name: value.numpy() for name, value in model.state().items() if not name.startswith(("state", "step"))}
    fit(model)
    changed = {name.split("/")[1] for name, value in before.items() if not np.array_equal(model.state()[name], value)}
    assert changed == {"second_encoder", "second_decoder", "second"}


# In processes of their own.


def run(*arguments, check=True):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT / "tests", env=environ, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    write_npz(path)
    return path


def training(name, data, folder):
    options = [f"--set={option}={value}" for option, value in OPTIONS.get(name, {}).items()]
    return [
        *("tfgen.run", f"--plugin=plugin_models.{name}", f"--model={name}", f"--dataset=npz:{data}", *options),
        *(f"--workdir={folder}", "--steps=24", "--batch_size=8", "--checkpoint_steps=2", "--steps_per_execution=1"),
    ]


def kill_after_a_checkpoint(command, folder):
    """Starts a training and kills it once it has written a checkpoint; whether it was still training."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT / "tests",
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while not any((folder / "checkpoints").glob("step_*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


@pytest.mark.slow
@pytest.mark.parametrize("name", in_processes)
def test_a_killed_run_ends_on_the_bits_of_one_never_killed_is_evaluated_and_reported(name, data, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(*training(name, data, whole))
    assert kill_after_a_checkpoint(training(name, data, killed), killed)
    done = run(*training(name, data, killed))
    assert "resumed from step" in done.stdout and f"--plugin=plugin_models.{name}" in done.stdout
    importlib.import_module(f"plugin_models.{name}")
    assert tfgen.load_run(killed).model.digest() == tfgen.load_run(whole).model.digest()
    assert json.loads((whole / "recipe.json").read_text())["plugins"] == [f"plugin_models.{name}"]

    plugin = f"--plugin=plugin_models.{name}"
    asked = run("tfgen.sample", f"--run={whole}", "--num=4", check=False)
    assert asked.returncode == 2 and plugin in asked.stderr and "Traceback" not in asked.stderr
    run("tfgen.sample", f"--run={whole}", plugin, "--num=8", f"--out={tmp_path / 'samples.npz'}")
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays["images"].shape == (8, 16, 16, 1)

    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "cache"))
    evaluate_run(whole, Settings(num=48, extractor="fashion_mnist", nll_images=8, nll_k=20, controls=False))
    scores = json.loads((whole / "evaluation.json").read_text())["metrics"]
    assert np.isfinite(scores["fd"]["value"])
    page = write_report([whole], tmp_path / "report.html").read_text(encoding="utf-8")
    assert name in page and "Left out" not in page
    assert (whole / "export" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("own_flow_matching", marks=pytest.mark.plugins), *list(LIMITS)[1:]])
def test_two_replicas_train_the_weights_of_one(name, tmp_path):
    found = []
    for replicas in (1, 2):
        path = tmp_path / f"{replicas}.npz"
        run("plugin_models.replicated", name, str(replicas), str(path))
        with np.load(path) as arrays:
            found.append(dict(arrays))
    one, two = found
    assert one["step"] == two["step"] == 5
    np.testing.assert_array_equal(one["start"], two["start"])
    trained = np.linalg.norm(one["end"] - one["start"])
    assert trained > 1e-3 and np.linalg.norm(two["end"] - one["end"]) <= 1e-5 * trained
