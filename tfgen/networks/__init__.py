"""Networks: functions that return a functional `keras.Model` of built-in layers with named inputs."""

from tfgen.networks.conditions import Condition, make_condition
from tfgen.networks.dcgan import conv_decoder, conv_encoder, dcgan_discriminator, dcgan_generator
from tfgen.networks.mlp import dense_decoder, dense_encoder, dense_generator, maxout_discriminator

__all__ = [
    "Condition",
    "conv_decoder",
    "conv_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_encoder",
    "dense_generator",
    "make_condition",
    "maxout_discriminator",
]
