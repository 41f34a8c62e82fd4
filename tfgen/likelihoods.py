"""Likelihoods p(x|z) of images in [0, 1]: what a decoder's raw outputs mean.

A likelihood names the raw maps that the decoder must give (`parameters`), builds the output heads, and sums
log p(x|z) over the pixels of an image, in nats.
"""

import dataclasses
import math
from typing import Literal

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.priors import normal_log_prob
from tfgen.values import Value, serializable


def sum_pixels(values):
    """Sums [B, H, W, C] over all but the first axis."""
    return tf.reduce_sum(values, axis=list(range(1, len(values.shape))))


def float32(tensor, name):
    """A float32 copy of a head, under the name that the decoder's output has."""
    return keras.layers.Activation("linear", dtype="float32", name=name)(tensor)


class Likelihood(Value):
    """p(x|z) with x float32 [B, H, W, C] in [0, 1].

    Attributes:
        parameters: names of the raw maps [B, H, W, C] that the decoder gives besides `image`.
        exact: whether `log_prob` is the log of a normalised probability or density of the data as they are fed.
        discrete: whether it is, if exact, a probability of pixels that take few values, and no density.
    """

    parameters: tuple[str, ...] = ()
    exact = True
    discrete = False

    def prepare(self, images, noise):
        """What the model is trained on, from images in [0, 1]; binarisation happens here."""
        return images

    def initial_bias(self, mean):
        """The first parameter's bias at which p(x) has the `mean` image of the data (float32 [H, W, C]); or None."""
        return None

    def heads(self, raw):
        """The decoder's outputs from `raw(name) -> [B, H, W, C]`: `image`, the mean of p(x|z), and the parameters."""
        raise NotImplementedError

    def log_prob(self, x, decoded):
        """log p(x|z) in nats, float32 [B], of x [B, H, W, C] under the decoder's outputs."""
        raise NotImplementedError

    def draw(self, decoded, noise):
        """Pixels drawn from p(x|z), float32 [B, H, W, C] in [0, 1]."""
        raise NotImplementedError

    def simulate(self, decoded, noise):
        """As `draw`, but of p(x|z) itself, where that has mass outside [0, 1]."""
        return self.draw(decoded, noise)


@serializable
@dataclasses.dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels; `static` thresholds at 1/2, `dynamic` draws x ~ B(pixel) anew at every step.

    With `binarize="none"` on gray pixels the sum is a cross-entropy and no likelihood.
    """

    binarize: Literal["none", "static", "dynamic"] = "none"
    parameters = ("logits",)
    discrete = True

    def __post_init__(self):
        if self.binarize not in ("none", "static", "dynamic"):
            raise UserError(f"binarize must be 'none', 'static' or 'dynamic', got {self.binarize!r}")

    @property
    def exact(self):
        return self.binarize != "none"

    def prepare(self, images, noise):
        if self.binarize == "static":
            return tf.cast(images >= 0.5, tf.float32)
        if self.binarize == "dynamic":
            return tf.cast(noise.uniform("binarize", tf.shape(images)) < images, tf.float32)
        return images

    def initial_bias(self, mean):
        mean = tf.clip_by_value(mean, 1e-3, 1.0 - 1e-3)
        return tf.math.log(mean) - tf.math.log1p(-mean)  # log-odds, Burda et al. 2016, section 5

    def heads(self, raw):
        logits = float32(raw("logits"), "logits_float32")
        return {"image": keras.layers.Activation("sigmoid", dtype="float32", name="image")(logits), "logits": logits}

    def log_prob(self, x, decoded):
        # log p = x log sigmoid(a) + (1 - x) log(1 - sigmoid(a))
        return -sum_pixels(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=decoded["logits"]))

    def draw(self, decoded, noise):
        return tf.cast(noise.uniform("pixels", tf.shape(decoded["image"])) < decoded["image"], tf.float32)


@serializable
@dataclasses.dataclass(frozen=True)
class Gaussian(Likelihood):
    """N(x; image, sigma^2), a density on [0, 1] pixels; `sigma=None` learns the variance of every pixel.

    The nats are those of the density of pixels scaled to [0, 1]; they may be positive log-densities.
    """

    sigma: float | None = 0.1

    def __post_init__(self):
        if self.sigma is not None and not self.sigma > 0:
            raise UserError(f"a Gaussian likelihood needs sigma > 0 or sigma=None (learned), got {self.sigma}")

    @property
    def parameters(self):
        return ("mean",) if self.sigma is not None else ("mean", "log_scale")

    def heads(self, raw):
        # the mean is squashed, so that a decoder's image always lies in [0, 1]
        mean = float32(raw("mean"), "mean_float32")
        outputs = {"image": keras.layers.Activation("sigmoid", dtype="float32", name="image")(mean), "mean": mean}
        if self.sigma is None:
            outputs["log_scale"] = float32(raw("log_scale"), "log_scale_float32")
        return outputs

    def initial_bias(self, mean):
        return Bernoulli().initial_bias(mean)

    def log_var(self, decoded):
        if self.sigma is not None:
            return tf.constant(2.0 * math.log(self.sigma))
        # a floor of one part in 256: beyond it the density would only measure the 8-bit steps
        return 2.0 * tf.maximum(decoded["log_scale"], -math.log(256.0))

    def log_prob(self, x, decoded):
        return sum_pixels(normal_log_prob(x, decoded["image"], self.log_var(decoded)))

    def draw(self, decoded, noise):
        return tf.clip_by_value(self.simulate(decoded, noise), 0.0, 1.0)

    def simulate(self, decoded, noise):
        drawn = noise.normal("pixels", tf.shape(decoded["image"])) * tf.exp(0.5 * self.log_var(decoded))
        return decoded["image"] + drawn


@serializable
@dataclasses.dataclass(frozen=True)
class DiscretizedLogistic(Likelihood):
    """Probabilities of the 256 pixel values under a logistic, Kingma et al. 2016, appendix C; edges take the tails."""

    parameters = ("mean", "log_scale")
    discrete = True

    def heads(self, raw):
        mean = float32(raw("mean"), "mean_float32")
        return {
            "image": keras.layers.Activation("sigmoid", dtype="float32", name="image")(mean),
            "mean": mean,
            "log_scale": float32(raw("log_scale"), "log_scale_float32"),
        }

    def initial_bias(self, mean):
        return Bernoulli().initial_bias(mean)

    def log_scale(self, decoded):
        return tf.clip_by_value(decoded["log_scale"] - 2.0, -7.0, 3.0)  # starts near e^-2 of the range

    def prepare(self, images, noise):
        return tf.round(images * 255.0) / 255.0

    def log_prob(self, x, decoded):
        log_scale = self.log_scale(decoded)
        half, inverse = 0.5 / 255.0, tf.exp(-log_scale)
        upper = (x - decoded["image"] + half) * inverse
        lower = (x - decoded["image"] - half) * inverse
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)): exact, and no difference of near numbers
        inside = -tf.math.softplus(-upper) - tf.math.softplus(lower) + tf.math.log(-tf.math.expm1(lower - upper))
        log_p = tf.where(x < half, -tf.math.softplus(-upper), inside)
        return sum_pixels(tf.where(x > 1.0 - half, -tf.math.softplus(lower), log_p))

    def draw(self, decoded, noise):
        u = tf.clip_by_value(noise.uniform("pixels", tf.shape(decoded["image"])), 1e-5, 1.0 - 1e-5)
        drawn = decoded["image"] + tf.exp(self.log_scale(decoded)) * (tf.math.log(u) - tf.math.log1p(-u))
        return tf.round(tf.clip_by_value(drawn, 0.0, 1.0) * 255.0) / 255.0


def bernoulli(binarize="none"):
    """Bernoulli pixels; `binarize`: none, static or dynamic."""
    return Bernoulli(binarize)


def gaussian(sigma=0.1):
    """Gaussian pixels with a fixed standard deviation (in units of the [0, 1] range), or a learned one (None)."""
    return Gaussian(None if sigma is None else float(sigma))


def discretized_logistic():
    """Logistic probabilities of 8-bit pixel values."""
    return DiscretizedLogistic()
