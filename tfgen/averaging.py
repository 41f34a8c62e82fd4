"""Averages of weights over training, which sampling and exports use: `ema` is a constant decay, or one of these.

ema=0.999              avg <- 0.999 avg + 0.001 w, with a warm-up
ema=power(0.1)         a power of the time, whose width is a share of the training so far
"""

import dataclasses
from typing import Annotated, TypeAlias

import numpy as np
import tensorflow as tf

from tfgen.domains import Interval, Proportion
from tfgen.values import Value, serializable

WIDEST = 12.0**-0.5  # of a profile that does not fall: all weights count alike
NARROWEST = 1e-6  # of a profile that is no average: all but the latest weights are forgotten

Width = Annotated[float, Interval(NARROWEST, WIDEST)]


class Average(Value):
    """How much each update moves an average: avg <- avg + rate(t) (w - avg)."""

    def rate(self, count: tf.Tensor) -> tf.Tensor:
        """Returns 1 - the decay at update number `count`, from 1: a float32 scalar."""
        raise NotImplementedError


Ema: TypeAlias = Proportion | Average


@serializable
@dataclasses.dataclass(frozen=True)
class Power(Average):
    """avg_t = beta avg_(t-1) + (1 - beta) w_t, beta = (1 - 1/t)^(gamma + 1): the weights w_s count with about s^gamma.

    Karras et al. 2024 (EDM2), equations 1 and 2. The average forgets its beginning at any length of training, so that
    no decay has to be chosen for it.

    Attributes:
        sigma_rel: standard deviation of the profile, as a share of the training so far; 0.05 to 0.25 in the paper.
    """

    sigma_rel: Width = 0.1

    @property
    def gamma(self) -> float:
        """The exponent: sigma_rel^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)), the paper's section 3.1."""
        inverse = self.sigma_rel**-2
        # of the positive roots of (gamma + 2)^2 (gamma + 3) - inverse (gamma + 1) = 0, that of a rising profile
        return float(np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse]).real.max())

    def rate(self, count: tf.Tensor) -> tf.Tensor:
        t = tf.cast(count, tf.float32)
        # 1 - beta, which as a difference would be rounded away after a million updates
        return -tf.math.expm1((self.gamma + 1.0) * tf.math.log1p(-1.0 / t))


def power(sigma_rel: float = 0.1) -> Power:
    """Returns the average with a power-law profile, whose width is `sigma_rel` of the training so far."""
    return Power(sigma_rel)
