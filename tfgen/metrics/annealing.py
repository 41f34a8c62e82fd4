"""log p(x) of decoders and generators by annealed importance sampling: Neal 2001, Wu et al. 2017, Grosse et al. 2015.

The chains move in a space without borders, where the prior is N(0, I): a latent z of another prior is a smooth function
of such a u (a uniform one low + (high - low) Phi(u), a spherical one u over its length), and
p(x) = E_u[p(x|z(u))]. The path from prior to posterior is the geometric one, f_b(u) = N(u; 0, I) p(x|z(u))^b.

Step sizes are found by pilot chains, which count for nothing else: chains whose own past decides their steps no longer
leave f_b as it is, and the mean of their weights is not p(x).
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfgen import likelihoods
from tfgen.errors import UserError
from tfgen.metrics.posteriors import (
    check_images,
    check_label,
    check_model,
    compiled,
    decoder_rows,
    latent_network,
    name_of,
    prepared_images,
)
from tfgen.training.noise import Noise, stream_key

TARGET = 0.65  # acceptance that the pilots seek (Neal 2011, section 4.4)
GAIN = 0.1  # of log step size, for each unit of acceptance too many or too few
FIRST_STEP, SMALLEST_STEP, LARGEST_STEP = 0.5, 1e-5, 1.5  # in prior deviations; leapfrogs diverge from 2 on
JITTER = 0.2  # steps differ by so much either way, or a path of half a period would only mirror


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
    target = _Target(model, sigma)
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
    target = _Target(model, sigma)
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


def schedule(temperatures, steepness=4.0):
    """Inverse temperatures b_0 = 0 .. b_T = 1, float64 [T + 1], by a sigmoid: dense at both ends (Wu et al. 2017)."""
    if temperatures < 1:
        raise UserError(f"temperatures must be at least 1, got {temperatures}")
    curve = np.tanh(0.5 * steepness * np.linspace(-1.0, 1.0, temperatures + 1))  # 2 sigmoid(s t) - 1
    return (curve - curve[0]) / (curve[-1] - curve[0])


def log_mean_exp(values):
    """log of the mean of exp(values) over the last axis."""
    return np.logaddexp.reduce(values, axis=-1) - math.log(values.shape[-1])


def _rows(label, index):
    return None if label is None else tf.constant(label[index])


class _Target:
    """p(x|z(u)) of a model, by its own likelihood or with Gaussian pixels about its image."""

    def __init__(self, model, sigma):
        if not hasattr(model, "prior"):
            raise UserError(f"{name_of(model)} has no prior p(z): expected a vae or a gan")
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
        u = _per_image(index, key, lambda pair: tf.random.stateless_normal([self.model.latent_dim], pair, alg="philox"))
        decoded = self.decode(u, label)

        def draw(row):
            i, outputs = row
            one = {name: value[None] for name, value in outputs.items()}
            return self.likelihood.simulate(one, Noise(seed, i, "simulated/"))[0]

        spec = tf.TensorSpec(decoded["image"].shape[1:], tf.float32)
        return u, tf.map_fn(draw, (index, decoded), fn_output_signature=spec)


class Annealer:
    """Hamiltonian chains along the path, R of them an image, for n images at once."""

    def __init__(self, target, temperatures, chains, leapfrog_steps, pilots, seed, rows):
        counts = {"chains": chains, "leapfrog_steps": leapfrog_steps, "pilots": pilots}
        for name, value in counts.items():
            if value < 1:
                raise UserError(f"{name} must be at least 1, got {value}")
        self.target, self.chains, self.pilots, self.seed = target, int(chains), int(pilots), int(seed)
        self.leapfrog_steps, self.latent_dim = int(leapfrog_steps), target.model.latent_dim
        self.rows, self.path = rows or decoder_rows(target.model), schedule(temperatures)
        self._forward, self._reverse = compiled(self._climb), compiled(self._descend)

    def batches(self, count):
        """(index int64 [n], how many of them count): all of one size, the last filled up with copies of its last."""
        size = min(max(1, self.rows // (self.chains + self.pilots)), max(1, count))
        for first in range(0, count, size):
            yield np.minimum(np.arange(first, first + size), count - 1), min(size, count - first)

    def forward(self, x, label, index):
        """log w float64 [n, chains], acceptance [n], and the step sizes [T, n] of the transitions and of one more."""
        return self._forward(x, label, tf.constant(index), tf.constant(self.path))

    def reverse(self, start, x, label, index, steps):
        """log w float64 [n, chains] of chains from `start` [n, D] ~ p(u|x) to the prior, with the forward's steps."""
        return self._reverse(start, x, label, tf.constant(index), tf.constant(self.path), steps)

    def _climb(self, x, label, index, path):
        images, chains = x.shape[0], self.chains + self.pilots
        move = _Hamiltonian(self.target, x, label, chains, self.leapfrog_steps)
        last = tf.shape(path)[0] - 1
        key = tf.constant(stream_key(self.seed, "annealing/start"), tf.int64)
        shape = [chains, self.latent_dim]
        u = _per_image(index, key, lambda pair: tf.random.stateless_normal(shape, pair, alg="philox"))
        value, slope = move.log_likelihood(u)
        size = tf.fill([images], FIRST_STEP)

        def step(t, u, value, slope, log_w, accepted, size, sizes):
            log_w += (path[t] - path[t - 1]) * tf.cast(value, tf.float64)
            noise = self.noise("forward", index, t, chains)
            b = tf.cast(path[t], tf.float32)
            u, value, slope, acceptance = move(u, value, slope, b, size, noise)
            sizes = sizes.write(t - 1, size)
            # the pilots come last; from their acceptance, the next step
            surplus = tf.reduce_mean(acceptance[:, self.chains :], axis=1) - TARGET
            size = tf.clip_by_value(size * tf.exp(GAIN * surplus), SMALLEST_STEP, LARGEST_STEP)
            accepted += tf.reduce_mean(acceptance[:, : self.chains], axis=1)
            return t + 1, u, value, slope, log_w, accepted, size, sizes

        sizes = tf.TensorArray(tf.float32, size=last, element_shape=[images])
        log_w, accepted = tf.zeros([images, chains], tf.float64), tf.zeros([images])
        state = (tf.constant(1), u, value, slope, log_w, accepted, size, sizes)
        _, _, value, _, log_w, accepted, size, sizes = tf.while_loop(lambda t, *_: t < last, step, state)
        log_w += (path[last] - path[last - 1]) * tf.cast(value, tf.float64)
        moves = tf.cast(tf.maximum(last - 1, 1), tf.float32)
        return log_w[:, : self.chains], accepted / moves, sizes.write(last - 1, size).stack()

    def _descend(self, start, x, label, index, path, sizes):
        move = _Hamiltonian(self.target, x, label, self.chains, self.leapfrog_steps)
        last = tf.shape(path)[0] - 1
        u = tf.tile(start[:, None], [1, self.chains, 1])
        value, slope = move.log_likelihood(u)
        log_w = (path[last] - path[last - 1]) * tf.cast(value, tf.float64)

        def step(t, u, value, slope, log_w):
            noise = self.noise("reverse", index, t, self.chains)
            u, value, slope, _ = move(u, value, slope, tf.cast(path[t], tf.float32), sizes[t - 1], noise)
            return t - 1, u, value, slope, log_w + (path[t] - path[t - 1]) * tf.cast(value, tf.float64)

        return tf.while_loop(lambda t, *_: t > 0, step, (last - 1, u, value, slope, log_w))[-1]

    def noise(self, direction, index, t, chains):
        """Momenta [n, R, D], and jitter and acceptance uniforms [n, R] each, of the transition at temperature t."""
        normal_key, uniform_key = (
            tf.constant(stream_key(self.seed, "annealing", direction, name), tf.int64) + tf.cast(t, tf.int64)
            for name in ("momentum", "uniform")
        )
        momentum = _per_image(
            index,
            normal_key,
            lambda pair: tf.random.stateless_normal([chains, self.latent_dim], pair, alg="philox"),
        )
        uniform = _per_image(
            index, uniform_key, lambda pair: tf.random.stateless_uniform([2, chains], pair, alg="philox")
        )
        return momentum, uniform[:, 0], uniform[:, 1]


class _Hamiltonian:
    """One transition of R chains for each of n images that leaves f_b as it is (Neal 2011, section 3.2)."""

    def __init__(self, target, x, label, chains, leapfrog_steps):
        self.target, self.leapfrog_steps = target, leapfrog_steps
        self.x = tf.repeat(x, chains, axis=0)
        self.label = None if label is None else tf.repeat(label, chains, axis=0)

    def log_likelihood(self, u):
        """log p(x|z(u)) [n, R] and its gradient [n, R, D]."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(u)
            decoded = self.target.decode(tf.reshape(u, [-1, u.shape[-1]]), self.label)
            value = tf.reshape(self.target.likelihood.log_prob(self.x, decoded), u.shape[:2])
        return value, tape.gradient(value, u)

    def __call__(self, u, value, slope, b, size, noise):
        """Moves u [n, R, D] at inverse temperature b with steps of about `size` [n].

        Returns:
            The new u, its log-likelihood and gradient, and the probability of acceptance [n, R].
        """
        momentum, jitter, uniform = noise
        size = (size[:, None] * (1.0 + JITTER * (2.0 * jitter - 1.0)))[..., None]

        def force(u, slope):  # d/du log f_b
            return b * slope - u

        def leap(i, u, p, value, slope):
            u += size * p
            value, slope = self.log_likelihood(u)
            half = tf.where(i < self.leapfrog_steps - 1, 1.0, 0.5)
            return i + 1, u, p + half * size * force(u, slope), value, slope

        start = (tf.constant(0), u, momentum + 0.5 * size * force(u, slope), value, slope)
        _, new_u, p, new_value, new_slope = tf.while_loop(lambda i, *_: i < self.leapfrog_steps, leap, start)

        def energy(u, p, value):
            return 0.5 * tf.reduce_sum(tf.square(u) + tf.square(p), axis=-1) - b * value

        gain = energy(u, momentum, value) - energy(new_u, p, new_value)
        acceptance = tf.where(tf.math.is_finite(gain), tf.exp(tf.minimum(gain, 0.0)), 0.0)
        keep = uniform < acceptance
        u, slope = tf.where(keep[..., None], new_u, u), tf.where(keep[..., None], new_slope, slope)
        return u, tf.where(keep, new_value, value), slope, acceptance


def _per_image(index, key, draw):
    """draw((i, key)) for every image i, stacked: float32 [n, ...]."""
    return tf.map_fn(lambda i: draw(tf.stack([i, key])), index, fn_output_signature=tf.float32)
