"""LeCam regularisation (Tseng et al. 2021)."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfgen.domains import NotNegative, Proportion
from tfgen.penalties.base import Penalty, Seen
from tfgen.values import serializable


@serializable
@dataclasses.dataclass(frozen=True)
class LeCam(Penalty):
    """weight (E[(D(x) - a_F)^2] + E[(D(G(z)) - a_R)^2]), Tseng et al. 2021, equation 5.

    The anchors a_R and a_F are moving averages of D's outputs on real and on generated images, states of the model.
    """

    states: ClassVar[dict[str, float]] = {"anchor_real": 0.0, "anchor_fake": 0.0}
    couples: ClassVar[bool] = True
    weight: NotNegative = 0.3
    decay: Proportion = 0.99

    def of(self, seen: Seen) -> tf.Tensor:
        real, fake = seen.answers()
        means = {"anchor_real": tf.reduce_mean(seen.gather(real)), "anchor_fake": tf.reduce_mean(seen.gather(fake))}
        anchors = {}
        for name, mean in means.items():
            before = seen.states[name].value
            anchors[name] = self.decay * before + (1.0 - self.decay) * tf.stop_gradient(mean)
            seen.assign(seen.states[name], anchors[name])
        off = tf.square(real - anchors["anchor_fake"]), tf.square(fake - anchors["anchor_real"])
        return self.weight * tf.add_n(list(map(tf.reduce_mean, off)))


def lecam(weight: float = 0.3, decay: float = 0.99) -> LeCam:
    """Returns LeCam regularisation of D's outputs towards moving averages of the opposite side."""
    return LeCam(float(weight), float(decay))
