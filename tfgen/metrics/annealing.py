"""log p(x) of decoders and generators by annealed importance sampling: Neal 2001, Wu et al. 2017, Grosse et al. 2015.

The chains move in an unbounded space, where the prior is N(0, I): a latent z of another prior is a smooth function of
such a u (low + (high - low) Phi(u) of a uniform prior, sqrt(D) u / |u| of a spherical one), and p(x) = E_u[p(x|z(u))].
The path from prior to posterior is the geometric one, f_b(u) = N(u; 0, I) p(x|z(u))^b.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen import likelihoods
from tfgen.errors import UserError
from tfgen.likelihoods import Likelihood
from tfgen.machine.tracing import traced
from tfgen.metrics.chains import Annealer, log_mean_exp, normal_noise
from tfgen.metrics.inputs import Inputs, check_exact, prepared_rows
from tfgen.noise import Noise, stream_key
from tfgen.training.model import GenerativeModel


@dataclasses.dataclass(frozen=True)
class AnnealedBound:
    """Lower bounds on log p(x) of images, from chains from the prior to the posterior, in nats.

    Attributes:
        lower: log of the mean weight, float64 [N]: in expectation a lower bound on log p(x).
        log_weights: of every chain, float64 [N, chains]; exp(log_weights) has the mean p(x).
        acceptance: fraction of proposals that were accepted, float64 [N].
        step_size: of the leapfrog steps of the last transition, float64 [N].
    """

    lower: np.ndarray
    log_weights: np.ndarray
    acceptance: np.ndarray
    step_size: np.ndarray


@dataclasses.dataclass(frozen=True)
class BidirectionalBound:
    """Lower and upper bounds on log p(x) of images drawn from the model itself, in nats.

    Attributes:
        lower, upper: bounds by the forward and by the reverse chains, float64 [N].
        log_weights, reverse_log_weights: float64 [N, chains].
        gap: mean of upper - lower, in expectation the largest error of either bound.
        standard_error: of the gap, over images.
        images: the images drawn from the model, float32 [N, H, W, C].
    """

    lower: np.ndarray
    upper: np.ndarray
    log_weights: np.ndarray
    reverse_log_weights: np.ndarray
    gap: float
    standard_error: float
    images: np.ndarray


def annealed_importance_sampling(
    model: GenerativeModel,
    images: ArrayLike,
    temperatures: int = 1000,
    chains: int = 16,
    leapfrog_steps: int = 10,
    seed: int = 0,
    *,
    sigma: float | None = None,
    conditions: dict | None = None,
    pilots: int = 4,
    rows: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> AnnealedBound:
    """Returns bounds on log p(x) of images under a decoder or a generator, without an encoder.

    One Hamiltonian transition follows each of the `temperatures` - 1 intermediate distributions, on the sigmoidal
    schedule of Wu et al. 2017. The noise of image i depends on (seed, i) alone.

    Args:
        model: a `VariationalModel`, or an `AdversarialModel` together with `sigma`; its averaged weights are used where
            it keeps them. The prior is normal, uniform or spherical.
        images: [N, H, W, C] (or [N, H, W]), uint8 or float in [0, 1]; prepared as in training, with the binarisation
            that `importance_weighted_bound` draws from the same seed.
        temperatures: number of steps from the prior to the posterior; more tighten the bound (the paper: 10,000).
        chains, leapfrog_steps: per image, and per transition.
        seed: integer of all noise.
        sigma: standard deviation of Gaussian pixels about the decoder's image, in units of the [0, 1] range, instead of
            the model's own likelihood: a GAN has none. Images are then used as they are, in [0, 1].
        conditions: field name -> array [N, ...], all conditions of the model.
        pilots: further chains per image, which determine its step sizes.
        rows: number of latents decoded at once, at least chains + pilots.
        progress: called as progress(images done, N).

    Raises:
        UserError: the model has no p(x|z) or no known prior, or the arguments are not valid.
    """
    target = Target(model, sigma)
    annealer = Annealer(target, temperatures, chains, leapfrog_steps, pilots, seed, rows)
    inputs, parts = Inputs(model, images, conditions, seed), []
    for index, valid in annealer.batches(len(inputs)):
        x = target.prepare(_rows(inputs.arrays, index), tf.constant(index), inputs.seed)
        log_weights, accepted, steps = annealer.forward(x, _rows(inputs.conditions, index), index)
        parts.append([np.asarray(part)[:valid] for part in (log_weights, accepted, steps[-1])])
        if progress is not None:
            progress(int(index[valid - 1]) + 1, len(inputs))
    empty = [np.empty((0, chains)), np.empty(0), np.empty(0)]
    log_weights, accepted, steps = (np.concatenate(p).astype(np.float64) for p in zip(*(parts or [empty])))
    return AnnealedBound(log_mean_exp(log_weights), log_weights, accepted, steps)


def bidirectional_monte_carlo(
    model: GenerativeModel,
    count: int = 100,
    temperatures: int = 1000,
    chains: int = 16,
    leapfrog_steps: int = 10,
    seed: int = 0,
    *,
    sigma: float | None = None,
    conditions: dict | None = None,
    pilots: int = 4,
    rows: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> BidirectionalBound:
    """Measures how tight `annealed_importance_sampling` is, with the same arguments: Grosse et al. 2015.

    Draws z ~ p(z) and x ~ p(x|z), so that z is an exact draw from p(z|x). Chains from there back to the prior, through
    the same transitions in reverse, have weights w with E[1 / w] = 1 / p(x): an upper bound in expectation.

    Args:
        count: number of images that are drawn.
        conditions: field name -> values, taken in turn, of a conditional model (labels by default: all in turn).
        (the others as in `annealed_importance_sampling`)

    Returns:
        `BidirectionalBound`.

    Raises:
        UserError: as in `annealed_importance_sampling`, or `count` is below 2.
    """
    if count < 2:
        raise UserError(f"the gap needs at least 2 images for its standard error, got count={count}")
    target = Target(model, sigma)
    annealer = Annealer(target, temperatures, chains, leapfrog_steps, pilots, seed, rows)
    conditions, parts = model.conditions_for(count, conditions), []
    for index, valid in annealer.batches(count):
        given = _rows(conditions, index)
        start, x = target.simulate(given, tf.constant(index), int(seed))
        forward, _, steps = annealer.forward(x, given, index)
        backward = annealer.reverse(start, x, given, index, steps)
        parts.append([np.asarray(part)[:valid] for part in (forward, backward, x)])
        if progress is not None:
            progress(int(index[valid - 1]) + 1, count)
    forward, backward, images = (np.concatenate(part) for part in zip(*parts))
    lower, upper = log_mean_exp(forward), -log_mean_exp(-backward)
    gaps = upper - lower
    error = float(gaps.std(ddof=1) / math.sqrt(count))
    return BidirectionalBound(lower, upper, forward, backward, float(gaps.mean()), error, images)


def _rows(arrays, index):
    return {name: tf.constant(array[index]) for name, array in arrays.items()}


class Target:
    """p(x|z(u)) of a model, by its own likelihood or with Gaussian pixels about its image.

    Args:
        model: a `GenerativeModel` with a prior and `likelihood_parameters`.
        sigma: standard deviation of these pixels, in units of [0, 1]; None: the model's own likelihood.

    Raises:
        UserError: the model's prior is not a known function of N(0, I), or it makes no images or has no p(x|z).
    """

    def __init__(self, model: GenerativeModel, sigma: float | None) -> None:
        prior = model.chain_prior
        if model.fields[model.data_field].kind != "image":
            raise UserError(f"{model.name} makes no images, but {model.data_field}s")
        if sigma is None and model.likelihood is None:
            raise UserError(
                f"{model.name} has no p(x|z): give sigma=, the standard deviation of Gaussian pixels about G(z)"
            )
        if sigma is None:
            check_exact(model)
        self.model, self.own = model, sigma is None
        self.network = model.best(str(model.sampling_network))
        own = model.likelihood if sigma is None else None
        self.likelihood: Likelihood = likelihoods.gaussian(sigma) if own is None else own
        self.to_latent = prior.from_normal
        self.to_latent(tf.zeros([1, model.latent_dim]))  # raises for an unknown prior now, not within the graph
        self.prepare, self.simulate = traced(self._prepare), traced(self._simulate)

    def decode(self, u: tf.Tensor, conditions: dict) -> dict[str, tf.Tensor]:
        """Returns the arguments of the likelihood from u float32 [B, D]."""
        return self.model.likelihood_parameters(self.to_latent(u), conditions)

    def _prepare(self, fields, index, seed):
        """Returns images float32 [n, H, W, C] in [0, 1], prepared as in training unless `sigma` is given."""
        batch = {name: self.model.as_field(name, value) for name, value in fields.items()}
        if self.own:
            return self.model.to_unit_range(prepared_rows(self.model, batch, index, seed))
        return self.model.as_unit_images(fields[self.model.data_field])

    def _simulate(self, conditions, index, seed):
        """Returns u ~ N(0, I) [n, D] and x ~ p(x|z(u)) [n, H, W, C], each from (seed, index) alone."""
        key = tf.constant(stream_key(seed, "simulated"), tf.int64)
        u = normal_noise(index, key, [self.model.latent_dim])
        decoded = self.decode(u, conditions)

        def draw(row):
            i, outputs = row
            one = {name: value[None] for name, value in outputs.items()}
            return self.likelihood.simulate(one, Noise(seed, i, "simulated/"))[0]

        spec = tf.TensorSpec(decoded["image"].shape[1:], tf.float32)
        return u, tf.map_fn(draw, (index, decoded), fn_output_signature=spec)
