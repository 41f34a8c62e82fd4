"""The total correlation of codes, and the ELBO that gives it a weight of its own."""

import dataclasses

import tensorflow as tf

from tfgen.domains import NotNegative
from tfgen.objectives.base import Codes, Objective
from tfgen.objectives.evidence import Elbo
from tfgen.priors import normal_log_prob
from tfgen.values import serializable


def total_correlation(codes: Codes) -> tf.Tensor:
    """Returns an estimate of KL(q(z) || prod_d q(z_d)) in nats, q(z) the mean of q(z|x) over images; a scalar.

    q(z) is the mean over the N images of the batch: minibatch-weighted sampling, Chen et al. 2018, appendix C.1,
    without the size of the data set, which adds a constant. It is biased: upwards where dimensions depend little on
    each other, since each z is a draw for one of these images; and as it is at most (D - 1) log N, downwards where they
    depend strongly.
    """
    # log q(z_i,d | x_j), [N, N, D]
    log_q = normal_log_prob(codes.z[:, None], codes.mean[None], codes.log_var[None])
    log_rows = tf.math.log(tf.cast(tf.shape(codes.z)[0], tf.float32))
    joint = tf.reduce_logsumexp(tf.reduce_sum(log_q, axis=2), axis=1) - log_rows
    marginals = tf.reduce_sum(tf.reduce_logsumexp(log_q, axis=1) - log_rows, axis=1)
    return tf.reduce_mean(joint - marginals)


@serializable
@dataclasses.dataclass(frozen=True)
class BetaTC(Objective):
    """The negative ELBO + (beta - 1) KL(q(z) || prod_d q(z_d)), Chen et al. 2018, equation 4 with alpha = gamma = 1."""

    beta: NotNegative = 6.0
    needs_whole_batch = "the total correlation is that of all codes of a batch"

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return Elbo()(log_px, log_pz, log_qz, kl, step)

    def of_codes(self, codes: Codes) -> dict[str, tf.Tensor]:
        return {"weighted_tc": (self.beta - 1.0) * total_correlation(codes)}


def beta_tc(beta: float = 6.0) -> BetaTC:
    """Returns the ELBO whose total correlation has the weight `beta`."""
    return BetaTC(beta)
