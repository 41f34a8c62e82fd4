"""Networks: functions that return a functional `keras.Model` of built-in layers with named inputs."""

from tfgen.networks.attention import self_attention
from tfgen.networks.conditions import Condition, make_condition
from tfgen.networks.dcgan import conv_decoder, conv_encoder, dcgan_discriminator, dcgan_generator
from tfgen.networks.deviation import with_deviation
from tfgen.networks.mlp import dense_decoder, dense_encoder, dense_generator, maxout_discriminator, picture_table
from tfgen.networks.spectral import SpectralNormalization, plain, spectral
from tfgen.networks.views import with_features

__all__ = [
    "Condition",
    "SpectralNormalization",
    "conv_decoder",
    "conv_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_encoder",
    "dense_generator",
    "make_condition",
    "maxout_discriminator",
    "picture_table",
    "plain",
    "self_attention",
    "spectral",
    "with_deviation",
    "with_features",
]
