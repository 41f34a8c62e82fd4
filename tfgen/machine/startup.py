"""Starting TensorFlow without what it says of itself."""

import importlib
import os
import sys
import tempfile


def wake_devices():
    importlib.import_module("tensorflow").constant(0)


def start_tensorflow(wake=wake_devices):
    """Imports TensorFlow and wakes its devices, without what it says meanwhile of itself and of absent drivers.

    TF_CPP_MIN_LOG_LEVEL does not reach these lines, which are written to file descriptor 2 before logging is set up.
    After a failure they are shown.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            wake()
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
