"""TensorFlow's remapper fails on convolutions with leaky ReLUs: it is off where these are differentiated."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen.machine.processor import cpu_flags
from tfgen.machine.remapper import remapper_off, without_remapper
from tfgen.networks.calling import differentiating, has_leaky_convolutions

SHAPE = (16, 16, 1)


def remapping():
    return tf.config.optimizer.get_experimental_options().get("remapping", True)


def network(*stack):
    return keras.Sequential([keras.Input((8, 8, 1)), *stack])


@pytest.mark.parametrize(
    ("stack", "fails"),
    [
        ([layers.Conv2D(2, 3), layers.LeakyReLU()], True),
        ([layers.Conv2D(2, 3, activation="leaky_relu")], True),
        ([layers.Conv2D(2, 3), layers.Activation("leaky_relu")], True),
        ([network(layers.Conv2D(2, 3), layers.LeakyReLU())], True),
        ([layers.Conv2D(2, 3, activation="relu")], False),
        ([layers.Flatten(), layers.Dense(2), layers.LeakyReLU()], False),
    ],
)
def test_networks_on_which_it_fails(stack, fails):
    net, function = network(*stack), lambda: remapping()
    assert has_leaky_convolutions([network(layers.Flatten()), net]) is fails
    assert differentiating([net], function)() is not fails
    assert remapping()


def test_the_setting_of_the_process_comes_back():
    def fails():
        assert not remapping()
        raise ValueError

    with pytest.raises(ValueError):
        without_remapper(fails)()
    assert remapping()
    with remapper_off():
        assert not without_remapper(remapping)() and not remapping()
    assert remapping()


@pytest.mark.parametrize(("name", "on"), [("dcgan", False), pytest.param("gan", True, marks=pytest.mark.slow)])
def test_it_is_off_during_the_steps_of_fit_alone(name, on, monkeypatch):
    model = tfgen.build_model(name, SHAPE, latent_dim=2, **({"width": 2} if name == "dcgan" else {"units": (4,)}))
    traced, step = [], model.train_step
    model.train_step = lambda *args: (traced.append(remapping()), step(*args))[1]
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: traced.append(remapping()))
    model.fit(np.zeros((8, *SHAPE), np.uint8), batch_size=4, verbose=0, callbacks=[seen])
    assert set(traced[:-1]) == {on} and traced[-1] is True


PROGRAM = """
import numpy as np, tfgen
from tfgen.diagnosis.probes import Probe
from tfgen.families.adversarial.equilibrium import fresh_accuracy
x = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
for name in ("dcgan", "ae"):
    model = tfgen.build_model(name, x.shape[1:], width=2, latent_dim=2)
    model.fit(x, batch_size=4, verbose=0)
    assert len(Probe(model, model.as_examples(x), size=8)()) > 2
    if name == "dcgan":
        fresh_accuracy(model, model.as_examples(x), model.as_examples(x), steps=1, batch_size=4)
"""


@pytest.mark.slow
@pytest.mark.plugins
@pytest.mark.skipif("avx2" not in cpu_flags(), reason="this processor has no AVX2, and TensorFlow no oneDNN")
def test_tensorflow_prints_no_error_in_a_users_own_program():
    """Training, probes and the test for equilibrium: whatever differentiates convolutions with leaky ReLUs."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_ENABLE_ONEDNN_OPTS": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "remapper failed" not in done.stderr
