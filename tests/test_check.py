"""`tfgen.check`: models that break one promise each fail that one, with a sentence that says why."""

import itertools
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen.check import COMMAND
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.guarantees import GUARANTEES, Guarantee, Subject, check_model, check_subject, checking
from tfgen.machine import startup
from tfgen.models import MODELS
from tfgen.networks.seeding import seeded

SHAPE = (8, 8, 1)
FIELDS = {"image": Field("image", SHAPE)}
QUICK = tuple(guarantee for guarantee in GUARANTEES if not guarantee.long)


def networks(last=None, dtype="float32"):
    z, image = keras.Input((3,), name="latent"), keras.Input(SHAPE, name="image")
    x = layers.Reshape(SHAPE)(layers.Dense(64, activation="tanh", dtype=dtype)(z))
    generator = keras.Model(z, last(x) if last else x)
    return generator, keras.Model(image, layers.Dense(1, dtype="float32")(layers.Flatten()(image)))


def gan(kind=tfgen.AdversarialModel, last=None, dtype="float32", seed=0, **options):
    with seeded(seed):
        model = kind(*networks(last, dtype), latent_dim=3, fields=FIELDS, seed=seed, **options)
        model.compile()
    return model


class Diverging(tfgen.AdversarialModel):
    def more_terms(self, phase, batch, real, fake, step):
        return (
            {"more": tf.math.log(tf.reduce_min(tf.cast(step.index, tf.float32)) - 2.0)} if phase == "generator" else {}
        )


class Restless(tfgen.AdversarialModel):
    """Its samples depend on the batch that they are drawn in."""

    def decode_latents(self, latents, conditions=None, networks=None):
        made = super().decode_latents(latents, conditions, networks)
        return tf.clip_by_value(made - tf.reduce_mean(made, 0) + 0.5 * made[:1], 0.0, 1.0)


class Counting(tfgen.AdversarialModel):
    def __init__(self, generator, discriminator, **options):
        super().__init__(generator, discriminator, **options)
        with tf.init_scope():
            self.seen = [tf.Variable(0.0, trainable=False)]

    def more_terms(self, phase, batch, real, fake, step):
        grown = self.seen[0].assign_add(1.0)
        return {"more": grown * tf.reduce_mean(fake.fields["image"])} if phase == "generator" else {}


@keras.saving.register_keras_serializable("test_check")
class Blurring(layers.Layer):
    def call(self, x):
        return tf.identity(x)


class Silent(tfgen.AdversarialModel):
    def probes(self):
        return [lambda probe: 1 / 0]


numbers = itertools.count()
BROKEN = {
    "seed": (lambda fields, seed: gan(seed=seed + next(numbers)), "two models of one seed have different initial"),
    "trains": (lambda fields, seed: gan(Diverging, seed=seed), "logs are not finite"),
    "resume": (lambda fields, seed: gan(Counting, seed=seed), "the weights at the end are others"),
    "sampling": (lambda fields, seed: gan(Restless, seed=seed), "are not the first|gives other samples"),
    "networks": (lambda fields, seed: gan(last=Blurring(), seed=seed), "holds Blurring of .*: use layers that Keras"),
    "precision": (
        lambda fields, seed: gan(dtype=None, seed=seed),
        "outputs of generator are bfloat16: end it in float32",
    ),
    "diagnosis": (lambda fields, seed: gan(Silent, seed=seed), "failed and is left out: division by zero"),
    "builds": (lambda fields, seed: fields["image"].shape[2] == 1 and gan(seed=seed) or 1 / 0, "ZeroDivisionError"),
}


def only(name):
    return [guarantee for guarantee in GUARANTEES if guarantee.name == name]


AT_ONCE = ("trains", "resume", "networks", "builds")  # the others are slow


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in AT_ONCE else [pytest.mark.slow]) for name in BROKEN]
)
def test_a_broken_promise_is_named_and_said_why(name, tmp_path):
    build, sentence = BROKEN[name]
    (found,) = check_subject(Subject("broken", build, FIELDS, tmp_path), only(name))
    assert found.passed is False and found.name == name
    assert re.search(sentence, found.reason), found.reason
    assert found.text.startswith("FAILED   ")


def test_a_sound_model_keeps_them_and_leaves_out_what_does_not_apply(tmp_path):
    def build(fields, seed):
        z, image = keras.Input((3,), name="latent"), keras.Input(SHAPE, name="image")
        with seeded(seed):
            encoder = keras.Model(image, layers.Dense(3, dtype="float32")(layers.Dense(4)(layers.Flatten()(image))))
            pixels = layers.Dense(64, dtype="float32")(layers.Dense(4)(z))
            decoder = keras.Model(z, layers.Reshape(SHAPE, dtype="float32")(pixels))
            model = Autoencoder(encoder, decoder, seed=seed)
            model.compile()
        return model

    found = check_subject(Subject("sound", build, FIELDS, tmp_path), QUICK)
    assert {finding.name: finding.passed for finding in found} == {
        **{guarantee.name: True for guarantee in QUICK},
        "sampling": None,
    }
    assert "cannot generate" in next(f.reason for f in found if f.passed is None)


def test_a_model_that_cannot_be_built_is_a_mistake(tmp_path):
    def build(fields, seed):
        raise UserError("it needs captions")

    with pytest.raises(UserError, match="it needs captions"):
        check_subject(Subject("unbuilt", build, FIELDS, tmp_path))


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(MODELS, "_registered", dict(MODELS._registered))

    @MODELS.register("sound")
    def sound(fields, *, width: int = 4, seed: int = 0):
        """A model."""
        return gan(seed=seed)


@pytest.mark.parametrize(
    "made, reason",
    [
        (lambda: 1 / 0, r"the builder of 'odd' failed in .*test_check.py, line \d+: ZeroDivisionError"),
        (lambda: exit("bye"), r"the builder of 'odd' failed in .*: SystemExit: bye"),
        (lambda: None, "must return a compiled model, got None"),
        (lambda: compiled_keras(), "got a Sequential, which is no tfgen.GenerativeModel"),
    ],
)
def test_a_builder_that_raises_or_returns_something_else_is_named(registered, monkeypatch, made, reason, capsys):
    monkeypatch.setattr("tfgen.machine.startup.two_devices", lambda: None)

    @MODELS.register("odd")
    def odd(fields, *, seed: int = 0):
        """A model."""
        return made()

    with pytest.raises(UserError, match=reason):
        tfgen.build_model("odd", SHAPE)
    code = COMMAND(["--model=odd"])
    said = capsys.readouterr()
    assert code == 1 and said.out.startswith("FAILED   builds") if "failed" in reason else code == 2
    assert re.search(reason, said.out + said.err) and "Traceback" not in said.err


def compiled_keras():
    model = keras.Sequential([layers.Dense(1)])
    model.compile()
    return model


class Unregistered(layers.Layer):
    def call(self, x):
        return tf.identity(x)


@pytest.mark.plugins
def test_what_cannot_be_saved_fails_by_that_alone(tmp_path):
    subject = Subject("odd", lambda fields, seed: gan(last=Unregistered(), seed=seed), FIELDS, tmp_path)
    chosen = [guarantee for guarantee in GUARANTEES if guarantee.name in ("seed", "trains", "saving", "shows")]
    found = {finding.name: finding for finding in check_subject(subject, chosen)}
    assert {name: finding.passed for name, finding in found.items()} == {
        "seed": True,
        "trains": None,
        "saving": False,
        "shows": None,
    }
    assert "Unregistered" in found["saving"].reason and found["trains"].reason.endswith("see saving")


@pytest.mark.slow
def test_the_command_says_each_by_name_and_ends_with_1_for_a_failure(registered, monkeypatch, capsys):
    monkeypatch.setattr("tfgen.machine.startup.two_devices", lambda: None)

    def fails(subject):
        """It fails."""
        raise RuntimeError("as it\nshould")

    broken = Guarantee("fails", fails)
    assert COMMAND(["--model=sound", "--only=seed,networks"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said[:2]] == [["passed", "seed"], ["passed", "networks"]]
    assert said[2] == "sound keeps all of them"
    monkeypatch.setattr("tfgen.guarantees.checking.GUARANTEES", (*only("seed"), broken))
    assert COMMAND(["--model=sound"]) == 1
    said = capsys.readouterr().out
    assert "FAILED   fails       RuntimeError: as it should" in said and "1 of 2 guarantees failed" in said


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        ([], "--model is required"),
        (["--model=sond"], "did you mean 'sound'"),
        (["--model=sound", "--only=resum"], "there is no guarantee 'resum'; did you mean 'resume'"),
        (["--model=sound", "--set=widht=3"], "no option 'widht'; did you mean 'width'"),
        (["--model=sound", "--dataset=rong"], "rong"),
        (["--model=pix2pix", "--dataset=emoji"], "'source' is missing: got caption, image, label; edges(NAME), gray"),
    ],
)
def test_a_mistake_is_one_sentence(registered, monkeypatch, arguments, sentence, capsys):
    monkeypatch.setattr("tfgen.machine.startup.two_devices", lambda: None)
    assert COMMAND(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("tfgen check: ") and sentence in said[0]


def test_too_few_examples_for_a_model_are_a_mistake_and_no_broken_promise(monkeypatch, capsys):
    monkeypatch.setattr("tfgen.machine.startup.two_devices", lambda: None)
    assert COMMAND(["--model=sgan"]) == 2
    said = capsys.readouterr()
    assert not said.out and "is checked on 20 examples: 200 labelled examples of 3 classes need 67" in said.err
    advised = re.search(r"--set=\S+?(?=,|\))", said.err).group()
    assert COMMAND(["--model=sgan", advised, "--only=shows"]) == 0


def test_examples_of_a_data_set_are_used(registered):
    found = check_model("sound", dataset="fashion_mnist_mini", only=("shows",))
    assert found[0].passed is False  # made for 8 x 8, and the data are 28 x 28


def test_every_guarantee_has_a_name_of_its_own_and_a_sentence():
    assert len({guarantee.name for guarantee in GUARANTEES}) == len(GUARANTEES)
    assert all(guarantee.promise.endswith((".", ").")) for guarantee in GUARANTEES)
    assert np.all([len(guarantee.promise) > 30 for guarantee in GUARANTEES])


def test_options_of_a_recipe_that_others_make_idle_are_left_out():
    """The recipe's depth and attention are of its convolutions."""
    found = check_model("flow_matching", {"network": "dense", "width": 4, "blocks": 1}, only=("seed",))
    assert [finding.passed for finding in found] == [True]
    with pytest.raises(UserError, match="'heads' has no effect with network=dense"):
        check_model("flow_matching", {"network": "dense", "heads": 2}, only=("seed",))


REPLICAS = """
import sys
sys.path.insert(0, {tests!r})
from tfgen.machine import startup
startup.two_devices()
import test_check
from tfgen.guarantees import GUARANTEES, check_subject
one = [guarantee for guarantee in GUARANTEES if guarantee.name == "replicas"]
from keras import layers
last = (
    lambda: None,
    lambda: layers.Conv2D(1, 3, padding="same", dtype="float32", kernel_initializer="ones"),
    lambda: layers.Dropout(0.5, dtype="float32"),
)
for make in last:
    build = lambda fields, seed, make=make: test_check.gan(last=make(), seed=seed)
    subject = test_check.Subject("one", build, test_check.FIELDS, {folder!r})
    for finding in check_subject(subject, one):
        print("result", finding.passed, finding.reason)
"""


def test_replicas_of_one_model_after_another(tmp_path):
    """Models of other sizes in one process; dropout draws other numbers on each replica, which breaks no promise."""
    script = REPLICAS.format(tests=str(pathlib.Path(__file__).parent), folder=str(tmp_path))
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=2)[1:] for line in output.splitlines() if line.startswith("result")]
    assert found[:2] == [["True"], ["True"]]
    assert found[2][0] == "None" and "draws numbers, on each replica its own" in found[2][1]


def test_devices_in_use_stay_as_they_are():
    tf.constant(0)
    before = tf.config.list_logical_devices("CPU")
    startup.two_devices()
    assert tf.config.list_logical_devices("CPU") == before


def test_a_latent_without_a_batch_is_one_sentence():
    model = gan()
    with pytest.raises(UserError, match=r"takes inputs of shape \(3,\), got 'latent' of shape \(\)"):
        model.decode_latents(np.zeros(3, np.float32))


@pytest.mark.parametrize("name, stages", [("latent_flow", ((("autoencoder",), 2), (("flow",), None))), ("vae", ())])
def test_a_model_is_trained_in_the_stages_of_its_recipe(name, stages, monkeypatch):
    monkeypatch.setattr(checking, "check_subject", lambda subject, *rest: subject.new().stages)
    assert checking.check_model(name, {"width": 4}) == stages
