"""Bounds on log p(x) of variational models by importance sampling."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.priors import LOG_2PI
from tfgen.training.noise import Noise, stream_key

BLOCK = 10_000  # draws that one seed gives: results depend on it, so it is the same for everyone
ROWS = 1_000  # latents decoded at once: more of them fall out of the processor's cache
ACTIVATIONS = 256 << 20  # bytes of all the layers' outputs: fewer rows where images are large
IMAGES = 100  # encoded at once, where k is small


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
    log_weights = _LogWeights(model, images, k, seed, label, rows)
    return log_weights.reduced(np.logaddexp.reduce, progress) - math.log(k)


def elbo(model, images, samples=1, seed=0, *, label=None, rows=None, progress=None):
    """E_q[log p(x|z) + log p(z) - log q(z|x)] of every image, over `samples` draws of z: float64 [N], in nats.

    Arguments as in `importance_weighted_bound`, whose draws these are; no closed form of the KL is used.
    """
    log_weights = _LogWeights(model, images, samples, seed, label, rows)
    return log_weights.reduced(np.add.reduce, progress) / samples


class _LogWeights:
    """log w = log p(x|z) + log p(z) - log q(z|x) of k draws of z for every image, a bounded part at a time."""

    def __init__(self, model, images, k, seed, label, rows):
        check_model(model)
        if k < 1:
            raise UserError(f"k must be at least 1, got {k}")
        self.model, self.k, self.seed = model, int(k), int(seed)
        self.images, self.label = check_images(model, images), check_label(model, label, len(images))
        self.decoder, self.rows = model.best("decoder"), rows or decoder_rows(model)
        self.encode, self.weigh = tf.function(self._encode), tf.function(self._weigh)

    def reduced(self, reduce, progress=None):
        """`reduce(values, axis)` over the k values of every image, float64 [N]; it must be associative."""
        results = np.empty(len(self.images), np.float64)
        batch = min(max(1, self.rows // self.k), IMAGES, max(1, len(results)))
        for first in range(0, len(results), batch):
            index = np.minimum(np.arange(first, first + batch), len(results) - 1)  # the last batch is filled up
            label = None if self.label is None else tf.constant(self.label[index])
            encoded = self.encode(tf.constant(self.images[index]), tf.constant(index), label)
            blocks = [reduce(values, axis=1) for values in self._blocks(index, encoded, label)]
            results[index] = reduce(np.stack(blocks), axis=0)
            if progress is not None:
                progress(int(index[-1]) + 1, len(results))
        return results

    def _blocks(self, index, encoded, label):
        """log w, float64 [n, <= BLOCK] at a time."""
        for block, start in enumerate(range(0, self.k, BLOCK)):
            key = tf.constant(stream_key(self.seed, "importance", block), tf.int64)
            yield self.weigh(*encoded, label, tf.constant(index), key, count=min(BLOCK, self.k - start)).numpy()

    def _encode(self, images, index, label):
        """The prepared images [n, H, W, C], and z_mean and z_log_var [n, D] of q(z|x)."""
        model = self.model

        def prepare(row):
            image, i = row
            return model.likelihood.prepare(image[None], Noise(self.seed, i, "bound/"))[0]

        unit = model.as_unit_images(images)
        x = tf.map_fn(prepare, (unit, index), fn_output_signature=tf.TensorSpec(unit.shape[1:], tf.float32))
        fields = {"image": model.to_value_range(x), **model.condition_field(label)}
        q = model.call_plain(model.best("encoder"), "image", fields)
        mean, log_var = (q["z_mean"], q["z_log_var"]) if isinstance(q, dict) else q
        return x, tf.cast(mean, tf.float32), tf.cast(log_var, tf.float32)

    def _weigh(self, x, mean, log_var, label, index, key, count):
        """log w of `count` draws for each of n images, float64 [n, count]."""
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
            return sum(tf.cast(term, tf.float64) for term in (log_px, self.model.log_prior(z), -log_q))

        spec = tf.TensorSpec([images, size], tf.float64)
        log_w = tf.map_fn(part, epsilon, fn_output_signature=spec, parallel_iterations=1)  # one part in memory
        return tf.reshape(tf.transpose(log_w, [1, 0, 2]), [images, parts * size])[:, :count]


def check_model(model):
    """Refuses a model that has no p(x|z), or one that is no probability of the data."""
    if not (hasattr(model, "likelihood") and hasattr(model, "log_prior")):
        raise UserError(
            f"{getattr(model, 'name', model)} has no likelihood p(x|z) to bound; expected a variational model"
        )
    if not model.likelihood.exact:
        raise UserError(
            f"{model.likelihood} on gray pixels is a cross-entropy and no likelihood; "
            "train with binarize=static|dynamic, or another likelihood"
        )


def check_images(model, images):
    """Images as they came, [N, H, W, C], uint8 or float in [0, 1]."""
    images = np.asarray(images)
    if images.ndim == len(model.image_shape):
        images = images[..., None]
    if images.shape[1:] != tuple(model.image_shape):
        expected = ", ".join(map(str, model.image_shape))
        raise UserError(f"{model.name} takes images [N, {expected}], got an array of shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"images must be uint8, or float in [0, 1], got {images.dtype}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise UserError(f"float images must lie in [0, 1], got {images.min():.3g} to {images.max():.3g}; divide by 255")
    return images


def check_label(model, label, count):
    """The condition of every image as an array, or None for a model without one."""
    if not model.conditional:
        if label is not None:
            raise UserError(f"{model.name} is not conditional and takes no label")
        return None
    if label is None or len(label) != count:
        got = "none" if label is None else len(label)
        raise UserError(f"{model.name} is conditional: expected label= with one {model.condition} an image, got {got}")
    return np.asarray(label)


def decoder_rows(model):
    """How many latents to decode at once."""
    values = 0
    for layer in model.best("decoder").layers:
        outputs = keras.tree.flatten(getattr(layer, "output", ()))
        values += sum(math.prod(output.shape[1:]) for output in outputs)
    values = values or 64 * math.prod(model.image_shape)  # a subclassed decoder does not show its layers' outputs
    return max(1, min(ROWS, ACTIVATIONS // (4 * values)))
