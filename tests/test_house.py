"""Promises to the authors of models that trials from outside found broken once."""

import importlib
import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from plugin_models import networks
from plugin_models.data import arrays, fields, write_npz

import tfgen
from tfgen.errors import UserError
from tfgen.models import MODELS
from tfgen.models.common import Optimizer, compiled
from tfgen.runs.layout import Layout
from tfgen.sampling.chunks import drawn

SHAPE = (16, 16, 1)
MODULE = """
import tfgen


class Same(tfgen.AdversarialModel):
    where = __name__
"""


def pair(width=4, classes=None):
    return networks.generator(SHAPE, 3, width, classes), networks.discriminator(SHAPE, width)


def test_two_modules_of_one_package_may_have_classes_of_one_name(tmp_path, monkeypatch):
    package = tmp_path / "two_of_a_name"
    package.mkdir()
    for name in ("__init__", "a", "b"):
        (package / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    a, _ = (importlib.import_module(f"two_of_a_name.{name}") for name in "ab")
    model = a.Same(*pair(), latent_dim=3)
    model.compile()
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").where == "two_of_a_name.a"
    for name in [name for name in sys.modules if name.startswith("two_of_a_name")]:
        del sys.modules[name]


class Penalty:
    def __call__(self, discriminate, real, fake, noise):
        return tf.reduce_mean(discriminate(real))


class Starred(tfgen.AdversarialModel):
    def __init__(self, *networks, **options):
        super().__init__(*networks, **options)


def test_what_cannot_be_loaded_again_is_refused(tmp_path):
    model = tfgen.AdversarialModel(*pair(), latent_dim=3, penalty=Penalty().__call__)
    with pytest.raises(UserError, match="cannot be saved by name: give a registered function"):
        model.get_config()
    with pytest.raises(UserError, match="takes named arguments, got .networks"):
        Starred(*pair(), latent_dim=3)


class Counting(tfgen.AdversarialModel):
    def __init__(self, generator, discriminator, **options):
        super().__init__(generator, discriminator, **options)
        self.count = self.add_state("count", 0, "int64")

    def more_terms(self, phase, batch, real, fake, step):
        step.assign(self.count, self.count.value + 1)
        return {}


def test_states_of_a_model_have_names_of_their_own_and_are_assigned_once_per_batch():
    model = Counting(*pair(), latent_dim=3)
    model.compile()
    model.fit(arrays(0, 16)["image"], batch_size=8, verbose=0)
    assert int(model.count.numpy()) == 4  # two phases, two steps
    with pytest.raises(UserError, match="has a state 'count' already"):
        model.add_state("count", 1)
    model.accumulate, model.train_function = 2, None
    with pytest.raises(UserError, match="assigned once per batch, and accumulate=2"):
        model.fit(arrays(0, 16)["image"], batch_size=8, verbose=0)


class Flipping(tfgen.GenerativeModel):
    """Encodes and reconstructs, without a family: an average of no network but its own."""

    default_optimizers = {"translator": {"learning_rate": 0.25}, "other": {"learning_rate": 0.5}}
    sampling_network = "translator"

    def __init__(self, translator, **options):
        super().__init__({"translator": translator}, ema=0.5, **options)

    @property
    def phases(self):
        return [tfgen.Phase("translator", ("translator",), "translator", self.terms)]

    def terms(self, batch, step):
        return {"loss": tf.reduce_mean(tf.square(step.run("translator", batch) - batch["image"]))}

    def reconstruct(self, images, label=None, *, conditions=None, networks=None):
        return tf.reverse(self.as_field("image", images), [2])


def flipping():
    model = Flipping(networks.translator(SHAPE, 4, "translator"), fields={"image": fields()["image"]})
    return compiled(model, Optimizer())


def test_what_a_class_overrides_becomes_a_signature():
    assert set(flipping().endpoints()) == {"reconstruct"}
    assert set(tfgen.AdversarialModel(*pair(), latent_dim=3).endpoints()) >= {"generate", "discriminate"}


def test_rates_that_nobody_changed_are_those_of_the_class_and_what_is_sampled_from_is_averaged():
    model = flipping()
    assert {name: float(o.learning_rate) for name, o in model.optimizers.items()} == {"translator": 0.25, "other": 0.5}
    assert list(model.averaged_networks) == ["translator"]
    changed = compiled(flipping(), Optimizer(learning_rate=0.125))
    assert {float(o.learning_rate) for o in changed.optimizers.values()} == {0.125}


def test_a_label_is_given_once():
    model = tfgen.AdversarialModel(*pair(classes=3), latent_dim=3)
    with pytest.raises(UserError, match="give label= or conditions=.*, not both"):
        model.sample(2, label=1, conditions={"label": [2]})
    assert len(drawn(model, 2, given={"label": [1]}, seed=0)[0]) == 2


@pytest.fixture
def registered(monkeypatch, tmp_path):
    """`registered(build)`: the recipe of a model that `build(fields)` makes."""
    monkeypatch.setattr(MODELS, "_registered", dict(MODELS._registered))
    write_npz(tmp_path / "bars.npz")

    def register(build, **changes):
        MODELS.register("trial")(build)
        return tfgen.Recipe("trial", f"npz:{tmp_path / 'bars.npz'}", **{"batch_size": 8, "steps": 2, **changes})

    return register


def gan(fields, **options):
    model = tfgen.AdversarialModel(*pair(), latent_dim=3, fields={"image": fields["image"]}, **options)
    model.compile()
    return model


@pytest.mark.parametrize(
    "options,changes,sentence",
    [
        ({"shared_pass": True}, {"accumulate": 2}, "shared_pass keeps the generator's pass"),
        ({}, {"stop": "equilibrium,kid"}, None),
        ({"penalty": Penalty().__call__}, {}, "cannot be saved by name"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(options, changes, sentence, registered, tmp_path, monkeypatch):
    recipe = registered(lambda fields: gan(fields, **options), **changes)
    tfgen.train(recipe, tmp_path / "run", dry_run=True) if sentence is None else None
    if sentence is not None:
        with pytest.raises(UserError, match=sentence):
            tfgen.train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "build,sentence",
    [(lambda fields: None, "got None"), (lambda fields: Counting(*pair(), latent_dim=3), "not compiled")],
)
def test_a_builder_returns_a_compiled_model(build, sentence, registered, tmp_path):
    with pytest.raises(UserError, match=sentence):
        tfgen.train(registered(build), tmp_path / "run", dry_run=True)


class Failing(tfgen.AdversarialModel):
    def endpoints(self, networks=None):
        raise RuntimeError("no endpoints today")

    def charts(self):
        raise RuntimeError("no charts today")

    def rules(self):
        raise RuntimeError("no rules today")


@pytest.mark.slow
def test_what_a_model_says_of_itself_may_fail_and_the_run_is_complete(registered, tmp_path, capsys):
    def build(fields):
        model = Failing(*pair(), latent_dim=3, fields={"image": fields["image"]})
        model.compile()
        return model

    run = tfgen.train(registered(build), tmp_path / "run")
    said = capsys.readouterr().out
    assert all(f"no {what} today" in said for what in ("endpoints", "charts", "rules"))
    paths = Layout(tmp_path / "run")
    assert paths.trainer.is_file() and int(run.model.step) == 2 and not paths.savedmodel.exists()
    assert json.loads(paths.recipe.read_text())["charts"] == []


def test_keras_own_training_on_one_batch_takes_a_dict():
    model = tfgen.build_model("cgan", image_shape=SHAPE, num_classes=3, width=4, latent_dim=3)
    batch = {name: values for name, values in arrays(0, 4).items() if name in model.fields}
    model.train_on_batch(batch)
    assert int(model.step) == 1
    assert np.isfinite(list(model.test_on_batch(batch, return_dict=True).values())).all()
