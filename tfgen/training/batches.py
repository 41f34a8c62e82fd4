"""What a batch is: named fields, as data sets and users give them and as the networks see them."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.checks import check_against
from tfgen.errors import UserError
from tfgen.storage.images import to_uint8
from tfgen.training.attributes import Attributes
from tfgen.training.step import Fields


class Batches(Attributes):
    """The part of `GenerativeModel` that checks and converts batches, by its `fields` and `value_range`."""

    def as_batches(self, data: Any) -> dict[str, Fields]:
        """Returns split -> fields as the networks see them.

        Args:
            data: a batch; of a model with phases on held-out examples, a dict of the batches `train` and `validation`.
        """
        if self.sees_held_out:
            return {split: self.as_batch(data[split]) for split in ("train", "validation")}
        return {"train": self.as_batch(data)}

    @property
    def sees_held_out(self) -> bool:
        """Whether a phase runs on held-out examples."""
        return any(phase.split == "validation" for phase in self.phases)

    def as_batch(self, data: Any) -> Fields:
        """Returns the fields of a batch by name, as the networks see them.

        Args:
            data: as `named` takes it.

        Raises:
            UserError: a field is missing, or is not of the declared kind, dtype and shape; or, of values that are at
                hand, range.
        """
        given, _ = self.named(data)
        return {name: self.as_field(name, value) for name, value in given.items()}

    def as_field(self, name: str, value: Any) -> tf.Tensor:
        """Returns one field as the networks see it, by its kind.

        Images become float32 in `value_range`, labels int64 [B], tokens int64 [B, length], texts the vectors of the
        model's `text_encoder` (without one they stay strings), all else float32.
        """
        field = self.fields[name]
        if tf.is_symbolic_tensor(value):
            self.check_form(name, value)
        else:  # values at hand
            checked = check_against(name, value, field, whole=False)
            if not len(checked):
                raise UserError(f"{name}: expected at least one example, got none")
            value = value if tf.is_tensor(value) else tf.convert_to_tensor(np.asarray(checked))
        if field.kind == "image":
            return self.to_value_range(self.as_unit_images(value))
        if field.kind == "label":
            return tf.reshape(tf.cast(value, tf.int64), [-1])
        if field.kind == "text":
            return value if self.text_encoder is None else self.text_encoder(value)
        return tf.cast(value, tf.int64 if field.kind == "tokens" else tf.float32)

    def as_unit_images(self, images: tf.Tensor) -> tf.Tensor:
        """Returns float32 images [B, H, W, C] in [0, 1], from uint8, bool, or float in [0, 1].

        Args:
            images: [B, H, W, C], or [B, H, W] of one channel.
        """
        if images.dtype == tf.uint8:
            # by way of float64: a graph multiplies float32 by 1 / 255 instead, which is not what NumPy gives
            images = tf.cast(images, tf.float64) / 255.0
        images = tf.cast(images, tf.float32)
        return images[..., None] if images.shape.rank == 3 else images

    def to_value_range(self, data: tf.Tensor) -> tf.Tensor:
        """Returns images in [0, 1] as images in `value_range`, as the networks see them."""
        low, high = self.value_range or (0.0, 1.0)
        return data if (low, high) == (0.0, 1.0) else low + (high - low) * data

    def to_unit_range(self, made: tf.Tensor) -> tf.Tensor:
        """Returns the output of a network as float32 data: images clipped to [0, 1], all else unchanged."""
        made = tf.cast(made, tf.float32)
        if self.fields[self.data_field].kind != "image":
            return made
        low, high = self.value_range or (0.0, 1.0)
        return tf.clip_by_value((made - low) / (high - low), 0.0, 1.0)

    def as_stored(self, data: tf.Tensor) -> tf.Tensor:
        """Returns data as a data set holds them: uint8 of images in [0, 1], rounded; all else float32."""
        return to_uint8(data) if self.data_dtype == "uint8" else data

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one example of what the model makes."""
        return tuple(self.fields[self.data_field].shape)

    @property
    def data_dtype(self) -> str:
        """The dtype of samples: uint8 of images, else float32."""
        return "uint8" if self.fields[self.data_field].kind == "image" else "float32"

    def spec(self, name: str) -> tf.TensorSpec:
        """Returns the spec of a field in a signature: images float32 in [0, 1], labels int64 [B], texts string [B]."""
        field = self.fields[name]
        dtype = {"label": "int64", "tokens": "int64", "text": "string"}.get(field.kind, "float32")
        return tf.TensorSpec([None, *field.shape], dtype, name=name)

    @property
    def parts(self) -> int:
        """The number of equal parts, each of the batch size, into which a step's data are split."""
        return max((phase.steps for phase in self.phases if phase.split == "train"), default=1)

    def split(self, batch: Fields) -> list[Fields]:
        """Returns `parts` batches of equal size, one per update of a phase.

        Raises:
            UserError: the batch has fewer rows than parts.
        """
        if self.parts == 1:
            return [batch]
        size = next(iter(batch.values())).shape[0]
        if size is not None and size < self.parts:
            raise UserError(f"a batch of {size} cannot be split into {self.parts} parts, one per discriminator step")
        rows = tf.shape(next(iter(batch.values())))[0] // self.parts if size is None else size // self.parts
        return [{k: v[i * rows : (i + 1) * rows] for k, v in batch.items()} for i in range(self.parts)]
