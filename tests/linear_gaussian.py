"""A linear-Gaussian decoder: p(x), p(z|x) and KLs in closed form, as an oracle for bounds on the likelihood."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

import tfgen
from tfgen import likelihoods
from tfgen.priors import normal_log_prob
from tfgen.values import serializable

HALF = 0.5 * math.log(2.0 * math.pi)


@serializable
@dataclasses.dataclass(frozen=True)
class LinearGaussian(likelihoods.Likelihood):
    """N(min(x, 1/2); mean, sigma^2): images that nobody prepared would show."""

    sigma: float = 0.2
    parameters = ("mean",)

    def prepare(self, images, noise):
        return tf.minimum(images, 0.5)

    def log_prob(self, x, decoded):
        log_var = tf.constant(2.0 * math.log(self.sigma))
        return likelihoods.sum_pixels(normal_log_prob(x, decoded["mean"], log_var))

    def draw(self, decoded, noise):
        return decoded["mean"] + self.sigma * noise.normal("pixels", tf.shape(decoded["mean"]))


class Linear:
    """x = W z + b + sigma e, z ~ N(0, I), in float64; and a model of it whose q is too wide by `inflation`."""

    def __init__(self, latent=2, shape=(2, 3, 1), sigma=0.2, inflation=2.0):
        rng = np.random.default_rng(1)
        self.latent, self.shape, self.sigma, self.pixels = latent, shape, sigma, math.prod(shape)
        self.w = rng.normal(0.0, 0.15, (self.pixels, latent))
        self.b = rng.uniform(0.1, 0.4, self.pixels)
        self.posterior_cov = np.linalg.inv(self.w.T @ self.w / sigma**2 + np.eye(latent))
        self.gain = self.posterior_cov @ self.w.T / sigma**2
        self.q_var = inflation * np.diag(self.posterior_cov)

    def log_p(self, x):
        """log N(x; b, W W' + sigma^2 I), float64 [N], of x [N, ...] as the likelihood sees it."""
        residual = np.reshape(x, (len(x), -1)).astype(np.float64) - self.b
        cov = self.w @ self.w.T + self.sigma**2 * np.eye(self.pixels)
        distance = np.einsum("np,pn->n", residual, np.linalg.solve(cov, residual.T))
        return -self.pixels * HALF - 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * distance

    def log_p_of(self, images):
        """The same of uint8 images."""
        return self.log_p(self.seen(images))

    def seen(self, images):
        """What the likelihood sees of uint8 images, float64 [N, pixels]."""
        return np.minimum(images / 255.0, 0.5).reshape(len(images), self.pixels)

    def z_mean(self, x):
        return (np.reshape(x, (len(x), -1)) - self.b) @ self.gain.T

    def kl_of_q(self):
        """KL(q(z|x) || p(z|x)), the same for every x since the means are equal."""
        precision = np.linalg.inv(self.posterior_cov)
        log_ratio = np.linalg.slogdet(self.posterior_cov)[1] - np.log(self.q_var).sum()
        return 0.5 * (np.trace(precision @ np.diag(self.q_var)) - self.latent + log_ratio)

    def networks(self):
        image, latent = keras.Input(self.shape, name="image"), keras.Input((self.latent,), name="latent")
        flat = keras.layers.Flatten()(image)
        z_mean = dense(self.latent, self.gain.T, -self.gain @ self.b)(flat)
        z_log_var = dense(self.latent, np.zeros_like(self.gain.T), np.log(self.q_var))(flat)
        mean = keras.layers.Reshape(self.shape)(dense(self.pixels, self.w.T, self.b)(latent))
        encoder = keras.Model(image, {"z_mean": z_mean, "z_log_var": z_log_var})
        return encoder, keras.Model(latent, {"image": mean, "mean": mean})

    def model(self, **kwargs):
        return tfgen.VariationalModel(*self.networks(), likelihood=LinearGaussian(self.sigma), **kwargs)

    def gan(self, prior, **kwargs):
        """A generator of the same images, which its networks see in [-1, 1]."""
        latent, image = keras.Input((self.latent,), name="latent"), keras.Input(self.shape, name="image")
        made = keras.layers.Reshape(self.shape)(dense(self.pixels, 2.0 * self.w.T, 2.0 * self.b - 1.0)(latent))
        logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
        networks = keras.Model(latent, made), keras.Model(image, logit)
        return tfgen.AdversarialModel(*networks, latent_dim=self.latent, prior=prior, name="gan", **kwargs)


def dense(units, kernel, bias, **kwargs):
    values = {"kernel": kernel, "bias": bias}
    start = {f"{k}_initializer": keras.initializers.Constant(np.float32(v)) for k, v in values.items()}
    return keras.layers.Dense(units, **start, **kwargs)
