"""Priors fitted to codes after training, by which a model samples whose codes follow no distribution known before.

    prior = fit_mixture(codes, components=10)                 # codes [N, D]
    model.sample(16, sampler=tfgen.samplers.latent(prior))

A fitted prior is a value like any other prior: its numbers are its fields, so that it is hashed, compared, saved and
exported by them.
"""

import dataclasses
import hashlib
import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.priors import LOG_2PI, Prior, Shape, stateless_normal
from tfgen.values import serializable

STEPS = 200  # of EM, at most
TOLERANCE = 1e-4  # nats: a smaller rise of the mean log-likelihood ends EM
FLOOR = 1e-6  # added to variances, relative to the mean variance of the codes: no component shrinks to a point


class FittedPrior(Prior):
    """A prior whose fields are arrays, held as nested tuples."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _tuples(getattr(self, field.name)))
        super().__post_init__()

    @property
    def dim(self) -> int:
        """The size of z."""
        raise NotImplementedError

    def __repr__(self) -> str:
        # not its numbers, of which there are thousands: what tells it from others
        found = hashlib.sha256(b"".join(array.tobytes() for array in self.arrays().values()))
        return f"{type(self).__name__}({self.dim} dimensions, {found.hexdigest()[:16]})"

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "FittedPrior":
        """Returns the prior with these arrays, the inverse of `arrays`."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns all numbers of the prior by name, as a file holds them."""
        raise NotImplementedError


@serializable
@dataclasses.dataclass(frozen=True, repr=False)
class Mixture(FittedPrior):
    """p(z) = sum_k w_k N(z; m_k, L_k L_k^T).

    Attributes:
        weights: w [K], positive, of sum 1.
        means: m [K, D].
        factors: L [K, D, D], lower triangular with a positive diagonal.
    """

    weights: Any = ()
    means: Any = ()
    factors: Any = ()

    @property
    def dim(self) -> int:
        return len(self.means[0])

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Mixture":
        return cls(arrays["weights"], arrays["means"], arrays["factors"])

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(getattr(self, name), np.float64) for name in ("weights", "means", "factors")}

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        shape = tf.convert_to_tensor(shape, tf.int32)
        # a seed of its own: from one and the same the two draws would not be independent
        u = tf.random.stateless_uniform(shape[:-1], tf.cast(seed, tf.int64) + [0, 1], alg="philox")
        below = tf.constant(np.cumsum(self.weights)[:-1], tf.float32)
        k = tf.reduce_sum(tf.cast(u[..., None] >= below, tf.int32), axis=-1)
        mean, factor = (tf.gather(tf.constant(part, tf.float32), k) for part in (self.means, self.factors))
        return mean + tf.linalg.matvec(factor, stateless_normal(seed, shape))

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        means, factors = tf.constant(self.means, tf.float32), tf.constant(self.factors, tf.float32)
        # the inverse factors in float64: log N = -1/2 |L^-1 (z - m)|^2 - log |L| - D/2 log 2 pi
        inverse = tf.constant(np.linalg.inv(np.asarray(self.factors, np.float64)), tf.float32)
        white = tf.einsum("kij,...kj->...ki", inverse, z[..., None, :] - means)
        volume = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factors)), axis=-1)
        log_p = -0.5 * (tf.reduce_sum(tf.square(white), axis=-1) + self.dim * LOG_2PI) - volume
        return tf.reduce_logsumexp(log_p + tf.math.log(tf.constant(self.weights, tf.float32)), axis=-1)


@serializable
@dataclasses.dataclass(frozen=True, repr=False)
class TwoStage(FittedPrior):
    """p(z) of a second VAE: u ~ N(0, I), (m, s) = f(u), z = centre + spread (m + exp(s) epsilon), epsilon ~ N(0, I).

    Dai and Wipf 2019, section 4.

    Attributes:
        centre: mean of the codes [D].
        spread: their standard deviations [D].
        layers: (kernel [a, b], bias [b]) of each layer of f, with ReLU between them; the last gives m and s [2 D].
    """

    centre: Any = ()
    spread: Any = ()
    layers: Any = ()

    @property
    def dim(self) -> int:
        return len(self.centre)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "TwoStage":
        count = sum(name.startswith("kernel") for name in arrays)
        layers = [(arrays[f"kernel_{i}"], arrays[f"bias_{i}"]) for i in range(count)]
        return cls(arrays["centre"], arrays["spread"], layers)

    def arrays(self) -> dict[str, np.ndarray]:
        found = {"centre": np.asarray(self.centre), "spread": np.asarray(self.spread)}
        for i, (kernel, bias) in enumerate(self.layers):
            found |= {f"kernel_{i}": np.asarray(kernel), f"bias_{i}": np.asarray(bias)}
        return found

    def sample(self, seed: tf.Tensor, shape: Shape) -> tf.Tensor:
        shape = tf.convert_to_tensor(shape, tf.int32)
        *before, (kernel, bias) = [[tf.constant(part, tf.float32) for part in layer] for layer in self.layers]
        size = tf.concat([shape[:-1], tf.shape(before[0][0] if before else kernel)[:1]], axis=0)
        h = stateless_normal(seed, size)
        for weight, offset in before:
            h = tf.nn.relu(tf.tensordot(h, weight, 1) + offset)
        mean, log_scale = tf.split(tf.tensordot(h, kernel, 1) + bias, 2, axis=-1)
        log_scale = tf.maximum(log_scale, -math.log(256.0))  # as of the likelihood `gaussian`, by which f was trained
        epsilon = stateless_normal(tf.cast(seed, tf.int64) + [0, 1], shape)
        return tf.constant(self.centre, tf.float32) + self.spread * (mean + tf.exp(log_scale) * epsilon)

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        raise UserError("a two_stage prior has no density in closed form: take gmm:10 where one is needed")


CLASSES: dict[str, type[FittedPrior]] = {"gmm": Mixture, "normal": Mixture, "two_stage": TwoStage}


def fit_mixture(codes: np.ndarray, components: Count = 10, seed: int = 0) -> Mixture:
    """Returns the mixture of normal distributions with full covariances that EM finds, in float64.

    Starts from k-means after k-means++. Dempster, Laird and Rubin 1977; as `ex-post density estimation` of codes:
    Ghosh et al. 2020, section 4.

    Args:
        codes: [N, D].
        components: K.
        seed: of the start.

    Raises:
        UserError: codes that are not finite, or fewer of them than components.
    """
    codes = checked_codes(codes, components)
    random = np.random.default_rng(seed)
    floor = FLOOR * max(float(codes.var(axis=0).mean()), 1e-30)
    belongs = _nearest(codes, _start(codes, components, random))
    shares = np.eye(components)[belongs]
    before = -np.inf
    for _ in range(STEPS):
        weights, means, factors = _maximised(codes, shares, floor)
        log_p = _log_densities(codes, means, factors) + np.log(weights)
        total = np.logaddexp.reduce(log_p, axis=1)
        if total.mean() - before < TOLERANCE:
            break
        before, shares = total.mean(), np.exp(log_p - total[:, None])
    return Mixture(weights, means, factors)


def checked_codes(codes: np.ndarray, components: int) -> np.ndarray:
    """Returns codes float64 [N, D] after a check.

    Raises:
        UserError: as in `fit_mixture`.
    """
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2 or not np.isfinite(codes).all():
        raise UserError(f"a prior is fitted to finite codes [N, D], got shape {codes.shape}")
    if len(codes) < max(components, 2):
        raise UserError(f"a prior of {components} components needs as many codes, at least 2, got {len(codes)}")
    return codes


def _start(codes, components, random):
    """Returns the centres [K, D] after k-means++ and a few rounds of k-means."""
    centres = codes[random.integers(len(codes), size=1)]
    distance = np.square(codes - centres[0]).sum(axis=1)
    while len(centres) < components:
        total = distance.sum()
        chances = distance / total if total > 0 else np.full(len(codes), 1.0 / len(codes))
        centres = np.concatenate([centres, codes[random.choice(len(codes), size=1, p=chances)]])
        distance = np.minimum(distance, np.square(codes - centres[-1]).sum(axis=1))
    for _ in range(10):
        belongs = _nearest(codes, centres)
        for k in np.unique(belongs):
            centres[k] = codes[belongs == k].mean(axis=0)
    return centres


def _nearest(codes, centres):
    return np.argmin(np.square(centres).sum(axis=1) - 2.0 * codes @ centres.T, axis=1)


def _maximised(codes, shares, floor):
    """Returns (weights, means, factors) of the shares [N, K] that the components have in each code."""
    counts = shares.sum(axis=0) + 1e-10
    means = (shares.T @ codes) / counts[:, None]
    factors = np.empty((len(counts), codes.shape[1], codes.shape[1]))
    for k, mean in enumerate(means):
        apart = (codes - mean) * np.sqrt(shares[:, k] / counts[k])[:, None]
        factors[k] = np.linalg.cholesky(apart.T @ apart + floor * np.eye(codes.shape[1]))
    return counts / counts.sum(), means, factors


def _log_densities(codes, means, factors):
    """Returns log N(codes; means, factors factors^T) [N, K]."""
    found = np.empty((len(codes), len(means)))
    for k, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        white = np.linalg.solve(factor, (codes - mean).T)
        found[:, k] = -0.5 * (np.square(white).sum(axis=0) + len(mean) * LOG_2PI) - np.log(np.diag(factor)).sum()
    return found


def _tuples(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
