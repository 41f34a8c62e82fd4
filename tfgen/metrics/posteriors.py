"""What the metrics of latent variable models share: their arguments checked, images prepared and encoded in batches."""

import functools
import math
import typing

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.training.noise import Noise

ROWS = 1_000  # latents decoded at once: more of them fall out of the processor's cache
ACTIVATIONS = 256 << 20  # bytes of all the layers' outputs: fewer rows where images are large
IMAGES = 100  # encoded at once


class Batch(typing.NamedTuple):
    """Some images, and q(z|x) = N(mean, diag(exp(log_var))) of each; a plain autoencoder gives no `log_var`."""

    index: np.ndarray  # int64 [n]
    x: tf.Tensor  # float32 [n, H, W, C] in [0, 1], prepared as in training
    mean: tf.Tensor  # float32 [n, D]
    log_var: tf.Tensor | None
    label: tf.Tensor | None


class Posteriors:
    """Images as an autoencoder is given them, and its q(z|x), a batch at a time; averaged weights where it keeps them.

    Raises:
        UserError: the model has no encoder, the images are not [N, H, W, C] uint8 or float in [0, 1], or `label` is not
            one condition an image.
    """

    def __init__(self, model, images, seed=0, label=None):
        if not (hasattr(model, "likelihood") and hasattr(model, "encoder")):
            raise UserError(f"{name_of(model)} has no encoder; expected a vae or another autoencoder")
        self.model, self.seed = model, int(seed)
        self.images = check_images(model, images)
        self.label = check_label(model, label, len(self.images))
        self._encode = compiled(self._encoded)

    def __len__(self):
        return len(self.images)

    def batches(self, size=IMAGES):
        """Yields `Batch`es of one size; the last is filled up with copies of its last image."""
        size = min(max(1, size), IMAGES, max(1, len(self)))
        for first in range(0, len(self), size):
            index = np.minimum(np.arange(first, first + size), len(self) - 1)
            label = None if self.label is None else tf.constant(self.label[index])
            yield Batch(index, *self._encode(tf.constant(self.images[index]), tf.constant(index), label), label)

    def means(self):
        """The encoder's mean of every image, float64 [N, D]."""
        return self.collect(lambda batch: batch.mean, (len(self), self.model.latent_dim))

    def kl(self):
        """KL(q(z|x) || p(z)) in closed form, float64 [N], in nats, or None where there is none."""

        def kl(batch):
            return self.model.kl({"z_mean": batch.mean, "z_log_var": batch.log_var})

        if not len(self) or kl(next(self.batches())) is None:
            return None
        return self.collect(kl, len(self))

    def collect(self, function, shape):
        found = np.empty(shape, np.float64)
        for batch in self.batches():
            found[batch.index] = function(batch)
        return found

    def _encoded(self, images, index, label):
        x = prepared_images(self.model, images, index, self.seed)
        fields = {"image": self.model.to_value_range(x), **self.model.condition_field(label)}
        q = self.model.call_plain(self.model.best("encoder"), "image", fields)
        if isinstance(q, dict):
            q = [q["z_mean"], q["z_log_var"]] if "z_mean" in q else [q["latent"]]
        mean, *log_var = [tf.cast(part, tf.float32) for part in (q if isinstance(q, (list, tuple)) else [q])]
        return x, mean, log_var[0] if log_var else None


def prepared_images(model, images, index, seed):
    """Images float32 [n, H, W, C] in [0, 1], binarised where the likelihood does so: by (seed, index) alone."""

    def prepare(row):
        image, i = row
        return model.likelihood.prepare(image[None], Noise(seed, i, "bound/"))[0]

    unit = model.as_unit_images(images)
    return tf.map_fn(prepare, (unit, index), fn_output_signature=tf.TensorSpec(unit.shape[1:], tf.float32))


def compiled(function):
    """`tf.function`, one for each metric that is taken; TensorFlow would warn of too many that share their code."""
    return tf.function(functools.partial(function), autograph=False)


def name_of(model):
    return getattr(model, "name", model)


def check_model(model, exact=True):
    """Refuses a model that has no p(x|z), or (where it must be `exact`) one that is no probability of the data."""
    if not (hasattr(model, "likelihood") and hasattr(model, "log_prior")):
        raise UserError(f"{name_of(model)} has no likelihood p(x|z) to bound; expected a variational model")
    if exact and not model.likelihood.exact:
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
    bad = np.count_nonzero(~np.isfinite(images))
    if bad:
        raise UserError(f"float images must lie in [0, 1], got {bad} pixels that are NaN or infinite")
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


def latent_network(model):
    """The network that turns latents into images: a decoder or a generator, averaged where an average is kept."""
    return model.averaged_networks.get(model.decoder_name, model.networks[model.decoder_name])


def decoder_rows(model):
    """How many latents to decode at once."""
    values = 0
    for layer in latent_network(model).layers:
        outputs = keras.tree.flatten(getattr(layer, "output", ()))
        values += sum(math.prod(output.shape[1:]) for output in outputs)
    values = values or 64 * math.prod(model.image_shape)  # a subclassed decoder does not show its layers' outputs
    return max(1, min(ROWS, ACTIVATIONS // (4 * values)))
