"""Importance-weighted bounds, over all draws of an image or over groups of them."""

import dataclasses

import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.objectives.base import Objective
from tfgen.values import serializable


def bound(log_w: tf.Tensor) -> tf.Tensor:
    """Returns log 1/L sum_l w_l of log weights [L, ...], [...]."""
    return tf.reduce_logsumexp(log_w, axis=0) - tf.math.log(tf.cast(tf.shape(log_w)[0], tf.float32))


@serializable
@dataclasses.dataclass(frozen=True)
class ImportanceWeighted(Objective):
    """The importance-weighted bound, -E[log 1/L sum_l w_l], w = p(x|z) p(z) / q(z|x), Burda et al. 2016, eq. 8."""

    of_divergences = False

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return {"importance_weighted": -tf.reduce_mean(bound(log_px + log_pz - log_qz))}


@serializable
@dataclasses.dataclass(frozen=True)
class Miwae(Objective):
    """The mean of `groups` importance-weighted bounds, each over L / groups draws, Rainforth et al. 2018, eq. 8.

    The gradient for q(z|x) gets weaker than its noise with more draws in a bound, and less noisy with more bounds.
    """

    groups: Count = 8
    of_divergences = False

    def check_samples(self, samples: int) -> None:
        if samples % self.groups:
            raise UserError(
                f"{samples} samples cannot be divided into {self.groups} groups of equal size: give a multiple of "
                f"{self.groups} as samples, or other groups"
            )

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        log_w = log_px + log_pz - log_qz
        shape = tf.shape(log_w)
        grouped = tf.reshape(log_w, [shape[0] // self.groups, self.groups, shape[1]])
        return {"importance_weighted": -tf.reduce_mean(bound(grouped))}


def iwae() -> ImportanceWeighted:
    """Returns the importance-weighted bound over the model's `samples`."""
    return ImportanceWeighted()


def miwae(groups: int = 8) -> Miwae:
    """Returns the mean of `groups` importance-weighted bounds, which share the model's `samples`."""
    return Miwae(groups)
