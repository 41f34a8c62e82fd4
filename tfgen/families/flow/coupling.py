"""Real NVP: a map of data to N(0, I) that is inverted exactly, and so has an exact density (Dinh et al. 2017)."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import priors
from tfgen.averaging import Ema
from tfgen.data.source import Examples, Field
from tfgen.domains import Seed
from tfgen.errors import UserError
from tfgen.families.exact.model import ExactModel
from tfgen.families.latent import LatentModel
from tfgen.likelihoods import sum_pixels
from tfgen.noise import Noise
from tfgen.training.step import Fields, Networks, Step

BOUND = 3.0  # of the log scales: a coupling layer stretches by e^3 at most
EDGE = 0.05  # images: logit(alpha + (1 - 2 alpha) x), alpha = 0.05, section 4.1


class CouplingModel(ExactModel, LatentModel):
    """Real NVP: coupling layers y = b x + (1 - b) (x exp(s(b x)) + t(b x)), equation 9, with masks b that alternate.

    log p(x) = log N(f(x); 0, I) + log |det df/dx|, with f the layers after a standardisation of the training data
    (points), or the logit of pixels (images). The latent z = f(x) is the code of x, and x = f^-1(z) a sample.

    Args:
        couplings: a network per layer, data of the layer's own shape -> {`log_scale`, `shift`} of that shape. Of images
            with even sides, the second half of the layers works on blocks of 2 x 2 pixels as channels (section 3.6).
        squeezed: number of such layers, the last ones.
        ema: decay of the moving average of the networks, or None.
        seed: integer from which all noise and the order of the data derive.
        fields: what a batch holds.
        **kwargs: `name`, and as of `GenerativeModel`.

    Raises:
        UserError: `value_range` is not (0, 1).
    """

    def __init__(
        self,
        couplings: Sequence[keras.Model],
        *,
        squeezed: int = 0,
        ema: Ema | None = None,
        seed: Seed = 0,
        fields: dict[str, Field],
        **kwargs: Any,
    ) -> None:
        networks = {f"coupling_{i}": network for i, network in enumerate(couplings)}
        super().__init__(networks, fields=fields, ema=ema, averaged=tuple(networks), seed=seed, **kwargs)
        if self.value_range not in (None, (0.0, 1.0)):
            raise UserError(f"{self.name}: the logit is one of pixels in (0, 1), got value_range={self.value_range}")
        self.squeezed, self.prior = int(squeezed), priors.normal()
        self.latent_dim = math.prod(self.data_shape)
        self.masks = masks(self.data_shape, len(networks) - self.squeezed, self.squeezed)
        start = np.zeros(self.data_shape if self.value_range is None else ())
        self.centre = self.add_state("centre", start, of=self.couplings)
        self.spread = self.add_state("spread", start + 1.0, of=self.couplings)

    @property
    def couplings(self) -> list[str]:
        """Names of the networks, in the order of the layers."""
        return [f"coupling_{i}" for i in range(len(self.networks))]

    def prepare(self, train: Examples, held_out: Examples | None) -> None:
        """Sets the mean and the standard deviation of the training data, before the first step."""
        if not self.untouched(self.centre):
            return
        rows = np.linspace(0, len(train) - 1, min(len(train), 10_000)).astype(np.int64)
        data = self.as_field(self.data_field, tf.constant(train.gather(rows)[self.data_field]))
        found = self.unbounded(data)[0].numpy().astype(np.float64)
        axes = tuple(range(found.ndim)) if self.value_range is not None else 0
        self.centre.assign(found.mean(axis=axes))
        self.spread.assign(np.maximum(found.std(axis=axes), 1e-6))

    # The map and its inverse. Shapes: x [B, ...] as the networks see data, z [B, D].

    def unbounded(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns data on the whole line, and the log of the determinant of that map [B]: the logit of pixels."""
        if self.value_range is None:
            return x, tf.zeros([tf.shape(x)[0]])
        y = EDGE + (1.0 - 2.0 * EDGE) * x
        slope = math.log(1.0 - 2.0 * EDGE) - tf.math.log(y) - tf.math.log1p(-y)
        return tf.math.log(y) - tf.math.log1p(-y), sum_pixels(slope)

    def bounded(self, y: tf.Tensor) -> tf.Tensor:
        """Returns data of numbers on the whole line, the inverse of `unbounded`."""
        return y if self.value_range is None else (tf.sigmoid(y) - EDGE) / (1.0 - 2.0 * EDGE)

    def forward(self, x: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns z = f(x) [B, D] and log |det df/dx| [B]."""
        x, log_det = self.unbounded(x)
        x = (x - self.centre.value) / self.spread.value
        numbers = self.latent_dim if self.value_range is not None else 1
        log_det -= numbers * tf.reduce_sum(tf.math.log(self.spread.value))
        for i, name in enumerate(self.couplings):
            x = squeezed(x) if self.is_first_squeezed(i) else x
            mask = self.masks[i]
            log_scale, shift = self.coupled(name, mask * x, step)
            x = mask * x + (1.0 - mask) * (x * tf.exp(log_scale) + shift)
            log_det += sum_pixels((1.0 - mask) * log_scale)
        return tf.reshape(x, [-1, self.latent_dim]), log_det

    def inverse(self, z: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns x = f^-1(z), of the shape of data."""
        x = tf.reshape(z, [-1, *self.masks[-1].shape])
        for i, name in reversed(list(enumerate(self.couplings))):
            mask = self.masks[i]
            log_scale, shift = self.coupled(name, mask * x, step)
            x = mask * x + (1.0 - mask) * (x - shift) * tf.exp(-log_scale)
            x = tf.nn.depth_to_space(x, 2) if self.is_first_squeezed(i) else x
        return self.bounded(x * self.spread.value + self.centre.value)

    def is_first_squeezed(self, i: int) -> bool:
        """Returns whether layer i is the first on blocks of pixels."""
        return self.squeezed > 0 and i == len(self.networks) - self.squeezed

    def coupled(self, name: str, kept: tf.Tensor, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns log s, bounded, and t of a layer, float32 of the shape of `kept`."""
        outputs = step.run(name, {self.data_field: kept})
        log_scale, shift = (tf.cast(outputs[key], tf.float32) for key in ("log_scale", "shift"))
        return BOUND * tf.tanh(log_scale / BOUND), shift

    def log_density(self, x: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns log p(x) [B] in nats."""
        z, log_det = self.forward(x, step)
        return self.known_prior.log_prob(z) + log_det

    # Training.

    def log_prob(self, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p(x) [B] in nats, of images whose bytes are dequantised by the step's noise."""
        x = batch[self.data_field]
        if self.value_range is not None:  # Theis et al. 2016, section 3.1
            x = (255.0 * x + step.noise.uniform("dequantize", tf.shape(x))) / 256.0
        return self.log_density(x, step)

    # Beyond training.

    def inference(self, networks: Networks | None = None) -> Step:
        """Returns a `Step` in inference mode with the best weights."""
        return self.inference_step(Noise(self.seed, 0, "infer/"), networks)

    def log_likelihood(self, batch: Fields) -> tf.Tensor:
        """Returns the exact log p(x) of every example, float32 [B]: a density, of images one of pixels in [0, 1]."""
        return self.log_density(batch[self.data_field], self.inference())

    def encode(
        self, images: Any, label: Any = None, *, conditions: dict | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns {`latent`: f(x) float32 [B, D]}; arguments as of the base."""
        self.with_label(label, conditions)
        x = self.as_field(self.data_field, images)
        return {"latent": self.forward(x, self.inference(networks))[0]}

    def decode_latents(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> tf.Tensor:
        """Returns data f^-1(z), float32 [B, ...]; images in [0, 1]."""
        x = self.likelihood_parameters(latents, conditions, networks)[self.data_field]
        return x if self.value_range is None else tf.clip_by_value(x, 0.0, 1.0)

    def likelihood_parameters(
        self, latents: tf.Tensor, conditions: dict[str, Any] | None = None, networks: Networks | None = None
    ) -> Fields:
        """Returns {`image` or `point`: f^-1(z)}, not clipped."""
        return {self.data_field: self.inverse(tf.cast(latents, tf.float32), self.inference(networks))}


def masks(shape: Sequence[int], plain: int, blocks: int) -> list[np.ndarray]:
    """Returns b of each layer, float32: 1 where values stay as they are, which alternate from layer to layer.

    Args:
        shape: of the data.
        plain: layers on the data as they are: a checkerboard (figure 3), or of a vector every other number.
        blocks: layers on blocks of 2 x 2 pixels as channels: one half of the channels.
    """
    board = (np.indices(shape[:2]).sum(axis=0) % 2)[..., None] if len(shape) == 3 else np.arange(shape[0]) % 2
    found = [np.broadcast_to(board == i % 2, shape) for i in range(plain)]
    if blocks:
        size = (shape[0] // 2, shape[1] // 2, 4 * shape[2])
        found += [np.broadcast_to((np.arange(size[2]) < size[2] // 2) == bool(i % 2), size) for i in range(blocks)]
    return [mask.astype(np.float32) for mask in found]


def squeezed(x: tf.Tensor) -> tf.Tensor:
    """Returns maps [B, H / 2, W / 2, 4 C] of x [B, H, W, C]."""
    return tf.nn.space_to_depth(x, 2)
