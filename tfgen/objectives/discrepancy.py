"""The maximum mean discrepancy of two sets of codes, and the objectives that have it."""

import dataclasses
from typing import Literal

import tensorflow as tf

from tfgen.domains import NotNegative, Share
from tfgen.errors import UserError
from tfgen.objectives.base import Codes, Objective, divergence
from tfgen.values import serializable

Kernel = Literal["imq", "rbf"]


def squared_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns |a_i - b_j|^2, float32 [N, M], of rows a [N, D] and b [M, D]."""
    squares = tf.reduce_sum(tf.square(a), axis=1)[:, None] + tf.reduce_sum(tf.square(b), axis=1)
    return tf.maximum(squares - 2.0 * tf.matmul(a, b, transpose_b=True), 0.0)


def similarity(distance: tf.Tensor, kernel: Kernel, dimensions: int) -> tf.Tensor:
    """Returns k(a, b) of squared distances |a - b|^2 in `dimensions` D, whose mean is 2 D for two draws of N(0, I).

    "imq": C / (C + |a - b|^2), C = 2 D (Tolstikhin et al. 2018, section 4); "rbf": exp(-|a - b|^2 / 2 D).
    """
    scale = 2.0 * dimensions
    return scale / (scale + distance) if kernel == "imq" else tf.exp(-distance / scale)


def discrepancy(a: tf.Tensor, b: tf.Tensor, kernel: Kernel = "imq") -> tf.Tensor:
    """Returns an unbiased estimate of MMD^2 of the distributions of a [N, D] and b [N, D], a float32 scalar.

    Gretton et al. 2012, equation 3; it may be negative, and it is 0 of a single row, which says nothing.
    """
    rows = tf.cast(tf.shape(a)[0], tf.float32)
    within = sum(
        tf.reduce_sum(tf.linalg.set_diag(k, tf.zeros_like(tf.linalg.diag_part(k))))
        for k in (similarity(squared_distances(rows_, rows_), kernel, a.shape[-1]) for rows_ in (a, b))
    )
    across = tf.reduce_mean(similarity(squared_distances(a, b), kernel, a.shape[-1]))
    return tf.where(rows > 1.0, within / tf.maximum(rows * (rows - 1.0), 1.0) - 2.0 * across, 0.0)


@serializable
@dataclasses.dataclass(frozen=True)
class InfoVae(Objective):
    """-E_q[log p(x|z)] + (1 - alpha) KL(q(z|x) || p(z)) + (alpha + scale - 1) MMD^2(q(z), p(z)).

    Zhao et al. 2019, equation 6; scale: lambda there. With alpha = 1 it is the Wasserstein autoencoder with a Gaussian
    encoder, Tolstikhin et al. 2018, algorithm 2.
    """

    alpha: Share = 0.0
    scale: NotNegative = 1000.0
    kernel: Kernel = "imq"
    needs_whole_batch = "the discrepancy compares all codes of a batch with the prior"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel not in ("imq", "rbf"):
            raise UserError(f"kernel must be 'imq' or 'rbf', got {self.kernel!r}")
        if self.alpha + self.scale < 1.0:
            raise UserError(
                f"the weight of the discrepancy, alpha + scale - 1, must be at least 0, got {self.alpha} + "
                f"{self.scale} - 1"
            )

    @property
    def weighs_kl(self) -> bool:
        return self.alpha < 1.0 or self.scale > 0.0

    @property
    def takes_density(self) -> bool:
        return self.alpha < 1.0

    @property
    def rewards_noise(self) -> bool:
        return self.takes_density

    def __call__(
        self, log_px: tf.Tensor, log_pz: tf.Tensor, log_qz: tf.Tensor, kl: tf.Tensor | None, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        terms = {"reconstruction": -tf.reduce_mean(log_px)}
        if self.takes_density:
            name = "weighted_kl" if self.alpha else "kl"
            terms[name] = (1.0 - self.alpha) * tf.reduce_mean(divergence(log_pz, log_qz, kl))
        return terms

    def of_codes(self, codes: Codes) -> dict[str, tf.Tensor]:
        weight = self.alpha + self.scale - 1.0
        return {"weighted_mmd": weight * discrepancy(codes.z, codes.draw_prior(), self.kernel)}


def info_vae(alpha: float = 0.0, scale: float = 1000.0, kernel: Kernel = "imq") -> InfoVae:
    """Returns the ELBO with less of its divergence, and with the discrepancy of codes and prior."""
    return InfoVae(float(alpha), float(scale), kernel)


def wae(scale: float = 10.0, kernel: Kernel = "imq") -> InfoVae:
    """Returns the reconstruction error with the discrepancy of codes and prior, weighted by `scale`."""
    return InfoVae(1.0, float(scale), kernel)
