"""What a batch is: named fields, as data sets and users give them and as the networks see them."""

import tensorflow as tf

from tfgen.errors import UserError, nearest
from tfgen.storage.images import to_uint8


class Batches:
    """The part of `GenerativeModel` that checks and converts batches, by its `fields` and `value_range`."""

    def as_batch(self, data):
        """A dict of fields as the networks see them, from what a data set or `fit` gives."""
        if not isinstance(data, dict):
            values = data if isinstance(data, (tuple, list)) else (data,)
            data = dict(zip([name for name in (self.data_field, self.condition) if name], values, strict=False))
        missing = [name for name in self.fields if data.get(name) is None]
        if missing:
            got = ", ".join(sorted(name for name in data if data[name] is not None)) or "nothing"
            raise UserError(
                f"{self.name} needs the field {missing[0]!r} in every batch, got {got}{nearest(missing[0], data)}"
            )
        return {name: self.as_field(name, data[name]) for name in self.fields}

    def as_field(self, name, value):
        value = tf.convert_to_tensor(value)
        if name == "image":
            return self.to_value_range(self.as_unit_images(value))
        dtype = tf.int64 if self.fields[name].dtype == "int64" else tf.float32
        value = tf.cast(value, dtype)
        return tf.reshape(value, [-1]) if dtype == tf.int64 else self.check_shape(name, value)

    def check_shape(self, name, value):
        expected = tuple(self.fields[name].shape)
        if not value.shape[1:].is_compatible_with(expected):
            raise UserError(f"{self.name} takes the field {name!r} of shape {expected}, got {tuple(value.shape[1:])}")
        return value

    def as_unit_images(self, images):
        """float32 images [B, H, W, C] in [0, 1] from uint8, or from float in [0, 1]."""
        if images.dtype == tf.uint8:
            # by way of float64: a graph multiplies float32 by 1 / 255 instead, which is not what NumPy gives
            images = tf.cast(images, tf.float64) / 255.0
        elif not images.dtype.is_floating:
            raise UserError(f"images must be uint8, or float in [0, 1], got {images.dtype.name}")
        images = tf.cast(images, tf.float32)
        if len(images.shape) == len(self.image_shape):
            images = images[..., None]
        if len(images.shape) != 4 or any(a is not None and a != b for a, b in zip(images.shape[1:], self.image_shape)):
            raise UserError(f"{self.name} takes images of shape {self.image_shape}, got {tuple(images.shape[1:])}")
        return images

    def to_value_range(self, data):
        """What the networks see of images in [0, 1]; points are left as they are."""
        low, high = self.value_range or (0.0, 1.0)
        return data if (low, high) == (0.0, 1.0) else low + (high - low) * data

    def to_unit_range(self, made):
        """Images float32 in [0, 1] of what a network made; points are left as they are."""
        made = tf.cast(made, tf.float32)
        if self.value_range is None:
            return made
        low, high = self.value_range
        return tf.clip_by_value((made - low) / (high - low), 0.0, 1.0)

    def as_stored(self, data):
        """What a data set would hold: uint8 of images in [0, 1], rounded; points float32."""
        return to_uint8(data) if self.data_dtype == "uint8" else data

    def split(self, batch):
        """The step's parts: equal shares of the batch, one for each repetition of a phase."""
        if self.parts == 1:
            return [batch]
        size = next(iter(batch.values())).shape[0]
        if size is not None and size < self.parts:
            raise UserError(f"a batch of {size} cannot be split into {self.parts} parts, one a discriminator step")
        rows = tf.shape(next(iter(batch.values())))[0] // self.parts if size is None else size // self.parts
        return [{k: v[i * rows : (i + 1) * rows] for k, v in batch.items()} for i in range(self.parts)]
