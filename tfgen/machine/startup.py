"""The start of TensorFlow without its messages."""

import contextlib
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable

from tfgen.errors import UserError, WorkerLost
from tfgen.machine import stopping

STARTED = time.monotonic()  # of this import, close to the start of the process


def import_tensorflow() -> None:
    """Imports TensorFlow; its devices stay as they are."""
    importlib.import_module("tensorflow")


def wake_devices() -> None:
    """Imports TensorFlow and runs an operation, which initialises its devices."""
    importlib.import_module("tensorflow").constant(0)


def two_devices() -> None:
    """Imports TensorFlow and makes two logical processors of the first one, for what needs replicas.

    In a process whose devices are in use already, these stay as they are.
    """
    tensorflow = importlib.import_module("tensorflow")
    processor = tensorflow.config.list_physical_devices("CPU")[0]
    logical = tensorflow.config.LogicalDeviceConfiguration
    with contextlib.suppress(RuntimeError):  # too late: what needs replicas says so
        tensorflow.config.set_logical_device_configuration(processor, [logical(), logical()])
    wake_devices()


def start_tensorflow(wake: Callable[[], object] = wake_devices) -> None:
    """Imports TensorFlow and initialises its devices, without its messages on itself and on missing drivers.

    They are shown if the start fails.
    """
    # TF_CPP_MIN_LOG_LEVEL does not suppress them: they are written to file descriptor 2 before logging is set up
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said, stopping.at_once(kept):
        os.dup2(said.fileno(), 2)
        try:
            wake()
        except (KeyboardInterrupt, UserError, WorkerLost):
            raise  # their own sentence is enough
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
