"""Augment: a differentiable map of what the discriminator sees, the same on real and on generated images."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import tensorflow as tf

from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.values import Value

if TYPE_CHECKING:
    import keras

States = Mapping[str, "keras.Variable"]
HELD_OUT_EVERY = 4  # steps from one look at held-out images to the next, of an augmentation that follows them
Assign = Callable[["keras.Variable", tf.Tensor], None]


class Augment(Value):
    """A map of images [B, H, W, C] to the same shape; all its randomness comes from named streams of `noise`.

    The i-th real and the i-th generated image of an update are given the same draws: a loss of pairs, such as
    `relativistic`, compares them under one and the same map.

    Attributes:
        states: name -> initial value of variables that it keeps, saved with the model; one with states overrides `at`.
        watches_held_out: whether it takes note of D's answers to held-out images.
        needs_maps: whether it works on images [B, H, W, C] alone, and not on points.
    """

    states: ClassVar[dict[str, float]] = {}
    watches_held_out: bool = False
    needs_maps: bool = False

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the augmented images, of the shape and dtype of `images`."""
        raise NotImplementedError

    def at(self, states: States) -> "Augment":
        """Returns the augmentation with the values that its states have now."""
        return self

    def observe(self, real: tf.Tensor, fake: tf.Tensor, middle: tf.Tensor, states: States, assign: Assign) -> None:
        """Takes note of D's logits [B, 1] of the real and generated images of an update, of all replicas.

        Args:
            real, fake: the logits.
            middle: the logit above which D takes an image for real, a scalar or [B, 1].
            states: of the augmentation.
            assign: `assign(variable, value)`.
        """

    def observe_held_out(self, logit: tf.Tensor, states: States, assign: Assign) -> None:
        """Takes note of D's logits [B, 1] of held-out images, of all replicas."""


def check_follows_nothing(augment: Callable | None, option: str) -> None:
    """Raises UserError where the augmentation of images that no discriminator sees follows what one answers."""
    if getattr(augment, "states", {}):
        raise UserError(
            f"{option}: adaptive augmentation follows the answers of a discriminator, which sees none of these images; "
            "take diff_augment"
        )


def check_maps(images: tf.Tensor, name: str) -> None:
    """Raises UserError unless `images` are [B, H, W, C]."""
    if len(images.shape) != 4:
        raise UserError(f"augment: {name} expects images [B, H, W, C], got shape {list(images.shape)}; leave it out")


def per_image(images: tf.Tensor, noise: Noise, name: str) -> tf.Tensor:
    """Returns u ~ U[0, 1) for each image, [B, 1, 1, 1], in the dtype of `images`."""
    return tf.cast(noise.uniform(name, (tf.shape(images)[0], 1, 1, 1)), images.dtype)
