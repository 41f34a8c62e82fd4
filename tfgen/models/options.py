"""Option groups of the named models: each option has its type here, once, for all builders that take it.

A builder takes a group as one keyword argument, with its own defaults: `conv: ConvNetwork = ConvNetwork(width=32)`.
"""

import dataclasses
from typing import Literal

from tfgen import augment as augments
from tfgen import likelihoods, losses, objectives, penalties, priors
from tfgen.domains import Count, Natural, NotNegative, Positive, Proportion, Seed
from tfgen.recipes.options import Options

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "gelu"]
Output = Literal["tanh", "sigmoid"]


@dataclasses.dataclass(frozen=True)
class ConvNetwork(Options):
    """Strided convolutions."""

    width: Count = 64  # channels of the largest maps; doubled whenever the maps are halved
    kernel_size: Count = 5
    depth: Count | None = None  # how often maps are halved; None: down to 4 to 7 pixels


@dataclasses.dataclass(frozen=True)
class ConvAdversaries(ConvNetwork):
    """DCGAN's generator and discriminator (Radford et al. 2016)."""

    stddev: NotNegative | None = 0.02  # of the initial weights; None: Keras' own
    normalize: bool = True  # batch norm in the discriminator
    dropout: Proportion = 0.0  # in the discriminator
    full_size: bool = False  # maps of features at the image's own size
    hidden_units: Count | None = None  # of a dense layer before the discriminator's logit
    output: Output = "tanh"  # the generator's last activation, and with it the range of the images


@dataclasses.dataclass(frozen=True)
class DenseNetwork(Options):
    """Dense encoder and decoder, with mirrored layers."""

    units: tuple[Count, ...] = (500,)  # of the encoder's hidden layers
    activation: Activation = "tanh"  # of the hidden layers
    stddev: NotNegative | None = None  # of the initial weights; None: Keras' own


@dataclasses.dataclass(frozen=True)
class DenseAdversaries(Options):
    """A generator with ReLU and a discriminator with maxout layers (Goodfellow et al. 2014)."""

    dropout: Proportion = 0.0
    initial_scale: Positive | None = None  # initial weights U(-scale, scale); None: Keras' own
    output: Output = "tanh"  # the generator's last activation, and with it the range of the images


@dataclasses.dataclass(frozen=True)
class Adversarial(Options):
    """Options of every `AdversarialModel`."""

    latent_dim: Count = 100
    prior: priors.Prior = priors.uniform(-1, 1)
    loss: losses.Loss = losses.non_saturating
    penalty: penalties.Penalty | None = None  # on the discriminator's gradients
    discriminator_steps: Count = 1  # updates of the discriminator per update of the generator
    shared_pass: bool = False  # both updates on the same generated images
    augment: augments.Augment | None = None  # of real and generated images, before the discriminator
    instance_noise: NotNegative = 0.0  # standard deviation of noise on what the discriminator sees
    label_smoothing: Proportion = 0.0  # the target of real images is 1 minus this
    ema: Proportion | None = 0.999  # decay of the moving average of the generator; None: no average
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Autoencoding(Options):
    """Options of every model with an encoder and a decoder."""

    latent_dim: Count = 32
    likelihood: likelihoods.Likelihood = likelihoods.bernoulli()  # p(x|z)
    binarize: Literal["none", "static", "dynamic"] = "none"  # of the images, under a Bernoulli likelihood
    ema: Proportion | None = None  # decay of the moving average of the networks; None: no average
    seed: Seed = 0


@dataclasses.dataclass(frozen=True)
class Variational(Autoencoding):
    """Options of every `VariationalModel`."""

    prior: priors.Prior = priors.normal()
    objective: objectives.Objective | None = None  # None: the ELBO with beta and kl_warmup_steps
    beta: NotNegative = 1.0  # weight of the KL divergence
    kl_warmup_steps: Natural = 0  # steps over which beta rises from 0
    samples: Count = 1  # draws of z per image
    data_bias: bool = False  # a dense decoder's output starts at the mean of the data


@dataclasses.dataclass(frozen=True)
class Optimizer(Options):
    """The optimizer of every network of a model; None: the default of the model, else of Keras."""

    optimizer: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    beta_1: Proportion | None = None
    beta_2: Proportion | None = None
    epsilon: Positive | None = None
    weight_decay: NotNegative | None = None  # of adamw
    momentum: Proportion | None = None
    final_momentum: Proportion | None = None  # of sgd, the momentum after momentum_steps
    momentum_steps: Count | None = None  # updates over which it rises linearly


@dataclasses.dataclass(frozen=True)
class AdversarialOptimizer(Optimizer):
    """The optimizers of an adversarial model, which may differ in their learning rates."""

    learning_rate: Positive = 2e-4
    generator_learning_rate: Positive | None = None  # None: learning_rate
    discriminator_learning_rate: Positive | None = None  # None: learning_rate
