"""Autoencoders: `ae` and `vae`."""

from typing import Literal

import keras

from tfgen import likelihoods
from tfgen.families.variational.model import Autoencoder
from tfgen.models.common import (
    OptimizerName,
    also_takes,
    at_least_one,
    binarized,
    image_shape_of,
    only,
    seeded,
    variational_model,
)
from tfgen.networks import conv_decoder, conv_encoder, dense_decoder, dense_encoder
from tfgen.optimizers.building import make_optimizer

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "gelu"]


def normal_weights(stddev):
    """Initial weights N(0, stddev^2) of dense layers, or Keras' own where `stddev` is None."""
    return {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(0.0, stddev)}


def coder_networks(shape, latent_dim, network, units, activation, width, outputs, stddev=None):
    """`f(likelihood) -> (encoder, decoder)`: dense with mirrored `units`, or convolutional with `width` channels."""
    at_least_one(units=tuple(units), width=width)
    start = normal_weights(stddev)

    def dense(likelihood):
        encoder = dense_encoder(shape, latent_dim, units, activation, outputs, **start)
        return encoder, dense_decoder(shape, latent_dim, likelihood, tuple(reversed(units)), activation, **start)

    def conv(likelihood):
        encoder = conv_encoder(shape, latent_dim, width, outputs=outputs)
        return encoder, conv_decoder(shape, latent_dim, likelihood, width)

    return {"dense": dense, "conv": conv}[network]


@also_takes(variational_model)
def vae(
    fields,
    *,
    latent_dim: int = 32,
    network: Literal["dense", "conv"] = "conv",
    units: tuple[int, ...] = (500,),
    activation: Activation = "tanh",
    stddev: float | None = None,
    width: int = 32,
    **options,
):
    """Variational autoencoder (Kingma and Welling 2014)."""
    shape = image_shape_of(fields, "vae")
    networks = coder_networks(shape, latent_dim, network, units, activation, width, ("z_mean", "z_log_var"), stddev)
    return variational_model("vae", networks, only(fields, "image"), latent_dim=latent_dim, **options)


def ae(
    fields,
    *,
    latent_dim: int = 32,
    network: Literal["dense", "conv"] = "conv",
    units: tuple[int, ...] = (500,),
    activation: Activation = "tanh",
    width: int = 32,
    likelihood: likelihoods.Likelihood = likelihoods.bernoulli(),
    binarize: Literal["none", "static", "dynamic"] = "none",
    optimizer: OptimizerName = "adam",
    learning_rate: float = 1e-3,
    ema: float | None = None,
    seed: int = 0,
):
    """Plain autoencoder: the baseline that reconstructs and cannot generate."""
    at_least_one(latent_dim=latent_dim)
    shape, likelihood = image_shape_of(fields, "ae"), binarized(likelihood, binarize)
    networks = coder_networks(shape, latent_dim, network, units, activation, width, ("latent",))
    with seeded(seed):
        encoder, decoder = networks(likelihood)
    fields = only(fields, "image")
    model = Autoencoder(encoder, decoder, likelihood=likelihood, ema=ema, seed=seed, fields=fields, name="ae")
    model.compile(make_optimizer(optimizer, learning_rate))
    return model
