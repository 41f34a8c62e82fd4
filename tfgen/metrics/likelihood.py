"""Bounds on log p(x) of variational models by importance sampling, the ELBO's parts, and bits per dimension."""

import math

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.metrics.posteriors import Posteriors, check_model, compiled, decoder_rows
from tfgen.priors import LOG_2PI
from tfgen.training.noise import stream_key

BLOCK = 10_000  # draws that one seed gives: results depend on it, so it is the same for everyone


def importance_weighted_bound(model, images, k=5000, seed=0, *, label=None, rows=None, progress=None):
    """log 1/k sum_i p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x), of every image: Burda et al. 2016, equation 8.

    In expectation a lower bound on log p(x); its negative mean over a test set is what papers call the NLL. The model's
    averaged weights are used where it keeps them. The draws for image i depend on (seed, i) alone.

    Args:
        model: a `VariationalModel`.
        images: [N, H, W, C] (or [N, H, W]), uint8 or float in [0, 1]; prepared as in training, a dynamic binarisation
            drawn once from the seed.
        k: samples of z for each image; k=1 estimates the ELBO.
        seed: integer of all draws.
        label: the condition of every image, where the model has one.
        rows: latents decoded at once; by default as many as are fast and keep the activations below 256 MB.
        progress: called as progress(images done, N).

    Returns:
        float64 [N], in nats; of a density on [0, 1] pixels where the likelihood is one.

    Raises:
        UserError: the model has no likelihood, or the arguments are not as above.
    """
    check_model(model)
    (sums,) = Draws(model, images, k, seed, label, rows).reduced(_log_weight, np.logaddexp.reduce, progress)
    return sums - math.log(k)


def elbo(model, images, samples=1, seed=0, *, label=None, rows=None, progress=None):
    """E_q[log p(x|z) + log p(z) - log q(z|x)] of every image, over `samples` draws of z: float64 [N], in nats.

    Arguments as in `importance_weighted_bound`, whose draws these are; no closed form of the KL is used.
    """
    check_model(model)
    (sums,) = Draws(model, images, samples, seed, label, rows).reduced(_log_weight, np.add.reduce, progress)
    return sums / samples


def elbo_parts(model, images, samples=1, seed=0, *, label=None, rows=None, progress=None):
    """The two terms of the ELBO apart, for every image, in nats.

    The KL is taken in closed form where the prior has one, else over the draws, which are those of `elbo`.
    Arguments as in `importance_weighted_bound`.

    Returns:
        dict of float64 [N]: `reconstruction` = -E_q[log p(x|z)], `kl` = KL(q(z|x) || p(z)), and `elbo`, minus their
        sum. For a Bernoulli likelihood on gray pixels, which bounds nothing, `cross_entropy` and `kl` alone.
    """
    check_model(model, exact=False)
    draws = Draws(model, images, samples, seed, label, rows)
    sums = draws.reduced(lambda log_px, log_ratio: (log_px, log_ratio), np.add.reduce, progress)
    log_px, log_ratio = (values / samples for values in sums)
    kl = draws.posteriors.kl()
    kl = -log_ratio if kl is None else kl
    if not model.likelihood.exact:
        return {"cross_entropy": -log_px, "kl": kl}
    return {"elbo": log_px - kl, "reconstruction": -log_px, "kl": kl}


def reconstruction_error(model, images, seed=0, *, label=None, progress=None):
    """How far the decoder's image at the encoder's mean is from every image; also of plain autoencoders.

    Arguments as in `importance_weighted_bound`; no z is drawn.

    Returns:
        dict of float64 [N]: `mse`, the mean over pixels of the squared difference, pixels in [0, 1] and binarised where
        the model is trained so; and `nats` = -log p(x|z), or `cross_entropy` where that is no probability.
    """
    posteriors = Posteriors(model, images, seed, label)

    @compiled
    def errors(x, mean, label):
        decoded = model.decode(mean, model.best("decoder"), label)
        squares = tf.square(tf.cast(x - decoded["image"], tf.float64))
        log_px = tf.cast(model.likelihood.log_prob(x, decoded), tf.float64)
        return tf.stack([tf.reduce_mean(squares, axis=[1, 2, 3]), -log_px])

    results = np.empty((2, len(posteriors)), np.float64)
    for batch in posteriors.batches(decoder_rows(model)):
        results[:, batch.index] = errors(batch.x, batch.mean, batch.label)
        if progress is not None:
            progress(int(batch.index[-1]) + 1, len(posteriors))
    return {"mse": results[0], "nats" if model.likelihood.exact else "cross_entropy": results[1]}


def dequantize(images, seed=0):
    """(x + u) / 256, u ~ U[0, 1): float32 in [0, 1] from uint8 pixels (Theis et al. 2016, section 3.1).

    The mean log density of these is at most the log probability of the bytes; a density at the bytes says nothing.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise UserError(f"dequantisation takes uint8 images, got {images.dtype}")
    uniform = np.random.default_rng(stream_key(seed, "dequantize") % 2**63).random(images.shape, np.float32)
    return (images + uniform) / np.float32(256)


def bits_per_dimension(log_px, dims, likelihood, dequantized=False, levels=256):
    """Bits that a code for an image would take, per pixel and channel.

    Args:
        log_px: log p(x) or a bound on it, in nats, as `importance_weighted_bound` gives it: a float or an array.
        dims: H W C, the numbers in an image.
        likelihood: the model's, of `tfgen.likelihoods`; it says whether p is a probability of pixels or a density.
        dequantized: the density was taken at pixels made by `dequantize`; log2 of the pixel scale is added.
        levels: values of a pixel, the pixel scale.

    Returns:
        float64, of the shape of `log_px`.

    Raises:
        UserError: the likelihood is a cross-entropy, or a density at pixels that were not dequantised.
    """
    if dims < 1:
        raise UserError(f"bits per dimension need the numbers in an image, at least 1, got {dims}")
    if not likelihood.exact:
        raise UserError(f"{likelihood} on gray pixels is a cross-entropy and has no bits per dimension")
    if likelihood.discrete and dequantized:
        raise UserError(f"{likelihood} is a probability of pixel values: give it the bytes, not dequantised ones")
    if not likelihood.discrete and not dequantized:
        raise UserError(
            f"{likelihood} is a density, which gives bytes no code length: take it at "
            "tfgen.metrics.dequantize(images), and say dequantized=True"
        )
    bits = -np.asarray(log_px, np.float64) / (dims * math.log(2.0))
    return bits if likelihood.discrete else bits + math.log2(levels)


def _log_weight(log_px, log_ratio):
    return (log_px + log_ratio,)


class Draws:
    """log p(x|z) and log p(z) - log q(z|x) of k draws z ~ q(z|x) for every image, a bounded part at a time."""

    def __init__(self, model, images, k, seed, label, rows):
        if k < 1:
            raise UserError(f"k must be at least 1, got {k}")
        self.model, self.k, self.seed = model, int(k), int(seed)
        self.posteriors = Posteriors(model, images, seed, label)
        self.decoder, self.rows = model.best("decoder"), rows or decoder_rows(model)
        self.weigh = compiled(self._weigh)

    def reduced(self, choose, reduce, progress=None):
        """`reduce(values, axis)` over the k draws of every image, float64 [len(choice), N]; it must be associative.

        `choose(log_px, log_ratio)` says of what: a tuple of arrays, each [n, draws] as its arguments are.
        """
        columns = [np.array(choose(*np.empty((2, 0, self.k)))).sum(axis=-1)]  # of no images: there may be none
        for batch in self.posteriors.batches(self.rows // self.k):
            blocks = [[reduce(v, axis=1) for v in choose(*terms)] for terms in self._blocks(batch)]
            columns.append(reduce(np.array(blocks), axis=0))
            if progress is not None:
                progress(int(batch.index[-1]) + 1, len(self.posteriors))
        return np.concatenate(columns, axis=1)[:, : len(self.posteriors)]

    def _blocks(self, batch):
        """Both terms, float64 [n, <= BLOCK] each, at a time."""
        for block, start in enumerate(range(0, self.k, BLOCK)):
            key = tf.constant(stream_key(self.seed, "importance", block), tf.int64)
            terms = self.weigh(*batch[1:], tf.constant(batch.index), key, count=min(BLOCK, self.k - start))
            yield terms.numpy()

    def _weigh(self, x, mean, log_var, label, index, key, count):
        """Both terms of `count` draws for each of n images, float64 [2, n, count]."""
        images, latent_dim = x.shape[0], mean.shape[1]
        parts = -(-count // max(1, self.rows // images))
        size = -(-count // parts)

        def draw(i):
            return tf.random.stateless_normal([count, latent_dim], tf.stack([i, key]), alg="philox")

        epsilon = tf.map_fn(draw, index, fn_output_signature=tf.TensorSpec([count, latent_dim], tf.float32))
        epsilon = tf.pad(epsilon, [[0, 0], [0, parts * size - count], [0, 0]])
        epsilon = tf.transpose(tf.reshape(epsilon, [images, parts, size, latent_dim]), [1, 0, 2, 3])
        repeated_x = tf.repeat(x, size, axis=0)
        repeated_label = None if label is None else tf.repeat(label, size, axis=0)

        def part(epsilon):
            # z = z_mean + exp(z_log_var / 2) epsilon, hence log q(z|x) without a division by the variance
            z = mean[:, None] + tf.exp(0.5 * log_var)[:, None] * epsilon
            log_q = -0.5 * tf.reduce_sum(tf.square(epsilon) + log_var[:, None] + LOG_2PI, axis=-1)
            decoded = self.model.decode(tf.reshape(z, [-1, latent_dim]), self.decoder, repeated_label)
            log_px = tf.reshape(self.model.likelihood.log_prob(repeated_x, decoded), [images, size])
            log_px, log_pz, log_q = (tf.cast(v, tf.float64) for v in (log_px, self.model.log_prior(z), log_q))
            return tf.stack([log_px, log_pz - log_q])

        spec = tf.TensorSpec([2, images, size], tf.float64)
        terms = tf.map_fn(part, epsilon, fn_output_signature=spec, parallel_iterations=1)  # one part in memory
        return tf.reshape(tf.transpose(terms, [1, 2, 0, 3]), [2, images, parts * size])[:, :, :count]
