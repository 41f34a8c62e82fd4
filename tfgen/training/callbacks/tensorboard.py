"""Scalars and sample grids for TensorBoard, written without the tensorboard package, which TF does not bring."""

import io
import numbers

import keras
import tensorflow as tf
from PIL import Image

# Field 1 of tensorflow.SummaryMetadata is plugin_data, whose field 1 is the name; field 4 is data_class.
SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1).SerializeToString()
IMAGE = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "images"}, data_class=3).SerializeToString()


class TensorBoard(keras.callbacks.Callback):
    """Writes each epoch's logs, and every `every` steps the means so far, over the global step.

    After a resume the steps since the checkpoint are written once more with the same values, which TensorBoard bears.

    Args:
        folder: of the event files.
        samples: a `SampleGrid` that stands before this callback, whose grids are shown as `samples`.
        every: steps between two points within an epoch, or None.
    """

    def __init__(self, folder, samples=None, every=100):
        super().__init__()
        self.folder, self.samples, self.every, self.writer, self._next = str(folder), samples, every, None, None

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(self.folder)
        self._next = None

    def on_train_batch_end(self, batch, logs=None):
        # `batch` counts within this epoch, and jumps with steps_per_execution: a read of the step is saved.
        if self.every and batch + 1 >= (self._next or self.every):
            self._next = batch + 1 + self.every
            self.write("within_epoch/", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._next = None
        self.write("", logs)
        if self.samples is not None and self.samples.latest is not None:
            self._image("samples", self.samples.latest)
        self.writer.flush()

    def on_train_end(self, logs=None):
        if self.writer is not None:
            self.writer.close()

    def _step(self):
        return int(self.model.step.numpy())

    def write(self, prefix, logs):
        """Writes the numbers of a dict, as scalars called prefix + name, at the present step."""
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
