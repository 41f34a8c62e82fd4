"""Autoencoders: `ae` and `vae`."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from tfgen.data.source import Field
from tfgen.families.variational.autoencoder import Autoencoder
from tfgen.families.variational.model import VariationalModel
from tfgen.likelihoods import Likelihood
from tfgen.models.common import autoencoder_model, image_shape_of, only, variational_model
from tfgen.models.options import Autoencoding, ConvNetwork, DenseNetwork, Optimizer, Variational
from tfgen.networks import conv_decoder, conv_encoder, dense_decoder, dense_encoder
from tfgen.networks.conditions import Condition


def normal_weights(stddev: float | Literal["he"] | None) -> dict[str, Any]:
    """Returns initial weights N(0, stddev^2) as dense layers' arguments, or none where `stddev` is None.

    With `he` they are N(0, 2 / inputs) (He et al. 2015, equation 10), not cut off as Keras' `HeNormal` is.
    """
    if stddev is None:
        return {}
    # a description, from which each layer makes an initializer: one object would give layers of one shape equal weights
    kind, config = "RandomNormal", dict[str, Any](mean=0.0, stddev=stddev)
    if stddev == "he":
        kind, config = "VarianceScaling", {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"}
    return {"kernel_initializer": {"class_name": kind, "config": config}}


def coder_networks(
    shape: tuple[int, ...],
    latent_dim: int,
    network: str,
    dense: DenseNetwork,
    conv: ConvNetwork,
    *outputs: str,
    condition: Callable[[], Condition] | None = None,
) -> Callable[[Likelihood], tuple[keras.Model, keras.Model]]:
    """Returns `f(likelihood) -> (encoder, decoder)`.

    Args:
        shape: (H, W, C) of the images.
        latent_dim: size of z.
        network: "dense" or "conv".
        dense: options of dense networks.
        conv: options of convolutional networks.
        *outputs: names of the encoder's outputs.
        condition: makes a condition for each of the two, or None.
    """
    (conv if network == "dense" else dense).idle(f"with network={network}")

    def given() -> dict[str, Any]:
        # to each network its own: they cannot share one
        return {} if condition is None else {"condition": condition()}

    def dense_networks(likelihood: Likelihood) -> tuple[keras.Model, keras.Model]:
        start, units = normal_weights(dense.stddev), tuple(dense.units)
        # read only where it has an effect, so that it is refused where it has none
        activation = dense.activation if units else "linear"
        if not units:
            dense.idle("without hidden layers", "activation")
        encoder = dense_encoder(shape, latent_dim, units, activation, outputs, **given(), **start)
        return encoder, dense_decoder(shape, latent_dim, likelihood, units[::-1], activation, **given(), **start)

    def conv_networks(likelihood: Likelihood) -> tuple[keras.Model, keras.Model]:
        size: dict[str, Any] = {"width": conv.width, "kernel_size": conv.kernel_size, "depth": conv.depth}
        encoder = conv_encoder(shape, latent_dim, **size, outputs=outputs, **given())
        return encoder, conv_decoder(shape, latent_dim, likelihood, **size, **given())

    return {"dense": dense_networks, "conv": conv_networks}[network]


def vae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    variational: Variational = Variational(),
    optimization: Optimizer = Optimizer(),
    kind: type[VariationalModel] = VariationalModel,
) -> VariationalModel:
    """Variational autoencoder (Kingma and Welling 2014).

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        variational: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "vae"), variational.latent_dim
    networks = coder_networks(shape, latent_dim, network, dense, conv, "z_mean", "z_log_var")
    return variational_model(
        "vae", networks, only(fields, "image"), variational=variational, optimization=optimization, kind=kind
    )


def ae(
    fields: dict[str, Field],
    *,
    network: Literal["dense", "conv"] = "conv",
    dense: DenseNetwork = DenseNetwork(),
    conv: ConvNetwork = ConvNetwork(width=32, kernel_size=4),
    autoencoding: Autoencoding = Autoencoding(),
    optimization: Optimizer = Optimizer(),
    kind: type[Autoencoder] = Autoencoder,
) -> Autoencoder:
    """Plain autoencoder: the baseline that reconstructs and cannot generate by itself.

    Args:
        fields: of the data set.
        network: convolutions or dense layers, in both networks
        dense: options of dense networks.
        conv: options of convolutional networks.
        autoencoding: options of the family.
        optimization: options of the optimizers.
        kind: the class to build.
    """
    shape, latent_dim = image_shape_of(fields, "ae"), autoencoding.latent_dim
    networks = coder_networks(shape, latent_dim, network, dense, conv, "latent")
    return autoencoder_model(
        "ae", networks, only(fields, "image"), autoencoding=autoencoding, optimization=optimization, kind=kind
    )
