"""What a batch is: named fields, as data sets and users give them and as the networks see them."""

from typing import Any

import tensorflow as tf

from tfgen.errors import UserError, nearest
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
            data: a dict of fields; or a tuple of them, the data field first and the others as declared; or one tensor.

        Raises:
            UserError: a field is missing, or is not of the declared kind and shape.
        """
        if isinstance(data, (tuple, list)) and len(data) and isinstance(data[0], dict):
            data = data[0]  # Keras' train_on_batch puts a dict into a tuple
        if not isinstance(data, dict):
            values = data if isinstance(data, (tuple, list)) else (data,)
            others = [name for name in self.fields if name != self.data_field]
            # not strict: further elements, such as labels that the model does not use, are left out
            data = dict(zip([self.data_field, *others], values, strict=False))
        missing = [name for name in self.fields if data.get(name) is None]
        if missing:
            given = sorted(name for name in data if data[name] is not None)
            got = ", ".join(given) or "nothing"
            raise UserError(
                f"{self.name} needs the field {missing[0]!r} in every batch, got {got}{nearest(missing[0], given)}"
            )
        return {name: self.as_field(name, data[name]) for name in self.fields}

    def as_field(self, name: str, value: Any) -> tf.Tensor:
        """Returns one field as the networks see it, by its kind.

        Images become float32 in `value_range`, labels int64 [B], tokens int64 [B, length], all else float32.
        """
        value, field = tf.convert_to_tensor(value), self.fields[name]
        if field.kind == "image":
            return self.to_value_range(self.as_unit_images(value, name))
        if field.kind in ("label", "tokens"):
            self.check_integers(name, value)
        if field.kind == "label":
            return tf.reshape(tf.cast(value, tf.int64), [-1])
        return self.check_shape(name, tf.cast(value, tf.int64 if field.kind == "tokens" else tf.float32))

    def check_integers(self, name: str, value: tf.Tensor) -> None:
        """Raises UserError for labels or tokens that are not integers, and for one-hot rows of labels."""
        # a cast would cut floats, and a reshape would turn B one-hot rows into more than B labels
        label, rank = self.fields[name].kind == "label", value.shape.rank
        rows = label and rank is not None and (rank > 2 or (rank == 2 and value.shape[1] not in (1, None)))
        if rows or not value.dtype.is_integer:
            expected, hint = "[B]" if label else "[B, length]", ": turn one-hot rows into numbers with argmax(-1)"
            raise UserError(
                f"{self.name} takes the field {name!r} as integers {expected}, got {value.dtype.name} of shape "
                f"{tuple(value.shape)}{hint if rows else ''}"
            )

    def check_shape(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """Returns `value` [B, ...] of the field `name`.

        Raises:
            UserError: it is of another shape than declared.
        """
        expected = tuple(self.fields[name].shape)
        if not value.shape[1:].is_compatible_with(expected):
            raise UserError(f"{self.name} takes the field {name!r} of shape {expected}, got {tuple(value.shape[1:])}")
        return value

    def as_unit_images(self, images: tf.Tensor, name: str | None = None) -> tf.Tensor:
        """Returns float32 images [B, H, W, C] in [0, 1], from uint8 or from float in [0, 1].

        Args:
            images: [B, H, W, C], or [B, H, W] of one channel.
            name: of their field; by default the data field.

        Raises:
            UserError: they are of another dtype or shape.
        """
        if images.dtype == tf.uint8:
            # by way of float64: a graph multiplies float32 by 1 / 255 instead, which is not what NumPy gives
            images = tf.cast(images, tf.float64) / 255.0
        elif not images.dtype.is_floating:
            raise UserError(f"images must be uint8, or float in [0, 1], got {images.dtype.name}")
        images = tf.cast(images, tf.float32)
        expected = self.fields[name or self.data_field].shape
        if len(images.shape) == len(expected):
            images = images[..., None]
        if len(images.shape) != 4 or any(a is not None and a != b for a, b in zip(images.shape[1:], expected)):
            raise UserError(f"{self.name} takes images of shape {expected}, got {tuple(images.shape[1:])}")
        return images

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
        """Returns the spec of a field in a signature: images float32 in [0, 1], labels int64 [B]."""
        field = self.fields[name]
        dtype = "int64" if field.kind in ("label", "tokens") else "float32"
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
