"""Sampling that does not depend on the batch: image i follows from (seed, i) alone."""

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.priors import Prior
from tfgen.training.model import select_inputs
from tfgen.training.noise import stream_key

CHUNK = 250  # rows a call of the network always has: other shapes may round differently


class Sampler:
    """Mixin of models with a latent prior `self.prior`, a `self.latent_dim` and `self.decode_latents`."""

    can_sample = True
    prior: Prior
    latent_dim: int

    def latents_from_seeds(self, seeds):
        """Latents float32 [B, latent_dim], row i from the integer seeds[i] (int64 [B]) alone."""
        key = tf.constant(stream_key("sample", "latent"), tf.int64)

        def draw(seed):
            return tf.ensure_shape(self.prior.sample(tf.stack([seed, key]), [self.latent_dim]), [self.latent_dim])

        spec = tf.TensorSpec([self.latent_dim], tf.float32)
        return tf.map_fn(draw, tf.cast(seeds, tf.int64), fn_output_signature=spec)

    def sampling_network(self):
        """A fresh copy of the network that turns latents into images, with the weights to sample from."""
        return self.exported_networks()[self.decoder_name]

    def call_plain(self, network, primary, fields):
        """Runs a network in inference mode on the fields that it names."""
        return network(select_inputs(network, primary, fields), training=False)

    def run_decoder(self, network, latents, label):
        fields = {"latent": tf.cast(latents, tf.float32), **self.condition_field(label)}
        return self.call_plain(network, "latent", fields)

    def condition_field(self, label):
        if not self.conditional:
            return {}
        if label is None:
            raise UserError(f"{self.name} is conditional: give {self.condition}=")
        return {self.condition: self.as_field(self.condition, label)}

    def condition_of(self, n, label, start=0):
        """The condition of n images from `start` on: `label` in turn, by default every class in turn; or None."""
        if not self.conditional:
            if label is not None:
                raise UserError(f"{self.name} is not conditional and takes no label")
            return None
        if self.condition != "label":
            if label is None:
                raise UserError(f"{self.name} is conditioned on {self.condition!r}: give its vectors as label=")
            vectors = np.asarray(label, np.float32)
            expected = self.fields[self.condition].shape
            if vectors.shape[-len(expected) :] != tuple(expected) or not len(vectors):
                raise UserError(f"{self.condition} needs vectors of shape {expected}, got {vectors.shape}")
            vectors = vectors.reshape((-1, *expected))
            return vectors[np.arange(start, start + n) % len(vectors)]
        return self.labels_of(n, label, start)

    def labels_of(self, n, label, start=0):
        if label is None and self.num_classes is None:
            raise UserError(f"{self.name} does not know how many classes there are: give label=")
        cycle = np.arange(self.num_classes) if label is None else np.atleast_1d(np.asarray(label))
        if cycle.dtype.kind not in "iu" or cycle.ndim != 1 or not len(cycle):
            raise UserError(f"label must be one integer or a list of them, got {label!r}")
        if cycle.min() < 0 or (self.num_classes and cycle.max() >= self.num_classes):
            top = f"0..{self.num_classes - 1}" if self.num_classes else "0 and up"
            raise UserError(f"labels are {top}, got {sorted(set(cycle.tolist()))}")
        return cycle.astype(np.int64)[np.arange(start, start + n) % len(cycle)]

    def sample(self, n, seed=0, label=None, stochastic=False, batch_size=CHUNK, start=0):
        """Makes images `start` to `start + n - 1` of the endless sequence that `seed` names.

        Args:
            n: how many images.
            seed: integer in [0, 2^31).
            label: where the model is conditional, a class or a list of classes taken in turn (default: all classes in
                turn), or vectors [., D] of another condition.
            stochastic: draw the pixels from p(x|z) instead of giving its mean (variational models only).
            batch_size: images that the network makes at once; the images are the same for every size up to rounding.
            start: index of the first image.

        Returns:
            uint8 [n, H, W, C]; of a model of points, float32 [n, 2].
        """
        if n < 0 or not 0 <= seed < 2**31:
            raise UserError(f"sample needs n >= 0 and a seed in 0..2^31-1, got n={n}, seed={seed}")
        if batch_size < 1:
            raise UserError(f"batch_size must be at least 1, got {batch_size}")
        conditions = self.condition_of(n, label, start)
        images = np.empty((n, *self.data_shape), self.data_dtype)
        for first in range(0, n, batch_size):
            index = np.arange(start + first, start + first + batch_size, dtype=np.int64)
            count = min(batch_size, n - first)
            label_chunk = None
            if conditions is not None:
                label_chunk = tf.constant(conditions[np.minimum(index - start, n - 1)])
            made = self.sample_from_seeds(tf.constant((seed << 32) + index), label_chunk, stochastic)
            images[first : first + count] = made.numpy()[:count]
        return images

    @property
    def sample_from_seeds(self):
        """`f(seeds int64 [B], label, stochastic) -> uint8 [B, H, W, C]` (or points) as one compiled function."""
        if getattr(self, "_sample_function", None) is None:
            self._sample_function = tf.function(self.images_from_seeds, reduce_retracing=True, autograph=False)
        return self._sample_function

    def images_from_seeds(self, seeds, label=None, stochastic=False, network=None):
        """uint8 images [B, H, W, C] (or points), row i from seeds[i] alone; traceable."""
        latents = self.latents_from_seeds(seeds)
        if stochastic:
            images = self.draw_pixels(latents, label, seeds, network)
        else:
            images = self.decode_latents(latents, label, network)
        return self.as_stored(images)

    def draw_pixels(self, latents, label, seeds, network=None):
        raise UserError(f"{self.name} has no distribution of pixels given z: leave out stochastic")

    def compile_optimizers(self, optimizers, **kwargs):
        self._sample_function = None
        super().compile_optimizers(optimizers, **kwargs)
