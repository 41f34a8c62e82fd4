"""A plugin of `tfgen.run` that writes how long a training step takes, one file a process.

    STEP_TIMES=FOLDER python -m tfgen.run --plugin=benchmarks.step_times ...

FOLDER/PID.json: {"seconds": [of each step]}, after the first STEP_TIMES_WARM (1 by default, which builds the graph).
"""

import json
import os
import pathlib
import time

import keras

from tfgen.training.model import GenerativeModel


class StepTimes(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())

    def on_train_end(self, logs=None):
        warm = int(os.environ.get("STEP_TIMES_WARM", "1"))
        pairs = zip(self.ends[warm:], self.ends[warm - 1 :])
        seconds = [after - before for after, before in pairs]
        path = pathlib.Path(os.environ["STEP_TIMES"]) / f"{os.getpid()}.json"
        path.write_text(json.dumps({"seconds": seconds}))


_fit_examples = GenerativeModel.fit_examples


def fit_examples(self, *args, callbacks=(), **kwargs):
    return _fit_examples(self, *args, callbacks=[*callbacks, StepTimes()], **kwargs)


GenerativeModel.fit_examples = fit_examples
