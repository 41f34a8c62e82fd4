"""Distributions that add names by entry points: a real one is built, installed into a folder and trained."""

import os
import pathlib
import subprocess
import sys

import pytest

from registry import BrokenPlugin, DuplicateName, Registry, plugins

ROOT = pathlib.Path(__file__).resolve().parent.parent

SETUP = """
from setuptools import setup
setup(
    name="tiny-plugin", version="1.5", py_modules=["tiny_plugin"],
    entry_points={
        "tfgen.models": [
            "tiny_gan = tiny_plugin:build",
            "tiny_lost = tiny_plugin_that_is_not_there:build",
            "tiny_number = tiny_plugin:NUMBER",
        ],
        "tfgen.datasets": ["tiny_set = tiny_plugin:load"],
    },
)
"""
MODULE = """
import keras
import tfgen

NUMBER = 3


@tfgen.register_model("tiny_decorated")
def build(fields, *, latent_dim: int = 2, seed: int = 0):
    "The smallest GAN there is."
    shape = fields["image"].shape
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(shape, name="image")
    pixels = shape[0] * shape[1] * shape[2]
    fake = keras.layers.Reshape(shape)(keras.layers.Dense(pixels, "tanh")(latent))
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    model = tfgen.AdversarialModel(
        keras.Model(latent, fake), keras.Model(image, logit), latent_dim=latent_dim, seed=seed
    )
    model.compile()
    return model


def load(data_dir=None, image_size=None):
    raise NotImplementedError
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder into which pip installed the distribution `tiny-plugin`, with no network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "setup.py").write_text(SETUP)
    (source / "tiny_plugin.py").write_text(MODULE)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def installed(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "tiny_plugin", raising=False)
    yield folder
    sys.modules.pop("tiny_plugin", None)


@pytest.fixture
def models(installed):
    return Registry("model", {"dcgan": ("json:loads", "built in")}, group="tfgen.models")


def test_listing_imports_no_plugin(models):
    assert {"dcgan", "tiny_gan", "tiny_lost", "tiny_number"} <= set(models.names())
    assert models.summaries()["tiny_gan"] == "from distribution tiny-plugin 1.5"
    assert "tiny_gan" in models and "tiny_plugin" not in sys.modules
    assert "tiny_set" in Registry("dataset", {}, group="tfgen.datasets").names()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tiny_lost",
            "model 'tiny_lost' of distribution tiny-plugin 1.5 cannot be loaded from "
            "'tiny_plugin_that_is_not_there:build' (ModuleNotFoundError: No module named "
            "'tiny_plugin_that_is_not_there'); repair or uninstall tiny-plugin 1.5",
        ),
        (
            "tiny_number",
            "model 'tiny_number' of distribution tiny-plugin 1.5 cannot be loaded from 'tiny_plugin:NUMBER' "
            "(TypeError: tiny_plugin:NUMBER is a int, expected a function); repair or uninstall tiny-plugin 1.5",
        ),
    ],
)
def test_a_broken_plugin_fails_when_asked_for_and_is_named(models, monkeypatch, name, message):
    monkeypatch.setitem(sys.modules, "tfgen", type(sys)("tfgen"))
    monkeypatch.setattr(sys.modules["tfgen"], "register_model", lambda name: lambda f: f, raising=False)
    monkeypatch.setitem(sys.modules, "keras", type(sys)("keras"))
    with pytest.raises(BrokenPlugin) as raised:
        models.get(name)
    assert str(raised.value) == message


def fake_distribution(folder, name, version, text):
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(text)


def test_two_distributions_with_one_name_are_both_named(tmp_path, monkeypatch):
    fake_distribution(tmp_path, "one", "1.0", "[tfgen.models]\nshared = one:build\ndcgan = one:build\n")
    fake_distribution(tmp_path, "two", "2.0", "[tfgen.models]\nshared = two:build\n")
    monkeypatch.syspath_prepend(tmp_path)
    models = Registry("model", {"dcgan": ("json:loads", "built in"), "vae": ("json:loads", "")}, group="tfgen.models")
    assert {"dcgan", "shared"} <= set(models.names())
    with pytest.raises(DuplicateName) as raised:
        models.get("shared")
    owners = sorted(str(raised.value).removeprefix("model 'shared' is offered by ").split("; ")[0].split(" and by "))
    assert owners == ["distribution one 1.0", "distribution two 2.0"]
    with pytest.raises(DuplicateName) as raised:
        models.get("dcgan")
    assert str(raised.value) == (
        "model 'dcgan' is offered by json.loads and by distribution one 1.0; remove one of them"
    )
    assert models.get("vae")("1") == 1
    with pytest.raises(DuplicateName, match="is already registered by distribution"):
        models.register("shared")(lambda: None)


def test_of_a_distribution_installed_twice_the_first_counts(tmp_path, monkeypatch):
    for folder, version in ((tmp_path / "b", "1.0"), (tmp_path / "a", "2.0")):
        fake_distribution(folder, "one", version, "[tfgen.models]\nshared = one:build\n")
        monkeypatch.syspath_prepend(folder)
    assert [plugin.distribution for plugin in plugins.find("tfgen.models")["shared"]] == ["one 2.0"]


def test_damaged_entry_points_are_named_in_a_warning(tmp_path, monkeypatch):
    fake_distribution(tmp_path, "damaged", "1.0", "[tfgen.models]\nno equals sign here\n")
    fake_distribution(tmp_path, "elsewhere", "1.0", "[console_scripts]\nno equals sign here\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match="the entry points of distribution damaged 1.0 cannot be read .*; ignored"):
        plugins.find("tfgen.models")


def test_an_entry_point_may_name_a_decorated_function(installed, monkeypatch):
    """Loading it registers the function under the same name: one owner, not two."""
    models = Registry("model", {}, group="tfgen.models")
    module = type(sys)("tiny_plugin")

    def build():
        pass

    build.__module__ = "tiny_plugin"
    module.build = models.register("tiny_gan")(build)
    monkeypatch.setitem(sys.modules, "tiny_plugin", module)
    assert models.get("tiny_gan") is build


def test_a_plugin_is_built_by_name(installed, monkeypatch):
    import tfgen
    from tfgen.models import MODELS

    monkeypatch.setattr(MODELS, "_registered", dict(MODELS._registered))
    model = tfgen.build_model("tiny_gan", image_shape=(16, 16, 1), latent_dim="3")
    assert model.sample(2).shape == (2, 16, 16, 1)
    assert model.latent_dim == 3


@pytest.mark.slow
def test_a_plugin_trains_from_the_command_line(folder, tmp_path):
    command = [sys.executable, "-m", "tfgen.run", "--model=tiny_gan", "--steps=2", "--batch_size=4", "--workdir=run"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "models" / "generator.keras").is_file()
