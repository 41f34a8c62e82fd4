"""A name means one model: the recipe of configs/NAME.py, in Python, in lists and on the command line."""

import dataclasses
import types

import numpy as np
import pytest

import tfgen
from tfgen import models, run
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.evaluation.entries import read_entries
from tfgen.recipes.options import Options, explanations, option_parameters, resolve, table
from tfgen.recipes.recipe import default_recipe, load_recipe
from tfgen.recipes.spelling import spell

NAMES = ["aae", "acgan", "ae", "bigan", "cgan", "dcgan", "gan", "infogan", "projection_gan", "sgan", "vae", "vae_gan"]
NAMES += ["began", "lsgan", "pacgan", "r3gan", "sagan", "sngan", "wgan"]
SHAPE, CLASSES = (16, 16, 1), 3
FIELDS = {"image": Field("image", SHAPE), "label": Field("label", range=(0, CLASSES))}
QUICK = {"vae", "gan", "dcgan_paper", "cgan", "sgan", "wgan", "vae_binarized_mnist"}  # the others are slow tests
# width 128 at 64 pixels is not for a test
SMALLER = {"dcgan_paper": {"width": 4}, "cgan_paper": {"latent_dim": 4}}


def from_recipe(name, **options):
    return models.build_from_recipe(load_recipe(name).replace(options=options), FIELDS)


BUILT = [*NAMES, *SMALLER, "vae_paper", "vae_binarized_mnist"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in BUILT]
)
def test_build_model_builds_the_recipe_of_a_name(name):
    options = SMALLER.get(name, {})
    model = tfgen.build_model(name, SHAPE, CLASSES, **options)
    assert model.digest() == from_recipe(name, **options).digest()
    assert model.name == load_recipe(name).model


def test_its_options_are_the_recipes_and_others_can_be_given():
    model = tfgen.build_model("dcgan", (28, 28, 1))
    assert model.latent_dim == 32 and model.generator.count_params() + model.discriminator.count_params() < 1e6
    rates = [float(optimizer.learning_rate) for optimizer in model.optimizers.values()]
    np.testing.assert_allclose(sorted(rates), [5e-4, 3e-3])  # constant: a schedule belongs to a training
    assert tfgen.build_model("dcgan", SHAPE, latent_dim=5).latent_dim == 5
    assert tfgen.build_model("dcgan_paper", SHAPE, width=2).latent_dim == 100
    with pytest.raises(UserError, match="option 'projektion'|no option 'projektion'"):
        tfgen.build_model("cgan", SHAPE, CLASSES, projektion=3)


def test_a_rate_that_is_given_takes_the_place_of_the_recipes_own():
    given = {"learning_rate": 0.25, "optimizer": "sgd"}
    rates = [float(o.learning_rate) for o in tfgen.build_model("dcgan", SHAPE, width=2, **given).optimizers.values()]
    assert rates == [0.25, 0.25]
    recipe = load_recipe("dcgan").replace(options={"learning_rate": 0.25, "width": 2})
    model, recorded, notes = models.settle(recipe, FIELDS)
    assert [float(optimizer.learning_rate) for optimizer in model.optimizers.values()] == [0.25, 0.25]
    assert notes == [
        "discriminator_learning_rate=0.0005, generator_learning_rate=0.003 of the recipe have no effect beside "
        "learning_rate: left out"
    ]
    assert not {"generator_learning_rate", "discriminator_learning_rate"} & recorded.options.keys()
    one = load_recipe("dcgan").replace(options={"learning_rate": 0.25, "generator_learning_rate": 0.5, "width": 2})
    rates = {name: float(o.learning_rate) for name, o in models.build_from_recipe(one, FIELDS).optimizers.items()}
    assert rates == {"generator": 0.5, "discriminator": 0.25}


def test_a_model_of_a_plugin_without_a_recipe_has_its_builders_defaults(monkeypatch):
    def own(fields, *, width: int = 3):
        """For this test.

        Args:
            fields: of the data.
            width: of everything,
                in two lines
        """
        return tfgen.build_model("dcgan", fields=fields, width=width, latent_dim=2)

    monkeypatch.setattr(models.MODELS, "_registered", {"own_gan": (own, "for tests")})
    assert tfgen.build_model("own_gan", SHAPE).name == "own_gan"
    assert [tuple(row) for row in table(own)] == [("width", "3", "an integer", "of everything, in two lines")]


@pytest.mark.parametrize("name", [*NAMES, "cgan_paper", "gan_ring_paper"])
def test_list_options_shows_the_recipes_values_and_a_line_on_each(name, capsys):
    recipe = load_recipe(name)
    run.list_options(recipe)
    lines = capsys.readouterr().out.splitlines()[1:]
    shown = {line.split()[0]: line for line in lines}
    builder = models.MODELS.get(recipe.model)
    assert shown.keys() == option_parameters(builder).keys() - {"seed"}
    for option, parameter in option_parameters(builder).items():
        assert len(explanations(builder).get(option, "")) > 10, option
        if option != "seed":
            value = resolve(builder, recipe.options).get(option, parameter.default)
            assert shown[option].split(maxsplit=1)[1].startswith(spell(value)), shown[option]
            assert value is parameter.empty or resolve(builder, {option: spell(value)})[option] == value, option
            assert explanations(builder)[option] in shown[option] and shown[option].endswith(")")


def test_a_group_explains_its_options_and_may_explain_inherited_ones_anew():
    @dataclasses.dataclass(frozen=True)
    class Base(Options):
        """A base.

        Attributes:
            size: of it
            other: of that
        """

        size: int = 1
        other: int = 2

    @dataclasses.dataclass(frozen=True)
    class Derived(Base):
        """Another.

        Attributes:
            size: of all
        """

    def builder(fields, *, sizes: Derived = Derived()):
        """For this test."""

    assert explanations(builder) == {"size": "of all", "other": "of that"}
    assert explanations(lambda fields: None) == {}


@pytest.mark.parametrize(
    "arguments",
    [["--model=dcgan"], ["--config=dcgan"], ["--model=vae", "--set=latent_dim=4"], ["--model=ae_paper", "--steps=7"]],
)
def test_a_dry_run_and_a_recipe_in_python_agree(arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = arguments[0].partition("=")[2]
    changes = {"options": {"latent_dim": "4"}} if "--set=latent_dim=4" in arguments else {}
    changes |= {"steps": 7} if "--steps=7" in arguments else {}
    small = {"dataset": "fashion_mnist_mini"}
    assert run.COMMAND([*arguments, "--dataset=fashion_mnist_mini", "--dry_run"]) == 0
    said = capsys.readouterr().out
    tfgen.train(load_recipe(name).replace(**small, **changes), dry_run=True)
    assert capsys.readouterr().out == said
    counts = tfgen.build_model(name, (28, 28, 1), **changes.get("options", {})).networks
    assert all(f"{key}: {network.count_params():,} parameters" in said for key, network in counts.items())


def test_a_leaderboard_takes_the_same_recipes():
    for name in ("dcgan", "gan"):
        (entry,) = read_entries([name], "fashion_mnist_mini")
        assert entry.recipe == default_recipe(name) == load_recipe(name)


def test_an_unknown_name_is_said_with_the_nearest():
    flags = types.SimpleNamespace(config=None, model="dcgan_papr", dataset=None, set=[])
    for call in (lambda: tfgen.build_model("dcgan_papr", SHAPE), lambda: run.recipe_from_flags(flags)):
        with pytest.raises(ValueError, match="unknown model 'dcgan_papr'"):
            call()
