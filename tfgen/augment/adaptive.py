"""Adaptive augmentation (ADA, Karras et al. 2020): a probability that follows the discriminator's overfitting."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import tensorflow as tf

from tfgen.augment.base import HELD_OUT_EVERY, Assign, Augment, States, per_image
from tfgen.augment.chain import Chain
from tfgen.augment.diff_augment import diff_augment
from tfgen.domains import Count, Share
from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.values import serializable

if TYPE_CHECKING:
    import keras

MEMORY = 0.75  # decay of the averages, which remember about four batches, as in the paper


@serializable
@dataclasses.dataclass(frozen=True)
class Adaptive(Augment):
    """Each step of `policy` with the probability p, which rises while D overfits and falls while it does not.

    D overfits while r > target; with drive="train" r = r_t = E[sign D(x)], with drive="held_out" r = r_v = (E[D(x)] -
    E[D(held-out)]) / (E[D(x)] - E[D(G(z))]): Karras et al. 2020, equation 1. Under a loss of differences of
    logits r_t is E[sign(D(x) - D(G(z)))]. p goes from 0 to 1 within `images` real images at least, and to `most`.
    """

    needs_maps = True
    states: ClassVar[dict[str, float]] = {"p": 0.0, "overfitting": 0.0, "train": 0.0, "fake": 0.0}
    policy: Augment
    target: Share = 0.6
    images: Count = 100_000
    most: Share = 0.8
    drive: Literal["train", "held_out"] = "train"

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["watches_held_out"] = self.drive == "held_out"

    def at(self, states: States) -> Augment:
        return WithProbability(self.policy, states["p"].value)

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        return WithProbability(self.policy, tf.constant(self.states["p"]))(images, noise)

    def observe(self, real: tf.Tensor, fake: tf.Tensor, middle: tf.Tensor, states: States, assign: Assign) -> None:
        if self.drive == "train":
            self._adapt(tf.reduce_mean(tf.sign(real - middle)), len_of(real), states, assign)
        else:
            for name, logit in (("train", real), ("fake", fake)):
                assign(states[name], averaged(states[name], tf.reduce_mean(logit)))

    def observe_held_out(self, logit: tf.Tensor, states: States, assign: Assign) -> None:
        train, fake = states["train"].value, states["fake"].value
        overfitting = (train - tf.reduce_mean(logit)) / tf.maximum(train - fake, 1e-6)
        self._adapt(tf.clip_by_value(overfitting, -1.0, 1.0), HELD_OUT_EVERY * len_of(logit), states, assign)

    def _adapt(self, found: tf.Tensor, count: tf.Tensor, states: States, assign: Assign) -> None:
        overfitting = averaged(states["overfitting"], found)
        step = tf.sign(overfitting - self.target) * count / self.images
        assign(states["overfitting"], overfitting)
        assign(states["p"], tf.clip_by_value(states["p"].value + step, 0.0, self.most))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from keras.saving import deserialize_keras_object

        policy = config["policy"]
        return cls(**{**config, "policy": policy if isinstance(policy, Augment) else deserialize_keras_object(policy)})


class WithProbability(Augment):
    """Each step of `policy` on an image with the probability `p`, a scalar tensor, by a coin of its own."""

    def __init__(self, policy: Augment, p: tf.Tensor) -> None:
        self.policy, self.p = policy, p

    def __call__(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        for index, step in enumerate(self.policy.steps if isinstance(self.policy, Chain) else (self.policy,)):
            own = noise.scope(str(index))
            chosen = per_image(images, own, "chosen") < tf.cast(self.p, images.dtype)
            images = tf.where(chosen, step(images, own), images)
        return images


def averaged(state: "keras.Variable", value: tf.Tensor) -> tf.Tensor:
    """Returns the moving average of a state with one value more."""
    return MEMORY * state.value + (1.0 - MEMORY) * value


def len_of(rows: tf.Tensor) -> tf.Tensor:
    """Returns the number of rows, float32."""
    return tf.cast(tf.shape(rows)[0], tf.float32)


def adaptive(
    target: float = 0.6,
    images: int = 100_000,
    policy: str = "color,translation,cutout",
    drive: Literal["train", "held_out"] = "train",
    most: float = 0.8,
) -> Adaptive:
    """Returns adaptive augmentation by the augmentations that `policy` names, as of `diff_augment`.

    Raises:
        UserError: `drive` is neither train nor held_out, or the policy is unknown.
    """
    if drive not in ("train", "held_out"):
        raise UserError(f"augment: drive is train or held_out, got {drive!r}")
    return Adaptive(diff_augment(policy), float(target), images, float(most), drive)
