"""log p(x) of decoders and generators by annealed importance sampling: Neal 2001, Wu et al. 2017, Grosse et al. 2015.

The chains move in a space without borders, where the prior is N(0, I): a latent z of another prior is a smooth function
of such a u (a uniform one low + (high - low) Phi(u), a spherical one u over its length), and
p(x) = E_u[p(x|z(u))]. The path from prior to posterior is the geometric one, f_b(u) = N(u; 0, I) p(x|z(u))^b.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfgen import likelihoods
from tfgen.errors import UserError
from tfgen.families.variational.model import VariationalModel
from tfgen.metrics.chains import Annealer, log_mean_exp, normal_noise
from tfgen.metrics.posteriors import (
    check_images,
    check_label,
    check_model,
    compiled,
    latent_network,
    name_of,
    prepared_images,
)
from tfgen.training.noise import Noise, stream_key


@dataclasses.dataclass(frozen=True)
class AnnealedBound:
    """What chains from the prior to the posterior of every image say of log p(x), in nats.

    Attributes:
        lower: log of the mean weight, float64 [N]: in expectation a lower bound on log p(x).
        log_weights: of every chain, float64 [N, chains]; exp(log_weights) has the mean p(x).
        acceptance: share of proposals accepted, float64 [N].
        step_size: of the leapfrogs at the end, float64 [N].
    """

    lower: np.ndarray
    log_weights: np.ndarray
    acceptance: np.ndarray
    step_size: np.ndarray


@dataclasses.dataclass(frozen=True)
class BidirectionalBound:
    """Lower and upper bounds on log p(x) of images drawn from the model itself, in nats.

    Attributes:
        lower, upper: float64 [N], the forward chains' and the reverse chains'.
        log_weights, reverse_log_weights: float64 [N, chains].
        gap: mean of upper - lower: how far either is from log p(x), at most, in expectation.
        standard_error: of the gap, over images.
        images: what was drawn, float32 [N, H, W, C].
    """

    lower: np.ndarray
    upper: np.ndarray
    log_weights: np.ndarray
    reverse_log_weights: np.ndarray
    gap: float
    standard_error: float
    images: np.ndarray


def annealed_importance_sampling(
    model,
    images,
    temperatures=1000,
    chains=16,
    leapfrog_steps=10,
    seed=0,
    *,
    sigma=None,
    label=None,
    pilots=4,
    rows=None,
    progress=None,
):
    """Estimates log p(x) of every image under a decoder or a generator; no encoder takes part.

    Each of `temperatures` - 1 intermediate distributions is followed by one Hamiltonian transition; the temperatures
    are Wu et al.'s, sigmoidal. The noise of image i depends on (seed, i) alone.

    Args:
        model: a `VariationalModel`, or an `AdversarialModel` together with `sigma`; its averaged weights are used where
            it keeps them. The prior is normal, uniform or spherical.
        images: [N, H, W, C] (or [N, H, W]), uint8 or float in [0, 1]; prepared as in training, with the binarisation
            that `importance_weighted_bound` draws from the same seed.
        temperatures: steps from the prior to the posterior: the more, the tighter; the paper has 10,000.
        chains: for each image.
        leapfrog_steps: of every transition.
        seed: integer of all noise.
        sigma: standard deviation of Gaussian pixels about the decoder's image, in units of the [0, 1] range, instead of
            the model's own likelihood: a GAN has none. Images are then taken as they are, in [0, 1].
        label: the condition of every image, where the model has one.
        pilots: chains an image, besides the others, that find its step sizes.
        rows: latents decoded at once, at least chains + pilots.
        progress: called as progress(images done, N).

    Returns:
        `AnnealedBound`.

    Raises:
        UserError: the model has no p(x|z) or no known prior, or the arguments are not as above.
    """
    target = Target(model, sigma)
    annealer = Annealer(target, temperatures, chains, leapfrog_steps, pilots, seed, rows)
    images, label = check_images(model, images), check_label(model, label, len(images))
    parts = []
    for index, valid in annealer.batches(len(images)):
        x = target.prepare(images[index], index, int(seed))
        log_weights, accepted, steps = annealer.forward(x, _rows(label, index), index)
        parts.append([np.asarray(part)[:valid] for part in (log_weights, accepted, steps[-1])])
        if progress is not None:
            progress(int(index[valid - 1]) + 1, len(images))
    empty = [np.empty((0, chains)), np.empty(0), np.empty(0)]
    log_weights, accepted, steps = (np.concatenate(p).astype(np.float64) for p in zip(*(parts or [empty])))
    return AnnealedBound(log_mean_exp(log_weights), log_weights, accepted, steps)


def bidirectional_monte_carlo(
    model,
    count=100,
    temperatures=1000,
    chains=16,
    leapfrog_steps=10,
    seed=0,
    *,
    sigma=None,
    label=None,
    pilots=4,
    rows=None,
    progress=None,
):
    """Measures how tight `annealed_importance_sampling` is, with the same arguments: Grosse et al. 2015.

    Draws z ~ p(z) and x ~ p(x|z), so that z is an exact draw from p(z|x). Chains from there back to the prior, through
    the same transitions in reverse, have weights w with E[1 / w] = 1 / p(x): an upper bound in expectation.

    Args:
        count: images drawn.
        label: a class or a list of them taken in turn, where the model is conditional (default: all in turn).
        (the others as in `annealed_importance_sampling`)

    Returns:
        `BidirectionalBound`.
    """
    if count < 2:
        raise UserError(f"the gap needs at least 2 images for its standard error, got count={count}")
    target = Target(model, sigma)
    annealer = Annealer(target, temperatures, chains, leapfrog_steps, pilots, seed, rows)
    label, parts = model.condition_of(count, label), []
    for index, valid in annealer.batches(count):
        start, x = target.simulate(_rows(label, index), tf.constant(index), int(seed))
        forward, _, steps = annealer.forward(x, _rows(label, index), index)
        backward = annealer.reverse(start, x, _rows(label, index), index, steps)
        parts.append([np.asarray(part)[:valid] for part in (forward, backward, x)])
        if progress is not None:
            progress(int(index[valid - 1]) + 1, count)
    forward, backward, images = (np.concatenate(part) for part in zip(*parts))
    lower, upper = log_mean_exp(forward), -log_mean_exp(-backward)
    gaps = upper - lower
    error = float(gaps.std(ddof=1) / math.sqrt(count))
    return BidirectionalBound(lower, upper, forward, backward, float(gaps.mean()), error, images)


def _rows(label, index):
    return None if label is None else tf.constant(label[index])


class Target:
    """p(x|z(u)) of a model, by its own likelihood or with Gaussian pixels about its image."""

    def __init__(self, model, sigma):
        if not hasattr(model, "prior"):
            raise UserError(f"{name_of(model)} has no prior p(z): expected a vae or a gan")
        if getattr(type(model), "log_prior", VariationalModel.log_prior) is not VariationalModel.log_prior:
            raise UserError(f"{name_of(model)} has a log_prior of its own: chains know only that of its prior")
        if "image" not in model.fields:
            raise UserError(f"{name_of(model)} makes no images, but {', '.join(model.fields)}")
        if sigma is None and not hasattr(model, "likelihood"):
            raise UserError(
                f"{name_of(model)} has no p(x|z): give sigma=, the standard deviation of Gaussian pixels about G(z)"
            )
        if sigma is None:
            check_model(model)
        self.model, self.network, self.own = model, latent_network(model), sigma is None
        self.likelihood = model.likelihood if sigma is None else likelihoods.gaussian(sigma)
        self.to_latent = model.prior.from_normal
        self.to_latent(tf.zeros([1, model.latent_dim]))  # refuses an unknown prior now, and by name
        self.prepare, self.simulate = compiled(self._prepare), compiled(self._simulate)

    def decode(self, u, label):
        """The likelihood's arguments from u [B, D]."""
        z = self.to_latent(u)
        if hasattr(self.model, "likelihood_outputs"):
            return self.model.decode(z, self.network, label)
        low, high = self.model.value_range  # not clipped as samples are: the gradient would end there
        image = tf.cast(self.model.run_decoder(self.network, z, label), tf.float32)
        return {"image": (image - low) / (high - low)}

    def _prepare(self, images, index, seed):
        if self.own:
            return prepared_images(self.model, images, index, seed)
        return self.model.as_unit_images(images)

    def _simulate(self, label, index, seed):
        """u ~ N(0, I) [n, D] and x ~ p(x|z(u)) [n, H, W, C], each by (seed, index) alone."""
        key = tf.constant(stream_key(seed, "simulated"), tf.int64)
        u = normal_noise(index, key, [self.model.latent_dim])
        decoded = self.decode(u, label)

        def draw(row):
            i, outputs = row
            one = {name: value[None] for name, value in outputs.items()}
            return self.likelihood.simulate(one, Noise(seed, i, "simulated/"))[0]

        spec = tf.TensorSpec(decoded["image"].shape[1:], tf.float32)
        return u, tf.map_fn(draw, (index, decoded), fn_output_signature=spec)
