"""A plugin of `tfgen.run` that ends the process once the first training step is done: what start-up costs."""

import os

import keras

from tfgen.training.model import GenerativeModel


class Leave(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("first step done", flush=True)
        os._exit(0)


_fit_examples = GenerativeModel.fit_examples


def fit_examples(self, *args, callbacks=(), **kwargs):
    return _fit_examples(self, *args, callbacks=[*callbacks, Leave()], **kwargs)


GenerativeModel.fit_examples = fit_examples
