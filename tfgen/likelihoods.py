"""Likelihoods p(x|z) of images in [0, 1], parametrised by a decoder's raw outputs.

A likelihood names the raw maps that the decoder outputs (`parameters`), builds the output heads, and sums log p(x|z)
over the pixels of each image, in nats.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Literal

import keras
import tensorflow as tf

from tfgen.domains import Positive
from tfgen.errors import UserError
from tfgen.noise import Noise
from tfgen.priors import normal_log_prob
from tfgen.values import Value, serializable


def sum_pixels(values: tf.Tensor) -> tf.Tensor:
    """Returns the sum of [B, H, W, C], or of [B, D], over all axes but the first, [B]."""
    return tf.reduce_sum(values, axis=list(range(1, len(values.shape))))


def float32(tensor: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Returns a float32 copy of a head as a layer `name`, also under a mixed-precision policy."""
    return keras.layers.Activation("linear", dtype="float32", name=name)(tensor)


class Likelihood(Value):
    """p(x|z) with x float32 [B, H, W, C] in [0, 1].

    Attributes:
        parameters: names of the raw maps [B, H, W, C] that the decoder outputs in addition to `image`.
        exact: whether `log_prob` is the log of a normalised probability or density of the data after `prepare`.
        discrete: whether an exact `log_prob` is a probability of discrete pixels, not a density.
        black_and_white: whether it is a probability of pixels that are either 0 or 1.
    """

    discrete: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        return ()

    @property
    def exact(self) -> bool:
        return True

    @property
    def black_and_white(self) -> bool:
        return False

    def prepare(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the images [B, H, W, C] to train on, such as binarised ones, of images in [0, 1]."""
        return images

    def initial_bias(self, mean: tf.Tensor) -> tf.Tensor | None:
        """Returns the first parameter's bias at which p(x) has the data's `mean` image (float32 [H, W, C]), or None."""
        return None

    def heads(self, raw: Callable[[str], keras.KerasTensor], name: str = "image") -> dict[str, keras.KerasTensor]:
        """Returns the decoder's outputs, `image` and the parameters, of `raw(name)` [B, H, W, C].

        `image` is the mean of p(x|z), of a discretised logistic its location, from which the mean differs near 0 and 1.
        `name` is that of the layer of the mean, which may not be that of an input.
        """
        raise NotImplementedError

    def log_prob(self, x: tf.Tensor, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns log p(x|z) in nats, float32 [B], of x [B, H, W, C] under the decoder's outputs."""
        raise NotImplementedError

    def draw(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        """Returns x ~ p(x|z), float32 [B, H, W, C] in [0, 1]."""
        raise NotImplementedError

    def quantile(self, decoded: Mapping[str, tf.Tensor], u: tf.Tensor) -> tf.Tensor:
        """Returns the x in [0, 1] below which p(x|z) has the mass u: x ~ p(x|z) of u ~ U[0, 1), of any shape."""
        raise UserError(f"{self!r} has no quantiles, by which pixels are drawn one after the other")

    def simulate(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        """Returns x ~ p(x|z) as `draw` does, but not clipped where p(x|z) has mass outside [0, 1]."""
        return self.draw(decoded, noise)


@serializable
@dataclasses.dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels; `static` thresholds at 1/2, `dynamic` draws x ~ B(pixel) again at every step.

    With `binarize="none"` and gray pixels the sum is a cross-entropy, not a log-likelihood.
    """

    binarize: Literal["none", "static", "dynamic"] = "none"
    parameters = ("logits",)
    discrete = True

    def __post_init__(self):
        if self.binarize not in ("none", "static", "dynamic"):
            raise UserError(f"binarize must be 'none', 'static' or 'dynamic', got {self.binarize!r}")

    @property
    def exact(self) -> bool:
        return self.binarize != "none"

    @property
    def black_and_white(self) -> bool:
        return self.binarize != "none"

    def prepare(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        if self.binarize == "static":
            return tf.cast(images >= 0.5, tf.float32)
        if self.binarize == "dynamic":
            return tf.cast(noise.uniform("binarize", tf.shape(images)) < images, tf.float32)
        return images

    def initial_bias(self, mean: tf.Tensor) -> tf.Tensor:
        mean = tf.clip_by_value(mean, 1e-3, 1.0 - 1e-3)  # pixels that are always black have infinite log-odds
        return tf.math.log(mean) - tf.math.log1p(-mean)  # log-odds, Burda et al. 2016, section 5

    def heads(self, raw: Callable[[str], keras.KerasTensor], name: str = "image") -> dict[str, keras.KerasTensor]:
        logits = float32(raw("logits"), "logits_float32")
        return {"image": keras.layers.Activation("sigmoid", dtype="float32", name=name)(logits), "logits": logits}

    def log_prob(self, x: tf.Tensor, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        # log p = x log sigmoid(a) + (1 - x) log(1 - sigmoid(a))
        return -sum_pixels(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=decoded["logits"]))

    def draw(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        return self.quantile(decoded, noise.uniform("pixels", tf.shape(decoded["image"])))

    def quantile(self, decoded: Mapping[str, tf.Tensor], u: tf.Tensor) -> tf.Tensor:
        return tf.cast(u < decoded["image"], tf.float32)


@serializable
@dataclasses.dataclass(frozen=True)
class Gaussian(Likelihood):
    """N(x; image, sigma^2), a density of pixels in [0, 1]; with `sigma=None` the variance per pixel is learned.

    Its log-density refers to pixels scaled to [0, 1] and may be positive.
    """

    sigma: Positive | None = 0.1

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("mean",) if self.sigma is not None else ("mean", "log_scale")

    def heads(self, raw: Callable[[str], keras.KerasTensor], name: str = "image") -> dict[str, keras.KerasTensor]:
        # a sigmoid, so that the decoder's image always lies in [0, 1]
        mean = float32(raw("mean"), "mean_float32")
        outputs = {"image": keras.layers.Activation("sigmoid", dtype="float32", name=name)(mean), "mean": mean}
        if self.sigma is None:
            outputs["log_scale"] = float32(raw("log_scale"), "log_scale_float32")
        return outputs

    def initial_bias(self, mean: tf.Tensor) -> tf.Tensor:
        return Bernoulli().initial_bias(mean)

    def log_var(self, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns log sigma^2: a scalar where sigma is fixed, else [B, H, W, C]."""
        if self.sigma is not None:
            return tf.constant(2.0 * math.log(self.sigma))
        # sigma >= 1/256: below it the density would measure the 8-bit quantisation alone
        return 2.0 * tf.maximum(decoded["log_scale"], -math.log(256.0))

    def log_prob(self, x: tf.Tensor, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return sum_pixels(normal_log_prob(x, decoded["image"], self.log_var(decoded)))

    def draw(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        return tf.clip_by_value(self.simulate(decoded, noise), 0.0, 1.0)

    def quantile(self, decoded: Mapping[str, tf.Tensor], u: tf.Tensor) -> tf.Tensor:
        # the normal distribution's inverse is infinite at 0
        drawn = decoded["image"] + tf.math.ndtri(tf.maximum(u, 1e-7)) * tf.exp(0.5 * self.log_var(decoded))
        return tf.clip_by_value(drawn, 0.0, 1.0)

    def simulate(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        drawn = noise.normal("pixels", tf.shape(decoded["image"])) * tf.exp(0.5 * self.log_var(decoded))
        return decoded["image"] + drawn


@serializable
@dataclasses.dataclass(frozen=True)
class DiscretizedLogistic(Likelihood):
    """Probabilities of 256 pixel values under a logistic distribution, Kingma et al. 2016, appendix C.

    The values 0 and 1 have the probability of the tails.
    """

    parameters = ("mean", "log_scale")
    discrete = True

    def heads(self, raw: Callable[[str], keras.KerasTensor], name: str = "image") -> dict[str, keras.KerasTensor]:
        mean = float32(raw("mean"), "mean_float32")
        return {
            "image": keras.layers.Activation("sigmoid", dtype="float32", name=name)(mean),
            "mean": mean,
            "log_scale": float32(raw("log_scale"), "log_scale_float32"),
        }

    def initial_bias(self, mean: tf.Tensor) -> tf.Tensor:
        return Bernoulli().initial_bias(mean)

    def log_scale(self, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the log of the scale, [B, H, W, C]."""
        # an untrained head outputs about 0, and e^-2 of the pixels' range is a plausible scale to start from
        return tf.clip_by_value(decoded["log_scale"] - 2.0, -7.0, 3.0)

    def prepare(self, images: tf.Tensor, noise: Noise) -> tf.Tensor:
        return tf.round(images * 255.0) / 255.0

    def log_prob(self, x: tf.Tensor, decoded: Mapping[str, tf.Tensor]) -> tf.Tensor:
        log_scale = self.log_scale(decoded)
        half, inverse = 0.5 / 255.0, tf.exp(-log_scale)
        upper = (x - decoded["image"] + half) * inverse
        lower = (x - decoded["image"] - half) * inverse
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)): no difference of nearly equal numbers
        inside = -tf.math.softplus(-upper) - tf.math.softplus(lower) + tf.math.log(-tf.math.expm1(lower - upper))
        log_p = tf.where(x < half, -tf.math.softplus(-upper), inside)
        return sum_pixels(tf.where(x > 1.0 - half, -tf.math.softplus(lower), log_p))

    def draw(self, decoded: Mapping[str, tf.Tensor], noise: Noise) -> tf.Tensor:
        return self.quantile(decoded, noise.uniform("pixels", tf.shape(decoded["image"])))

    def quantile(self, decoded: Mapping[str, tf.Tensor], u: tf.Tensor) -> tf.Tensor:
        # the logistic distribution's inverse is infinite at 0 and 1
        u = tf.clip_by_value(u, 1e-5, 1.0 - 1e-5)
        drawn = decoded["image"] + tf.exp(self.log_scale(decoded)) * (tf.math.log(u) - tf.math.log1p(-u))
        return tf.round(tf.clip_by_value(drawn, 0.0, 1.0) * 255.0) / 255.0


def bernoulli(binarize: Literal["none", "static", "dynamic"] = "none") -> Bernoulli:
    """Returns the likelihood of independent Bernoulli pixels."""
    return Bernoulli(binarize)


def gaussian(sigma: float | None = 0.1) -> Gaussian:
    """Returns the likelihood of Gaussian pixels of standard deviation `sigma` (pixels in [0, 1]), or a learned one."""
    return Gaussian(None if sigma is None else float(sigma))


def discretized_logistic() -> DiscretizedLogistic:
    """Returns the likelihood of 8-bit pixels under a logistic distribution."""
    return DiscretizedLogistic()
