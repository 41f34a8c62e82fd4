"""Scalars and sample grids for TensorBoard, written without the tensorboard package."""

import io
import numbers
import os
import secrets
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from PIL import Image

from tfgen.domains import Count, check

# tf.summary.scalar and tf.summary.image need the tensorboard package, tf.summary.write only this metadata.
# Field 1 of tensorflow.SummaryMetadata is plugin_data, whose field 1 is the name; field 4 is data_class.
SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1).SerializeToString()
IMAGE = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "images"}, data_class=3).SerializeToString()


class TensorBoard(keras.callbacks.Callback):
    """Event files with the logs of each epoch and, every `every` steps, the means so far, by global step.

    After a resume the steps since the checkpoint are written again with the same values, which TensorBoard accepts.

    Args:
        folder: of the event files.
        samples: a `SampleGrid` before this callback, whose grids are written as `samples`; or None.
        every: steps between two points within an epoch, or None for the end of each epoch only.
    """

    def __init__(self, folder: str | os.PathLike[str], samples: Any = None, every: int | None = 100) -> None:
        super().__init__()
        check("every of TensorBoard", every, Count | None)
        self.folder, self.samples, self.every = str(folder), samples, every
        self.writer: Any = None  # made by `on_train_begin`
        self._next: int | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        # TensorFlow's names, of the time and the process, can be guessed by who plants links in a shared folder
        self.writer = tf.summary.create_file_writer(self.folder, filename_suffix=f".{secrets.token_hex(8)}")
        self._next = None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # `batch` counts within the epoch and jumps with steps_per_execution; it avoids reading the step's variable.
        if self.every is not None and batch + 1 >= (self._next or self.every):
            self._next = batch + 1 + self.every
            self.write("within_epoch/", logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._next = None
        self.write("", logs)
        if self.samples is not None and self.samples.latest is not None:
            self._image("samples", self.samples.latest)
        self.writer.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.writer is not None:
            self.writer.close()

    def _step(self):
        return int(self.model.step.numpy())

    def write(self, prefix: str, logs: Mapping[str, Any] | None) -> None:
        """Writes the numbers of a dict as scalars `prefix` + name at the current step."""
        step = self._step()
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                if isinstance(value, numbers.Real):
                    tf.summary.write(prefix + name, tf.constant(value, tf.float32), step=step, metadata=SCALAR)

    def _image(self, name, image):
        encoded = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(encoded, format="PNG")
        height, width = image.shape[:2]
        value = tf.constant([str(width).encode(), str(height).encode(), encoded.getvalue()])
        with self.writer.as_default():
            tf.summary.write(name, value, step=self._step(), metadata=IMAGE)
