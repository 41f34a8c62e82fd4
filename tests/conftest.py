"""What several test files share. One thread everywhere, subprocesses too: sums in another order are other bits."""

import gc
import os
import signal
import sys

for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):  # before TensorFlow runs its first operation
    os.environ[name] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from tfgen.machine.processor import prefer_onednn  # noqa: E402

if hasattr(signal, "SIGHUP"):  # under nohup, and in some CI systems, it is ignored, which commands respect
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
prefer_onednn()  # as the commands do: a subprocess then finds the bits that this one finds


def pytest_make_parametrize_id(config, val, argname):
    """Functions show by name: their addresses differ between the processes that share the suite."""
    return getattr(val, "__name__", None)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marks
def pytest_collection_modifyitems(items):
    """What runs in a stage of its own is slow: it would run with the fast tests again."""
    for item in items:
        if item.get_closest_marker("plugins") or item.get_closest_marker("docs"):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """What has been imported by now stays: the collector need not look at it again, which takes 5 % of the time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same initial weights and noise, alone, in any order, and on any number of processes."""
    if "keras" in sys.modules:  # a test of what TensorFlow must not be imported for stays without it
        sys.modules["keras"].utils.set_random_seed(1)


@pytest.fixture(scope="session")
def photos():
    """`photos(n, shape)`: n noise images uint8 [n, H, W, C], the same at every call."""

    def make(n, shape):
        return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def round_trip():
    """`round_trip(thing)`: through Keras' serialisation and JSON, as saving and loading would bring it back."""
    import json

    import keras

    def through(thing):
        text = json.dumps(keras.saving.serialize_keras_object(thing))
        return keras.saving.deserialize_keras_object(json.loads(text))

    return through
