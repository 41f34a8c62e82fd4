"""Consistency regularisation (CR-GAN, Zhang et al. 2020; bCR, Zhao et al. 2020)."""

import dataclasses

import tensorflow as tf

from tfgen.augment import translate
from tfgen.domains import Count, NotNegative, Proportion
from tfgen.penalties.base import Penalty, Seen
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class Consistency(Penalty):
    """weight E[(D(x) - D(T(x)))^2] + fake_weight E[(D(G(z)) - D(T(G(z))))^2], T a random shift.

    Zhang et al. 2020, equation 3; the second term is that of Zhao et al. 2020, algorithm 1.
    """

    needs_maps = True
    weight: NotNegative = 10.0
    fake_weight: NotNegative = 0.0
    fraction: Proportion = 0.125
    every: Count = 1

    def of(self, seen: Seen) -> tf.Tensor:
        real, fake = seen.answers()
        moved, total = translate(self.fraction), 0.0
        for name, weight, images, logit, discriminate in (
            ("real", self.weight, seen.real, real, seen.discriminate),
            ("fake", self.fake_weight, seen.fake, fake, seen.on_fake),
        ):
            if weight:
                again = discriminate(moved(images, seen.noise.scope(name)))
                total += weight * tf.reduce_mean(tf.square(logit - again))
        return tf.convert_to_tensor(total)


def consistency(weight: float = 10.0, fake_weight: float = 0.0, fraction: float = 0.125, every: int = 1) -> Consistency:
    """Returns consistency regularisation under shifts of up to `fraction` of the image."""
    return Consistency(float(weight), float(fake_weight), float(fraction), every)
