"""log p(x) of models and bounds on it, the ELBO's parts, reconstruction error, and bits per dimension.

All metrics are computed from methods of the model: `log_weights`, `log_densities`, `log_likelihood`, `reconstruct`.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfgen.errors import UserError
from tfgen.likelihoods import Likelihood
from tfgen.metrics.checks import check_counts
from tfgen.metrics.inputs import Inputs, check_exact, preparation, rows_at_once
from tfgen.noise import Noise, stream_key
from tfgen.training.model import GenerativeModel

BLOCK = 500  # draws per stream of noise, fewer where the networks are large: results depend on it
BLOCKS = 1 << 20  # the largest number of blocks per image
IMAGES = 20  # per call of the graph, which processes them one after the other


def importance_weighted_bound(
    model: GenerativeModel,
    images: ArrayLike,
    k: int = 5000,
    seed: int = 0,
    *,
    label: ArrayLike | None = None,
    conditions: dict | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> np.ndarray:
    """Returns log 1/k sum_i p(x, z_i) / q(z_i|x), z_i ~ q(z|x), of every image: Burda et al. 2016, equation 8.

    In expectation it is a lower bound on log p(x); papers call its negative mean over a test set the NLL. It follows
    from `model.log_weights`, with averaged weights where the model keeps them. The draws for image i depend on
    (seed, i) alone.

    Args:
        model: a `VariationalModel`, or another with `log_weights`.
        images: [N, H, W, C] (or [N, H, W]), uint8 or float in [0, 1]; prepared as in training, a dynamic binarisation
            drawn once per image from the seed.
        k: samples of z per image; k=1 estimates the ELBO.
        seed: integer of all draws.
        label: shorthand for the condition that is a label: int [N].
        conditions: field name -> array [N, ...], all conditions of the model.
        progress: called as progress(images done, N).

    Returns:
        float64 [N], in nats per image; of a density on pixels in [0, 1] if the likelihood is a density.

    Raises:
        UserError: the model has no likelihood, or the arguments do not fit it.
    """
    check_counts(k=k)
    check_exact(model)
    inputs = Inputs(model, images, model.with_label(label, conditions), seed)

    def total(batch, count, noise):
        return tf.reduce_logsumexp(log_weights(model, batch, count, noise), axis=0)

    return over_draws(inputs, total, k, np.logaddexp.reduce, progress)[:, 0] - math.log(k)


def elbo(
    model: GenerativeModel,
    images: ArrayLike,
    samples: int = 1,
    seed: int = 0,
    *,
    conditions: dict | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> np.ndarray:
    """Returns an estimate of E_q[log p(x, z) - log q(z|x)] of every image, from `samples` draws of z.

    Arguments and draws as in `importance_weighted_bound`; no closed form of the KL is used.

    Returns:
        float64 [N], in nats per image.
    """
    check_counts(samples=samples)
    check_exact(model)
    inputs = Inputs(model, images, conditions, seed)

    def total(batch, count, noise):
        return tf.reduce_sum(log_weights(model, batch, count, noise), axis=0)

    return over_draws(inputs, total, samples, np.add.reduce, progress)[:, 0] / samples


def elbo_parts(
    model: GenerativeModel,
    images: ArrayLike,
    samples: int = 1,
    seed: int = 0,
    *,
    conditions: dict | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, np.ndarray]:
    """Returns the ELBO and its two terms for every image, in nats per image.

    The KL is computed in closed form where the model has one, else from the draws, which are those of `elbo`.
    Arguments as in `importance_weighted_bound`.

    Returns:
        dict of float64 [N]: `reconstruction` = -E_q[log p(x|z)], `kl` = KL(q(z|x) || p(z)), and `elbo`, minus their
        sum. For a Bernoulli likelihood on gray pixels, which is not a bound, `cross_entropy` and `kl` alone.
    """
    check_counts(samples=samples)

    def total(batch, count, noise):
        log_px, log_pz, log_qz, kl = model.log_densities(batch, model.inference_step(noise), count)
        log_px, log_pz, log_qz = (tf.cast(value, tf.float64) for value in (log_px, log_pz, log_qz))
        kl = tf.reduce_sum(log_qz - log_pz, axis=0) if kl is None else count * tf.cast(kl, tf.float64)
        return tf.concat([tf.reduce_sum(log_px, axis=0), kl], axis=0)

    sums = over_draws(Inputs(model, images, conditions, seed), total, samples, np.add.reduce, progress, columns=2)
    log_px, kl = sums.T / samples
    if model.likelihood is not None and not model.likelihood.exact:
        return {"cross_entropy": -log_px, "kl": kl}
    return {"elbo": log_px - kl, "reconstruction": -log_px, "kl": kl}


def log_likelihood(
    model: GenerativeModel, images: ArrayLike, seed: int = 0, *, conditions: dict | None = None
) -> np.ndarray:
    """Returns the exact log p(x) of every image, for a model that has it: an autoregressive model or a flow.

    A density, which `realnvp` has, is that at the given pixels; in training it saw them after `dequantize`.

    Args:
        model: a `GenerativeModel` with `log_likelihood`.
        images: [N, H, W, C] (or [N, H, W]), uint8 or float in [0, 1], or other data of the model's kind; binarised as
            in training.
        seed: integer of a dynamic binarisation, which is drawn once per image.
        conditions: field name -> array [N, ...], all conditions of the model.

    Returns:
        float64 [N], in nats per example.

    Raises:
        UserError: the model has no exact likelihood, or the arguments do not fit it.
    """
    inputs = Inputs(model, images, conditions, seed)
    return inputs.collect(lambda index, fields: model.log_likelihood(inputs.prepared(index, fields)))


def reconstruction_error(
    model: GenerativeModel, images: ArrayLike, seed: int = 0, *, conditions: dict | None = None
) -> np.ndarray:
    """Returns the mean squared error of `model.reconstruct` for every image, float64 [N], of pixels in [0, 1].

    Arguments as in `importance_weighted_bound`. Images are binarised if they are in training. No z is drawn.

    Raises:
        UserError: the model cannot reconstruct, or the arguments do not fit it.
    """
    inputs = Inputs(model, images, conditions, seed)

    def errors(index, fields):
        x = inputs.prepared_images(index, fields)
        given = {name: fields[name] for name in inputs.conditions}
        squares = tf.square(tf.cast(x - model.reconstruct(x, conditions=given), tf.float64))
        return tf.reduce_mean(tf.reshape(squares, [tf.shape(x)[0], -1]), axis=1)

    return inputs.collect(errors)


def dequantize(images: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns (x + u) / 256, u ~ U[0, 1): float32 in [0, 1] from uint8 pixels (Theis et al. 2016, section 3.1).

    The mean log density of these pixels is a lower bound on the log probability of the bytes; a density at the bytes
    themselves is not.

    Raises:
        UserError: the images are not uint8.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise UserError(f"dequantisation takes uint8 images, got {images.dtype}")
    uniform = np.random.default_rng(stream_key(seed, "dequantize") % 2**63).random(images.shape, np.float32)
    return (images + uniform) / np.float32(256)


def bits_per_dimension(
    log_px: ArrayLike, dims: int, likelihood: Likelihood | None, dequantized: bool = False, levels: int = 256
) -> np.ndarray:
    """Returns the code length of an image in bits per dimension, i.e. per pixel and channel.

    Args:
        log_px: log p(x) or a bound on it, in nats per image, as `importance_weighted_bound` returns: float or array.
        dims: H W C, the dimensions of an image.
        likelihood: the model's, of `tfgen.likelihoods`: a probability of pixel values or a density; None: a density.
        dequantized: whether the density is that of pixels from `dequantize`; log2 of the pixel scale is added then.
        levels: number of values of a pixel, the pixel scale.

    Returns:
        float64, of the shape of `log_px`.

    Raises:
        UserError: the likelihood is a cross-entropy, a density of pixels that were not dequantised, or a probability of
            pixels that were.
    """
    if dims < 1:
        raise UserError(f"bits per dimension need the numbers in an image, at least 1, got {dims}")
    if likelihood is not None and not likelihood.exact:
        raise UserError(f"{likelihood} on gray pixels is a cross-entropy and has no bits per dimension")
    discrete = likelihood is not None and likelihood.discrete
    if discrete and dequantized:
        raise UserError(f"{likelihood} is a probability of pixel values: give it the bytes, not dequantised ones")
    if not discrete and not dequantized:
        raise UserError(
            f"{likelihood or 'the likelihood'} is a density, which is no code length of bytes: evaluate it at "
            "tfgen.metrics.dequantize(images), and pass dequantized=True"
        )
    bits = -np.asarray(log_px, np.float64) / (dims * math.log(2.0))
    return bits if discrete else bits + math.log2(levels)


def log_weights(model: GenerativeModel, batch: dict, k: int, noise: Noise) -> tf.Tensor:
    """Returns `model.log_weights` as float64 [k, B]: sums over many draws lose digits in float32."""
    return tf.cast(model.log_weights(batch, k, noise), tf.float64)


def over_draws(
    inputs: Inputs,
    total: Callable,
    count: int,
    reduce: Callable,
    progress: Callable | None = None,
    columns: int = 1,
) -> np.ndarray:
    """Returns `total` of `count` draws for every image, computed in blocks to bound the memory.

    Args:
        inputs: the images.
        total: `total(batch, count, noise) -> float64 [columns]` of `count` draws for a batch of one prepared image.
        count: draws per image.
        reduce: `reduce(values, axis)` of the totals of all blocks.
        progress: called as progress(images done, N).
        columns: length of the vector that `total` returns.

    Returns:
        float64 [N, columns].
    """
    sizes = block_sizes(inputs.model, count)
    block_of = {size: inputs.compiled(on_block(inputs, total, size, columns), SCALAR) for size in dict.fromkeys(sizes)}
    found = np.empty((len(inputs), columns))
    for index, fields in inputs.batches(IMAGES):
        blocks = [block_of[size](index, fields, tf.constant(b, tf.int64)).numpy() for b, size in enumerate(sizes)]
        found[index.numpy()] = reduce(np.array(blocks), axis=0)
        if progress is not None:
            progress(int(index[-1]) + 1, len(inputs))
    return found


SCALAR = tf.TensorSpec([], tf.int64)


def block_sizes(model: GenerativeModel, count: int) -> list[int]:
    """Returns the number of draws of each block, equal except for the last."""
    size = rows_at_once(model.networks.values(), BLOCK, otherwise=64 * math.prod(model.data_shape))
    return [min(size, count - first) for first in range(0, count, size)]


def on_block(inputs: Inputs, total: Callable, size: int, columns: int) -> Callable:
    """Returns `f(index, fields, block) -> float64 [n, columns]`: the total of a block of draws, image by image."""

    def of_image(row, block):
        i, fields = row
        one = inputs.as_batch({name: value[None] for name, value in fields.items()})
        batch = inputs.model.prepared_batch(one, preparation(inputs.seed, i))
        return total(batch, size, Noise(inputs.seed, i * BLOCKS + block, "bound/draws/"))

    def of_images(index, fields, block):
        spec = tf.TensorSpec([columns], tf.float64)
        rows = (index, fields)
        return tf.map_fn(lambda row: of_image(row, block), rows, fn_output_signature=spec, parallel_iterations=1)

    return of_images
