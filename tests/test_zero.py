"""Zero is a value: it is taken as it is or refused in a sentence, and never replaced by a default."""

import ast
import importlib
import pathlib
import re
import typing

import keras
import numpy as np
import pytest

import tfgen
from tfgen import cli, domains
from tfgen.errors import UserError
from tfgen.models import MODELS, settle
from tfgen.models.common import Optimizer, compiled
from tfgen.recipes.options import Usage, annotation_of, keyword_arguments, option_parameters, resolve
from tfgen.recipes.recipe import Recipe, recipe_names, rows

PACKAGE = pathlib.Path(tfgen.__file__).parent
DOMAINS = {name for name, kind in vars(domains).items() if typing.get_origin(kind) is typing.Annotated}
NUMBERS = {"int", "float", *DOMAINS}


def optional_numbers(function):
    """The arguments that are a number or None."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    notes = {argument.arg: ast.unparse(argument.annotation) for argument in arguments if argument.annotation}
    arms = {name: set(re.sub(r"\[.*\]", "", note).split(" | ")) for name, note in notes.items()}
    return {name for name, kinds in arms.items() if "None" in kinds and NUMBERS & kinds}


def truths(function):
    """The names whose truth decides within a function: `x or ...`, `if x`, `... if x else ...`, `x and ...`."""
    for node in ast.walk(function):
        if isinstance(node, ast.BoolOp):
            yield from node.values[: -1 if isinstance(node.op, ast.Or) else None]
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield node.test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
        elif isinstance(node, ast.comprehension):
            yield from node.ifs


def test_no_argument_that_may_be_a_number_is_asked_for_its_truth():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                names = {node.id for node in truths(function) if isinstance(node, ast.Name)}
                found += [f"{path}:{function.lineno} {name}" for name in names & optional_numbers(function)]
    assert not found, "0 would count as not given: compare with None"


def test_the_test_above_finds_what_it_is_for():
    code = "def f(a: int | None, b: Count | None, c: float | None, d: str | None, e: int):\n    return %s"
    for text, expected in (("a or 3", "a"), ("1 if b else 2", "b"), ("not c", "c"), ("d or e or 1", "")):
        function = ast.parse(code % text).body[0]
        names = {node.id for node in truths(function) if isinstance(node, ast.Name)}
        assert names & optional_numbers(function) == set(expected)


def numeric(annotation):
    return any(base in (int, float) for base, _ in map(domains.unwrap, domains.arms_of(annotation)))


@pytest.mark.parametrize(
    "model", [name for name in MODELS.names() if name in recipe_names()]
)  # not those of other tests
def test_zero_is_an_option_or_a_mistake(model):
    builder = MODELS.get(model)
    names = [name for name, one in option_parameters(builder).items() if numeric(annotation_of(builder, one))]
    assert len(names) > 5
    for name in names:
        for zero in (0, 0.0, "0"):
            try:
                given = resolve(builder, {name: zero})
            except UserError as error:
                assert str(error).startswith((f"{name} must ", f"option {name!r} expects "))
                continue
            assert given[name] == 0
            arguments = keyword_arguments(builder, given, Usage()).values()
            assert 0 in [getattr(group, name) for group in arguments if hasattr(group, name)] or given[name] == 0


@pytest.mark.parametrize("name", [name for name in rows() if name not in ("model", "options", "mirror")])
def test_zero_is_a_field_of_a_recipe_or_a_mistake(name):
    for zero in (0, 0.0):
        try:
            assert getattr(Recipe("gan", **{name: zero}), name) == 0
        except UserError as error:
            assert name in str(error)


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "launch"])
def test_zero_is_the_value_of_a_flag_or_a_mistake(name):
    command = importlib.import_module(cli.COMMANDS[name][0]).COMMAND
    for flag, (expected, *_) in command._shown.items():
        if not expected.startswith(("an integer", "a number", "a positive number")):
            continue
        try:
            assert command.parse([f"--{flag}=0"])[flag].value == 0
        except UserError as error:
            assert flag in str(error)


def built(**options):
    sizes = {"latent_dim": 4, "units": (4,), "maxout_units": (4,)}
    return tfgen.build_model("gan", image_shape=(8, 8, 1), **sizes, **options)


@pytest.mark.plugins
def test_a_learning_rate_of_zero_leaves_a_network_as_it_is():
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 1), np.uint8)
    for still, moves in (("generator", "discriminator"), ("discriminator", "generator")):
        model = built(**{f"{still}_learning_rate": 0})
        assert float(model.optimizers[still].learning_rate) == 0 < float(model.optimizers[moves].learning_rate)
        before = {name: model.networks[name].get_weights() for name in (still, moves)}
        model.fit(images, batch_size=8, verbose=0)
        same = {n: all(map(np.array_equal, before[n], model.networks[n].get_weights())) for n in before}
        assert same[still] and not same[moves]
    rates = [float(optimizer.learning_rate) for optimizer in built(learning_rate=0).optimizers.values()]
    assert rates == [0.0, 0.0]


@pytest.mark.parametrize("dry_run", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_frozen_network_is_said_once_before_the_training(tmp_path, capsys, dry_run):
    sizes = {"latent_dim": 4, "units": (4,), "maxout_units": (4,)}
    recipe = Recipe("gan", options={"generator_learning_rate": 0, **sizes}, steps=1, image_size=(8, 8), logger="none")
    tfgen.train(recipe, tmp_path / "run", dry_run=dry_run)
    said = capsys.readouterr().out
    assert said.count("the learning rate of 'generator' is 0: what it trains stays as it is") == 1
    assert said.count(" is 0") == 1


def test_other_options_of_zero_reach_the_model():
    assert built(ema=0).ema == 0 and list(built(ema=0).averaged_networks) == ["generator"]
    assert built(optimizer="sgd", momentum=0).optimizers["generator"].momentum == 0
    assert built(optimizer="adamw", weight_decay=0).optimizers["generator"].weight_decay == 0
    assert built(beta_1=0).optimizers["generator"].beta_1 == 0
    still = tfgen.build_model("dcgan", image_shape=(8, 8, 1), width=4, stddev=0).generator
    assert not any(np.any(layer.kernel) for layer in still.layers if hasattr(layer, "kernel"))


def test_a_rate_that_is_given_is_not_replaced_where_it_is_the_default(monkeypatch):
    """A class that declares a rate of its own takes that of the recipe, also where this is the default of the group."""

    def build(fields, *, optimization: Optimizer = Optimizer()):
        image = keras.Input((8, 8, 1), name="image")
        network = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(image)), name="network")
        return compiled(Quiet({"network": network}, fields=fields), optimization)

    class Quiet(tfgen.GenerativeModel):
        default_optimizers = {"network": {"learning_rate": 0.5}}

        @property
        def phases(self):
            return [tfgen.Phase("network", ("network",), "network", lambda batch, step: {"loss": 0.0})]

    monkeypatch.setattr(MODELS, "get", lambda name: build)
    fields = {"image": tfgen.Field("image", (8, 8, 1))}
    rates = [
        float(settle(Recipe("zero_test", options=options), fields).model.optimizers["network"].learning_rate)
        for options in ({}, {"learning_rate": 1e-3}, {"learning_rate": 0.25})
    ]
    assert rates == pytest.approx([0.5, 1e-3, 0.25])


def test_in_python_zero_is_taken_or_refused():
    from tfgen.diagnosis.callback import Diagnosis
    from tfgen.diagnosis.stops import StopOnScore
    from tfgen.evaluation import Settings
    from tfgen.families.adversarial.equilibrium import StopAtEquilibrium
    from tfgen.sampling.shards.workers import place
    from tfgen.storage.images import grid
    from tfgen.training.callbacks import StopAfter, StopAfterCPU, TensorBoard
    from tfgen.training.checkpoints import Checkpoints, SaveCheckpoints

    images = np.zeros((4, 8, 8, 1), np.uint8)
    vae = tfgen.build_model("vae", image_shape=(8, 8, 1), width=4)
    score = lambda model: (0.0, 0.0)  # noqa: E731
    assert built().sample(0).shape == (0, 8, 8, 1)
    assert vae.fit(images, epochs=0, batch_size=4, verbose=0).history == {} and int(vae.step) == 0
    assert Settings(seed=0, nll_images=0, ais=0).nll_images == 0
    assert grid(images, padding=0).shape == (16, 16, 1)
    refused = {
        "batch_size must be at least 1": lambda: vae.predict(images, batch_size=0),
        "steps must be at least 1": lambda: vae.evaluate(images, batch_size=4, steps=0, verbose=0),
        "validation_steps must": lambda: vae.fit(images, validation_data=images, validation_steps=0, batch_size=4),
        "validation_freq must": lambda: vae.fit(images, validation_data=images, validation_freq=0, batch_size=4),
        "steps_per_epoch must": lambda: vae.fit(images, steps_per_epoch=0, batch_size=4),
        "every of Diagnosis must": lambda: Diagnosis(every=0),
        "patience of StopOnScore must": lambda: StopOnScore("score", score, patience=0),
        "epochs of StopOnScore must": lambda: StopOnScore("score", score, epochs=0),
        "steps of StopAtEquilibrium must": lambda: StopAtEquilibrium(steps=0),
        "num must be at least 1": lambda: Settings(num=0),
        "nll_k must be at least 1": lambda: Settings(nll_k=0),
        "columns must be at least 1": lambda: grid(images, columns=0),
        "max_minutes must be positive": lambda: StopAfter(0),
        "max_cpu_seconds must be positive": lambda: StopAfterCPU(0),
        "every of TensorBoard must": lambda: TensorBoard("folder", every=0),
        "every of SaveCheckpoints must": lambda: SaveCheckpoints(None, 1, 1, every=0),
        "keep of Checkpoints must": lambda: Checkpoints(vae, "folder", keep=0),
        "workers must be at least 1": lambda: place(None, 0, {}),
    }
    for sentence, call in refused.items():
        with pytest.raises(UserError, match=f"^{sentence}"):
            call()
